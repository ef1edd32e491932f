"""The store's verbs on telling others: events, and what is still to be delivered."""

from __future__ import annotations

from textback.store.engine import Database


class Tidings:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

"""The store's verbs on contacts."""

from __future__ import annotations

from textback.store.engine import Database


class Phonebook:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

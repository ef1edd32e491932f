"""The store's verbs on the cases of missed callers."""

from __future__ import annotations

from textback.store.engine import Database


class Casework:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

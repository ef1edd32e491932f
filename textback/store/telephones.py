"""The store's verbs on desk phones: which are still to be told of a text."""

from __future__ import annotations

from textback.store.engine import Database


class Telephones:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

"""The store's verbs on conversations: threads, what came in, what staff answer."""

from __future__ import annotations

from textback.store.engine import Database


class Conversations:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

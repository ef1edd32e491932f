"""The store's verbs on keeping and forgetting: retention, export, erasure."""

from __future__ import annotations

from textback.store.engine import Database


class Keeping:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

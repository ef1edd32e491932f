"""The store's verbs on consent: opt-outs, doubtful replies, the evidence."""

from __future__ import annotations

from textback.store.engine import Database


class Consenting:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

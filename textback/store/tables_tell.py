"""The tables of telling others: what happened, and who is still to be told of it."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from textback.model import DeliveryState, EventKind
from textback.store.columns import Id, UtcDateTime, Words, choice, metadata

#: What happened, in the order it did: for webhooks and notifications, and for the console to show.
events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Words, nullable=False),  # idempotency key: a UUID
    Column("kind", choice(EventKind, "kind", closed=False), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("caller", Words, nullable=False),  # the other party in E.164, "" for none
    Column("number", Words, nullable=False),  # did of the [[number]], "" for none
    Column("payload", JSON, nullable=False),
    Column("fanned_out", Boolean, nullable=False),  # its `deliveries` are written
    UniqueConstraint("key"),
    Index("ix_events_at", "at"),
    Index("ix_events_caller", "caller"),
    Index(
        "ix_events_waiting",
        "id",
        sqlite_where=text("NOT fanned_out"),
        postgresql_where=text("NOT fanned_out"),
    ),
    # A number is never used again: who follows events by it would miss the second one.
    sqlite_autoincrement=True,
)

#: One event to be told to one target: an outbox of its own.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event_id", Id, ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
    Column("channel", Words, nullable=False),  # "webhook" | "notify"
    Column("target", Words, nullable=False),  # name of the [[webhook]] or [[notify]]
    Column("rank", Integer, nullable=False),  # 0 goes before 1: a keyword, a test
    Column("state", choice(DeliveryState, "state", closed=False), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("status", Integer, nullable=False),  # of HTTP, 0 for none
    Column("error", Words, nullable=False),
    UniqueConstraint("event_id", "channel", "target"),
    Index(
        "ix_deliveries_waiting",
        "channel",
        "target",
        "rank",
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    # Of those that ended otherwise only the few that failed are ever asked for.
    Index(
        "ix_deliveries_failed",
        "changed_at",
        sqlite_where=text("state = 'failed'"),
        postgresql_where=text("state = 'failed'"),
    ),
    Index("ix_deliveries_created_at", "created_at"),
)

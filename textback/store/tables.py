"""The tables of the store, as SQLAlchemy Core sees them; the migrations build the same.

States, outcomes and directions carry CHECK constraints made from the enums. What grows with every
release has none (`reason`, `phase`, `kind`, `source`): SQLite cannot alter a CHECK, and a rebuild
of the biggest tables of a large store is longer than systemd waits for a start.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from textback.model import (
    Direction,
    OutboxState,
    Outcome,
    Phase,
    Presentation,
    ReceiptState,
    Source,
    TextKind,
)
from textback.store.columns import Id, UtcDateTime, Words, choice, metadata


class AttemptResult(StrEnum):
    """How one attempt at submitting ended."""

    OPEN = "open"  #: recorded before the first byte; no answer yet
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LATER = "later"
    UNSURE = "unsure"
    LOST = "lost"  #: found open at start-up: the service died with bytes perhaps on the wire


calls = Table(
    "calls",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pbx", Words, nullable=False),
    Column("boot", Words, nullable=False),
    Column("uniqueid", Words, nullable=False),
    Column("linkedid", Words, nullable=False),
    Column("phase", choice(Phase, "phase", closed=False), nullable=False),
    Column("phase_at", UtcDateTime, nullable=False),
    Column("direction", choice(Direction, "direction"), nullable=False),
    Column("channel", Words, nullable=False),
    Column("context", Words, nullable=False),
    Column("caller", Words, nullable=False),
    Column("caller_name", Words, nullable=False),
    Column("caller_final", Words, nullable=False),
    Column("caller_e164", Words, nullable=False),  # "" where it could not be read
    Column("did", Words, nullable=False),
    Column("number", Words, nullable=False),  # the [[number]] it belongs to, "" for none
    Column("number_label", Words, nullable=False),
    Column("presentation", choice(Presentation, "presentation"), nullable=False),
    Column("queue", Words, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ringing_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("outcome", choice(Outcome, "outcome"), nullable=False),
    Column("waited", Float, nullable=False),
    Column("gap", Boolean, nullable=False),
    Column("tainted", Words, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("trail", JSON, nullable=False),  # [[seconds, text], ...]
    Column("source", choice(Source, "source", closed=False), nullable=False, server_default="ami"),
    # What the dialplan said of it, and by whom; "" for nothing.
    Column("handled", Words, nullable=False, server_default=""),
    Column("told_missed", Words, nullable=False, server_default=""),
    Column("message", Words, nullable=False, server_default=""),
    Column("verstat", Words, nullable=False, server_default=""),
    # E.164 of whom the business reached with this (outgoing) call, "" for nobody.
    Column("called_back", Words, nullable=False, server_default=""),
    # The case (`cases`) this missed call belongs to. No foreign key: to add one, SQLite copies the
    # table. Found by caller and time.
    Column("case_id", Id),
    # Of its verdict, "" before there is one: kept here as well by triggers on `verdicts`, since a
    # list by number, outcome and reason can only go by an index of one table.
    Column("reason", Words, nullable=False, server_default=""),
    # Uniqueids repeat after an Asterisk restart, so the start is part of the key.
    UniqueConstraint("pbx", "boot", "uniqueid"),
    # Has all that lists ask, so that a filter is held against the index alone.
    Index("ix_calls_started_at", "started_at", "id", "direction", "number", "outcome", "reason"),
    Index(
        "ix_calls_kinds",
        "direction",
        "number",
        "outcome",
        "reason",
        "started_at",
        "id",
        sqlite_where=text("ended_at IS NOT NULL"),
        postgresql_where=text("ended_at IS NOT NULL"),
    ),
    Index("ix_calls_caller_e164_started_at", "caller_e164", "started_at"),
    Index("ix_calls_caller_started_at", "caller", "started_at"),
    Index("ix_calls_uniqueid", "uniqueid"),
    Index("ix_calls_linkedid", "linkedid"),
    # Few rows at a time: those that an unclean end left open are looked for at start.
    Index(
        "ix_calls_living",
        "pbx",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(
        "ix_calls_called_back",
        "called_back",
        "answered_at",
        sqlite_where=text("called_back != ''"),
        postgresql_where=text("called_back != ''"),
    ),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("call_id", Id, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("send", Boolean, nullable=False),
    Column("reason", Words, nullable=False),
    # The fact that decided.
    Column("phase", choice(Phase, "phase", closed=False), nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("gates", JSON, nullable=False),  # [[name, passed, value, rule], ...]
    Column("before", JSON),  # what it replaced: [[decided_at, reason], ...], oldest first
    Index("ix_verdicts_decided_at", "decided_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("call_id", Id, ForeignKey("calls.id", ondelete="SET NULL")),
    Column("kind", choice(TextKind, "kind", closed=False), nullable=False),
    Column("state", choice(OutboxState, "state"), nullable=False),
    Column("recipient", Words, nullable=False),
    Column("sender", Words, nullable=False),
    Column(
        "number", Words, nullable=False
    ),  # the [[number]] it was sent for: cooldown is per number
    Column("text", Words, nullable=False),
    Column("route", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),  # attempts and throttled ones: numbers `attempts`
    Column("segments", Integer, nullable=False),  # 0 until first claimed
    Column("maybe_sent", Boolean, nullable=False),  # any byte of it may be with an SMSC
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("claimed_at", UtcDateTime),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("reason", Words, nullable=False),
    # The conversation (`threads`) it is part of; NULL for `send-test`. No foreign key: to add one,
    # SQLite copies the table.
    Column("thread_id", Id),
    # Who wrote it: "operator NAME", "PJSIP/101"...; "" for what a rule sends by itself.
    Column("author", Words, nullable=False, server_default=""),
    # The routes that may carry it, in their order, as "/one//two/"; "" until that was looked up.
    Column("routes", Words, nullable=False, server_default=""),
    Column("routed", Words, nullable=False, server_default=""),  # why by these, in words
    # What a request to send it was named by: asked twice, it is written once. "" for no name.
    Column("request", Words, nullable=False, server_default=""),
    # At most one text of each kind per call, whatever happens above.
    UniqueConstraint("call_id", "kind"),
    # Partial, and with the state spelt out so that the planner can prove it: the queue stays small
    # beside the million texts that have left it.
    Index(
        "ix_outbox_due",
        "due_at",
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "ix_outbox_expires",
        "expires_at",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    # Carries all that the history asks, so a cap is counted without touching the table.
    Index("ix_outbox_history", "created_at", "state", "maybe_sent", "kind", "recipient"),
    Index("ix_outbox_recipient_created_at", "recipient", "created_at"),
    Index("ix_outbox_state", "state", "id"),
    Index("ix_outbox_thread_id", "thread_id", "created_at"),
    # What people of the business wrote, in its order: searched a stretch at a time.
    Index(
        "ix_outbox_reply",
        "id",
        sqlite_where=text("kind = 'reply'"),
        postgresql_where=text("kind = 'reply'"),
    ),
    Index(
        "uq_outbox_request",
        "request",
        unique=True,
        sqlite_where=text("request != ''"),
        postgresql_where=text("request != ''"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("row_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("route", Words, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("result", choice(AttemptResult, "result"), nullable=False),
    Column("status", BigInteger, nullable=False),  # command_status, 32 bits unsigned
    Column("name", Words, nullable=False),
    Column("detail", Words, nullable=False),
)

parts = Table(
    "parts",
    metadata,
    Column("row_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # 1-based
    Column("total", Integer, nullable=False),
    Column("route", Words, nullable=False),
    Column("message_id", Words, nullable=False),  # exactly as received
    Column("accepted_at", UtcDateTime, nullable=False),
    Column("receipt", choice(ReceiptState, "receipt")),
    Column("receipt_at", UtcDateTime),
    Column("error", Words, nullable=False),
)

#: Every form a part's message_id may come back in; a receipt matches when one of its own is here.
message_ids = Table(
    "message_ids",
    metadata,
    Column("route", Words, primary_key=True),
    Column("form", Words, primary_key=True),
    Column("row_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Index("ix_message_ids_row_id", "row_id"),  # a text that is purged looks here
    sqlite_with_rowid=False,
)

operator_log = Table(
    "operator_log",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("by", Words, nullable=False),
    Column("verb", Words, nullable=False),
    Column("row_id", Id, ForeignKey("outbox.id", ondelete="SET NULL")),
    Column("detail", Words, nullable=False),
    # The case (`cases`) it was done to; no foreign key, as above.
    Column("case_id", Id),
    Index("ix_operator_log_row_id", "row_id"),
    Index(
        "ix_operator_log_case_id",
        "case_id",
        sqlite_where=text("case_id IS NOT NULL"),
        postgresql_where=text("case_id IS NOT NULL"),
    ),
)

meta = Table(
    "meta",
    metadata,
    Column("key", Words, primary_key=True),
    Column("value", Words, nullable=False),
)

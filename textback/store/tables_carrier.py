"""The tables of what carriers bring, as it came: receipts of our texts, and what handsets wrote."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    false,
    text,
)

from textback.model import ReceiptState
from textback.store.columns import Id, UtcDateTime, Words, choice, metadata

receipts = Table(
    "receipts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("route", Words, nullable=False),
    Column("message_id", Words, nullable=False),
    Column("state", choice(ReceiptState, "state"), nullable=False),
    Column("error", Words, nullable=False),
    Column("sender", Words, nullable=False),  # the handset
    Column("recipient", Words, nullable=False),  # our number
    Column("done_at", UtcDateTime),
    Column("at", UtcDateTime, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("row_id", Id, ForeignKey("outbox.id", ondelete="SET NULL")),  # NULL: unmatched
    Column("part", Integer),
    Column("note", Words, nullable=False),  # how it was matched, or why it was not
    Index("ix_receipts_row_id", "row_id"),
    Index("ix_receipts_at", "at"),
    Index(
        "ix_receipts_unmatched",
        "sender",
        "at",
        sqlite_where=text("row_id IS NULL"),
        postgresql_where=text("row_id IS NULL"),
    ),
)

#: Forms of receipts that matched nothing yet: they wait here for the Accepted they overtook.
receipt_forms = Table(
    "receipt_forms",
    metadata,
    Column("route", Words, primary_key=True),
    Column("form", Words, primary_key=True),
    Column("receipt_id", Id, ForeignKey("receipts.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_receipt_forms_receipt_id", "receipt_id"),
    sqlite_with_rowid=False,
)

replies = Table(
    "replies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("route", Words, nullable=False),
    Column("sender", Words, nullable=False),  # the handset
    Column("recipient", Words, nullable=False),  # our number
    Column("text", Words, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # One row per deliver_sm; `reference`, `part` and `parts` are what putting together needs.
    Column("reference", Integer),
    Column("part", Integer, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("word", Words, nullable=False),  # "stop" | "start" | "help" | ""
    Column("raw", LargeBinary, nullable=False),
    # The text it is part of, and what putting together needs: the octets behind the user data
    # header, and how they are to be read. NULL: from before there were conversations.
    Column("incoming_id", Id),  # no foreign key: SQLite copies the table for one
    Column("octets", LargeBinary),
    Column("coding", Integer),
    Column("session", Words, nullable=False, server_default=""),  # the connection it came on
    # Whether the carrier may not know that we have it, and so may deliver it again.
    Column("unanswered", Boolean, nullable=False, server_default=false()),
    Column("repeat_of", Id),  # the row that brought it first: this one is the carrier's repeat
    Index("ix_replies_sender_at", "sender", "at"),
    Index("ix_replies_at", "at"),
    Index("ix_replies_incoming_id", "incoming_id", "part"),
    Index(
        "ix_replies_unanswered",
        "sender",
        "at",
        sqlite_where=text("unanswered"),
        postgresql_where=text("unanswered"),
    ),
)

"""The tables of conversations: threads, the texts that came in, and what desk phones were told."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, UniqueConstraint, text

from textback.model import PhoneState, Review
from textback.store.columns import Id, UtcDateTime, Words, choice, metadata

#: One conversation: a handset and one of our numbers. Its texts are in `outbox` and `incoming`.
threads = Table(
    "threads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("handset", Words, nullable=False),  # E.164 where it could be read
    Column("ours", Words, nullable=False),  # the number the handset sees: E.164, or a short code
    Column("number", Words, nullable=False),  # did of the [[number]] it belongs to, "" for none
    Column("route", Words, nullable=False),  # on which the handset last wrote, "" for none yet
    Column("opened_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),  # of the newest text either way
    Column("last_in_at", UtcDateTime),
    Column("last_out_at", UtcDateTime),
    Column("unread", Integer, nullable=False),  # texts that came in since somebody looked
    # Since when a text that came in waits for a person's answer; NULL: none does.
    Column("waits_since", UtcDateTime),
    UniqueConstraint("handset", "ours"),
    Index("ix_threads_last_at", "last_at", "id"),
    Index("ix_threads_number", "number", "last_at"),
    Index(
        "ix_threads_unread",
        "last_at",
        sqlite_where=text("unread > 0"),
        postgresql_where=text("unread > 0"),
    ),
    Index(
        "ix_threads_waits_since",
        "waits_since",
        sqlite_where=text("waits_since IS NOT NULL"),
        postgresql_where=text("waits_since IS NOT NULL"),
    ),
)

#: A text from a handset, put together: one row however many deliver_sm (`replies`) brought it.
incoming = Table(
    "incoming",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thread_id", Id, ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    Column("route", Words, nullable=False),
    Column("sender", Words, nullable=False),  # the handset
    Column("recipient", Words, nullable=False),  # our number, as the carrier spells it
    Column("text", Words, nullable=False),  # of what is there; a gap is shown as […]
    Column("at", UtcDateTime, nullable=False),  # of the first part that came
    Column("whole_at", UtcDateTime),  # NULL: a part is missing yet
    Column("reference", Integer),  # of a concatenated message
    Column("parts", Integer, nullable=False),
    Column("missing", Integer, nullable=False),  # 0: whole
    Column("given_up_at", UtcDateTime),  # it was taken as it is: the rest did not come in time
    Column("word", Words, nullable=False),  # "stop" | "start" | "help" | ""
    # Whether a person has to say if this was an opt-out.
    Column("review", choice(Review, "review", closed=False), nullable=False),
    Column("reviewed_at", UtcDateTime),
    Column("reviewed_by", Words, nullable=False),
    Column("keyword", Words, nullable=False),  # name of the [[keyword]] rule it fits, "" for none
    Index("ix_incoming_thread_id", "thread_id", "at"),
    Index("ix_incoming_at", "at"),
    # A later part finds its text by this, and a repeated one too.
    Index(
        "ix_incoming_reference",
        "thread_id",
        "reference",
        "id",
        sqlite_where=text("reference IS NOT NULL"),
        postgresql_where=text("reference IS NOT NULL"),
    ),
    # Few rows at a time: texts whose parts have not all come.
    Index(
        "ix_incoming_open",
        "thread_id",
        "id",
        sqlite_where=text("whole_at IS NULL AND given_up_at IS NULL"),
        postgresql_where=text("whole_at IS NULL AND given_up_at IS NULL"),
    ),
    Index(
        "ix_incoming_review",
        "sender",
        "at",
        sqlite_where=text("review = 'open'"),
        postgresql_where=text("review = 'open'"),
    ),
)

#: What a desk phone is told of a text that came in, by AMI MessageSend.
phone_messages = Table(
    "phone_messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incoming_id", Id, ForeignKey("incoming.id", ondelete="CASCADE"), nullable=False),
    Column("pbx", Words, nullable=False),
    Column("endpoint", Words, nullable=False),
    Column("state", choice(PhoneState, "state", closed=False), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("parts_done", Integer, nullable=False),  # SIP MESSAGEs of it that Asterisk took
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("error", Words, nullable=False),
    UniqueConstraint("incoming_id", "pbx", "endpoint"),
    Index(
        "ix_phone_messages_due",
        "due_at",
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "ix_phone_messages_waiting",
        "pbx",
        "endpoint",
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index("ix_phone_messages_created_at", "created_at"),
)

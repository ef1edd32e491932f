"""Conversations: threads, texts put together, opt-outs with evidence, cases, contacts, events.

As before, nothing big is rewritten: new columns stand at the end of their tables.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = sa.DateTime(timezone=True)
_WORD = sa.String(24)


def upgrade() -> None:
    _talk()
    _people()
    _tell()
    _columns()


def _talk() -> None:
    op.create_table(
        "threads",
        sa.Column("id", _ID, nullable=False),
        sa.Column("handset", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("opened_at", _UTC, nullable=False),
        sa.Column("last_at", _UTC, nullable=False),
        sa.Column("last_in_at", _UTC, nullable=True),
        sa.Column("last_out_at", _UTC, nullable=True),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("waits_since", _UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threads")),
        sa.UniqueConstraint("handset", "ours", name=op.f("uq_threads_handset_ours")),
    )
    op.create_index("ix_threads_last_at", "threads", ["last_at", "id"])
    op.create_index("ix_threads_number", "threads", ["number", "last_at"])
    op.create_index(
        "ix_threads_unread",
        "threads",
        ["last_at"],
        sqlite_where=sa.text("unread > 0"),
        postgresql_where=sa.text("unread > 0"),
    )
    op.create_index(
        "ix_threads_waits_since",
        "threads",
        ["waits_since"],
        sqlite_where=sa.text("waits_since IS NOT NULL"),
        postgresql_where=sa.text("waits_since IS NOT NULL"),
    )
    op.create_table(
        "incoming",
        sa.Column("id", _ID, nullable=False),
        sa.Column("thread_id", _ID, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("whole_at", _UTC, nullable=True),
        sa.Column("reference", sa.Integer(), nullable=True),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("given_up_at", _UTC, nullable=True),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("review", _WORD, nullable=False),
        sa.Column("reviewed_at", _UTC, nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["threads.id"], name=op.f("fk_incoming_thread_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming")),
    )
    op.create_index("ix_incoming_at", "incoming", ["at"])
    op.create_index(
        "ix_incoming_open",
        "incoming",
        ["route", "sender", "recipient", "reference"],
        sqlite_where=sa.text("whole_at IS NULL AND given_up_at IS NULL"),
        postgresql_where=sa.text("whole_at IS NULL AND given_up_at IS NULL"),
    )
    op.create_index(
        "ix_incoming_review",
        "incoming",
        ["at"],
        sqlite_where=sa.text("review = 'open'"),
        postgresql_where=sa.text("review = 'open'"),
    )
    op.create_index("ix_incoming_thread_id", "incoming", ["thread_id", "at"])
    op.create_table(
        "phone_messages",
        sa.Column("id", _ID, nullable=False),
        sa.Column("incoming_id", _ID, nullable=False),
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incoming_id"],
            ["incoming.id"],
            name=op.f("fk_phone_messages_incoming_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_messages")),
        sa.UniqueConstraint(
            "incoming_id",
            "pbx",
            "endpoint",
            name=op.f("uq_phone_messages_incoming_id_pbx_endpoint"),
        ),
    )
    op.create_index("ix_phone_messages_created_at", "phone_messages", ["created_at"])
    op.create_index(
        "ix_phone_messages_due",
        "phone_messages",
        ["due_at", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )


def _people() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("vip", sa.Boolean(), nullable=False),
        sa.Column("no_text", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("number", "source", name=op.f("uq_contacts_number_source")),
    )
    op.create_index("ix_contacts_name", "contacts", ["name"])
    op.create_index("ix_contacts_source", "contacts", ["source"])
    op.create_table(
        "cases",
        sa.Column("id", _ID, nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("stage", _WORD, nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("opened_at", _UTC, nullable=False),
        sa.Column("missed_at", _UTC, nullable=False),
        sa.Column("first_call_id", _ID, nullable=True),
        sa.Column("last_call_id", _ID, nullable=True),
        sa.Column("texted_at", _UTC, nullable=True),
        sa.Column("replied_at", _UTC, nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("due_at", _UTC, nullable=True),
        sa.Column("closed_at", _UTC, nullable=True),
        sa.Column("spoken_at", _UTC, nullable=True),
        sa.Column("closing_call_id", _ID, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["closing_call_id"],
            ["calls.id"],
            name=op.f("fk_cases_closing_call_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["first_call_id"],
            ["calls.id"],
            name=op.f("fk_cases_first_call_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["last_call_id"], ["calls.id"], name=op.f("fk_cases_last_call_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_caller", "cases", ["caller", "opened_at"])
    op.create_index(
        "ix_cases_due",
        "cases",
        ["due_at"],
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_cases_opened_at", "cases", ["opened_at"])
    op.create_index("ix_cases_stage", "cases", ["stage", "missed_at"])
    op.create_index(
        "uq_cases_open",
        "cases",
        ["caller", "number"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_cases_first_call_id", "cases", ["first_call_id"])
    op.create_index("ix_cases_last_call_id", "cases", ["last_call_id"])
    op.create_index("ix_cases_closing_call_id", "cases", ["closing_call_id"])
    op.create_table(
        "consents",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("number_hash", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("event", _WORD, nullable=False),
        sa.Column("source", _WORD, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("incoming_id", sa.Integer(), nullable=True),
        sa.Column("row_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_at", "consents", ["at"])
    op.create_index("ix_consents_number", "consents", ["number", "at"])
    op.create_table(
        "suppressed",
        sa.Column("number_hash", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number_hash", name=op.f("pk_suppressed")),
        sqlite_with_rowid=False,
    )


def _tell() -> None:
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("fanned_out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("key", name=op.f("uq_events_key")),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_caller", "events", ["caller"])
    op.create_index(
        "ix_events_waiting",
        "events",
        ["id"],
        sqlite_where=sa.text("NOT fanned_out"),
        postgresql_where=sa.text("NOT fanned_out"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_deliveries_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "event_id", "channel", "target", name=op.f("uq_deliveries_event_id_channel_target")
        ),
    )
    op.create_index("ix_deliveries_created_at", "deliveries", ["created_at"])
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["due_at", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index("ix_deliveries_state", "deliveries", ["state", "id"])


def _columns() -> None:
    op.add_column("opt_outs", sa.Column("scope", sa.Text(), server_default="", nullable=False))
    op.add_column("opt_outs", sa.Column("source", _WORD, server_default="handset", nullable=False))
    op.add_column("opt_outs", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.drop_index(
        op.f("uq_opt_outs_active"), table_name="opt_outs", sqlite_where=sa.text("lifted_at IS NULL")
    )
    op.create_index(
        "uq_opt_outs_active",
        "opt_outs",
        ["number", "scope"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.add_column("outbox", sa.Column("thread_id", _ID, nullable=True))
    op.add_column("outbox", sa.Column("author", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_outbox_thread_id", "outbox", ["thread_id", "created_at"])
    op.add_column("replies", sa.Column("incoming_id", _ID, nullable=True))
    op.add_column("replies", sa.Column("octets", sa.LargeBinary(), nullable=True))
    op.add_column("replies", sa.Column("coding", sa.Integer(), nullable=True))
    op.create_index("ix_replies_incoming_id", "replies", ["incoming_id", "part"])

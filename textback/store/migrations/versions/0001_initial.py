"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = sa.DateTime(timezone=True)


def _choice(name: str, values: str) -> sa.Enum:
    """A word out of a fixed list, kept to it by a CHECK."""
    return sa.Enum(*values.split(), name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("id", _ID, nullable=False),
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("uniqueid", sa.Text(), nullable=False),
        sa.Column("linkedid", sa.Text(), nullable=False),
        sa.Column(
            "phase",
            _choice("phase", "started ringing ring_timeout voicemail answered ended"),
            nullable=False,
        ),
        sa.Column("phase_at", _UTC, nullable=False),
        sa.Column(
            "direction",
            _choice("direction", "inbound internal outbound originated"),
            nullable=False,
        ),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("caller_name", sa.Text(), nullable=False),
        sa.Column("caller_final", sa.Text(), nullable=False),
        sa.Column("caller_e164", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("number_label", sa.Text(), nullable=False),
        sa.Column(
            "presentation", _choice("presentation", "allowed withheld unknown"), nullable=False
        ),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("started_at", _UTC, nullable=False),
        sa.Column("ringing_at", _UTC, nullable=True),
        sa.Column("answered_at", _UTC, nullable=True),
        sa.Column("ended_at", _UTC, nullable=True),
        sa.Column(
            "outcome",
            _choice(
                "outcome",
                "answered no_answer abandoned busy unavailable voicemail_left "
                "voicemail_no_message ivr_abandoned queue_abandoned transfer_unanswered "
                "parked_giveup unknown",
            ),
            nullable=False,
        ),
        sa.Column("waited", sa.Float(), nullable=False),
        sa.Column("gap", sa.Boolean(), nullable=False),
        sa.Column("tainted", sa.Text(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("trail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint("pbx", "boot", "uniqueid", name=op.f("uq_calls_pbx_boot_uniqueid")),
    )
    op.create_index(
        "ix_calls_caller_e164_started_at", "calls", ["caller_e164", "started_at"], unique=False
    )
    op.create_index("ix_calls_caller_started_at", "calls", ["caller", "started_at"], unique=False)
    op.create_index("ix_calls_linkedid", "calls", ["linkedid"], unique=False)
    op.create_index(
        "ix_calls_living",
        "calls",
        ["pbx"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_calls_started_at", "calls", ["started_at"], unique=False)
    op.create_index("ix_calls_uniqueid", "calls", ["uniqueid"], unique=False)
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "opt_outs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("lifted_at", _UTC, nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_outs")),
    )
    op.create_index(
        "uq_opt_outs_active",
        "opt_outs",
        ["number"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "replies",
        sa.Column("id", _ID, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("reference", sa.Integer(), nullable=True),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
    )
    op.create_index("ix_replies_at", "replies", ["at"], unique=False)
    op.create_index("ix_replies_sender_at", "replies", ["sender", "at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", _ID, nullable=False),
        sa.Column("call_id", _ID, nullable=True),
        sa.Column(
            "state",
            _choice(
                "state",
                "queued sending accepted delivered undelivered refused uncertain "
                "expired held dropped cancelled shadow",
            ),
            nullable=False,
        ),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("maybe_sent", sa.Boolean(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("expires_at", _UTC, nullable=False),
        sa.Column("claimed_at", _UTC, nullable=True),
        sa.Column("changed_at", _UTC, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_outbox_call_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("call_id", name=op.f("uq_outbox_call_id")),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_outbox_expires",
        "outbox",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_outbox_history",
        "outbox",
        ["created_at", "state", "maybe_sent", "call_id"],
        unique=False,
    )
    op.create_index(
        "ix_outbox_recipient_created_at", "outbox", ["recipient", "created_at"], unique=False
    )
    op.create_index("ix_outbox_state", "outbox", ["state", "id"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("call_id", _ID, nullable=False),
        sa.Column("send", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "phase",
            _choice("phase", "started ringing ring_timeout voicemail answered ended"),
            nullable=False,
        ),
        sa.Column("decided_at", _UTC, nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_verdicts_call_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_verdicts")),
    )
    op.create_index("ix_verdicts_decided_at", "verdicts", ["decided_at"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("row_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("started_at", _UTC, nullable=False),
        sa.Column("finished_at", _UTC, nullable=True),
        sa.Column(
            "result", _choice("result", "open accepted refused later unsure lost"), nullable=False
        ),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["row_id"], ["outbox.id"], name=op.f("fk_attempts_row_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("row_id", "number", name=op.f("pk_attempts")),
    )
    op.create_table(
        "message_ids",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("row_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["row_id"], ["outbox.id"], name=op.f("fk_message_ids_row_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("route", "form", "row_id", "number", name=op.f("pk_message_ids")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operator_log",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("row_id", _ID, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["row_id"], ["outbox.id"], name=op.f("fk_operator_log_row_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_log")),
    )
    op.create_index("ix_operator_log_row_id", "operator_log", ["row_id"], unique=False)
    op.create_table(
        "parts",
        sa.Column("row_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("accepted_at", _UTC, nullable=False),
        sa.Column(
            "receipt",
            _choice("receipt", "ENROUTE DELIVRD EXPIRED DELETED UNDELIV ACCEPTD UNKNOWN REJECTD"),
            nullable=True,
        ),
        sa.Column("receipt_at", _UTC, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["row_id"], ["outbox.id"], name=op.f("fk_parts_row_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("row_id", "number", name=op.f("pk_parts")),
    )
    op.create_table(
        "receipts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column(
            "state",
            _choice("state", "ENROUTE DELIVRD EXPIRED DELETED UNDELIV ACCEPTD UNKNOWN REJECTD"),
            nullable=False,
        ),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("done_at", _UTC, nullable=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("row_id", _ID, nullable=True),
        sa.Column("part", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["row_id"], ["outbox.id"], name=op.f("fk_receipts_row_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
    )
    op.create_index("ix_receipts_at", "receipts", ["at"], unique=False)
    op.create_index("ix_receipts_row_id", "receipts", ["row_id"], unique=False)
    op.create_index(
        "ix_receipts_unmatched",
        "receipts",
        ["sender", "at"],
        unique=False,
        sqlite_where=sa.text("row_id IS NULL"),
        postgresql_where=sa.text("row_id IS NULL"),
    )
    op.create_table(
        "receipt_forms",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("receipt_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["receipts.id"],
            name=op.f("fk_receipt_forms_receipt_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("route", "form", "receipt_id", name=op.f("pk_receipt_forms")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_receipt_forms_receipt_id", "receipt_forms", ["receipt_id"], unique=False)

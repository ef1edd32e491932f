"""Indexes for the console's lists of calls and its search.

A call gets the reason of its verdict as a column: at a million calls that and the indexes take ten
seconds, and about the size of the database of free disk while they are being written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _calls()
    _replies()
    _cases()


def _cases() -> None:
    for column in ("owner", "number"):
        op.create_index(
            f"ix_cases_stage_{column}",
            "cases",
            ["stage", column, "due_at", "missed_at", "id"],
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )


def _replies() -> None:
    op.create_index(
        "ix_outbox_reply",
        "outbox",
        ["id"],
        sqlite_where=sa.text("kind = 'reply'"),
        postgresql_where=sa.text("kind = 'reply'"),
    )


def _calls() -> None:
    op.add_column(
        "calls", sa.Column("reason", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.execute(
        "UPDATE calls SET reason = (SELECT reason FROM verdicts WHERE call_id = calls.id) "
        "WHERE EXISTS (SELECT 1 FROM verdicts WHERE call_id = calls.id)"
    )
    op.drop_index("ix_calls_started_at", "calls")
    op.create_index(
        "ix_calls_started_at",
        "calls",
        ["started_at", "id", "direction", "number", "outcome", "reason"],
    )
    op.create_index(
        "ix_calls_kinds",
        "calls",
        ["direction", "number", "outcome", "reason", "started_at", "id"],
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    _keep_reason()


def _keep_reason() -> None:
    """Whoever writes a verdict writes its reason into the call, without a statement of its own."""
    if op.get_bind().dialect.name == "sqlite":
        for name, when in (("new", "INSERT"), ("again", "UPDATE OF reason")):
            op.execute(
                f"CREATE TRIGGER tr_verdicts_{name} AFTER {when} ON verdicts BEGIN "  # noqa: S608
                "UPDATE calls SET reason = NEW.reason WHERE id = NEW.call_id; END"
            )
    elif op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION verdicts_reason() RETURNS trigger AS $$ BEGIN "
            "UPDATE calls SET reason = NEW.reason WHERE id = NEW.call_id; "
            "RETURN NEW; END $$ LANGUAGE plpgsql"
        )
        op.execute(
            "CREATE TRIGGER tr_verdicts_reason AFTER INSERT OR UPDATE OF reason ON verdicts "
            "FOR EACH ROW EXECUTE FUNCTION verdicts_reason()"
        )

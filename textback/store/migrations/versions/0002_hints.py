"""What the dialplan says, late calls, and several texts of different kinds for one call.

A call centre's store holds a million calls, and systemd waits 90 s for a start: calls and verdicts,
the biggest tables, are not rewritten. New columns are added at their end, which costs nothing, and
the CHECK on `phase` (which now has a seventh word, and will have more) is taken out of the schema's
text as https://sqlite.org/lang_altertable.html#otheralter describes for constraints that change
nothing on the disk. Only the outbox is written anew, for its UNIQUE has an index of its own.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = sa.DateTime(timezone=True)
_WORD = sa.String(24)
_COLUMNS = (
    "id, call_id, kind, state, recipient, sender, number, text, route, attempts, tries, segments, "
    "maybe_sent, created_at, due_at, expires_at, claimed_at, changed_at, reason"
)
_STATES = (
    "queued sending accepted delivered undelivered refused uncertain expired held dropped "
    "cancelled shadow"
)


def upgrade() -> None:
    _calls()
    _outbox()
    _hints()
    # Last: the steps above write the schema's text themselves.
    for table in ("calls", "verdicts"):
        _drop_check(table, f"ck_{table}_phase")


def _calls() -> None:
    source = sa.Column("source", _WORD, nullable=False, server_default="ami")
    op.add_column("calls", source)
    for name in ("handled", "told_missed", "message", "verstat", "called_back"):
        op.add_column("calls", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index(
        "ix_calls_called_back",
        "calls",
        ["called_back", "answered_at"],
        sqlite_where=sa.text("called_back != ''"),
        postgresql_where=sa.text("called_back != ''"),
    )
    op.add_column("verdicts", sa.Column("before", sa.JSON(), nullable=True))


def _drop_check(table: str, name: str) -> None:
    db = op.get_bind()
    if db.dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table, type_="check")
        return
    query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    before = db.execute(query, {"table": table}).scalar_one()
    after, found = re.subn(rf",\s*CONSTRAINT {name} CHECK \(phase IN \([^()]*\)\)", "", before)
    if found != 1:
        raise RuntimeError(f"the table {table} has no constraint {name}")
    version = int(db.exec_driver_sql("PRAGMA schema_version").scalar_one())
    db.exec_driver_sql("PRAGMA writable_schema = ON")
    try:
        db.execute(
            sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table"),
            {"sql": after, "table": table},
        )
        # Tells every other connection to read the schema again.
        db.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    finally:
        db.exec_driver_sql("PRAGMA writable_schema = RESET")


def _outbox() -> None:
    db = op.get_bind()
    kind = "CASE WHEN call_id IS NULL THEN 'test' ELSE 'missed' END"
    if db.dialect.name != "sqlite":
        op.add_column("outbox", sa.Column("kind", _WORD, nullable=True))
        op.execute(f"UPDATE outbox SET kind = {kind}")  # noqa: S608 - our own words
        op.alter_column("outbox", "kind", nullable=False)
        op.drop_constraint(op.f("uq_outbox_call_id"), "outbox", type_="unique")
        op.create_unique_constraint(op.f("uq_outbox_call_id_kind"), "outbox", ["call_id", "kind"])
        op.drop_index("ix_outbox_history", "outbox")
        _history_index()
        return
    # The tables that refer to the outbox do so by name, and are told nothing: foreign keys are off
    # meanwhile (engine.py), else DROP TABLE would take attempts and parts with it.
    _new_outbox()
    old = _COLUMNS.replace("kind", kind, 1)
    op.execute(f"INSERT INTO outbox_new ({_COLUMNS}) SELECT {old} FROM outbox")  # noqa: S608
    op.drop_table("outbox")
    op.rename_table("outbox_new", "outbox")
    queued = sa.text("state = 'queued'")
    op.create_index("ix_outbox_due", "outbox", ["due_at", "id"], sqlite_where=queued)
    op.create_index("ix_outbox_expires", "outbox", ["expires_at"], sqlite_where=queued)
    op.create_index("ix_outbox_recipient_created_at", "outbox", ["recipient", "created_at"])
    op.create_index("ix_outbox_state", "outbox", ["state", "id"])
    _history_index()


def _history_index() -> None:
    columns = ["created_at", "state", "maybe_sent", "kind", "recipient"]
    op.create_index("ix_outbox_history", "outbox", columns)


def _new_outbox() -> None:
    states = ", ".join(f"'{state}'" for state in _STATES.split())
    op.create_table(
        "outbox_new",
        sa.Column("id", _ID, nullable=False),
        sa.Column("call_id", _ID, nullable=True),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("state", _WORD, nullable=False),
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
        sa.UniqueConstraint("call_id", "kind", name=op.f("uq_outbox_call_id_kind")),
        sa.CheckConstraint(f"state IN ({states})", name=op.f("ck_outbox_state")),
    )


def _hints() -> None:
    op.create_table(
        "hints",
        sa.Column("id", _ID, nullable=False),
        sa.Column("call_id", _ID, nullable=True),
        sa.Column("row_id", _ID, nullable=True),
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("uniqueid", sa.Text(), nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_hints_call_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["row_id"], ["outbox.id"], name=op.f("fk_hints_row_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hints")),
    )
    op.create_index("ix_hints_call_id", "hints", ["call_id"])
    op.create_index("ix_hints_row_id", "hints", ["row_id"])
    op.create_index("ix_hints_uniqueid", "hints", ["uniqueid", "at"])
    op.create_index("ix_hints_caller", "hints", ["caller", "at"])
    op.create_index("ix_hints_at", "hints", ["at"])
    loose = sa.text("call_id IS NULL")
    op.create_index(
        "ix_hints_loose",
        "hints",
        ["pbx", "uniqueid"],
        sqlite_where=loose,
        postgresql_where=loose,
    )

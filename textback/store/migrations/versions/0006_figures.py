"""Figures by number, day and hour, for the console's plots; triggers mark what has changed.

A mark costs some microseconds of the transaction that changes a call, a text or a case, and no
statement of it. The list of columns is spelt out: a migration stays what it was.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COUNTS = (
    *("calls", "answered", "unknown", "missed", "recovered", "taken"),
    *("no_answer", "abandoned", "busy", "unavailable", "voicemail_left", "voicemail_no_message"),
    *("ivr_abandoned", "queue_abandoned", "transfer_unanswered", "parked_giveup"),
    *("texted", "delivered", "failed", "open_texts", "given", "shadow"),
    *("cases", "misses", "replied", "called_back", "came_back", "dismissed"),
    *("with_text", "with_text_replied", "with_text_spoken", "opt_outs"),
)
_SPOKEN = "('called_back', 'recovered')"
#: (name, moment, table, when, columns whose quarters are marked)
_ROWS = (
    (
        "calls_new",
        "INSERT ON calls",
        "NEW.ended_at IS NOT NULL AND NEW.number <> ''",
        ("NEW.started_at",),
    ),
    (
        "calls_changed",
        "UPDATE OF started_at, ended_at, outcome, number, case_id ON calls",
        "NEW.ended_at IS NOT NULL AND NEW.number <> '' AND (OLD.ended_at IS NULL "
        "OR OLD.outcome <> NEW.outcome OR OLD.number <> NEW.number "
        "OR OLD.started_at <> NEW.started_at "
        # One that loses its case is older than what is kept: what was counted of it stays.
        "OR (NEW.case_id IS NOT NULL AND coalesce(OLD.case_id, 0) <> NEW.case_id))",
        ("NEW.started_at", "OLD.started_at"),
    ),
    ("outbox_new", "INSERT ON outbox", "NEW.kind = 'missed'", ("NEW.created_at",)),
    (
        "outbox_changed",
        "UPDATE OF state ON outbox",
        "NEW.kind = 'missed' AND OLD.state <> NEW.state",
        ("NEW.created_at",),
    ),
    ("cases_new", "INSERT ON cases", "NEW.id IS NOT NULL", ("NEW.opened_at",)),
    (
        "cases_changed",
        "UPDATE OF number, stage, misses, opened_at, texted_at, replied_at, closed_at, spoken_at "
        "ON cases",
        "NEW.id IS NOT NULL",
        ("NEW.opened_at", "OLD.opened_at"),
    ),
    ("cases_gone", "DELETE ON cases", "OLD.id IS NOT NULL", ("OLD.opened_at",)),
    ("consents_new", "INSERT ON consents", "NEW.event = 'opt_out'", ("NEW.at",)),
)
#: (name, moment, when, which calls' quarters are marked)
_CALLS = (
    (
        "outbox_calls",
        "UPDATE OF state ON outbox",
        "NEW.kind = 'missed' AND OLD.state <> NEW.state",
        "calls.id = NEW.call_id",
    ),
    (
        "cases_calls",
        "UPDATE OF stage ON cases",
        f"(OLD.stage IN {_SPOKEN}) <> (NEW.stage IN {_SPOKEN})",
        "calls.caller_e164 = NEW.caller AND calls.case_id = NEW.id",
    ),
)


def upgrade() -> None:
    """The tables, empty: the service fills them, the newest days first."""
    at = sa.Column("at", sa.DateTime(timezone=True), nullable=False)
    _figures("hours", ("number", "at"), at, _whole("day"), _whole("hour"), *_counts())
    _figures("days", ("number", "day"), _whole("day"), *_counts())
    texts = sa.Column("texts", sa.Integer(), nullable=False)
    _figures("delays", ("number", "day", "tenths"), _whole("day"), _whole("tenths"), texts)
    op.create_table(
        "figures_marks",
        sa.Column(
            "quarter",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            autoincrement=False,
        ),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("quarter", name="pk_figures_marks"),
    )
    _triggers(op.get_bind().dialect.name)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)


def _counts() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False, server_default="0") for name in _COUNTS]


def _figures(what: str, key: tuple[str, ...], *columns: sa.Column[Any]) -> None:
    name = f"figures_{what}"
    op.create_table(
        name,
        sa.Column("number", sa.Text(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )
    op.create_index(f"ix_{name}_day", name, ["day"])


def _triggers(dialect: str) -> None:
    if dialect == "sqlite":
        quarter = "CAST(strftime('%s', {}) AS INTEGER) / 900"
    else:
        quarter = "CAST(floor(extract(epoch FROM {})) AS BIGINT) / 900"
    for name, moment, when, columns in _ROWS:
        many = [f"SELECT {quarter.format(column)}, 1 WHERE true" for column in columns]
        _trigger(dialect, name, moment, when, many)
    for name, moment, when, which in _CALLS:
        found = f"SELECT DISTINCT {quarter.format('calls.started_at')}, 1 FROM calls WHERE {which}"  # noqa: S608 - our own words
        _trigger(dialect, name, moment, when, [found])


def _trigger(dialect: str, name: str, moment: str, when: str, many: list[str]) -> None:
    body = " ".join(
        f"INSERT INTO figures_marks (quarter, times) {one} "
        "ON CONFLICT (quarter) DO UPDATE SET times = figures_marks.times + 1;"
        for one in many
    )
    if dialect == "sqlite":
        op.execute(f"CREATE TRIGGER tr_figures_{name} AFTER {moment} WHEN {when} BEGIN {body} END")
        return
    op.execute(
        f"CREATE FUNCTION figures_{name}() RETURNS trigger AS $$ "
        f"BEGIN {body} RETURN NULL; END $$ LANGUAGE plpgsql"
    )
    op.execute(
        f"CREATE TRIGGER tr_figures_{name} AFTER {moment} FOR EACH ROW WHEN ({when}) "
        f"EXECUTE FUNCTION figures_{name}()"
    )

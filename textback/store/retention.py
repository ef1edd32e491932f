"""What is too old goes, a batch at a time: each batch is a transaction, so that no call waits long.

    kind          what goes                                      never
    calls         calls that began before, with their verdicts   -
    texts         texts written before, with tries, parts, ids   not yet sent; a gate's look-back
    replies       replies, incoming texts, then empty threads    threads with newer texts either way
    receipts      receipts that came before                      -
    cases         closed cases opened before                     open ones
    events        events before, with their deliveries           not yet handed out
    hints         hints before                                   -
    consents      evidence before; opt-outs lifted before        opt-outs in force
    operator_log  entries before                                 -
    figures       days before, of all three tables               -
    audit         entries before                                 -

What points at a row that goes is emptied, not left dangling: SQLite gives a number out again.
Every look goes by an index, or by the order of ids; a test asks the planner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select, text, update

from textback.model import OutboxState
from textback.store import consents as evidence
from textback.store import figures_keep
from textback.store.sql import chunks
from textback.store.tables import calls, operator_log, outbox
from textback.store.tables_carrier import receipts, replies
from textback.store.tables_console import audit
from textback.store.tables_figures import figures_days, figures_delays, figures_hours
from textback.store.tables_people import cases, consents, hints, opt_outs
from textback.store.tables_talk import incoming, threads
from textback.store.tables_tell import events

#: Texts in these states are still somebody's business, however old.
_OPEN = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.HELD)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch deleted, by table, and whether there may be more of its kind."""

    rows: Mapping[str, int]
    more: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data: how its old rows are found, and what else goes with them."""

    table: Any
    old: Callable[[datetime], Select[Any]]  #: ids of rows that are too old, the oldest first
    delete: Callable[[Connection, list[int]], dict[str, int]]
    #: Counted as the planner can, for `--dry-run`.
    count: Callable[[datetime], Select[Any]]


def purge_batch(db: Connection, kind: str, before: datetime, most: int) -> Batch:
    """At most `most` rows of this kind from before `before`, with what hangs on them."""
    rows: dict[str, int] = {}
    more = False
    for one in KINDS[kind]:
        ids = list(db.execute(one.old(before).limit(most)).scalars())
        if ids:
            for name, count in one.delete(db, ids).items():
                rows[name] = rows.get(name, 0) + count
        more = more or len(ids) == most
    if rows and kind in figures_keep.COUNTED:
        # Figures of days before are not counted again: they stay as they were.
        figures_keep.raise_floor(db, before)
    return Batch(rows={name: n for name, n in rows.items() if n}, more=more)


def count_old(db: Connection, kind: str, before: datetime) -> dict[str, int]:
    """How many rows `purge` would find too old, by table; what hangs on them is not counted."""
    return {one.table.name: db.execute(one.count(before)).scalar_one() for one in KINDS[kind]}


def oldest(db: Connection, kind: str) -> datetime | None:
    """The time of the oldest row of this kind; None: there is none, or no index tells it."""
    column = _OLDEST.get(kind)
    if column is None:
        return None
    found: datetime | None = db.execute(select(func.min(column))).scalar_one()
    return found


# --- the kinds ---------------------------------------------------------------------------------


def _rows(
    table: Any,
    at: ColumnElement[Any],
    *also: ColumnElement[bool],
    go: Callable[[Connection, list[int]], dict[str, int]] | None = None,
) -> Kind:
    def old(before: datetime) -> Select[Any]:
        return select(table.c.id).where(at < before, *also).order_by(at)

    def count(before: datetime) -> Select[Any]:
        return select(func.count()).select_from(table).where(at < before, *also)

    def plainly(db: Connection, ids: list[int]) -> dict[str, int]:
        return {table.name: _delete(db, table, ids)}

    return Kind(table, old, go or plainly, count)


def _delete(db: Connection, table: Any, ids: list[int]) -> int:
    return sum(
        db.execute(delete(table).where(table.c.id.in_(some))).rowcount for some in chunks(ids)
    )


def _texts_go(db: Connection, ids: list[int]) -> dict[str, int]:
    # Without its text a receipt would count as one that belongs to nothing, and wait for it.
    gone = sum(
        db.execute(delete(receipts).where(receipts.c.row_id.in_(some))).rowcount
        for some in chunks(ids)
    )
    return {"receipts": gone, "outbox": _delete(db, outbox, ids)}


def _threads_go(db: Connection, ids: list[int]) -> dict[str, int]:
    for some in chunks(ids):
        db.execute(update(outbox).where(outbox.c.thread_id.in_(some)).values(thread_id=None))
    return {"threads": _delete(db, threads, ids)}


def _cases_go(db: Connection, ids: list[int]) -> dict[str, int]:
    for some in chunks(ids):
        db.execute(
            update(operator_log).where(operator_log.c.case_id.in_(some)).values(case_id=None)
        )
        who = select(cases.c.id, cases.c.caller).where(cases.c.id.in_(some))
        for row in db.execute(who).all():
            mine = (calls.c.caller_e164 == row.caller, calls.c.case_id == row.id)
            db.execute(update(calls).where(*mine).values(case_id=None))
    return {"cases": _delete(db, cases, ids)}


def _incoming_go(db: Connection, ids: list[int]) -> dict[str, int]:
    for some in chunks(ids):
        db.execute(update(replies).where(replies.c.incoming_id.in_(some)).values(incoming_id=None))
    return {"incoming": _delete(db, incoming, ids)}


def _consents_go(db: Connection, ids: list[int]) -> dict[str, int]:
    with evidence.opened(db, "purge"):
        return {"consents": _delete(db, consents, ids)}


def _by_id(table: Any, at: ColumnElement[Any]) -> Kind:
    """For a table that is written in the order of time and has no index of it."""
    first = select(table.c.id, at.label("at")).order_by(table.c.id).limit(5_000).subquery()

    def old(before: datetime) -> Select[Any]:
        return select(first.c.id).where(first.c.at < before)

    def count(before: datetime) -> Select[Any]:
        return select(func.count()).select_from(table).where(at < before)

    return Kind(table, old, lambda db, ids: {table.name: _delete(db, table, ids)}, count)


def _figures(table: Any) -> Kind:
    """Rows are known by their day, which is an ordinal."""
    day = table.c.day

    def old(before: datetime) -> Select[Any]:
        found = select(day.label("id")).where(day < before.toordinal())
        return found.group_by(day).order_by(day)

    def count(before: datetime) -> Select[Any]:
        return select(func.count()).select_from(table).where(day < before.toordinal())

    def go(db: Connection, days: list[int]) -> dict[str, int]:
        return {table.name: db.execute(delete(table).where(day.in_(days))).rowcount}

    return Kind(table, old, go, count)


_SENT = outbox.c.state.not_in(_OPEN)
_HANDED_OUT: ColumnElement[bool] = text("events.fanned_out")  # type: ignore[assignment]

KINDS: dict[str, tuple[Kind, ...]] = {
    "receipts": (_rows(receipts, receipts.c.at),),
    "events": (_rows(events, events.c.at, _HANDED_OUT),),
    "replies": (
        _rows(replies, replies.c.at),
        _rows(incoming, incoming.c.at, go=_incoming_go),
        _rows(threads, threads.c.last_at, go=_threads_go),
    ),
    "texts": (_rows(outbox, outbox.c.created_at, _SENT, go=_texts_go),),
    "hints": (_rows(hints, hints.c.at),),
    "cases": (_rows(cases, cases.c.opened_at, cases.c.closed_at.is_not(None), go=_cases_go),),
    "calls": (_rows(calls, calls.c.started_at),),
    "consents": (
        _rows(consents, consents.c.at, go=_consents_go),
        # A list of people, not of what they did: small, and it has no index of this.
        _rows(opt_outs, opt_outs.c.lifted_at, opt_outs.c.lifted_at.is_not(None)),
    ),
    "operator_log": (_by_id(operator_log, operator_log.c.at),),
    "figures": tuple(_figures(one) for one in (figures_hours, figures_days, figures_delays)),
    "audit": (_rows(audit, audit.c.at),),
}
_OLDEST: dict[str, Any] = {
    "receipts": receipts.c.at,
    "events": events.c.at,
    "replies": replies.c.at,
    "texts": outbox.c.created_at,
    "hints": hints.c.at,
    "cases": cases.c.opened_at,
    "calls": calls.c.started_at,
    "consents": consents.c.at,
    "audit": audit.c.at,
}

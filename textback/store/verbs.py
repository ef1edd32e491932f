"""The operator's verbs on texts, and lists of texts for the command line and the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from textback.model import OutboxRow, OutboxState, Send, TextKind
from textback.store.calls import new_text
from textback.store.errors import IllegalTransitionError, NoSuchRowError, StoreError
from textback.store.rows import Changed, Left, RowFilter, outbox_rows, to_outbox_row
from textback.store.sql import chunks
from textback.store.tables import attempts, operator_log, outbox
from textback.store.transitions import WORDS, require, sources

_VERBS: Mapping[str, OutboxState] = {
    "hold": OutboxState.HELD,
    "release": OutboxState.QUEUED,
    "drop": OutboxState.DROPPED,
}


def takes(verb: str) -> tuple[OutboxState, ...]:
    """The states a text may be in for this verb.

    `sending` is none of them: its way back to `queued` is the carrier's "later". By hand it would
    be sent twice.
    """
    return tuple(s for s in sources(_VERBS[verb]) if s is not OutboxState.SENDING)


def _where(rows: RowFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if rows.ids:
        found.append(outbox.c.id.in_(sorted(rows.ids)))
    if rows.states:
        found.append(outbox.c.state.in_(sorted(rows.states)))
    if rows.to:
        found.append(outbox.c.recipient == rows.to)
    if rows.prefix:
        found.append(outbox.c.recipient.startswith(rows.prefix, autoescape=True))
    if rows.route:
        found.append(outbox.c.route == rows.route)
    if rows.older_than:
        found.append(outbox.c.created_at < rows.older_than)
    return found


def change(
    db: Connection,
    verb: str,
    rows: RowFilter,
    *,
    reason: str,
    by: str,
    now: datetime,
    expires: datetime | None = None,
) -> Changed:
    """hold, release or drop.

    Of rows named by number all must be allowed to go there, else IllegalTransitionError and nothing
    is changed. A filter without numbers takes those that are, and tells which it left: those on
    their way to the carrier, and of a release those past their time. `expires` gives released texts
    a new end.
    """
    wanted = _VERBS[verb]
    if not rows:
        raise StoreError(f"{verb}: say which texts are meant")
    query = select(outbox).where(*_where(rows)).order_by(outbox.c.id)
    if not rows.ids:
        query = query.where(outbox.c.state.in_([*takes(verb), OutboxState.SENDING]))
    found = db.execute(query).all()
    missing = rows.ids - {row.id for row in found}
    if missing:
        some = ", ".join(str(i) for i in sorted(missing))
        raise NoSuchRowError(f"no text {some}" + (" that fits the rest" if _narrow(rows) else ""))
    taken: list[Row[Any]] = []
    left: dict[int, str] = {}
    for row in found:
        why = _against(row, verb, expires or row.expires_at, now)
        if not why:
            taken.append(row)
        elif rows.ids:
            raise IllegalTransitionError(row.id, row.state, WORDS[wanted], why)
        else:
            left[row.id] = why
    for row in taken:
        values: dict[str, Any] = {"state": wanted, "reason": reason, "changed_at": now}
        if wanted is OutboxState.QUEUED:
            # The routes are looked up anew: the rules may have changed while it lay.
            values |= {"due_at": now, "expires_at": expires or row.expires_at, "routes": ""}
        db.execute(update(outbox).where(outbox.c.id == row.id).values(**values))
        db.execute(
            insert(operator_log),
            {"at": now, "by": by, "verb": verb, "row_id": row.id, "detail": reason},
        )
    changed = outbox_rows(db, _fresh(db, [row.id for row in taken]))
    stayed = outbox_rows(db, [row for row in found if row.id in left])
    return Changed(
        rows=tuple(changed), left=tuple(Left(row=row, why=left[row.id]) for row in stayed)
    )


def _against(row: Row[Any], verb: str, end: datetime, now: datetime) -> str:
    """Why this text cannot be taken; "" when it can."""
    if row.state is OutboxState.SENDING:
        return "it is on its way to the carrier"
    if not row.recipient:
        return "its number was erased"
    require(row.id, row.state, _VERBS[verb])
    if verb == "release" and end <= now:
        return f"it expired at {row.expires_at:%Y-%m-%d %H:%M} UTC"
    return ""


def _fresh(db: Connection, ids: list[int]) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    for some in chunks(ids):
        query = select(outbox).where(outbox.c.id.in_(some)).order_by(outbox.c.id)
        found += db.execute(query).all()
    return found


def _narrow(rows: RowFilter) -> bool:
    return bool(rows.states or rows.to or rows.prefix or rows.route or rows.older_than)


def enqueue(db: Connection, send: Send, *, by: str, now: datetime) -> OutboxRow:
    """A text that belongs to no call: `send-test`. It counts for no cooldown and no cap."""
    values = new_text(None, replace(send, kind=TextKind.TEST), "", now)
    row = db.execute(insert(outbox).returning(*outbox.c), values).one()
    db.execute(
        insert(operator_log),
        {"at": now, "by": by, "verb": "send-test", "row_id": row.id, "detail": ""},
    )
    return to_outbox_row(row)


def queue(
    db: Connection, rows: RowFilter, *, limit: int = 200, newest_first: bool = False
) -> list[OutboxRow]:
    """Texts that fit; the oldest first, as they will leave."""
    order = outbox.c.id.desc() if newest_first else outbox.c.id
    query = select(outbox).where(*_where(rows)).order_by(order).limit(limit)
    return outbox_rows(db, db.execute(query).all())


def get(db: Connection, row_id: int) -> OutboxRow:
    """Raises NoSuchRowError."""
    found = outbox_rows(db, db.execute(select(outbox).where(outbox.c.id == row_id)).all())
    if not found:
        raise NoSuchRowError(f"no text {row_id}")
    return found[0]


_COUNTS: Select[Any] = select(outbox.c.state, func.count().label("texts")).group_by(outbox.c.state)
#: Since when a text waits that ought to leave: not while it is delayed or deferred, and over all
#: tries. One written in the future tells of a clock that was set back.
_FIRST_TRY = (
    select(attempts.c.started_at)
    .where(attempts.c.row_id == outbox.c.id, attempts.c.number == 1)
    .scalar_subquery()
)
_SINCE = case(
    (outbox.c.created_at > bindparam("now"), outbox.c.created_at),
    (outbox.c.tries == 0, outbox.c.due_at),
    else_=func.coalesce(_FIRST_TRY, outbox.c.created_at),
)
_OLDEST = select(func.min(_SINCE)).where(
    outbox.c.state == OutboxState.QUEUED,
    or_(
        outbox.c.tries > 0,
        outbox.c.due_at <= bindparam("now"),
        outbox.c.created_at > bindparam("now"),
    ),
)


def counts(db: Connection) -> dict[OutboxState, int]:
    """Texts by state; a state without texts is 0."""
    found: dict[OutboxState, int] = {row.state: row.texts for row in db.execute(_COUNTS)}
    return {state: found.get(state, 0) for state in OutboxState}


def oldest_queued(db: Connection, now: datetime) -> datetime | None:
    """Since when the text waits that ought to have left first; None: none waits that is due."""
    found: datetime | None = db.execute(_OLDEST, {"now": now}).scalar_one()
    return found

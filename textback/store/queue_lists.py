"""Texts that wait for somebody or something, for the console: how many, and page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from textback.model import OutboxState, TextKind
from textback.store import contacts
from textback.store.tables import outbox

#: What may still need somebody, in the order of its life.
OPEN = (
    OutboxState.QUEUED,
    OutboxState.SENDING,
    OutboxState.UNCERTAIN,
    OutboxState.HELD,
    OutboxState.REFUSED,
)

_COLUMNS = (
    outbox.c.id,
    outbox.c.call_id,
    outbox.c.thread_id,
    outbox.c.state,
    outbox.c.kind,
    outbox.c.recipient,
    outbox.c.sender,
    outbox.c.text,
    outbox.c.route,
    outbox.c.attempts,
    outbox.c.created_at,
    outbox.c.due_at,
    outbox.c.expires_at,
    outbox.c.changed_at,
    outbox.c.reason,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One text of the queue, with the name its handset is known by."""

    id: int
    call_id: int | None
    thread_id: int | None
    state: OutboxState
    kind: TextKind
    to: str  #: E.164; "" after an erasure
    name: str  #: "" where nobody knows one
    sender: str
    text: str
    route: str
    attempts: int
    created: datetime
    due: datetime
    expires: datetime
    changed: datetime
    reason: str


def open_counts(db: Connection) -> Mapping[OutboxState, int]:
    """Texts by state, each of `OPEN`: stretches of an index, however many have left."""
    found = {row.state: row.texts for row in db.execute(counting())}
    return {state: found.get(state, 0) for state in OPEN}


def counting() -> Select[Any]:
    return (
        select(outbox.c.state, func.count().label("texts"))
        .where(outbox.c.state.in_(OPEN))
        .group_by(outbox.c.state)
    )


def page(
    db: Connection, states: Sequence[OutboxState], *, before: int | None = None, limit: int = 50
) -> list[Waiting]:
    """Texts in these states, the newest first; `before`: the last row of the page before."""
    rows = db.execute(query(states, before, limit)).all()
    names = contacts.names(db, [row.recipient for row in rows if row.recipient])
    return [_waiting(row, names.get(row.recipient, "")) for row in rows]


def one(db: Connection, row_id: int) -> Waiting | None:
    wanted: Select[Any] = select(*_COLUMNS).where(outbox.c.id == row_id)
    row = db.execute(wanted).one_or_none()
    if row is None:
        return None
    return _waiting(row, contacts.names(db, [row.recipient]).get(row.recipient, ""))


def query(states: Sequence[OutboxState], before: int | None, limit: int) -> Select[Any]:
    found = select(*_COLUMNS).where(outbox.c.state.in_(states))
    if before is not None:
        found = found.where(outbox.c.id < before)
    return found.order_by(outbox.c.id.desc()).limit(limit)


def _waiting(row: Row[Any], name: str) -> Waiting:
    return Waiting(
        id=row.id,
        call_id=row.call_id,
        thread_id=row.thread_id,
        state=row.state,
        kind=row.kind,
        to=row.recipient,
        name=name,
        sender=row.sender,
        text=row.text,
        route=row.route,
        attempts=row.attempts,
        created=row.created_at,
        due=row.due_at,
        expires=row.expires_at,
        changed=row.changed_at,
        reason=row.reason,
    )

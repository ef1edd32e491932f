"""Looking at events and their deliveries: what waits, what was given up, and single ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, text

from textback.model import DeliveryState, Event, EventKind, Telling
from textback.store.errors import NoSuchRowError
from textback.store.tables_tell import deliveries, events

#: Spelt out, not a parameter: only so can the planner use the partial indexes.
QUEUED: ColumnElement[bool] = text("deliveries.state = 'queued'")  # type: ignore[assignment]
FAILED: ColumnElement[bool] = text("deliveries.state = 'failed'")  # type: ignore[assignment]
#: By number, of the few that a partial index has: with a plain `id` SQLite would walk all rows.
_SORTED = text("+deliveries.id DESC")
JOINED = select(
    deliveries,
    events.c.key,
    events.c.kind,
    events.c.at,
    events.c.caller,
    events.c.number,
    events.c.payload,
).join(events, events.c.id == deliveries.c.event_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What one target has still to be told."""

    channel: str
    target: str
    queued: int
    oldest: datetime


_WAITING = (
    select(
        deliveries.c.channel,
        deliveries.c.target,
        func.count().label("queued"),
        func.min(deliveries.c.id).label("first"),
    )
    .where(QUEUED)
    .group_by(deliveries.c.channel, deliveries.c.target)
    .subquery()
)
_WAITING_SINCE: Select[Any] = select(_WAITING, deliveries.c.created_at).join(
    deliveries, deliveries.c.id == _WAITING.c.first
)


def waiting(db: Connection) -> list[Waiting]:
    """What each target has still to be told; a target without is not named."""
    return [
        Waiting(channel=r.channel, target=r.target, queued=r.queued, oldest=r.created_at)
        for r in db.execute(_WAITING_SINCE)
    ]


def tellings(
    db: Connection, states: Collection[DeliveryState], target: str, limit: int
) -> list[Telling]:
    """Deliveries in these states, the newest first."""
    query = JOINED.limit(limit)
    if set(states) == {DeliveryState.QUEUED}:
        query = query.where(QUEUED).order_by(_SORTED)
    elif set(states) == {DeliveryState.FAILED}:
        query = query.where(FAILED).order_by(_SORTED)
    else:
        query = query.where(deliveries.c.state.in_(sorted(states))) if states else query
        query = query.order_by(deliveries.c.id.desc())
    if target:
        query = query.where(deliveries.c.target == target)
    return [to_telling(row) for row in db.execute(query)]


def telling(db: Connection, row_id: int) -> Telling:
    """Raises NoSuchRowError."""
    row = db.execute(JOINED.where(deliveries.c.id == row_id)).one_or_none()
    if row is None:
        raise NoSuchRowError(f"there is no delivery {row_id}")
    return to_telling(row)


def to_event(row: Row[Any]) -> Event:
    return Event(
        kind=EventKind(row.kind),
        at=row.at,
        caller=row.caller,
        number=row.number,
        payload=dict(row.payload),
        key=row.key,
    )


def to_telling(row: Row[Any]) -> Telling:
    return Telling(
        id=row.id,
        event_id=row.event_id,
        event=to_event(row),
        channel=row.channel,
        target=row.target,
        state=row.state,
        urgent=row.rank == 0,
        attempts=row.attempts,
        created=row.created_at,
        due=row.due_at,
        changed=row.changed_at,
        status=row.status,
        error=row.error,
    )

"""Events on their way to those who are told of them: fanned out, taken in order, recorded.

A delivery is `queued` until it is delivered, given up or dropped: nothing is claimed, since what is
told twice carries the same key. The order of one target is `rank`, then `id`; who is out of it is
said in `textback.tell_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from textback.model import DeliveryState, Event, Telling
from textback.store import events as written
from textback.store.errors import NoSuchRowError
from textback.store.sql import chunks
from textback.store.tables_tell import deliveries, events
from textback.store.told import FAILED, JOINED, QUEUED, to_event, to_telling, waiting

#: Spelt out, as `QUEUED` is.
_NEW: ColumnElement[bool] = text("NOT events.fanned_out")  # type: ignore[assignment]


class Addressee(NamedTuple):
    """To whom one event goes: "webhook" or "notify", a name, and its rank in that order."""

    channel: str
    target: str
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FannedOut:
    """What one turn of fanning out did."""

    events: int = 0
    deliveries: int = 0
    urgent: bool = False  #: one of them goes before what waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a target may be told now."""

    tellings: tuple[Telling, ...] = ()
    next_due: datetime | None = None  #: when none may go yet; None: nothing waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One try to tell, and where it leaves the delivery."""

    id: int
    state: DeliveryState
    due: datetime  #: of one that stays queued: when it is tried again
    status: int = 0
    error: str = ""


# --- fanning out ------------------------------------------------------------------------------

_UNSEEN = select(events).where(_NEW).order_by(events.c.id).limit(bindparam("most"))
_SEEN = update(events).where(events.c.id == bindparam("event")).values(fanned_out=True)
_ALL_SEEN = update(events).where(_NEW).values(fanned_out=True)
_DELIVER = insert(deliveries)


def fan_out(
    db: Connection, pick: Callable[[Event], Sequence[Addressee]], now: datetime, limit: int
) -> FannedOut:
    """Write the deliveries of at most `limit` new events, the oldest first."""
    found = db.execute(_UNSEEN, {"most": limit}).all()
    if not found:
        return FannedOut()
    rows = [_new(row.id, who, now) for row in found for who in dict.fromkeys(pick(to_event(row)))]
    if rows:
        db.execute(_DELIVER, rows)
    db.execute(_SEEN, [{"event": row.id} for row in found])
    urgent = any(row["rank"] == 0 for row in rows)
    return FannedOut(events=len(found), deliveries=len(rows), urgent=urgent)


def pass_over(db: Connection) -> int:
    """Nobody is to be told: all events count as fanned out. How many there were."""
    return int(db.execute(_ALL_SEEN).rowcount)


def _new(event_id: int, who: Addressee, now: datetime) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "channel": who.channel,
        "target": who.target,
        "rank": who.rank,
        "state": DeliveryState.QUEUED,
        "attempts": 0,
        "created_at": now,
        "due_at": now,
        "changed_at": now,
        "status": 0,
        "error": "",
    }


def put_for(db: Connection, event: Event, who: Addressee, now: datetime) -> int:
    """One event for one target alone; returns the number of its delivery."""
    row = written.values(event, fanned_out=True)
    event_id = db.execute(insert(events).returning(events.c.id), row).scalar_one()
    made = insert(deliveries).returning(deliveries.c.id)
    return int(db.execute(made, _new(int(event_id), who, now)).scalar_one())


# --- one target's turn ------------------------------------------------------------------------

_OF_TARGET = and_(deliveries.c.channel == bindparam("by"), deliveries.c.target == bindparam("whom"))
#: Due, or due so late that only a clock that was set back can have made it so.
_DUE = or_(deliveries.c.due_at <= bindparam("now"), deliveries.c.due_at > bindparam("longest"))
_NEXT = (
    JOINED.where(QUEUED, _OF_TARGET, or_(deliveries.c.attempts < bindparam("head"), _DUE))
    .order_by(deliveries.c.rank, deliveries.c.id)
    .limit(bindparam("most"))
)
_NEXT_DUE = select(func.min(deliveries.c.due_at)).where(QUEUED, _OF_TARGET)


def take(
    db: Connection,
    channel: str,
    target: str,
    *,
    now: datetime,
    head: int,
    longest: timedelta,
    limit: int,
) -> Batch:
    """What `target` may be told now, in its order, at most `limit`.

    One that failed less often than `head` times holds up those behind it until it is due; one that
    failed more often has stepped aside, and comes in its place when it is due.
    """
    who = {"by": channel, "whom": target}
    asked = {**who, "now": now, "longest": now + longest, "head": head, "most": limit}
    found: list[Telling] = []
    for row in db.execute(_NEXT, asked):
        if now < row.due_at <= now + longest:
            if not found:
                return Batch(next_due=row.due_at)
            break
        found.append(to_telling(row))
    if found:
        return Batch(tellings=tuple(found))
    return Batch(next_due=db.execute(_NEXT_DUE, who).scalar_one())


_RECORD = (
    update(deliveries)
    # Dropped by the operator meanwhile: it stays so.
    .where(deliveries.c.id == bindparam("row"), QUEUED)
    .values(
        state=bindparam("new"),
        attempts=deliveries.c.attempts + 1,
        due_at=bindparam("due"),
        changed_at=bindparam("now"),
        status=bindparam("code"),
        error=bindparam("why"),
    )
)


def record(db: Connection, tried: Sequence[Tried], now: datetime) -> None:
    """What came of tries to tell."""
    if tried:
        db.execute(
            _RECORD,
            [
                {
                    "row": one.id,
                    "new": one.state,
                    "due": one.due,
                    "now": now,
                    "code": one.status,
                    "why": one.error,
                }
                for one in tried
            ],
        )


# --- what the operator and a new configuration do ---------------------------------------------


def drop_unknown(db: Connection, known: Collection[tuple[str, str]], now: datetime) -> int:
    """Drop what waits for targets that are not configured any more; how many."""
    gone = [
        (one.channel, one.target) for one in waiting(db) if (one.channel, one.target) not in known
    ]
    dropped = 0
    for channel, target in gone:
        dropped += _to(
            db,
            and_(QUEUED, deliveries.c.channel == channel, deliveries.c.target == target),
            now,
            state=DeliveryState.DROPPED,
            error="there is no such target any more",
        )
    return dropped


def drop(
    db: Connection, ids: Sequence[int], target: str, *, failed: bool, why: str, now: datetime
) -> int:
    """Give up what waits (and what `failed`, if wanted): these, or all of a target."""
    states = or_(QUEUED, FAILED) if failed or ids else QUEUED
    return _each(db, ids, target, states, now, state=DeliveryState.DROPPED, error=why)


def retry(db: Connection, ids: Sequence[int], target: str, *, now: datetime) -> int:
    """Try again now what waits or has failed: these, or all of a target. Its time begins anew."""
    return _each(
        db,
        ids,
        target,
        or_(QUEUED, FAILED),
        now,
        state=DeliveryState.QUEUED,
        attempts=0,
        due_at=now,
        created_at=now,
    )


def hurry(db: Connection, now: datetime) -> int:
    """Everything that waits is due now: the configuration was read anew."""
    return _to(db, and_(QUEUED, deliveries.c.due_at > now), now, due_at=now)


def _each(
    db: Connection,
    ids: Sequence[int],
    target: str,
    states: ColumnElement[bool],
    now: datetime,
    **change: Any,
) -> int:
    if not ids:
        return _to(db, and_(states, deliveries.c.target == target), now, **change)
    there = {row_id for some in chunks(list(ids)) for row_id in _known(db, some)}
    if missing := sorted(set(ids) - there):
        raise NoSuchRowError(f"there is no delivery {missing[0]}")
    return sum(
        _to(db, and_(states, deliveries.c.id.in_(some)), now, **change) for some in chunks([*ids])
    )


def _known(db: Connection, ids: Sequence[int]) -> Sequence[int]:
    return db.execute(select(deliveries.c.id).where(deliveries.c.id.in_(ids))).scalars().all()


def _to(db: Connection, which: ColumnElement[bool], now: datetime, **change: Any) -> int:
    statement = update(deliveries).where(which).values(changed_at=now, **change)
    return int(db.execute(statement).rowcount)

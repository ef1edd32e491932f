"""What is known of a missed caller by a time: conversations, texts, replies, the case then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, literal, or_, select, text, true

from textback.callback import CaseEvent
from textback.model import Direction, OutboxState, Outcome, TextKind
from textback.phone import printable
from textback.store.sql import chunks
from textback.store.tables import AttemptResult, attempts, calls, outbox
from textback.store.tables_people import cases
from textback.store.tables_talk import incoming, threads

#: Who closed a case where no person did, and no extension is known.
THE_PBX = "the PBX"
#: A call that was answered began at most so long before.
_LONGEST = timedelta(days=1)
#: Texts by which a missed caller was told something; what people write is none of them.
KINDS = (TextKind.MISSED, TextKind.FOLLOW_UP, TextKind.OFFER)
TAKEN = (OutboxState.ACCEPTED, OutboxState.DELIVERED, OutboxState.UNDELIVERED)

_OF_BOTH = select(cases).where(
    cases.c.caller == bindparam("caller"), cases.c.number == bindparam("number")
)
LAST_BEFORE = (
    _OF_BOTH.where(cases.c.opened_at <= bindparam("at"))
    .order_by(cases.c.opened_at.desc(), cases.c.id.desc())
    .limit(1)
)
FIRST_AFTER = (
    _OF_BOTH.where(cases.c.opened_at > bindparam("at"))
    .order_by(cases.c.opened_at, cases.c.id)
    .limit(1)
)
_ANSWERED = select(
    calls.c.id, calls.c.answered_at, calls.c.ended_at, calls.c.channel, calls.c.called_back
).where(
    calls.c.caller_e164 == bindparam("caller"),
    calls.c.started_at >= bindparam("least"),
    calls.c.direction == Direction.INBOUND,
    calls.c.outcome == Outcome.ANSWERED,
    calls.c.answered_at >= bindparam("at"),
    calls.c.ended_at.is_not(None),
)
_CALLED_BACK = select(
    calls.c.id, calls.c.answered_at, calls.c.ended_at, calls.c.channel, calls.c.called_back
).where(
    calls.c.called_back == bindparam("caller"),
    # Spelt out, so that the planner can use the partial index without looking at the values.
    text("calls.called_back != ''"),
    calls.c.answered_at >= bindparam("at"),
)
ANSWERED_SINCE = _ANSWERED.order_by(calls.c.answered_at).limit(1)
CALLED_BACK_SINCE = _CALLED_BACK.order_by(calls.c.answered_at).limit(1)
_YES = (
    select(func.min(attempts.c.finished_at))
    .where(attempts.c.row_id == outbox.c.id, attempts.c.result == AttemptResult.ACCEPTED)
    .scalar_subquery()
)
_TEXTS = select(outbox.c.changed_at, _YES.label("yes")).where(
    outbox.c.call_id.in_(bindparam("calls", expanding=True)),
    outbox.c.kind.in_(KINDS),
    outbox.c.state.in_(TAKEN),
)
REPLIED = select(func.min(incoming.c.at)).where(
    incoming.c.thread_id.in_(
        select(threads.c.id).where(
            threads.c.handset == bindparam("caller"),
            or_(threads.c.number == bindparam("number"), threads.c.number == ""),
        )
    ),
    incoming.c.at >= bindparam("at"),
    incoming.c.word == "",
    # Whole, or taken as it is: before that nobody knows what it says.
    or_(incoming.c.whole_at.is_not(None), incoming.c.given_up_at.is_not(None)),
)

_LAST = LAST_BEFORE.subquery("latest")
#: All that bears on where a missed call belongs, in one look: most callers have called for the
#: first time, and of them there is nothing else to ask.
PLACE = select(
    _LAST,
    _OF_BOTH.where(cases.c.opened_at > bindparam("at")).exists().label("goes_on"),
    or_(_ANSWERED.exists(), _CALLED_BACK.exists()).label("spoken_since"),
    REPLIED.scalar_subquery().label("first_reply"),
).select_from(select(literal(1).label("one")).subquery("asked").outerjoin(_LAST, true()))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A conversation with a caller, in either direction."""

    at: datetime  #: when it began
    over: datetime
    call_id: int
    event: CaseEvent
    by: str


def end_of(case: Row[Any]) -> datetime | None:
    """Until when this case takes what happens; None: it is open."""
    found: datetime | None = case.spoken_at or case.closed_at
    return found


def who(channel: str) -> str:
    """The phone that placed a call: "PJSIP/101-0000002a" -> "PJSIP/101"."""
    phone, dash, _ = channel.rpartition("-")
    return printable(phone, 60) if dash and not phone.startswith("Local/") else THE_PBX


def spoken_since(db: Connection, caller: str, at: datetime) -> Spoken | None:
    """The first conversation with this caller that is known and began at `at` or later."""
    where = {"caller": caller, "at": at, "least": at - _LONGEST}
    found = [db.execute(query, where).first() for query in (ANSWERED_SINCE, CALLED_BACK_SINCE)]
    row = min((r for r in found if r is not None), key=lambda r: r.answered_at, default=None)
    if row is None:
        return None
    back = bool(row.called_back)
    event = CaseEvent.CALLED_BACK if back else CaseEvent.CAME_BACK
    by = who(row.channel) if back else THE_PBX
    return Spoken(row.answered_at, row.ended_at or row.answered_at, row.id, event, by)


def place(db: Connection, caller: str, number: str, at: datetime) -> Row[Any]:
    """What is known of a call that was missed at `at`, the columns of the last case before it
    among it (`id` None: there is none)."""
    where = {"caller": caller, "number": number, "at": at, "least": at - _LONGEST}
    return db.execute(PLACE, where).one()


def holding(db: Connection, caller: str, number: str, at: datetime) -> Row[Any] | None:
    """The case that was open at that time."""
    where = {"caller": caller, "number": number, "at": at}
    case = db.execute(LAST_BEFORE, where).one_or_none()
    return case if case is not None and holds(case, at) else None


def holds(case: Row[Any], at: datetime) -> bool:
    """Whether this case, which began before, was open at that time."""
    end = end_of(case)
    return end is None or end >= at


def texted(db: Connection, call_ids: Sequence[int]) -> datetime | None:
    """When the carrier first took a text of these calls."""
    found: datetime | None = None
    for some in chunks(list(call_ids)):
        for row in db.execute(_TEXTS, {"calls": some}):
            # Without an attempt that was accepted, a receipt has told of it.
            found = earliest(found, row.yes or row.changed_at)
    return found


def replied(
    db: Connection, caller: str, number: str, since: datetime, to: datetime | None
) -> datetime | None:
    """When the caller first wrote to us from `since` to `to`."""
    where = {"caller": caller, "number": number, "at": since}
    return until(db.execute(REPLIED, where).scalar_one(), to)


def until(at: datetime | None, end: datetime | None) -> datetime | None:
    """`at`, unless it lies after the end."""
    return None if at is None or (end is not None and at > end) else at


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)

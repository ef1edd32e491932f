"""Counts recorded calls and texts for `textback stats` and the doctor; reads, never writes.

One pass over the calls, in groups: a million of them come out as some thousand rows. What a group
is told apart by is only what `textback.recommend` and `textback.figures` ask for.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    cast,
    distinct,
    func,
    literal,
    or_,
    select,
)

from textback.figures import LONGEST, QUARTER, SLOWEST, Survey, Tally
from textback.model import Direction, OutboxState, Outcome, Phase, TextKind
from textback.store.sql import epoch, whole_epoch
from textback.store.store import Store
from textback.store.tables import AttemptResult, attempts, calls, outbox, verdicts
from textback.store.tables_carrier import replies

#: Outcomes whose length of waiting says something about ring_timeout or abandoned_after.
_WAITED = (
    Outcome.ANSWERED,
    Outcome.NO_ANSWER,
    Outcome.ABANDONED,
    Outcome.QUEUE_ABANDONED,
    Outcome.IVR_ABANDONED,
)
_FOR_A_CALL = outbox.c.kind == TextKind.MISSED
#: Groups looked at; a flood of invented numbers must not fill the memory. The largest are kept.
MOST_GROUPS = 50_000
#: Texts whose time to the carrier is looked at: that many say how it is, and more take long.
NEWEST = 20_000


async def survey(
    store: Store,
    since: datetime,
    until: datetime,
    *,
    own: Iterable[str] = (),
    brief: bool = False,
) -> Survey:
    """Everything counted of calls that began in `since`..`until`.

    `own`: the business's numbers in E.164; a call that shows one of them did not come from outside.
    `brief`: the calls alone, without texts, hours and replies. Raises StoreError.
    """
    ours = sorted(own)
    called = store.read(lambda db: (*_watched(db, since, until), *_others(db, since, until, ours)))
    if brief:
        return Survey(since=since, until=until, tallies=await called)
    # Side by side: SQLite counts in threads of its own, and the first takes as long as the rest.
    tallies, quarters, delays, texts, replied = await asyncio.gather(
        called,
        store.read(lambda db: _quarters(db, since, until)),
        store.read(lambda db: _delays(db, since, until)),
        store.read(lambda db: _texts(db, since, until)),
        store.read(lambda db: _replied(db, since, until)),
    )
    return Survey(
        since=since,
        until=until,
        tallies=tallies,
        texts=texts,
        delays=delays,
        quarters=quarters,
        replied=replied,
    )


def _between(
    column: ColumnElement[datetime], since: datetime, until: datetime
) -> ColumnElement[bool]:
    return and_(column >= since, column < until)


def _watched(db: Connection, since: datetime, until: datetime) -> list[Tally]:
    """Calls to our numbers. Few columns: to sort a million rows by them is most of the work."""
    c = calls.c
    waited = case((c.waited < LONGEST, cast(c.waited, Integer)), else_=LONGEST)
    keys = [
        c.number,
        c.outcome,
        func.coalesce(verdicts.c.reason, literal("")).label("reason"),
        and_(c.ringing_at.is_not(None), c.queue == "").label("rang"),
        case((c.outcome.in_(_WAITED), waited), else_=-1).label("second"),
        case((c.outcome == Outcome.UNKNOWN, c.pbx), else_=literal("")).label("pbx"),
    ]
    query = (
        select(
            *keys,
            func.count().label("calls"),
            func.sum(case((c.late, 1), else_=0)).label("late"),
            func.sum(case((verdicts.c.send, 1), else_=0)).label("texted"),
        )
        .join_from(calls, verdicts, verdicts.c.call_id == c.id, isouter=True)
        .where(_between(c.started_at, since, until), c.ended_at.is_not(None), c.number != "")
        .group_by(*keys)
    )
    return [
        Tally(
            calls=row.calls,
            pbx=row.pbx,
            number=row.number,
            outcome=row.outcome,
            reason=row.reason,
            rang=bool(row.rang),
            second=row.second,
            late=row.late,
            texted=row.texted,
        )
        for row in db.execute(query)
    ]


def _others(db: Connection, since: datetime, until: datetime, own: list[str]) -> list[Tally]:
    """Calls that perhaps came from outside, and that no [[number]] took."""
    c = calls.c
    inbound = c.direction == Direction.INBOUND
    outside = and_(c.caller_e164 != "", c.caller_e164.not_in(own))
    keys = [
        c.pbx,
        c.direction,
        c.did,
        case((~inbound, c.context), else_=literal("")).label("context"),
        c.outcome,
    ]
    counted = func.count().label("calls")
    query = (
        select(*keys, counted)
        .where(
            _between(c.started_at, since, until),
            c.ended_at.is_not(None),
            c.number == "",
            or_(inbound, outside),
        )
        .group_by(*keys)
        .order_by(counted.desc())
        .limit(MOST_GROUPS)
    )
    return [
        Tally(
            calls=row.calls,
            pbx=row.pbx,
            direction=row.direction,
            did=row.did,
            context=row.context,
            outcome=row.outcome,
        )
        for row in db.execute(query)
    ]


def _texts(db: Connection, since: datetime, until: datetime) -> dict[str, dict[OutboxState, int]]:
    query = (
        select(outbox.c.number, outbox.c.state, func.count().label("texts"))
        .where(_between(outbox.c.created_at, since, until), _FOR_A_CALL)
        .group_by(outbox.c.number, outbox.c.state)
    )
    found: dict[str, dict[OutboxState, int]] = defaultdict(dict)
    for row in db.execute(query):
        found[row.number][row.state] = row.texts
    return dict(found)


def _delays(db: Connection, since: datetime, until: datetime) -> dict[str, dict[int, int]]:
    """From the fact that decided (the end of the call, else the moment of the verdict) to the
    carrier's yes, for the newest texts. What was held back for an hour is not among them."""
    decided = case(
        (verdicts.c.phase == Phase.ENDED, func.coalesce(calls.c.ended_at, verdicts.c.decided_at)),
        else_=verdicts.c.decided_at,
    )
    took = epoch(db, attempts.c.finished_at) - epoch(db, decided)
    newest = (
        select(outbox.c.id, outbox.c.call_id, outbox.c.number)
        .where(_between(outbox.c.created_at, since, until), _FOR_A_CALL)
        .order_by(outbox.c.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    tenths = cast(func.round(took * 10), Integer).label("tenths")
    query = (
        select(newest.c.number, tenths, func.count().label("texts"))
        .join_from(newest, calls, calls.c.id == newest.c.call_id)
        .join(verdicts, verdicts.c.call_id == newest.c.call_id)
        .join(attempts, attempts.c.row_id == newest.c.id)
        .where(attempts.c.result == AttemptResult.ACCEPTED)
        .group_by(newest.c.number, tenths)
    )
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for row in db.execute(query):
        if 0 <= row.tenths <= SLOWEST * 10:
            found[row.number][row.tenths] = row.texts
    return dict(found)


def _quarters(
    db: Connection, since: datetime, until: datetime
) -> dict[str, dict[int, tuple[int, int]]]:
    quarter = (whole_epoch(db.dialect.name, calls.c.started_at) // QUARTER).label("quarter")
    missed = case((calls.c.outcome.not_in((Outcome.ANSWERED, Outcome.UNKNOWN)), 1), else_=0)
    query = (
        select(
            calls.c.number,
            quarter,
            func.count().label("calls"),
            func.sum(missed).label("missed"),
        )
        .where(
            _between(calls.c.started_at, since, until),
            calls.c.number != "",
            calls.c.direction == Direction.INBOUND,
            calls.c.ended_at.is_not(None),
        )
        .group_by(calls.c.number, quarter)
    )
    found: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    for row in db.execute(query):
        found[row.number][row.quarter] = (row.calls, row.missed)
    return dict(found)


def _replied(db: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """Callers who were texted and wrote back words of their own, by the number texted for."""
    answered = (
        select(replies.c.id)
        .where(
            replies.c.sender == outbox.c.recipient,
            replies.c.recipient == outbox.c.sender,
            replies.c.at >= outbox.c.created_at,
            replies.c.word == "",
        )
        .exists()
    )
    query = (
        select(outbox.c.number, func.count(distinct(outbox.c.recipient)).label("callers"))
        .where(
            _between(outbox.c.created_at, since, until),
            _FOR_A_CALL,
            answered,
        )
        .group_by(outbox.c.number)
    )
    return {row.number: row.callers for row in db.execute(query)}

"""Counts the calls, texts and cases of one day, number by number and hour by hour; reads only.

The same counts as `survey`, `figures` and `recovery` have, which is what the tests hold them to.
Callers who wrote back are counted by case: how many different callers there were does not add up
over days. Opt-outs are told apart by the number the handset wrote to, while its thread is kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    cast,
    func,
    literal,
    select,
)

from textback.figures import FAILED, GIVEN, OPEN, SLOWEST
from textback.figures_time import Hour, grain, hour_of, span
from textback.model import (
    CaseStage,
    ConsentEvent,
    OutboxState,
    Outcome,
    Phase,
    TextKind,
)
from textback.store.sql import epoch, whole_epoch
from textback.store.tables import AttemptResult, attempts, calls, outbox, verdicts
from textback.store.tables_figures import OUTCOMES
from textback.store.tables_people import cases, consents
from textback.store.tables_talk import incoming, threads

SPOKEN = (CaseStage.CALLED_BACK, CaseStage.RECOVERED)
_MISSED_TEXT = outbox.c.kind == TextKind.MISSED
#: Times to the carrier are told apart by (up to this many tenths of a second, this many tenths).
_STEPS = ((100, 1), (600, 10), (6_000, 100), (SLOWEST * 10 + 1, 600))

Counts = Counter[str]


@dataclass(frozen=True, slots=True)
class Day:
    """What was counted of one day; the number "" is all together."""

    hours: Mapping[tuple[str, Hour], Counts] = field(default_factory=dict)
    #: {(number, tenths of a second): texts}
    delays: Mapping[tuple[str, int], int] = field(default_factory=dict)

    def days(self) -> dict[str, Counts]:
        """By number, the whole day."""
        found: dict[str, Counts] = defaultdict(Counter)
        for (number, _), counts in self.hours.items():
            found[number].update(counts)
        return dict(found)


def step(tenths: int) -> int:
    """The least time (tenths of a second) that is not told apart from this one."""
    for limit, width in _STEPS:
        if tenths < limit:
            return tenths // width * width
    return tenths


def count_day(db: Connection, day: int, zone: ZoneInfo) -> Day:
    """What the database has of one local day."""
    begin, end = span(day, zone)
    seconds = grain(begin, end, zone)
    hours: dict[int, Hour] = {}
    found: dict[tuple[str, Hour], Counts] = defaultdict(Counter)
    for question in (_calls, _texts, _cases, _opt_outs):
        for number, slot, counts in question(db, begin, end, seconds):
            if (hour := hours.get(slot)) is None:
                hour = hours[slot] = hour_of(datetime.fromtimestamp(slot * seconds, UTC), zone)
            found["", hour].update(counts)
            if number:
                found[number, hour].update(counts)
    return Day(dict(found), _delays(db, begin, end))


_Counted = Iterator[tuple[str, int, dict[str, int]]]


def _slot(db: Connection, column: ColumnElement[Any], seconds: int) -> ColumnElement[int]:
    return (whole_epoch(db.dialect.name, column) // seconds).label("slot")


def _within(column: ColumnElement[datetime], begin: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(column >= begin, column < end)


def _calls(db: Connection, begin: datetime, end: datetime, seconds: int) -> _Counted:
    c = calls.c
    missed = c.outcome.not_in((Outcome.ANSWERED, Outcome.UNKNOWN))
    became = case(
        (~missed, literal("")),
        (cases.c.stage.in_(SPOKEN), literal("recovered")),
        (outbox.c.state.in_(GIVEN), literal("taken")),
        else_=literal(""),
    ).label("became")
    keys = (c.number, _slot(db, c.started_at, seconds), c.outcome, became)
    query = (
        select(*keys, func.count().label("count"))
        .join_from(calls, cases, and_(cases.c.id == c.case_id, missed), isouter=True)
        .join(outbox, and_(outbox.c.call_id == c.id, _MISSED_TEXT, missed), isouter=True)
        .where(_within(c.started_at, begin, end), c.ended_at.is_not(None), c.number != "")
        .group_by(*keys)
    )
    for number, slot, outcome, class_, count in db.execute(query):
        counts = {"calls": count}
        if outcome in (Outcome.ANSWERED, Outcome.UNKNOWN):
            counts[outcome.value] = count
        else:
            counts["missed"] = count
            if outcome.value in OUTCOMES:
                counts[outcome.value] = count
            if class_:
                counts[class_] = count
        yield number, slot, counts


def _texts(db: Connection, begin: datetime, end: datetime, seconds: int) -> _Counted:
    o = outbox.c
    keys = (o.number, _slot(db, o.created_at, seconds), o.state)
    query = (
        select(*keys, func.count().label("count"))
        .where(_within(o.created_at, begin, end), _MISSED_TEXT)
        .group_by(*keys)
    )
    for number, slot, state, count in db.execute(query):
        counts = {"texted": count}
        for name, states in (
            ("delivered", (OutboxState.DELIVERED,)),
            ("failed", FAILED),
            ("open_texts", OPEN),
            ("given", GIVEN),
            ("shadow", (OutboxState.SHADOW,)),
        ):
            if state in states:
                counts[name] = count
        yield number, slot, counts


def _cases(db: Connection, begin: datetime, end: datetime, seconds: int) -> _Counted:
    c = cases.c
    with_text = and_(
        c.texted_at.is_not(None),
        c.texted_at <= func.coalesce(c.spoken_at, c.closed_at, c.texted_at),
    )
    keys = (
        c.number,
        _slot(db, c.opened_at, seconds),
        c.stage,
        case((with_text, 1), else_=0).label("with_text"),
        case((c.replied_at.is_not(None), 1), else_=0).label("replied"),
    )
    query = (
        select(*keys, func.count().label("count"), func.sum(c.misses).label("misses"))
        .where(_within(c.opened_at, begin, end))
        .group_by(*keys)
    )
    names = {
        CaseStage.CALLED_BACK: "called_back",
        CaseStage.RECOVERED: "came_back",
        CaseStage.DISMISSED: "dismissed",
    }
    for number, slot, stage, texted, replied, count, misses in db.execute(query):
        counts = {"cases": count, "misses": int(misses)}
        if stage in names:
            counts[names[stage]] = count
        if replied:
            counts["replied"] = count
        if texted:
            counts["with_text"] = count
            if replied:
                counts["with_text_replied"] = count
            if stage in SPOKEN:
                counts["with_text_spoken"] = count
        yield number, slot, counts


def _opt_outs(db: Connection, begin: datetime, end: datetime, seconds: int) -> _Counted:
    c = consents.c
    number = case(
        (c.scope != "", c.scope), else_=func.coalesce(threads.c.number, literal(""))
    ).label("number")
    keys = (number, _slot(db, c.at, seconds))
    query = (
        select(*keys, func.count().label("count"))
        .join_from(consents, incoming, incoming.c.id == c.incoming_id, isouter=True)
        .join(threads, threads.c.id == incoming.c.thread_id, isouter=True)
        .where(_within(c.at, begin, end), c.event == ConsentEvent.OPT_OUT)
        .group_by(*keys)
    )
    for name, slot, count in db.execute(query):
        yield name, slot, {"opt_outs": count}


def _delays(db: Connection, begin: datetime, end: datetime) -> dict[tuple[str, int], int]:
    """As `survey` counts them, but of all texts."""
    decided = case(
        (verdicts.c.phase == Phase.ENDED, func.coalesce(calls.c.ended_at, verdicts.c.decided_at)),
        else_=verdicts.c.decided_at,
    )
    took = epoch(db, attempts.c.finished_at) - epoch(db, decided)
    tenths = cast(func.round(took * 10), Integer).label("tenths")
    query = (
        select(outbox.c.number, tenths, func.count().label("texts"))
        .join_from(outbox, calls, calls.c.id == outbox.c.call_id)
        .join(verdicts, verdicts.c.call_id == outbox.c.call_id)
        .join(attempts, attempts.c.row_id == outbox.c.id)
        .where(
            _within(outbox.c.created_at, begin, end),
            _MISSED_TEXT,
            attempts.c.result == AttemptResult.ACCEPTED,
        )
        .group_by(outbox.c.number, tenths)
    )
    found: Counter[tuple[str, int]] = Counter()
    for number, took_tenths, texts in db.execute(query):
        if 0 <= took_tenths <= SLOWEST * 10:
            found["", step(took_tenths)] += texts
            if number:
                found[number, step(took_tenths)] += texts
    return dict(found)

"""The figures by the API, which the page of figures asks as well: step by step, and added up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from textback import figures_time
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.figures_models import (
    AdviceList,
    Bucket,
    By,
    Counting,
    Counts,
    Figures,
    FiguresQuery,
    FiguresStep,
    OfNumber,
    OneAdvice,
    Summary,
    SummaryQuery,
    TimeToText,
    WeekHour,
)
from textback.console.i18n import _
from textback.figures import quantile
from textback.store import figures_keep, figures_read
from textback.store.tables_figures import COUNTS

#: Steps in one answer.
MOST_STEPS = 1_500
#: Days shown where nobody says how many.
DAYS = 30
#: Steps of the small plots beside each number.
SPARK_STEPS = 30
#: No day before it is asked for: the years of a date go from 1, and of a call they do not.
_FIRST = date(2000, 1, 1).toordinal()


async def steps(ctx: Ctx, *, query: FiguresQuery) -> Figures:
    """Counts of calls, texts, callers and opt-outs by hour, day, week or month."""
    zone = ctx.zone
    first, last = _span(ctx, query.since, query.until)
    await _known(ctx, query.number)
    told: dict[str, Any] = {
        "since": date.fromordinal(first),
        "until": date.fromordinal(last),
        "timezone": zone.key,
        "number": query.number,
        "by": query.by,
    }
    if query.by == "hour":
        return await _hours(ctx, zone, first, last, query.number, told)
    days = await ctx.store.read(lambda db: figures_read.series(db, query.number, first, last))
    begins: dict[int, dict[str, int]] = {}
    for day in range(first, last + 1):
        counts = begins.setdefault(max(first, _step_of(day, query.by)), dict.fromkeys(COUNTS, 0))
        for name, count in days.get(day, {}).items():
            counts[name] += count
    shown = sorted(begins)[-MOST_STEPS:]
    found = [
        FiguresStep(
            start=figures_time.begins(day, zone),
            day=date.fromordinal(day),
            counts=Counts(**begins[day]),
        )
        for day in shown
    ]
    return Figures(**told, truncated=len(begins) > len(shown), steps=found)


async def _hours(
    ctx: Ctx, zone: ZoneInfo, first: int, last: int, number: str, told: dict[str, Any]
) -> Figures:
    begin, end = figures_time.begins(first, zone), figures_time.begins(last + 1, zone)
    hours = await ctx.store.read(
        lambda db: figures_read.hours(db, number, begin, end, MOST_STEPS + 1)
    )
    shown = hours[-MOST_STEPS:]
    found = [
        FiguresStep(start=one.at, day=date.fromordinal(one.day), counts=Counts(**one.counts))
        for one in shown
    ]
    return Figures(**told, truncated=len(hours) > len(shown), steps=found)


def _step_of(day: int, by: By) -> int:
    """The first day of the step a day is in."""
    if by == "week":
        return day - (day + 6) % 7
    if by == "month":
        return date.fromordinal(day).replace(day=1).toordinal()
    return day


def _span(ctx: Ctx, since: date | None, until: date | None) -> tuple[int, int]:
    """First and last day; none of them after today."""
    today = figures_time.day_of(ctx.now, ctx.zone)
    last = max(_FIRST, min(until.toordinal() if until else today, today))
    first = since.toordinal() if since else last - DAYS + 1
    return max(_FIRST, first), last


async def _known(ctx: Ctx, number: str) -> list[str]:
    """Every number there is or was; Problem 404 when this one is none of them."""
    counted = await ctx.store.read(figures_read.known)
    known = dict.fromkeys([n.did for n in ctx.config.number] + counted)
    if number and number not in known:
        raise Problem(404, "number", _("This number is not watched, and never was."))
    return list(known)


# --- added up -----------------------------------------------------------------------------------


async def summary(ctx: Ctx, *, query: SummaryQuery) -> Summary:
    """Everything counted in a span of days, with the span before, the week and every number."""
    first, last = _span(ctx, query.since, query.until)
    known = await _known(ctx, query.number)
    return await ctx.store.read(lambda db: _summary(db, ctx, query.number, known, first, last))


def _summary(
    db: Connection, ctx: Ctx, number: str, known: list[str], first: int, last: int
) -> Summary:
    zone, days = ctx.zone, max(0, last - first + 1)
    earlier = max(1, first - days), first - 1
    counts = figures_read.sums(db, number, first, last)
    before = figures_read.sums(db, number, *earlier)
    if last == figures_time.day_of(ctx.now, zone) and days:
        _take_off(before, db, number, earlier[1], zone, ctx.now)
    begin, end = figures_time.begins(first, zone), figures_time.begins(last + 1, zone)
    oldest = figures_read.first_day(db)
    state = figures_keep.filling(db)
    step = max(1, -(-days // SPARK_STEPS))
    return Summary(
        since=date.fromordinal(first),
        until=date.fromordinal(last),
        timezone=zone.key,
        number=number,
        counts=Counts(**counts),
        before=Counts(**before),
        before_known=oldest is not None and oldest <= earlier[0],
        time_to_text=_time(figures_read.delays(db, [number], first, last).get(number, {})),
        time_to_text_before=_time(figures_read.delays(db, [number], *earlier).get(number, {})),
        week=[
            WeekHour(weekday=weekday, hour=hour, calls=calls, missed=missed)
            for (weekday, hour), (calls, missed) in sorted(
                figures_read.week(db, number, begin, end).items()
            )
        ],
        numbers=_numbers(db, ctx, known, first, last, step) if days else [],
        step_days=step,
        counting=Counting(
            complete=state is not None and state.complete,
            share=state.share if state is not None else 0.0,
            first_day=None if oldest is None else date.fromordinal(oldest),
        ),
    )


def _take_off(
    counts: dict[str, int], db: Connection, number: str, day: int, zone: ZoneInfo, now: datetime
) -> None:
    """Takes off what came later on that day than it is now: today is compared with as much."""
    here = now.astimezone(zone)
    same = datetime.combine(date.fromordinal(day), here.time(), zone).replace(minute=0, second=0)
    since = same.astimezone(now.tzinfo) + timedelta(hours=1)
    end = figures_time.begins(day + 1, zone)
    for hour in figures_read.hours(db, number, since.replace(microsecond=0), end, 30):
        for name, count in hour.counts.items():
            counts[name] -= count


def _time(delays: Mapping[int, int]) -> TimeToText:
    def seconds(share: float) -> float | None:
        found = quantile(delays, share)
        return None if found is None else found / 10

    return TimeToText(
        texts=sum(delays.values()),
        median=seconds(0.5),
        within_95=seconds(0.95),
        histogram=[Bucket(seconds=t / 10, texts=n) for t, n in sorted(delays.items())],
    )


def _numbers(
    db: Connection, ctx: Ctx, known: list[str], first: int, last: int, step: int
) -> list[OfNumber]:
    labels = {n.did: n.label for n in ctx.config.number}
    counted = figures_read.by_number(db, known, first, last)
    sparks = figures_read.sparks(db, known, first, last, step)
    delays = figures_read.delays(db, known, first, last)
    nothing = dict.fromkeys(figures_read.BY_NUMBER, 0)
    found = []
    for number in known:
        if number not in counted and number not in labels:
            continue
        c = counted.get(number, nothing)
        found.append(
            OfNumber(
                number=number,
                label=labels.get(number, ""),
                calls=c["calls"],
                answered=c["answered"],
                missed=c["missed"],
                given=c["given"],
                callers=c["cases"],
                replied=c["replied"],
                spoken=c["called_back"] + c["came_back"],
                opt_outs=c["opt_outs"],
                median=_time(delays.get(number, {})).median,
                missed_by_step=sparks[number],
            )
        )
    return found


async def advice(ctx: Ctx) -> AdviceList:
    """What the recorded calls say should be changed; looked at every six hours."""
    advised = ctx.backend.advised()
    if advised is None:
        return AdviceList(at=None, advice=[])
    return AdviceList(
        at=advised.at,
        advice=[
            OneAdvice(
                topic=one.topic.value,
                serious=one.serious,
                number=one.number,
                found=one.found,
                cure=one.cure,
                snippet=one.snippet,
            )
            for one in advised.advice
        ],
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/figures",
        handler=steps,
        answer=Figures,
        query=FiguresQuery,
        errors=(404,),
        summary="Figures over time",
    ),
    Endpoint(
        method="GET",
        path="/figures/summary",
        handler=summary,
        answer=Summary,
        query=SummaryQuery,
        errors=(404,),
        summary="Figures of a span of days, added up",
    ),
    Endpoint(
        method="GET",
        path="/figures/advice",
        handler=advice,
        answer=AdviceList,
        summary="What should be changed, and why",
    ),
)

"""The page of figures, and the same figures as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from aiohttp import web

from textback.console import figures_api, figures_plots, figures_week
from textback.console.ctx import Ctx, Page, Problem
from textback.console.figures_models import (
    By,
    Figures,
    FiguresQuery,
    OfNumber,
    Summary,
    SummaryQuery,
)
from textback.console.i18n import N_, _
from textback.console.plots import Spark, spark
from textback.console.plots_words import Change, Words, change
from textback.figures_time import day_of
from textback.store.tables_figures import COUNTS


@dataclass(frozen=True, slots=True)
class Period:
    """A span of days that ends today."""

    key: str
    label: str
    before: str  #: what it is compared with
    days: int
    by: By = "day"


PERIODS: tuple[Period, ...] = (
    Period("7d", N_("7 days"), N_("the 7 days before"), 7),
    Period("30d", N_("30 days"), N_("the 30 days before"), 30),
    Period("90d", N_("90 days"), N_("the 90 days before"), 90),
    Period("12m", N_("12 months"), N_("the 12 months before"), 364, "week"),
)
_CHOSEN = {period.key: period for period in PERIODS}
#: The bars of a KPI or a row say at most so much.
_DEFAULT = "30d"


@dataclass(frozen=True, slots=True)
class Kpi:
    """One large figure."""

    label: str
    value: str
    hint: str = ""
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One number in the list."""

    number: str
    label: str
    href: str
    calls: str
    missed: str
    missed_share: str
    width: float
    texted: str
    replied: str
    spoken: str
    median: str
    spark: Spark
    spark_says: str


def asked(ctx: Ctx) -> tuple[Period, str]:
    """The period and the number of the query; what is none of them is as if it were not there."""
    query = ctx.request.query
    return _CHOSEN.get(query.get("period", ""), _CHOSEN[_DEFAULT]), query.get("number", "")[:40]


def first_day(period: Period, today: date) -> date:
    """The first of a period; whole weeks begin on a Monday."""
    first = today - timedelta(days=period.days - 1)
    return first - timedelta(days=first.weekday()) if period.by == "week" else first


def path(period: str, number: str, page: str = "/figures") -> str:
    """A link; a plus sign would be read as a blank."""
    return f"{page}?period={period}" + (f"&number={number.replace('+', '%2B')}" if number else "")


async def _read(ctx: Ctx, period: Period, number: str) -> tuple[Figures, Summary]:
    today = date.fromordinal(day_of(ctx.now, ctx.zone))
    first = first_day(period, today)
    found = await figures_api.steps(
        ctx, query=FiguresQuery(since=first, until=today, number=number, by=period.by)
    )
    counted = await figures_api.summary(
        ctx, query=SummaryQuery(since=first, until=today, number=number)
    )
    return found, counted


async def page(ctx: Ctx) -> web.StreamResponse:
    period, number = asked(ctx)
    found, counted = await _read(ctx, period, number)
    words = Words(ctx.language)
    today = date.fromordinal(day_of(ctx.now, ctx.zone))
    advice = await figures_api.advice(ctx)
    mine = [one for one in advice.advice if not number or one.number in ("", number)]
    return ctx.render(
        "figures.html",
        period=period,
        number=number,
        periods=[
            (path(one.key, number), _(one.label), 0, one.key == period.key) for one in PERIODS
        ],
        choices=[(one.number, one.label) for one in counted.numbers],
        label=next((one.label for one in counted.numbers if one.number == number), ""),
        counted=counted,
        anything=counted.counting.first_day is not None,
        file=path(period.key, number, "/figures.csv"),
        kpis=kpis(counted, period, words),
        over_time=figures_plots.over_time(found, counted, today, words),
        week=figures_week.week(counted, words),
        funnel=figures_week.funnel(counted, words),
        funnel_finding=figures_week.funnel_finding(counted, words),
        outcomes=figures_week.outcomes(counted, words),
        delays=figures_plots.delays(counted.time_to_text, words),
        rows=list(rows(counted, period, words)),
        advice=mine,
        advised=advice.at,
        first_day=words.long_day(counted.counting.first_day),
        filled=words.percent(round(counted.counting.share * 100), 100),
    )


def kpis(counted: Summary, period: Period, words: Words) -> tuple[Kpi, ...]:
    """The large figures, each against the span before."""
    now, then = counted.counts, counted.before
    known = counted.before_known and then.calls > 0

    def moved(a: float | None, b: float | None, better: str, *, points: bool) -> Change | None:
        return change(words, a, b, better=better, points=points) if known else None

    def rate(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    spoken, spoken_then = now.called_back + now.came_back, then.called_back + then.came_back
    time, time_then = counted.time_to_text, counted.time_to_text_before
    return (
        Kpi(
            _("Calls"),
            words.number(now.calls),
            _("%(count)s answered") % {"count": words.number(now.answered)},
            moved(now.calls, then.calls, "", points=False),
        ),
        Kpi(
            _("Missed"),
            words.number(now.missed),
            _("%(share)s of the calls") % {"share": words.percent(now.missed, now.calls)},
            moved(rate(now.missed, now.calls), rate(then.missed, then.calls), "down", points=True),
        ),
        Kpi(
            _("Texted"),
            words.number(now.given),
            _("%(count)s delivered") % {"count": words.number(now.delivered)},
            moved(now.given, then.given, "", points=False),
        ),
        Kpi(
            _("Wrote back"),
            words.percent(now.with_text_replied, now.with_text),
            _("%(count)s callers") % {"count": words.number(now.replied)},
            moved(
                rate(now.with_text_replied, now.with_text),
                rate(then.with_text_replied, then.with_text),
                "up",
                points=True,
            ),
        ),
        Kpi(
            _("Spoken to"),
            words.percent(spoken, now.cases),
            _("%(spoken)s of %(callers)s callers")
            % {"spoken": words.number(spoken), "callers": words.number(now.cases)},
            moved(rate(spoken, now.cases), rate(spoken_then, then.cases), "up", points=True),
        ),
        Kpi(
            _("Time to the text"),
            words.seconds(time.median),
            _("95%% within %(time)s") % {"time": words.seconds(time.within_95)}
            if time.texts
            else "",
            moved(time.median, time_then.median, "down", points=False),
        ),
    )


def rows(counted: Summary, period: Period, words: Words) -> Iterator[Row]:
    """The numbers, those with most missed calls first."""
    most = max((one.missed for one in counted.numbers), default=0)

    def order(one: OfNumber) -> tuple[int, str]:
        return -one.missed, one.label

    for one in sorted(counted.numbers, key=order):
        yield Row(
            number=one.number,
            label=one.label,
            href=path(period.key, one.number),
            calls=words.number(one.calls),
            missed=words.number(one.missed),
            missed_share=words.percent(one.missed, one.calls),
            width=one.missed / most * 100 if most else 0.0,
            texted=words.number(one.given),
            replied=words.percent(one.replied, one.callers),
            spoken=words.percent(one.spoken, one.callers),
            median=words.seconds(one.median),
            spark=spark(one.missed_by_step),
            spark_says=_("Missed calls over time, at most %(most)s in one step.")
            % {"most": words.number(max(one.missed_by_step, default=0))},
        )


async def file(ctx: Ctx) -> web.StreamResponse:
    """The figures of the page as comma-separated values, by day whatever the page shows."""
    period, number = asked(ctx)
    today = date.fromordinal(day_of(ctx.now, ctx.zone))
    first = first_day(period, today)
    query = FiguresQuery(since=first, until=today, number=number, by="day")
    found = await figures_api.steps(ctx, query=query)
    if not found.steps:
        raise Problem(404, "nothing", _("There are no figures of that time."))
    made = io.StringIO()
    # Names and numbers are ours, and nothing in it begins like a formula.
    writer = csv.writer(made, lineterminator="\r\n")
    writer.writerow(("day", *COUNTS))
    for step in found.steps:
        counts = step.counts.model_dump()
        writer.writerow((step.day.isoformat(), *(counts[name] for name in COUNTS)))
    name = f"textback-figures-{first.isoformat()}-{today.isoformat()}.csv"
    return web.Response(
        text=made.getvalue(),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


PAGES: tuple[Page, ...] = (
    Page("GET", "/figures", page),
    Page("GET", "/figures.csv", file),
)

"""The week by hours, and what became of missed callers, as the page of figures shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textback.console import plots
from textback.console.call_words import OUTCOMES as OUTCOME
from textback.console.figures_models import Summary
from textback.console.figures_plots import Word
from textback.console.i18n import _, ngettext
from textback.console.plots_words import Words
from textback.model import Outcome
from textback.store.tables_figures import OUTCOMES

# --- the week -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of the week."""

    x: float
    y: int
    shade: int
    value: int
    title: str


@dataclass(frozen=True, slots=True)
class Week:
    """Missed calls by hour and weekday."""

    finding: str
    advice: str  #: "" where nothing stands out
    cells: tuple[Cell, ...]
    days: tuple[tuple[int, str], ...]  #: y of its middle, name
    hours: tuple[Word, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    most: str  #: the value of the darkest shade
    height: int


ROW = 30
#: Where there are fewer missed calls, an hour that stands out is chance.
FEW = 20


def week(counted: Summary, words: Words) -> Week:
    """When calls are missed: the answer to when somebody should sit at the telephone."""
    calls = [[0] * 24 for _day in range(7)]
    missed = [[0] * 24 for _day in range(7)]
    for one in counted.week:
        calls[one.weekday][one.hour] = one.calls
        missed[one.weekday][one.hour] = one.missed
    most = max(max(day) for day in missed)
    cells = []
    for day in range(7):
        for hour in range(24):
            title = words.weekday(day) + ", " + words.hours(hour)
            said = _("%(missed)s missed of %(calls)s calls") % {
                "missed": words.number(missed[day][hour]),
                "calls": words.number(calls[day][hour]),
            }
            cells.append(
                Cell(
                    x=round(hour * 100 / 24, 3),
                    y=day * ROW,
                    shade=plots.heat(missed[day][hour], most),
                    value=missed[day][hour],
                    title=f"{title}\n{said}",
                )
            )
    finding, advice = _week_finding(calls, missed, words)
    return Week(
        finding=finding,
        advice=advice,
        cells=tuple(cells),
        days=tuple((d * ROW + ROW // 2, words.weekday(d, short=True)) for d in range(7)),
        hours=tuple(Word(round(h * 100 / 24, 3), words.hour(h), "start") for h in (0, 6, 12, 18)),
        head=(_("Hour"), *(words.weekday(d, short=True) for d in range(7))),
        rows=tuple(
            (words.hours(h), *(words.number(missed[d][h]) for d in range(7)))
            for h in range(24)
            if any(calls[d][h] for d in range(7))
        ),
        most=words.number(most),
        height=7 * ROW,
    )


def _week_finding(
    calls: Sequence[Sequence[int]], missed: Sequence[Sequence[int]], words: Words
) -> tuple[str, str]:
    places = [(d, h) for d in range(7) for h in range(24)]
    day, hour = max(places, key=lambda at: missed[at[0]][at[1]])
    if not missed[day][hour]:
        return _("No call was missed."), ""
    finding = _(
        "Most calls are missed on %(day)s, %(hours)s: %(missed)s of %(calls)s calls then."
    ) % {
        "day": words.weekday(day),
        "hours": words.hours(hour),
        "missed": words.number(missed[day][hour]),
        "calls": words.number(calls[day][hour]),
    }
    window = plots.worst_window(missed)
    if window is None or sum(map(sum, missed)) < FEW:
        return finding, ""
    advice = _(
        "Somebody at the phone from %(hours)s every day would meet %(share)s of all missed calls."
    ) % {
        "hours": words.hours(window.hour, window.hours),
        "share": words.percent(window.missed, sum(map(sum, missed))),
    }
    return finding, advice


# --- what became of missed callers --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """One bar of what became of missed callers."""

    kind: str
    label: str
    value: str
    share: str
    width: float
    hint: str = ""


def funnel(counted: Summary, words: Words) -> tuple[Stage, ...]:
    """Missed callers, and how many of them were texted, wrote back, were spoken to."""
    c = counted.counts
    spoken = c.called_back + c.came_back

    def stage(kind: str, label: str, value: int, hint: str = "") -> Stage:
        return Stage(
            kind,
            label,
            words.number(value),
            words.percent(value, c.cases),
            plots.share(value, c.cases),
            hint,
        )

    both = {"back": words.number(c.called_back), "again": words.number(c.came_back)}
    return (
        stage("missed", _("Missed callers"), c.cases),
        stage("taken", _("Got a text"), c.with_text),
        stage(
            "replied",
            _("Wrote back"),
            c.replied,
            _("%(share)s of those who got a text")
            % {"share": words.percent(c.with_text_replied, c.with_text)}
            if c.with_text
            else "",
        ),
        stage(
            "recovered",
            _("Spoken to"),
            spoken,
            _("%(back)s called back, %(again)s called again") % both if spoken else "",
        ),
    )


def funnel_finding(counted: Summary, words: Words) -> str:
    c = counted.counts
    if not c.cases:
        return _("Nobody was missed.")
    said = {
        "callers": words.number(c.cases),
        "spoken": words.number(c.called_back + c.came_back),
        "share": words.percent(c.called_back + c.came_back, c.cases),
    }
    return (
        ngettext(
            "%(spoken)s of %(callers)s missed caller was spoken to (%(share)s).",
            "%(spoken)s of %(callers)s missed callers were spoken to (%(share)s).",
            c.cases,
        )
        % said
    )


def outcomes(counted: Summary, words: Words) -> tuple[Stage, ...]:
    """How calls were missed, the most frequent way first."""
    counts = {name: getattr(counted.counts, name) for name in OUTCOMES}
    most = max(counts.values(), default=0)
    return tuple(
        Stage(
            "nothing",
            _(OUTCOME[Outcome(name)].short),
            words.number(count),
            words.percent(count, counted.counts.missed),
            plots.share(count, most),
        )
        for name, count in sorted(counts.items(), key=lambda item: -item[1])
        if count
    )

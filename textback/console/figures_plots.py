"""The plots of the page of figures, ready for its templates: places, words, findings, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from textback.console import plots
from textback.console.figures_models import Figures, FiguresStep, Summary, TimeToText
from textback.console.i18n import N_, _, ngettext
from textback.console.plots_words import Words

#: The parts of a column from below, with their words; `unknown` is shown only where there is any.
KINDS = (
    ("answered", N_("Answered")),
    ("recovered", N_("Missed, spoken to later")),
    ("taken", N_("Missed, texted")),
    ("nothing", N_("Missed, nothing yet")),
    ("unknown", N_("Seen in part")),
)
HEIGHT = 240
#: Seconds from which on a time to the text is told apart from shorter ones, by how long 95 % of
#: them took: what matters is where most of them are.
_FINE = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 5)
_PLAIN = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 60)
_LONG = (0, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1_800)


@dataclass(frozen=True, slots=True)
class Bar:
    """One column, with what is said of it."""

    column: plots.Column
    title: str  #: all lines: what it is, then its figures
    partial: bool = False  #: it is not over yet
    empty: bool = False  #: from before there were figures


@dataclass(frozen=True, slots=True)
class Word:
    """A word below a plot."""

    x: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of columns."""

    finding: str
    shape: plots.Columns
    bars: tuple[Bar, ...]
    words: tuple[Word, ...]
    head: tuple[str, ...]  #: of the table with the same figures
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[tuple[str, str, str], ...] = ()  #: kind, word, total
    gap: Word | None = None  #: said where there are no figures yet


# --- day by day ---------------------------------------------------------------------------------


def over_time(found: Figures, counted: Summary, today: date, words: Words) -> Plot:
    """Calls day by day (or week by week), by what became of them."""
    first = counted.counting.first_day
    stacks = [parts(step) for step in found.steps]
    shown = [k for k in KINDS if k[0] != "unknown" or any(dict(s)["unknown"] for s in stacks)]
    shape = plots.columns(stacks, height=HEIGHT, fill=0.62 if len(stacks) < 10 else 0.76)
    bars, rows = [], []
    for place, (step, column) in enumerate(zip(found.steps, shape.columns, strict=True)):
        end = _last_of(found, place)
        name = span_name(step.day, end, words)
        partial = step.day <= today <= end
        told = dict(stacks[place])
        lines = [name + (" " + _("(not over yet)") if partial else "")]
        lines += [f"{_(label)}: {words.number(told[kind])}" for kind, label in shown]
        before = first is None or end < first
        bars.append(Bar(column, "\n".join(lines), partial, before))
        rows.append((lines[0], *(words.number(told[kind]) for kind, _label in shown)))
    totals = {kind: sum(dict(s)[kind] for s in stacks) for kind, _label in KINDS}
    return Plot(
        finding=_over_time_finding(found, counted, words),
        shape=shape,
        bars=tuple(bars),
        words=tuple(_below(found, today, words)),
        gap=_gap(bars, first, words),
        head=(_("Week") if found.by == "week" else _("Day"), *(_(label) for _kind, label in shown)),
        rows=tuple(rows),
        legend=tuple((k, _(label), words.number(totals[k])) for k, label in shown),
    )


def parts(step: FiguresStep) -> tuple[tuple[str, int], ...]:
    """What a column is stacked of, from below."""
    c = step.counts
    return (
        ("answered", c.answered),
        ("recovered", c.recovered),
        ("taken", c.taken),
        ("nothing", c.missed - c.recovered - c.taken),
        ("unknown", c.unknown),
    )


def _gap(bars: Sequence[Bar], first: date | None, words: Words) -> Word | None:
    """What is said in place of columns from before there were figures."""
    empty = sum(bar.empty for bar in bars)
    if first is None or empty * 6 < len(bars):
        return None
    text = _("Figures begin on %(day)s") % {"day": words.day(first, weekday=False)}
    return Word(round(empty / len(bars) * 50, 3), text)


def _last_of(found: Figures, place: int) -> date:
    following = place + 1
    if following < len(found.steps):
        return found.steps[following].day - timedelta(days=1)
    # The last step of a week goes on to its Sunday, as a reader of "not over yet" expects.
    last = found.steps[place].day
    return last + timedelta(days=6 - last.weekday()) if found.by == "week" else found.until


def span_name(day: date, end: date, words: Words) -> str:
    """ "Monday, November 23, 2026", or a week's first and last day."""
    if day == end:
        return words.whole_day(day)
    return _("%(from)s to %(to)s") % {"from": words.day(day), "to": words.day(end)}


def _below(found: Figures, today: date, words: Words) -> list[Word]:
    steps = found.steps
    strip = 100 / max(1, len(steps))
    if found.by == "week":
        # The first week of each month; a word needs the place of four weeks.
        months = [0] + [i for i in range(1, len(steps)) if steps[i].day.day <= 7]
        if len(months) > 1 and months[1] - months[0] < 4:
            months = months[1:]
        return [Word(round(i * strip, 3), words.month(steps[i].day), "start") for i in months]
    places = plots.every(len(steps), 7 if len(steps) <= 7 else 5)
    return [
        Word(
            100 if len(steps) > 7 and i == len(steps) - 1 else round((i + 0.5) * strip, 3),
            _("today")
            if steps[i].day == today
            else words.day(steps[i].day, weekday=len(steps) <= 7),
            # The last word would stand out on the right.
            "end" if len(steps) > 7 and i == len(steps) - 1 else "middle",
        )
        for i in places
    ]


def _over_time_finding(found: Figures, counted: Summary, words: Words) -> str:
    c = counted.counts
    if not c.calls:
        return _("There were no calls.")
    if not c.missed:
        return _("None of %(calls)s calls was missed.") % {"calls": words.number(c.calls)}
    worst = max(found.steps, key=lambda step: step.counts.missed)
    place = found.steps.index(worst)
    return _("%(missed)s of %(calls)s calls were missed (%(share)s), most of them: %(when)s.") % {
        "missed": words.number(c.missed),
        "calls": words.number(c.calls),
        "share": words.percent(c.missed, c.calls),
        "when": span_name(worst.day, _last_of(found, place), words),
    }


# --- time to the text ---------------------------------------------------------------------------


def delays(time: TimeToText, words: Words) -> Plot:
    """How long callers waited for their text."""
    most = time.within_95 or 0.0
    edges = _FINE if most <= 2 else _PLAIN if most <= 20 else _LONG
    counts = [0] * len(edges)
    for bucket in time.histogram:
        place = max(i for i, edge in enumerate(edges) if bucket.seconds >= edge)
        counts[place] += bucket.texts
    last = max((i for i, n in enumerate(counts) if n), default=4)
    # As far as there is something, and a step more; the last one holds whatever is longer.
    upto = min(len(edges), max(last + 2, 6))
    names = [_edge_name(edges[: upto + 1], i, upto, words) for i in range(upto)]
    shape = plots.columns([[("taken", n)] for n in counts[:upto]], height=160, fill=0.8)
    bars = [
        Bar(
            column,
            f"{name}\n" + ngettext("%(n)s text", "%(n)s texts", n) % {"n": words.number(n)},
        )
        for column, name, n in zip(shape.columns, names, counts, strict=False)
    ]
    finding = _("No text was sent.")
    if time.texts:
        finding = _("Half of %(texts)s texts were with the carrier in %(half)s, 95%% in %(most)s.")
        finding %= {
            "texts": words.number(time.texts),
            "half": words.seconds(time.median),
            "most": words.seconds(time.within_95),
        }
    strip = 100 / upto
    return Plot(
        finding=finding,
        shape=shape,
        bars=tuple(bars),
        words=tuple(
            Word(round(i * strip, 3), words.number(edges[i]), "middle" if i else "start")
            for i in range(upto)
        ),
        head=(_("Time to the text"), _("Texts")),
        rows=tuple((name, words.number(n)) for name, n in zip(names, counts[:upto], strict=True)),
    )


def _edge_name(edges: Sequence[float], place: int, upto: int, words: Words) -> str:
    begin = words.seconds(edges[place])
    if place == upto - 1:
        return _("%(from)s and more") % {"from": begin}
    return _("%(from)s to %(to)s") % {"from": begin, "to": words.seconds(edges[place + 1])}

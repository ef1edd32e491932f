"""The geometry of plots: scales, ticks, stacked columns, heat, bars, sparks; pure.

A plot is as wide as its place and so many pixels high: across, everything is in percent, so that
letters stay as large as they are on every screen; down, it is in pixels, from the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Steps between ticks are one of these, times a power of ten.
_NICE = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across, or a word below."""

    place: float  #: pixels from the top, or percent from the left
    value: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a column."""

    kind: str
    y: float
    height: float
    value: int


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a plot; its place across in percent."""

    x: float
    width: float
    left: float  #: of the strip that belongs to it, gap included
    strip: float
    total: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Stacked columns over a scale that begins at nought."""

    height: int  #: of the plot, pixels
    top: int  #: the value at its upper edge
    ticks: tuple[Tick, ...]
    columns: tuple[Column, ...]


def nice_ticks(most: int, about: int = 4) -> list[int]:
    """Whole numbers from nought to `most` or somewhat more, in even steps people count in."""
    if most <= 0:
        return [0, 1]
    power = 1
    while True:
        for nice in _NICE:
            step = nice * power
            if step * about >= most:
                count = -(-most // step)
                return [step * i for i in range(count + 1)]
        power *= 10


def columns(
    stacks: Sequence[Sequence[tuple[str, int]]], *, height: int, fill: float = 0.72
) -> Columns:
    """A column for each stack of (kind, value), the first value at the bottom. `fill`: how much of
    its strip a column takes."""
    totals = [sum(value for _, value in stack) for stack in stacks]
    ticks = nice_ticks(max(totals, default=0))
    top = ticks[-1]
    strip = 100 / max(1, len(stacks))
    made = []
    for place, stack in enumerate(stacks):
        left = place * strip
        segments: list[Segment] = []
        below = 0
        for kind, value in stack:
            if value:
                upper = height - (below + value) / top * height
                lower = height - below / top * height
                segments.append(Segment(kind, round(upper, 2), round(lower - upper, 2), value))
            below += value
        made.append(
            Column(
                x=round(left + strip * (1 - fill) / 2, 3),
                width=round(strip * fill, 3),
                left=round(left, 3),
                strip=round(strip, 3),
                total=below,
                segments=tuple(segments),
            )
        )
    lines = tuple(Tick(round(height - value / top * height, 2), value) for value in ticks)
    return Columns(height, top, lines, tuple(made))


def heat(value: int, most: int, steps: int = 5) -> int:
    """Which of `steps` shades a value has; nought has none (0)."""
    if value <= 0 or most <= 0:
        return 0
    return min(steps, 1 + (value * steps - 1) // most) if value < most else steps


def share(part: int, whole: int) -> float:
    """Percent of a bar's full length; nothing is longer than all of it."""
    return 0.0 if whole <= 0 else round(min(1.0, part / whole) * 100, 3)


def every(count: int, most: int) -> list[int]:
    """Of `count` columns, at most about `most` that get a word below them, in even steps."""
    if count <= 0:
        return []
    step = max(1, -(-count // most))
    return list(range((count - 1) % step, count, step))


@dataclass(frozen=True, slots=True)
class Spark:
    """A tiny plot of bars: (x, y, height) of each, all of one width."""

    bars: tuple[tuple[int, float, float], ...]
    width: int  #: of a bar
    whole: int  #: of all
    height: int


def spark(values: Sequence[int], *, width: int = 120, height: int = 24) -> Spark:
    """About `width` wide; what is there at all is seen."""
    step = max(4, min(12, width // max(1, len(values))))
    most = max(values, default=0)
    bars = []
    for place, value in enumerate(values):
        tall = max(1.5, round(value / most * height, 1)) if value else 0.0
        if tall:
            bars.append((place * step, round(height - tall, 1), tall))
    return Spark(tuple(bars), step - 1, max(step, len(values) * step), height)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of a day in which most is missed."""

    hour: int  #: the first
    hours: int
    missed: int
    share: float  #: of all that is missed, 0 to 1


def worst_window(missed: Sequence[Sequence[int]], hours: int = 2) -> Window | None:
    """Of a week (day by hour), the hours following each other in which most is missed, all days
    together; None: nothing is missed."""
    by_hour = [sum(day[hour] for day in missed) for hour in range(24)]
    whole = sum(by_hour)
    if not whole:
        return None
    sums = [sum(by_hour[h : h + hours]) for h in range(24 - hours + 1)]
    best = max(range(len(sums)), key=lambda h: (sums[h], -h))
    return Window(best, hours, sums[best], sums[best] / whole)

"""The geometry of plots, their colours, and how they say what they show."""

from __future__ import annotations

import re
from datetime import date
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textback.console
from textback.console import plots
from textback.console.plots_words import Change, Words, change

STATIC = Path(textback.console.__file__).parent / "static"
EN, DE = Words("en"), Words("de")

# --- scales -------------------------------------------------------------------------------------


@given(most=st.integers(0, 10**9))
def test_ticks_are_even_whole_and_reach_just_over_the_most(most: int) -> None:
    ticks = plots.nice_ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 5
    step = ticks[1]
    assert ticks == [step * i for i in range(len(ticks))]
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert most <= 0 or ticks[-2] < most, "no tick is of no use"


@given(
    stacks=st.lists(
        st.lists(st.integers(0, 5_000), min_size=1, max_size=5), min_size=1, max_size=120
    )
)
def test_columns_are_as_tall_as_what_they_are_made_of(stacks: list[list[int]]) -> None:
    made = plots.columns([[(str(i), n) for i, n in enumerate(s)] for s in stacks], height=200)
    assert len(made.columns) == len(stacks)
    for stack, column in zip(stacks, made.columns, strict=True):
        assert column.total == sum(stack)
        assert sum(s.height for s in column.segments) == pytest.approx(
            sum(stack) / made.top * 200, abs=0.1
        )
        assert [s.value for s in column.segments] == [n for n in stack if n]
        for below, above in zip(column.segments, column.segments[1:], strict=False):
            assert above.y + above.height == pytest.approx(below.y, abs=0.02)
        assert all(s.y >= -0.01 and s.y + s.height <= 200.02 for s in column.segments)
        assert column.left <= column.x
        assert column.x + column.width <= column.left + column.strip + 0.01
    assert made.columns[-1].left + made.columns[-1].strip == pytest.approx(100, abs=0.01)


@given(value=st.integers(0, 1_000), most=st.integers(0, 1_000))
def test_only_nothing_has_no_shade_and_only_the_most_the_darkest(value: int, most: int) -> None:
    shade = plots.heat(min(value, most), most)
    assert (shade == 0) == (min(value, most) == 0)
    assert plots.heat(most, most) == (5 if most else 0)
    assert 0 <= shade <= 5
    assert plots.heat(max(0, min(value, most) - 1), most) <= shade


def test_a_bar_is_never_longer_than_its_ground() -> None:
    assert (plots.share(1, 4), plots.share(9, 3), plots.share(3, 0)) == (25.0, 100.0, 0.0)


@given(count=st.integers(0, 400), most=st.integers(1, 12))
def test_words_below_are_few_evenly_spread_and_say_the_last(count: int, most: int) -> None:
    places = plots.every(count, most)
    assert len(places) <= most
    assert not count or places[-1] == count - 1
    assert len({b - a for a, b in pairwise(places)}) <= 1


@given(values=st.lists(st.integers(0, 999), max_size=40))
def test_a_spark_shows_all_that_is_there(values: list[int]) -> None:
    made = plots.spark(values)
    assert len(made.bars) == sum(1 for n in values if n)
    assert all(y + tall == pytest.approx(24, abs=0.1) for _x, y, tall in made.bars)
    assert all(x + made.width <= made.whole for x, _y, _tall in made.bars)
    assert made.whole <= 160


def test_the_worst_window_is_over_all_days() -> None:
    week = [[0] * 24 for _ in range(7)]
    assert plots.worst_window(week) is None
    week[0][12], week[3][13], week[5][3] = 4, 3, 5
    assert plots.worst_window(week) == plots.Window(12, 2, 7, 7 / 12)
    week[6][23] = 30
    assert plots.worst_window(week) == plots.Window(22, 2, 30, 30 / 42)


# --- words --------------------------------------------------------------------------------------


def test_days_hours_and_numbers_are_said_as_people_do() -> None:
    day = date(2026, 11, 23)
    assert (EN.day(day), EN.hour(17), EN.number(12_345)) == ("Mon, Nov 23", "5\u00a0PM", "12,345")
    assert (DE.hour(7), DE.number(12_345)) == ("07", "12.345")
    assert DE.day(day).startswith("Mo")
    assert EN.hours(23) == "11:00\u00a0PM to 12:00\u00a0AM"
    assert (EN.weekday(0), EN.weekday(6, short=True)) == ("Monday", "Sun")
    assert [EN.seconds(s) for s in (None, 0.25, 12.4, 125)] == [
        *("–", "0.2\u00a0s", "12\u00a0s", "2\u00a0min")
    ]


def test_a_percentage_is_never_nothing_of_something() -> None:
    assert [EN.percent(*of) for of in ((0, 0), (0, 5), (1, 1_000), (1, 8), (5, 5))] == [
        *("–", "0%", "< 1%", "12%", "100%")
    ]


@pytest.mark.parametrize(
    ("now", "before", "points", "told"),
    [
        (110.0, 100.0, False, Change("+10%", "up", "bad")),
        (0.30, 0.36, True, Change("\u22126 points", "down", "good")),
        (0.31, 0.30, True, Change("+1 point", "up", "bad")),
        (100.2, 100.0, False, Change("as before", "same", "")),
        (5.0, 0.0, False, None),
        (None, 0.5, True, None),
        (0.5, None, True, None),
    ],
)
def test_a_change_is_said_with_whether_it_is_good(
    now: float | None, before: float | None, points: bool, told: Change | None
) -> None:
    assert change(EN, now, before, better="down", points=points) == told


# --- colours ------------------------------------------------------------------------------------

Rgb = tuple[float, float, float]
#: How eyes without one kind of cone see linear light (Machado, Oliveira, Fernandes 2009).
EYES: dict[str, tuple[Rgb, Rgb, Rgb]] = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
KINDS = ("answered", "recovered", "taken", "nothing")


def tokens(theme: str) -> dict[str, str]:
    """The colours of a theme, as the style sheets have them."""
    found: dict[str, str] = {}
    for name in ("console.css", "figures.css"):
        text = (STATIC / name).read_text(encoding="utf-8")
        light, _, _ = re.split(r"(@media[^{]*prefers-color-scheme: dark)", text, maxsplit=1)
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
        if theme == "dark":
            start = text.index(':root[data-theme="dark"]')
            dark = text[start : text.index("}", start)]
            found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))
    return found


def linear(colour: str) -> Rgb:
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return r, g, b


def contrast(one: str, other: str) -> float:
    lights = sorted(
        sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear(c), strict=True))
        for c in (one, other)
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def lab(light: Rgb) -> Rgb:
    r, g, b = (min(1.0, max(0.0, v)) for v in light)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def seen(colour: str, eyes: str) -> Rgb:
    light = linear(colour)
    r, g, b = (sum(w * v for w, v in zip(row, light, strict=True)) for row in EYES[eyes])
    return lab((r, g, b))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_of_a_plot_stands_out_from_the_card(theme: str) -> None:
    colours = tokens(theme)
    for kind in (*KINDS, "unknown"):
        assert contrast(colours[f"plot-{kind}"], colours["surface"]) >= 3, kind


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eyes", EYES)
def test_colours_are_told_apart_by_eyes_that_see_fewer(theme: str, eyes: str) -> None:
    colours = tokens(theme)
    for one, other in combinations(KINDS, 2):
        a, b = (seen(colours[f"plot-{kind}"], eyes) for kind in (one, other))
        apart = sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5
        assert apart >= 18, (one, other, round(apart))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_shades_of_the_week_grow_away_from_the_card(theme: str) -> None:
    colours = tokens(theme)
    steps = [contrast(colours[f"heat-{n}"], colours["surface"]) for n in range(6)]
    assert steps == sorted(steps)
    assert all(after / before > 1.08 for before, after in pairwise(steps))


def test_both_ways_to_the_dark_theme_have_the_same_colours() -> None:
    text = (STATIC / "figures.css").read_text(encoding="utf-8")
    found = re.findall(r"\{\n?\s*(--plot-answered.*?)\n?\s*\}", text, re.DOTALL)
    dark = [" ".join(one.split()) for one in found if "#66727f" in one]
    assert len(dark) == 2
    assert dark[0] == dark[1]

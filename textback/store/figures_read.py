"""Reads the figures by number, day and hour; what a page shows is a few of these.

Days are ordinals, both ends included; the number "" is all together. Everything goes by the primary
keys, which begin with the number: a year of all numbers together is 365 rows, or 8,760 by hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from textback.store.tables_figures import (
    COUNTS,
    figures_days,
    figures_delays,
    figures_hours,
)

Counts = dict[str, int]
#: The columns of the list of numbers.
BY_NUMBER = (
    *("calls", "answered", "missed", "recovered", "taken", "given", "shadow", "cases", "replied"),
    *("called_back", "came_back", "with_text", "with_text_replied", "opt_outs"),
)


@dataclass(frozen=True, slots=True)
class HourCounts:
    """One local hour in which something was."""

    at: datetime  #: when it began, UTC
    day: int
    hour: int
    counts: Counts


def _days() -> tuple[Any, ...]:
    d = figures_days.c
    return (d.number == bindparam("of"), d.day >= bindparam("first"), d.day <= bindparam("last"))


@cache
def _sums() -> Select[Any]:
    added = (func.coalesce(func.sum(figures_days.c[name]), 0).label(name) for name in COUNTS)
    return select(*added).where(*_days())


def sums(db: Connection, number: str, first: int, last: int) -> Counts:
    """Everything counted in these days."""
    row = db.execute(_sums(), {"of": number, "first": first, "last": last}).one()
    return {name: int(value) for name, value in row._mapping.items()}


@cache
def _series() -> Select[Any]:
    wanted = (figures_days.c[name] for name in COUNTS)
    return select(figures_days.c.day, *wanted).where(*_days()).order_by(figures_days.c.day)


def series(db: Connection, number: str, first: int, last: int) -> dict[int, Counts]:
    """By day; those on which nothing was are left out."""
    found = db.execute(_series(), {"of": number, "first": first, "last": last})
    return {row[0]: dict(zip(COUNTS, row[1:], strict=True)) for row in found}


@cache
def _hours() -> Select[Any]:
    h = figures_hours.c
    return (
        select(h.at, h.day, h.hour, *(h[name] for name in COUNTS))
        .where(h.number == bindparam("of"), h.at >= bindparam("begin"), h.at < bindparam("end"))
        .order_by(h.at.desc())
        .limit(bindparam("most"))
    )


def hours(
    db: Connection, number: str, begin: datetime, end: datetime, most: int
) -> list[HourCounts]:
    """By hour, the newest so many, in order; those in which nothing was are left out."""
    asked = {"of": number, "begin": begin, "end": end, "most": most}
    found = [
        HourCounts(row[0], row[1], row[2], dict(zip(COUNTS, row[3:], strict=True)))
        for row in db.execute(_hours(), asked)
    ]
    return found[::-1]


@cache
def _week() -> Select[Any]:
    h = figures_hours.c
    # Ordinal 1 is a Monday.
    weekday = ((h.day + 6) % 7).label("weekday")
    return (
        select(weekday, h.hour, func.sum(h.calls), func.sum(h.missed))
        .where(h.number == bindparam("of"), h.at >= bindparam("begin"), h.at < bindparam("end"))
        .group_by(weekday, h.hour)
    )


def week(
    db: Connection, number: str, begin: datetime, end: datetime
) -> dict[tuple[int, int], tuple[int, int]]:
    """(calls, missed) by weekday (Monday 0) and hour, local."""
    found = db.execute(_week(), {"of": number, "begin": begin, "end": end})
    return {(w, h): (int(calls), int(missed)) for w, h, calls, missed in found if calls}


@cache
def _by_number() -> Select[Any]:
    d = figures_days.c
    added = (func.sum(d[name]).label(name) for name in BY_NUMBER)
    # The numbers are named, so that it goes by the primary key, number by number.
    return (
        select(d.number, *added)
        .where(
            d.number.in_(bindparam("numbers", expanding=True)),
            d.day >= bindparam("first"),
            d.day <= bindparam("last"),
        )
        .group_by(d.number)
    )


def by_number(db: Connection, numbers: Sequence[str], first: int, last: int) -> dict[str, Counts]:
    """Of each of these numbers of which there is anything, the columns BY_NUMBER."""
    asked = {"numbers": list(numbers), "first": first, "last": last}
    return {
        row[0]: {name: int(n) for name, n in zip(BY_NUMBER, row[1:], strict=True)}
        for row in db.execute(_by_number(), asked)
    }


@cache
def _sparks() -> Select[Any]:
    d = figures_days.c
    step = ((d.day - bindparam("first")) // bindparam("step")).label("step")
    return (
        select(d.number, step, func.sum(d.missed))
        .where(
            d.number.in_(bindparam("numbers", expanding=True)),
            d.day >= bindparam("first"),
            d.day <= bindparam("last"),
        )
        .group_by(d.number, step)
    )


def sparks(
    db: Connection, numbers: Sequence[str], first: int, last: int, step: int
) -> dict[str, list[int]]:
    """Missed calls of each number by steps of so many days."""
    steps = (last - first) // step + 1
    found: dict[str, list[int]] = {number: [0] * steps for number in numbers}
    asked = {"numbers": list(numbers), "first": first, "last": last, "step": step}
    for number, place, missed in db.execute(_sparks(), asked):
        found[number][place] = int(missed)
    return found


@cache
def _delays() -> Select[Any]:
    d = figures_delays.c
    return (
        select(d.number, d.tenths, func.sum(d.texts))
        .where(
            d.number.in_(bindparam("numbers", expanding=True)),
            d.day >= bindparam("first"),
            d.day <= bindparam("last"),
        )
        .group_by(d.number, d.tenths)
    )


def delays(
    db: Connection, numbers: Sequence[str], first: int, last: int
) -> dict[str, dict[int, int]]:
    """By number: {tenths of a second to the carrier's yes, in steps: texts}."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    asked = {"numbers": list(numbers), "first": first, "last": last}
    for number, tenths, texts in db.execute(_delays(), asked):
        found[number][tenths] = int(texts)
    return dict(found)


@cache
def _known() -> Select[Any]:
    """A number a step through the primary key, not every row of it."""
    d = figures_days.c
    first = (
        select(func.min(d.number).label("number")).where(d.number > "").cte("known", recursive=True)
    )
    following = select(func.min(d.number)).where(d.number > first.c.number).scalar_subquery()
    known = first.union_all(select(following).where(first.c.number.is_not(None)))
    return select(known.c.number).where(known.c.number.is_not(None))


def known(db: Connection) -> list[str]:
    """Every number of which there are figures."""
    return [str(number) for number in db.execute(_known()).scalars()]


def first_day(db: Connection, number: str = "") -> int | None:
    """The first day of which there are figures; None: there are none."""
    d = figures_days.c
    found = db.execute(select(func.min(d.day)).where(d.number == number)).scalar_one()
    return None if found is None else int(found)

"""Counts how missed callers were recovered: by calls, number by number; reads, never writes.

Of the cases opened in a period: how many were texted, replied, spoken to, and how soon. The times
come in groups of equal ones, so that a million cases are some hundred rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, and_, case, cast, func, select

from textback.figures import quantile
from textback.model import CaseStage
from textback.store.sql import whole_epoch
from textback.store.store import Store
from textback.store.tables_people import cases

#: Times to recovery are told apart by this many seconds; above an hour by minutes.
STEP, LONG_STEP, LONG = 5, 60, 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Those cases of a number that were texted before anybody spoke with the caller, or those that
    were not."""

    cases: int = 0
    called_back: int = 0  #: the business reached the caller
    came_back: int = 0  #: the caller called again, and was answered
    dismissed: int = 0
    open: int = 0
    #: Seconds from the first missed call to the conversation -> cases
    times: Mapping[int, int] = field(default_factory=dict)

    @property
    def spoken(self) -> int:
        return self.called_back + self.came_back

    @property
    def rate(self) -> float | None:
        """The share of its callers who were spoken to; None for none."""
        return self.spoken / self.cases if self.cases else None

    def time(self, share: float) -> int | None:
        """Seconds within which that share of the spoken-to were; None for none."""
        return quantile(self.times, share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What became of the missed callers of one number."""

    number: str  #: did of the [[number]]
    misses: int  #: missed calls in these cases
    replied: int  #: cases in which the caller wrote back
    texted: Part
    untexted: Part

    @property
    def all(self) -> Part:
        return add(self.texted, self.untexted)


def add(one: Part, other: Part) -> Part:
    """Two parts as one."""
    return Part(
        cases=one.cases + other.cases,
        called_back=one.called_back + other.called_back,
        came_back=one.came_back + other.came_back,
        dismissed=one.dismissed + other.dismissed,
        open=one.open + other.open,
        times=Counter(one.times) + Counter(other.times),
    )


async def recovery(store: Store, since: datetime, until: datetime) -> dict[str, Recovery]:
    """By number: the cases whose first missed call was in `since`..`until`. Raises StoreError."""
    return await store.read(lambda db: count(db, since, until))


def count(db: Connection, since: datetime, until: datetime) -> dict[str, Recovery]:
    """As `recovery`, on a connection."""
    stages: dict[tuple[str, bool], Counter[CaseStage]] = defaultdict(Counter)
    times: dict[tuple[str, bool], Counter[int]] = defaultdict(Counter)
    misses: Counter[str] = Counter()
    replied: Counter[str] = Counter()
    for row in db.execute(query(db.dialect.name, since, until)):
        key = (row.number, bool(row.with_text))
        stages[key][row.stage] += row.cases
        misses[row.number] += int(row.misses)
        replied[row.number] += int(row.replied)
        if row.seconds is not None:
            # Clocks that were set back in between: at once, not before.
            times[key][max(0, int(row.seconds))] += row.cases
    return {
        number: Recovery(
            number=number,
            misses=misses[number],
            replied=replied[number],
            texted=_part(stages[number, True], times[number, True]),
            untexted=_part(stages[number, False], times[number, False]),
        )
        for number in sorted(misses)
    }


def query(dialect: str, since: datetime, until: datetime) -> Select[Any]:
    """Cases in groups of those that are alike in all that is asked."""
    c = cases.c
    with_text = and_(
        c.texted_at.is_not(None),
        c.texted_at <= func.coalesce(c.spoken_at, c.closed_at, c.texted_at),
    )
    took = whole_epoch(dialect, c.spoken_at) - whole_epoch(dialect, c.opened_at)
    step = case((took < LONG, took // STEP * STEP), else_=took // LONG_STEP * LONG_STEP)
    seconds = case((c.spoken_at.is_not(None), cast(step, Integer)), else_=None)
    keys = (c.number, c.stage, with_text.label("with_text"), seconds.label("seconds"))
    return (
        select(
            *keys,
            func.count().label("cases"),
            func.sum(c.misses).label("misses"),
            func.sum(case((c.replied_at.is_not(None), 1), else_=0)).label("replied"),
        )
        .where(c.opened_at >= since, c.opened_at < until)
        .group_by(*keys)
    )


def _part(stages: Counter[CaseStage], times: Counter[int]) -> Part:
    ended = (CaseStage.CALLED_BACK, CaseStage.RECOVERED, CaseStage.DISMISSED)
    return Part(
        cases=stages.total(),
        called_back=stages[CaseStage.CALLED_BACK],
        came_back=stages[CaseStage.RECOVERED],
        dismissed=stages[CaseStage.DISMISSED],
        open=sum(number for stage, number in stages.items() if stage not in ended),
        times=times,
    )

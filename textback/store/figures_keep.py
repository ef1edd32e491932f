"""Keeps the tables of figures: what has changed, what a day has now, how far the filling has come.

A day is counted on a reader's snapshot together with its marks, and written afterwards in small
transactions: only rows that are not so yet, and the marks that were in that snapshot with the last
of them. A mark made in between has another `times` and stays; a kill in between leaves all marks.
Nothing is counted again of which rows may have been deleted by retention: `floor`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    func,
    select,
    tuple_,
)

from textback.figures_time import begins, day_of, from_quarter, quarter_of
from textback.store.figures_count import Day, count_day
from textback.store.sql import insert_for, per_dialect
from textback.store.tables import calls, meta, outbox
from textback.store.tables_figures import (
    COUNTS,
    figures_days,
    figures_delays,
    figures_hours,
    figures_marks,
)
from textback.store.tables_people import cases

#: Kinds of [retention] of whose rows figures are counted.
COUNTED = frozenset({"calls", "texts", "cases", "replies", "consents"})
#: Keys of `meta`.
_STATE, _FLOOR = "figures", "figures_floor"
#: Marks looked at in a round: those of two months in which every quarter was touched.
_MARKS = 6_000

_META = select(meta.c.value).where(meta.c.key == bindparam("name"))
_TABLES = (figures_hours, figures_days, figures_delays)


@dataclass(frozen=True, slots=True)
class Filling:
    """How far the days of a database have been counted, from the newest to the oldest."""

    zone: str  #: in which they are counted; another one begins anew
    newest: int  #: ordinal of the day it began with
    next: int  #: the day to be counted next; below `oldest`: it is complete
    oldest: int
    swept: int = 0  #: the day on which the last days were counted again for safety

    @property
    def complete(self) -> bool:
        return self.next < self.oldest

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        whole = self.newest - self.oldest + 1
        return 1.0 if self.complete or whole <= 0 else (self.newest - self.next) / whole

    @classmethod
    def parsed(cls, text: str) -> Self:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Write:
    """Rows of one table that are to be written or taken away; a small transaction's worth."""

    table: Table
    put: Sequence[Mapping[str, Any]] = ()
    drop: Sequence[tuple[Any, ...]] = ()  #: primary keys

    def __len__(self) -> int:
        return len(self.put) + len(self.drop)


@dataclass(frozen=True, slots=True)
class Counted:
    """A day as it is now: what its tables lack, and the marks this answers."""

    day: int
    writes: tuple[Write, ...]
    marks: tuple[tuple[int, int], ...]  #: (quarter, times)


# --- what has changed ---------------------------------------------------------------------------


def marked(db: Connection, zone: ZoneInfo) -> list[int]:
    """Days of which something has changed, the newest first."""
    query = select(figures_marks.c.quarter).order_by(figures_marks.c.quarter.desc()).limit(_MARKS)
    return list(dict.fromkeys(day_of(from_quarter(q), zone) for q in db.execute(query).scalars()))


def floor(db: Connection) -> datetime | None:
    """Before this, rows may have been deleted by their age; None: none have."""
    found = db.execute(_META, {"name": _FLOOR}).scalar_one_or_none()
    return None if found is None else datetime.fromisoformat(found)


def raise_floor(db: Connection, before: datetime) -> None:
    """Rows from before `before` (aware) go, for good, in the caller's transaction."""
    now = floor(db)
    if now is None or now < before:
        _put(db, _FLOOR, before.astimezone(UTC).isoformat())


def first_day(db: Connection, zone: ZoneInfo) -> int | None:
    """The first day that can still be counted as a whole; None: there is nothing to count."""
    starts = [
        db.execute(select(func.min(column))).scalar_one()
        for column in (calls.c.started_at, outbox.c.created_at, cases.c.opened_at)
    ]
    known = [at for at in starts if at is not None]
    if not known:
        return None
    oldest = day_of(min(known), zone)
    gone = floor(db)
    return oldest if gone is None else max(oldest, whole_after(gone, zone))


def whole_after(at: datetime, zone: ZoneInfo) -> int:
    """The first day that begins at `at` or later."""
    day = day_of(at, zone)
    return day if begins(day, zone) >= at else day + 1


# --- a day --------------------------------------------------------------------------------------


def look(db: Connection, day: int, zone: ZoneInfo, most: int) -> Counted:
    """Counts a day, and compares it with what its tables have; writes of at most `most` rows."""
    quarters = figures_marks.c.quarter
    begin, end = quarter_of(begins(day, zone)), quarter_of(begins(day + 1, zone))
    marks = db.execute(
        select(quarters, figures_marks.c.times).where(quarters >= begin, quarters < end)
    )
    found = tuple((quarter, times) for quarter, times in marks)
    gone = floor(db)
    if gone is not None and begins(day, zone) < gone:
        # What is there stays; the marks are of no use.
        return Counted(day, (), found)
    counted = count_day(db, day, zone)
    writes = [
        write
        for table, rows in _rows(day, counted)
        for write in _compared(db, table, day, rows, most)
    ]
    return Counted(day, tuple(writes), found)


def _rows(day: int, counted: Day) -> Iterator[tuple[Table, dict[tuple[Any, ...], dict[str, Any]]]]:
    """What each table is to have of the day, by primary key."""
    yield (
        figures_hours,
        {
            (number, hour.at): {"number": number, "at": hour.at, "day": day, "hour": hour.hour}
            | {name: counts[name] for name in COUNTS}
            for (number, hour), counts in counted.hours.items()
        },
    )
    yield (
        figures_days,
        {
            (number, day): {"number": number, "day": day} | {name: counts[name] for name in COUNTS}
            for number, counts in counted.days().items()
        },
    )
    yield (
        figures_delays,
        {
            (number, day, tenths): {"number": number, "day": day, "tenths": tenths}
            | {"texts": texts}
            for (number, tenths), texts in counted.delays.items()
        },
    )


def _compared(
    db: Connection, table: Table, day: int, wanted: dict[tuple[Any, ...], dict[str, Any]], most: int
) -> Iterator[Write]:
    keys = tuple(column.name for column in table.primary_key)
    there: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in db.execute(select(table).where(table.c.day == day)).mappings():
        there[tuple(row[key] for key in keys)] = dict(row)
    put = [row for key, row in wanted.items() if key not in there or there[key] != row]
    drop = [key for key in there if key not in wanted]
    for start in range(0, len(put), most):
        yield Write(table, put=put[start : start + most])
    for start in range(0, len(drop), most):
        yield Write(table, drop=drop[start : start + most])


def write(db: Connection, some: Iterable[Write]) -> None:
    """Some of a day's rows."""
    for one in some:
        if one.put:
            db.execute(_PUT[one.table](db), list(one.put))
        if one.drop:
            keys = tuple(one.table.primary_key)
            db.execute(delete(one.table).where(tuple_(*keys).in_(one.drop)))


def _put_into(table: Table) -> Any:
    @per_dialect
    def statement(dialect: str) -> Any:
        keys = [column.name for column in table.primary_key]
        put = insert_for(dialect, table)
        rest = {c.name: put.excluded[c.name] for c in table.columns if c.name not in keys}
        return put.on_conflict_do_update(index_elements=keys, set_=rest)

    return statement


_PUT = {table: _put_into(table) for table in _TABLES}
_ANSWERED = delete(figures_marks).where(
    and_(
        figures_marks.c.quarter == bindparam("of_quarter"),
        figures_marks.c.times == bindparam("of_times"),
    )
)


def answer(db: Connection, marks: Sequence[tuple[int, int]]) -> None:
    """These marks are dealt with; one that was made again since stays."""
    if marks:
        db.execute(_ANSWERED, [{"of_quarter": q, "of_times": times} for q, times in marks])


def mark(db: Connection, day: int, zone: ZoneInfo) -> None:
    """A day is to be counted again, for what no trigger tells."""
    put = insert_for(db.dialect.name, figures_marks)
    again = put.on_conflict_do_update(
        index_elements=["quarter"], set_={"times": figures_marks.c.times + 1}
    )
    db.execute(again, {"quarter": quarter_of(begins(day, zone)), "times": 1})


# --- how far ------------------------------------------------------------------------------------


def filling(db: Connection) -> Filling | None:
    """None: it has not begun."""
    found = db.execute(_META, {"name": _STATE}).scalar_one_or_none()
    return None if found is None else Filling.parsed(found)


def note(db: Connection, state: Filling) -> None:
    _put(db, _STATE, json.dumps(asdict(state)))


def _put(db: Connection, name: str, value: str) -> None:
    put = insert_for(db.dialect.name, meta)
    changed = put.on_conflict_do_update(index_elements=["key"], set_={"value": put.excluded.value})
    db.execute(changed, {"key": name, "value": value})

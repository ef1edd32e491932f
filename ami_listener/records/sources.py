"""The four sources of one Asterisk's records, each read to rows.

CEL tells more than CDR, so its files come first. A source that cannot be read is told, and never
keeps the others from being read. Everything here blocks on files: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from ami_listener.records import columns as known
from ami_listener.records.csv_tail import read_tail
from ami_listener.records.rows import (
    CdrRow,
    CelRow,
    MalformedRowError,
    cdr_row,
    cel_row,
    epoch_of,
)
from ami_listener.records.settings import RecordSettings
from ami_listener.records.table import UnusableTableError, read_table
from ami_listener.records.times import Clock
from textback.model import Source

R = TypeVar("R", CelRow, CdrRow)

#: Seconds by which a row's time may differ from what its Uniqueid says of its birth. A time zone
#: that is not ours is off by a quarter of an hour at least.
OFF = 600.0


@dataclass(slots=True)
class Rows(Generic[R]):
    """What one source holds of the time that was asked for."""

    rows: list[R] = field(default_factory=list)
    malformed: int = 0
    holes: list[tuple[float, float]] = field(default_factory=list)
    truncated: bool = False
    columns: frozenset[str] = frozenset()
    rotated: str = ""  #: an older file that was read as well
    off: float = 0.0  #: seconds by which its clock differs from the Uniqueids'


@dataclass(frozen=True, slots=True)
class Origin:
    """One configured source."""

    key: str  #: of the configuration: cel_csv...
    source: Source
    path: Path
    table: str = ""  #: "" for a CSV file


class UnreadableError(Exception):
    """A source cannot be read; the message says why, and is for the operator."""


def origins(settings: RecordSettings) -> tuple[Origin, ...]:
    """The configured sources, the one that tells most first."""
    s = settings
    found = (
        ("cel_sqlite", Source.CEL, s.cel_sqlite, s.cel_table),
        ("cel_csv", Source.CEL, s.cel_csv, ""),
        ("cdr_sqlite", Source.CDR, s.cdr_sqlite, s.cdr_table),
        ("cdr_csv", Source.CDR, s.cdr_csv, ""),
    )
    return tuple(
        Origin(key, source, path, table) for key, source, path, table in found if path is not None
    )


def read_cel(origin: Origin, settings: RecordSettings, since: float) -> Rows[CelRow]:
    """Raises UnreadableError. `since`: epoch; rows before it are left out."""
    clock = Clock(zone=settings.zone)
    order = known.named(settings.cel_columns, cel=True) or known.CEL_CSV
    raw = _raw(origin, settings, known.CEL_NEEDED, lambda _: order)
    return _rows(raw, since, lambda fields: cel_row(fields, clock), _cel_time, _cel_birth)


def read_cdr(origin: Origin, settings: RecordSettings) -> Rows[CdrRow]:
    """Raises UnreadableError. All rows: of a call that ended in the window, some may be older."""
    # The table's texts are local time, whatever cdr_csv writes.
    clock = Clock(utc=settings.utc and not origin.table, zone=settings.zone)
    order = known.named(settings.cdr_columns, cel=False)
    raw = _raw(origin, settings, known.CDR_NEEDED, lambda width: order or known.cdr_order(width))
    return _rows(raw, 0.0, lambda fields: cdr_row(fields, clock), _cdr_time, _cdr_birth)


def _cel_time(row: CelRow) -> float:
    return row.at


def _cdr_time(row: CdrRow) -> float:
    return row.end


def _cel_birth(row: CelRow) -> float | None:
    return row.at if row.kind == "CHAN_START" else None


def _cdr_birth(row: CdrRow) -> float | None:
    return row.start


# --- raw ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Raw:
    fields: list[dict[str, str] | None]  #: None: something that is no row
    columns: frozenset[str]
    truncated: bool
    rotated: str = ""


def _raw(
    origin: Origin,
    settings: RecordSettings,
    needed: frozenset[str],
    order: Callable[[int], tuple[str, ...] | None],
) -> _Raw:
    try:
        raw = _table(origin, settings) if origin.table else _csv(origin, settings, order)
    except UnusableTableError as error:
        raise UnreadableError(str(error)) from error
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    missing = sorted(needed - raw.columns)
    if missing and (origin.table or raw.columns):
        raise UnreadableError(f"it has no {', '.join(missing)}")
    return raw


def _table(origin: Origin, settings: RecordSettings) -> _Raw:
    table = read_table(origin.path, origin.table, settings.max_rows)
    names = known.named(table.columns, cel=origin.source is Source.CEL)
    rows: list[dict[str, str] | None] = [dict(zip(names, row, strict=True)) for row in table.rows]
    return _Raw(rows, frozenset(names), table.truncated)


def _csv(
    origin: Origin, settings: RecordSettings, order: Callable[[int], tuple[str, ...] | None]
) -> _Raw:
    tail = read_tail(origin.path, settings.max_rows)
    rows: list[dict[str, str] | None] = []
    columns: frozenset[str] = frozenset()
    for texts in tail.rows:
        names = order(len(texts)) if texts is not None else None
        if texts is None or names is None or len(names) != len(texts):
            rows.append(None)
            continue
        columns = frozenset(names)
        rows.append(dict(zip(names, texts, strict=True)))
    if tail.rows and not columns:
        width = len(tail.rows[-1] or ())
        raise UnreadableError(f"its columns ({width}) are not those expected")
    return _Raw(rows, columns, tail.truncated, tail.rotated)


# --- rows ---------------------------------------------------------------------------------------


def _rows(
    raw: _Raw,
    since: float,
    make: Callable[[dict[str, str]], R | None],
    when: Callable[[R], float],
    born: Callable[[R], float | None],
) -> Rows[R]:
    found: Rows[R] = Rows(truncated=raw.truncated, columns=raw.columns, rotated=raw.rotated)
    before: float | None = None
    hole = False
    for fields in raw.fields:
        try:
            row = make(fields) if fields is not None else None
        except MalformedRowError:
            fields, row = None, None
        if row is None:
            if fields is None:
                found.malformed += 1
                hole = True
            continue
        at = when(row)
        if hole:
            found.holes.append((before if before is not None else float("-inf"), at))
            hole = False
        before = at if before is None else max(before, at)
        if at >= since:
            found.rows.append(row)
        else:
            found.truncated = True  # older ones are there, and were left out
    if hole:
        found.holes.append((before if before is not None else float("-inf"), float("inf")))
    found.off = _off(found.rows, born)
    return found


def _off(rows: Sequence[R], born: Callable[[R], float | None]) -> float:
    """By how many seconds births differ from what the Uniqueids say; 0 where they agree."""
    for row in reversed(rows):
        told, at = epoch_of(row.uniqueid), born(row)
        if told is not None and at is not None:
            # A CDR row may begin long after its channel; none begins before it.
            early = at - told
            if abs(early) <= OFF:
                return 0.0
    births = [
        at - told
        for row in rows
        if (at := born(row)) is not None and (told := epoch_of(row.uniqueid)) is not None
    ]
    return min(births, key=abs, default=0.0)

"""The end of a CSV file of Asterisk's, read backwards by size: strict, bounded, rotation included.

These files grow without end and hold what strangers wrote: a caller's name may contain line breaks
and whole made-up rows. Asterisk doubles every quote inside a field, so a line that begins with a
quote and goes on with none begins a row; nothing else is taken for one. A last line that is still
being written has no line end, and waits for the next reading.

Where the file is shorter than what is wanted, the one before the rotation (`.1`, or the newest of
`-DATE`) is read before it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Bytes read of one file, and of the rotated one before it.
MAX_BYTES = 48 * 2**20
MAX_ROW = 65_536

_FIELD = rb'(?:"(?:[^"]|"")*+"|[0-9.-]{0,24})'
_ROW = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+\r?\n")
#: A row begins here for certain: `"X`, or an empty first field and one more.
_BEGIN = re.compile(rb'(?<=\n)"(?:[^"\r\n]|",(?:"[^",\r\n]|"",))')


@dataclass(slots=True)
class Tail:
    """What was read, and what was not."""

    rows: list[list[str] | None]  #: in the order of the file; None: something that is no row
    truncated: bool = False  #: there is more before the first row
    rotated: str = ""  #: name of the older file that was read as well


def read_tail(path: Path, limit: int, *, max_bytes: int = MAX_BYTES) -> Tail:
    """The last `limit` rows of the file, or fewer. Raises OSError."""
    tail = _of(path, max_bytes)
    older = _rotated(path)
    if not tail.truncated and older is not None and len(tail.rows) < limit:
        before = _of(older, max_bytes)
        tail = Tail(
            rows=before.rows + tail.rows,
            truncated=before.truncated,
            rotated=older.name,
        )
    if len(tail.rows) > limit:
        tail.rows = tail.rows[-limit:]
        tail.truncated = True
    return tail


def _of(path: Path, max_bytes: int) -> Tail:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        begin = max(0, size - max_bytes)
        file.seek(begin)
        data = file.read(max_bytes)
    return parse(data, whole=begin == 0)


def _rotated(path: Path) -> Path | None:
    """The file before this one: logrotate's `.1`, or the newest with a date; unpacked ones only."""
    names = [path.with_name(path.name + ".1"), path.with_name(path.name + ".0")]
    names += sorted(path.parent.glob(path.name + "-[0-9]*"), reverse=True)
    return next((p for p in names if p.is_file() and p.suffix != ".gz"), None)


def parse(data: bytes, *, whole: bool) -> Tail:
    """The rows in `data`; without `whole` it begins somewhere within the file."""
    tail = Tail(rows=[], truncated=not whole)
    position = 0
    if not whole:
        first = _next_begin(data, 0)
        position = len(data) if first is None else first
    while position < len(data):
        found = _ROW.match(data, position)
        if found is None:
            # A damaged row, or the last one, still being written.
            following = _next_begin(data, position + 1)
            if following is None:
                break
            tail.rows.append(None)
            position = following
            continue
        position = found.end()
        row = _fields(found[0])
        if row != []:  # an empty line
            tail.rows.append(row)
    return tail


def _next_begin(data: bytes, position: int) -> int | None:
    found = _BEGIN.search(data, position)
    return found.start() if found is not None else None


def _fields(raw: bytes) -> list[str] | None:
    """The fields of one whole row; None when it is no such thing."""
    if len(raw) > MAX_ROW:
        return None
    text = raw.decode("utf-8", "replace")
    try:
        read: Iterator[list[str]] = csv.reader([text], strict=True)
        return next(read)
    except (csv.Error, StopIteration):
        return None

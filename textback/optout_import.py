"""Reads a list of numbers that are not to be texted: plain lines, or CSV with a reason; pure.

+12125550123                      one a line; # begins a comment
number,reason                     a header names the columns (number, phone or mobile; reason)
(212) 555-0123;asked by mail      without one: the number, then the reason
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from textback import phone

#: Octets that are read: a million numbers.
MOST = 50_000_000
_NUMBERS = ("number", "phone", "mobile", "telephone", "phone number", "caller", "msisdn", "to")
_REASONS = ("reason", "note", "comment", "why")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Listed:
    """A number of the list."""

    line: int
    number: str  #: E.164
    reason: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is no number."""

    line: int
    shown: str  #: what stands there, fit for a terminal
    why: str


def read(text: str, country: str) -> tuple[list[Listed], list[Bad]]:
    """The numbers of the list, each once, and the lines that are none, both in their order.

    `country` (ISO 3166): how numbers without + are read. Never raises, whatever the text.
    """
    found: dict[str, Listed] = {}
    bad: list[Bad] = []
    columns: tuple[int, int] | None = None
    for line, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        if not stripped or stripped.startswith("#"):
            continue
        cells = _cells(stripped)
        if columns is None:
            columns = _header(cells)
            if columns is not None:
                continue
            columns = (0, 1)
        number = cells[columns[0]].strip() if columns[0] < len(cells) else ""
        number = number.partition("#")[0].strip() if len(cells) == 1 else number
        full = phone.to_e164(number, country)
        if full is None:
            why = phone.read(number, country).why or "no number"
            bad.append(Bad(line, phone.printable(stripped, 60), why))
            continue
        reason = cells[columns[1]].strip()[:_LONGEST] if 0 <= columns[1] < len(cells) else ""
        found.setdefault(full, Listed(line, full, reason))
    return list(found.values()), bad


def _cells(line: str) -> Sequence[str]:
    # The first of these that stands in the line divides it: numbers have none of them.
    divider = next((d for d in (";", "\t", ",") if d in line), ",")
    try:
        return next(csv.reader([line[:4_000]], delimiter=divider, strict=True), [""])
    except csv.Error:
        return [line]


def _header(cells: Sequence[str]) -> tuple[int, int] | None:
    """Where number and reason stand, when this row names them; None: it is no header."""
    names = [cell.strip().lower() for cell in cells]
    number = next((names.index(name) for name in _NUMBERS if name in names), None)
    if number is None:
        return None
    return number, next((names.index(name) for name in _REASONS if name in names), -1)

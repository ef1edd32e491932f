"""Finds the line of each key in a TOML file, for error messages; `tomllib` does not keep it.

Only text that tomllib has accepted is scanned, so this needs no error handling, and may be lenient:
a key it does not find is reported at the line of its table.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_HEADER = re.compile(r"(\[\[?)((?:\"[^\"\n]*\"|'[^'\n]*'|[^\]\"'\n])*)\]\]?")
_KEY = re.compile(r"((?:\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|[^=\"'\n])+)=")
_PART = re.compile(r"\"((?:\\.|[^\"\\])*)\"|'([^']*)'|([A-Za-z0-9_-]+)")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)
_OPEN, _CLOSE = "[{", "]}"


def locate(text: str) -> dict[Path, int]:
    """{("pbx", 0, "port"): 12}: 1-based lines of tables and keys, inline tables not entered."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    at, line, counted = 0, 1, 0
    while True:
        at = _skip(_BLANK, text, at)
        if at >= len(text):
            return found
        line += text.count("\n", counted, at)
        counted = at
        header = _HEADER.match(text, at)
        if header is not None:
            table = _resolve(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.setdefault(table, line)
            at = header.end()
            continue
        key = _KEY.match(text, at)
        if key is None:  # not a statement we know: go on with the next line
            at = _line_end(text, at)
            continue
        path = (*table, *_parts(key[1]))
        for length in range(len(table) + 1, len(path) + 1):
            found.setdefault(path[:length], line)
        at = _after_value(text, key.end())


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a key, else of the table around it, else 1."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _parts(dotted: str) -> Path:
    return tuple(a or b or c for a, b, c in _PART.findall(dotted))


def _resolve(parts: Path, counts: dict[Path, int]) -> Path:
    """[number.hours] belongs to the [[number]] opened last."""
    path: Path = ()
    for part in parts[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path])
    return (*path, *parts[-1:])


def _after_value(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        char = text[at]
        if char in "\"'":
            at = max(_skip(_STRING, text, at), at + 1)
        elif char == "#":
            at = _line_end(text, at)
        elif char == "\n" and depth == 0:
            return at
        else:
            depth += (char in _OPEN) - (char in _CLOSE)
            at += 1
    return at

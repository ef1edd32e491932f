"""The files of the configuration as one document that knows where each of its parts was written.

conf.d is merged in the order of its file names: a key there overrides the same key before it,
tables in [[double brackets]] are added to those already there; [override] is said over all of it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from textback import config_override, phone
from textback.config_lines import Path, line_of, locate
from textback.config_words import REPEATED

MAX_FILE = 1_048_576  # a config has a few kilobytes; a megabyte is a mistake or an attack
MAX_DEPTH = 12

#: What tomllib says -> what a sysadmin understands.
_SYNTAX = {
    r"Illegal character '\n'": "a text is not closed on its line; add the missing quote",
    "Invalid value": "the value is not written as TOML wants it; put texts in quotes",
    "Cannot overwrite a value": "this key is here for the second time; take one out",
    "Cannot declare": "this table is here for the second time; put its keys together",
}
_TOO_DEEP = "tables or lists are nested too deeply; no key is deeper than four"


@dataclass
class Merged:
    """All files as one document, which knows where each of its parts was written."""

    raw: dict[str, Any] = field(default_factory=dict)
    #: For each file: its name, its lines, and how far its [[tables]] are shifted in `raw`.
    files: list[tuple[str, dict[Path, int], dict[str, int]]] = field(default_factory=list)
    #: Where a key was written that stands somewhere else in `raw`.
    overridden: dict[Path, Path] = field(default_factory=dict)

    def written(self, path: Path) -> Path:
        """The path under which a key is found in its file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overridden:
                return (*self.overridden[path[:length]], *path[length:])
        return path

    def where(self, path: Path) -> str:
        """FILE:LINE of a key: in the file that says it last, or holds its table."""
        path = self.written(path)
        best, place = 0, f"{self.files[0][0]}:1"
        for name, lines, shift in self.files:
            local = path
            head = 2 if path[:2] == (config_override.TABLE, "number") else 1
            if len(path) > head and isinstance(index := path[head], int):
                key = ".".join(str(step) for step in path[:head])
                local = (*path[:head], index - shift.get(key, 0), *path[head + 1 :])
            depth = next((n for n in range(len(local), 0, -1) if local[:n] in lines), 0)
            if depth and depth >= best:
                best, place = depth, f"{name}:{line_of(lines, local)}"
        return place


def read(path: FilePath, errors: list[str], owners: dict[FilePath, int]) -> str | None:
    """The text, and in `owners` whose file it is; None, and why in `errors`."""
    try:
        with path.open("rb") as file:
            owners[path] = os.fstat(file.fileno()).st_uid
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or str(error)
        hint = "create it, or give the path of another"
        errors.append(f"{phone.printable(str(path), 200)}:1: cannot be read ({why}); {hint}")
        return None
    if len(data) > MAX_FILE:
        errors.append(f"{path}:1: is larger than {MAX_FILE} bytes; is it a configuration?")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        errors.append(f"{path}:{line}: is not UTF-8; save it with that encoding")
        return None


def merge(texts: Iterable[tuple[str, str]], errors: list[str]) -> Merged:
    """The files, as their name and text."""
    merged = Merged()
    for name, text in texts:
        raw = _parse(name, text, errors)
        if raw is None:
            continue
        shift = {}
        for key in REPEATED:
            before = merged.raw.get(key)
            shift[key] = len(before) if isinstance(before, list) else 0
        shift["override.number"] = config_override.length(merged.raw)
        merged.files.append((name, locate(text), shift))
        _merge_into(merged.raw, raw)
    return merged


def _merge_into(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        before = target.get(key)
        if isinstance(before, dict) and isinstance(value, Mapping):
            _merge_into(before, value)
        elif isinstance(before, list) and isinstance(value, list) and key in REPEATED:
            before.extend(value)
        else:
            target[key] = value


def _parse(name: str, text: str, errors: list[str]) -> dict[str, Any] | None:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, rest = str(error).rpartition(" (at ")
        line = "".join(c for c in rest.partition(",")[0] if c.isdigit())
        if not line:  # "(at end of document)"
            line = str(text.count("\n") + 1)
        shown = f"{phone.printable(message or str(error), 200)}; mend the TOML syntax there"
        message = next((v for k, v in _SYNTAX.items() if message.startswith(k)), shown)
        errors.append(f"{name}:{line}: {message}")
        return None
    except RecursionError:
        errors.append(f"{name}:1: {_TOO_DEEP}")
        return None
    except (ValueError, OverflowError) as error:
        errors.append(f"{name}:1: cannot be read as TOML ({phone.printable(str(error), 100)})")
        return None
    if _depth(raw) > MAX_DEPTH:
        errors.append(f"{name}:1: {_TOO_DEEP}")
        return None
    return raw


def _depth(value: Any) -> int:
    """How deep the nesting goes, without recursing into it."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for part in level
            if isinstance(part, dict | list)
            for child in (part.values() if isinstance(part, dict) else part)
        ]
    return depth

"""Collects what is wrong with a config, each mistake once, each with the file and line it is in."""

from __future__ import annotations

import errno
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any

from textback.config_lines import Path


class Findings:
    """Errors and warnings as "FILE:LINE: table.key: what is wrong; what to do"."""

    def __init__(
        self,
        raw: Mapping[str, Any],
        where: Callable[[Path], str],
        written: Callable[[Path], Path] = lambda path: path,
    ) -> None:
        """`written`: the path under which a key stands in its file, where that is another."""
        #: The document as written, all files merged.
        self.raw = raw
        self.where = where
        self._written = written
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._wrong: set[Path] = set()

    def error(self, path: Path, text: str) -> None:
        self._wrong.add(path)
        _add(self.errors, f"{self.where(path)}: {_dotted(self._written(path))}: {text}")

    def warning(self, path: Path, text: str) -> None:
        _add(self.warnings, f"{self.where(path)}: {_dotted(self._written(path))}: {text}")

    def error_at(self, place: str, text: str) -> None:
        """An error in a file beside the config; `place` is FILE:LINE."""
        _add(self.errors, f"{place}: {text}")

    def is_wrong(self, path: Path) -> bool:
        """Whether there is an error at this key or inside it."""
        return any(wrong[: len(path)] == path for wrong in self._wrong)

    def of_number(self, index: int, key: str) -> Path:
        """Where a number's key was written: in its own table, or in [defaults]."""
        numbers = self.raw.get("number", [])
        own = key in numbers[index] if index < len(numbers) else False
        if not own and key in self.raw.get("defaults", {}):
            return ("defaults", key)
        return ("number", index, key)

    def in_order(self) -> list[str]:
        """The errors in the order of files and lines."""
        return sorted(self.errors, key=_place)

    def warnings_in_order(self) -> list[str]:
        return sorted(self.warnings, key=_place)


def _place(text: str) -> tuple[str, int]:
    found = re.match(r"(.*?):(\d+): ", text, re.DOTALL)
    return (found[1], int(found[2])) if found else ("", 0)


def _dotted(path: Path) -> str:
    printable = (re.sub(r"[^\x20-\x7e]", "?", p)[:40] for p in path if isinstance(p, str))
    return ".".join(printable)


def _add(texts: list[str], text: str) -> None:
    if text not in texts:
        texts.append(text)


def no_pipe(file: FilePath) -> None:
    """Raises OSError for a pipe, and for what is not there (ValueError for what is no path).

    Opening one that nobody writes to waits for ever, and a reload and a stop with it.
    """
    if stat.S_ISFIFO(file.stat().st_mode):
        raise OSError(errno.EINVAL, "it is a pipe")

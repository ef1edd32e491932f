"""conf.d/console.toml, the one file of the configuration that the service itself writes.

It holds [override] and nothing else. What stands in it is read as values, changed by key, and
written whole: a comment in it does not last, a value that somebody wrote by hand does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from textback import phone
from textback.config_lines import line_of, locate
from textback.config_override import TABLE, same

NAME = "console.toml"
MODE = 0o640
_HEADER = """\
# Written by the console of textback ("Numbers"), over what the other files say. What you change
# here by hand is kept, comments are not. A file of conf.d with a later name counts for more.
"""


class ManagedError(Exception):
    """The file cannot be read or written, or is not the console's; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One key of one number, or `mode`; None for what the other files say."""

    did: str  #: "" for `mode`
    key: str
    value: Any


@dataclass(slots=True)
class Overrides:
    """The [override] of one file, as values."""

    mode: Any = None
    numbers: list[dict[str, Any]] = field(default_factory=list)

    def get(self, did: str, key: str, country: str) -> Any:
        """The value this file gives the key; None: it does not speak of it."""
        if not did:
            return self.mode
        return next((n.get(key) for n in self.numbers if _is(n, did, country)), None)

    def put(self, edit: Edit, country: str) -> None:
        """Raises nothing; a number that has no key left loses its table."""
        if not edit.did:
            self.mode = edit.value
            return
        table = next((n for n in self.numbers if _is(n, edit.did, country)), None)
        if table is None:
            table = {"did": edit.did}
            self.numbers.append(table)
        if edit.value is None:
            table.pop(edit.key, None)
        else:
            table[edit.key] = edit.value
        self.numbers = [n for n in self.numbers if set(n) - {"did"}]


def _is(table: Mapping[str, Any], did: str, country: str) -> bool:
    spelt = table.get("did")
    return isinstance(spelt, str) and same(spelt, country) == same(did, country)


# --- the file -----------------------------------------------------------------------------------


def path_of(main: Path) -> Path:
    """The managed file beside `main` (textback.toml)."""
    return main.parent / "conf.d" / NAME


def read(path: Path) -> str | None:
    """The file's text; None: there is none. Raises ManagedError."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ManagedError(f"{path} cannot be read: {why}") from error


def digest(text: str | None) -> str:
    """What a page remembers of the file it was made from."""
    return hashlib.sha256((text or "").encode("utf-8", "surrogatepass")).hexdigest()[:16]


def parse(text: str | None, path: Path) -> Overrides:
    """Raises ManagedError for what the console did not write and must not write over."""
    try:
        raw = tomllib.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise ManagedError(f"{path} is not TOML: {phone.printable(str(error), 200)}") from error
    table = raw.pop(TABLE, {})
    if raw:
        keys = ", ".join(phone.printable(key, 40) for key in raw)
        text = f"{path} was written by hand: it has {keys}, and the console's file has [override]"
        raise ManagedError(f"{text} only; give that file another name")
    numbers = table.pop("number", []) if isinstance(table, dict) else None
    mode = table.pop("mode", None) if isinstance(table, dict) else None
    if table or not isinstance(numbers, list) or not all(isinstance(n, dict) for n in numbers):
        raise ManagedError(f"{path} has an [override] that is wrong; see textback check-config")
    return Overrides(mode, numbers)


def put(path: Path, text: str | None) -> None:
    """Have `text` in the file, or no file: whole or not at all, also over a power cut.

    Keeps group (and, as root, owner) of the file that was there. Raises ManagedError.
    """
    try:
        if text is None:
            path.unlink(missing_ok=True)
        else:
            _replace(path, text.encode("utf-8"))
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ManagedError(f"{path} cannot be written: {error.strerror}") from error


def _replace(path: Path, data: bytes) -> None:
    # Not *.toml, so that no reload ever reads it.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _keep_owner(file.fileno(), path)
            os.fchmod(file.fileno(), MODE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def _keep_owner(new: int, path: Path) -> None:
    try:
        before = path.stat()
    except FileNotFoundError:
        return
    made = os.fstat(new)
    uid = before.st_uid if os.geteuid() == 0 else made.st_uid
    if (uid, before.st_gid) != (made.st_uid, made.st_gid):
        # A group the service is not in stays behind: the file is still the service's own.
        with contextlib.suppress(OSError):
            os.fchown(new, uid, before.st_gid)


def obstacle(path: Path) -> str:
    """Why the file could not be written, with what to do; "" when it could."""
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {folder}: make it, writable by the service's user"
    if not os.access(folder, os.W_OK | os.X_OK):
        return (
            f"the service may not write in {folder}: chmod 3770 {folder}, and let its unit have "
            f"ReadWritePaths=-{folder}"
        )
    try:
        status, at = path.stat(), folder.stat()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path} cannot be looked at: {error.strerror}"
    # In a folder with the sticky bit a file is replaced by its owner alone.
    if at.st_mode & 0o1000 and os.geteuid() not in (0, status.st_uid, at.st_uid):
        return f"{path} belongs to somebody else: chown the service's user {path}"
    return ""


def refused(
    main: Path, files: Iterable[Path], texts: Mapping[str, str], owners: Mapping[Path, int]
) -> list[str]:
    """Mistakes: what the service's own user says to root beyond [override].

    The service may write in conf.d. Whoever got hold of it must not lead root's own commands to
    other files by way of a configuration. `owners` are those of the files as they were read: by
    now another one may be there under that name.
    """
    if os.geteuid() != 0:
        return []
    errors = []
    for file in files:
        if owners.get(file, 0) in (0, owners.get(main)):
            continue  # root's, or its text was given
        text = texts.get(str(file), "")
        lines = locate(text)
        errors += [
            f"{file}:{line_of(lines, (key,))}: {phone.printable(key, 40)}: this file is not root's "
            f"and may have [override] only; if it is yours: chown root {file}"
            for key in tomllib.loads(text)
            if key != TABLE
        ]
    return errors


# --- writing TOML -------------------------------------------------------------------------------


def write(overrides: Overrides) -> str | None:
    """The file's text; None: it has nothing to say. Raises ManagedError for what has no TOML."""
    if overrides.mode is None and not overrides.numbers:
        return None
    lines = [_HEADER, f"[{TABLE}]"]
    if overrides.mode is not None:
        lines.append(f"mode = {value(overrides.mode)}")
    for number in overrides.numbers:
        lines += ["", f"[[{TABLE}.number]]"]
        tables = {k: v for k, v in number.items() if isinstance(v, dict) and k == "hours"}
        lines += [f"{_key(k)} = {value(v)}" for k, v in number.items() if k not in tables]
        for name, table in tables.items():
            lines += ["", f"[{TABLE}.number.{name}]"]
            lines += [f"{_key(k)} = {value(v)}" for k, v in table.items()]
    return "\n".join(lines) + "\n"


def value(said: Any) -> str:
    """A value as TOML, on one line. Raises ManagedError."""
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, str):
        return _text(said)
    if isinstance(said, int | float):
        return repr(said)
    if isinstance(said, date):  # a datetime is one
        return said.isoformat()
    if isinstance(said, list | tuple):
        return "[" + ", ".join(value(one) for one in said) + "]"
    if isinstance(said, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {value(v)}" for k, v in said.items()) + " }"
    raise ManagedError(f"{type(said).__name__} cannot be written as TOML")


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").isalnum() else _text(name)


_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _text(said: str) -> str:
    """A basic string. What is not to be seen is escaped, so that a reader sees what is sent."""
    if any("\ud800" <= c <= "\udfff" for c in said):
        raise ManagedError("a text has half a character (a lone surrogate) in it")
    return '"' + "".join(map(_character, said)) + '"'


def _character(c: str) -> str:
    if c in _SHORT:
        return _SHORT[c]
    if c.isprintable():
        return c
    return f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}"

"""Reads textback.toml and conf.d/*.toml into a Config, or reports every mistake at once.

conf.d is merged in the order of its file names: a key there overrides the same key before it,
tables in [[double brackets]] are added to those already there; [override] is said over all of it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Literal

from pydantic import ValidationError

from textback import (
    config_check,
    config_managed,
    config_override,
    config_secrets,
    config_warn,
    phone,
)
from textback.compose import Measure
from textback.config import CATCH_ALL, Config, ConfigError
from textback.config_findings import Findings
from textback.config_lines import Path, line_of, locate
from textback.config_words import (
    REPEATED,
    TABLES,
    explain,
    locate_error,
    unknown_table,
    wrong_brackets,
)

DEFAULT_PATH = "/etc/textback/textback.toml"
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
class _Merged:
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


def load(
    path: str | os.PathLike[str] = DEFAULT_PATH,
    *,
    measure: Measure | None = None,
    need_secrets: bool = True,
    instead: Mapping[FilePath, str] | None = None,
) -> Config:
    """The configuration in `path` and the conf.d beside it.

    `measure` sizes messages for the warnings. With `need_secrets` False a secret that cannot be
    read here (another user's file, a systemd credential outside its service) is a warning.
    `instead` has texts that are read in place of files of conf.d, which need not be there.
    Raises ConfigError with every mistake found; nothing else.
    """
    main = FilePath(path)
    extra: list[FilePath] = []
    errors: list[str] = []
    try:
        folder = main.parent / "conf.d"
        if folder.is_dir():
            extra = sorted({*folder.glob("*.toml"), *(instead or {})})
    except OSError as error:
        errors.append(f"{folder}:1: cannot be read ({error.strerror}); mend its permissions")
    texts: list[tuple[str, str]] = []
    owners: dict[FilePath, int] = {}
    for file in (main, *extra):
        text = instead[file] if instead and file in instead else _read(file, errors, owners)
        if text is not None:
            texts.append((str(file), text))
    merged = _merge(texts, errors)
    if not errors:
        errors += config_managed.refused(main, extra, dict(texts), owners)
    if errors:
        raise ConfigError(errors)
    return _build(merged, main.parent, measure, need_secrets)


def loads(
    text: str,
    *,
    name: str = "textback.toml",
    folder: str | os.PathLike[str] = ".",
    measure: Measure | None = None,
    need_secrets: bool = True,
) -> Config:
    """The configuration in a text; `folder` is where its relative paths begin. Else as `load`."""
    errors: list[str] = []
    merged = _merge([(name, text)], errors)
    if errors:
        raise ConfigError(errors)
    return _build(merged, FilePath(folder), measure, need_secrets)


def catch_all(
    country: str = "US",
    *,
    timezone: str = "UTC",
    pbx: str = "pbx",
    unknown_presentation: Literal["skip", "send"] = "skip",
    **defaults: Any,
) -> Config:
    """A configuration that watches every number and sends nothing: for `replay` without a file."""
    raw = {
        "mode": "shadow",
        "business": {"name": "the business", "country": country, "timezone": timezone},
        "pbx": [{"name": pbx, "unknown_presentation": unknown_presentation}],
        "defaults": defaults,
        "number": [{"did": CATCH_ALL}],
    }
    return Config.model_validate(raw)


def _read(path: FilePath, errors: list[str], owners: dict[FilePath, int]) -> str | None:
    """The text, and whose file it is."""
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


def _merge(texts: Iterable[tuple[str, str]], errors: list[str]) -> _Merged:
    merged = _Merged()
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


def _build(
    merged: _Merged, folder: FilePath, measure: Measure | None, need_secrets: bool
) -> Config:
    found = Findings(merged.raw, merged.where, merged.written)
    applied = config_override.apply(merged.raw, found)
    merged.overridden = {one.path: one.written for one in applied}
    parts = _validate(merged.raw, found)
    _make_absolute(parts, folder.absolute())
    config_secrets.resolve(parts, found, need_secrets)
    staff, block = config_check.check_lists(parts, found, folder)
    config_check.check_tls(parts, found)
    config_check.cross_check(parts, found)
    if found.errors:
        raise ConfigError(found.in_order())
    config = Config.model_validate(parts)
    config_warn.warn(config, found, measure)
    return config.with_findings(
        warnings=found.warnings_in_order(),
        staff=staff,
        block=block,
        overrides=config_override.told(applied, config.number, found),
    )


def _make_absolute(parts: dict[str, Any], folder: FilePath) -> None:
    """Relative paths begin at the folder of the config, wherever the service was started."""
    paths = {
        "store": ("path",),
        "console": ("tls_cert", "tls_key", "proxy_secret_file"),
        "pbx": ("secret_file", "tls_ca", "record"),
        "smsc": ("password_file", "tls_ca", "tls_cert", "tls_key"),
        "webhook": ("url_file", "secret_file", "old_secret_file", "tls_ca"),
        "notify": ("url_file",),
    }
    if (people := parts["contacts"]) is not None:
        files = tuple(str(folder / name) for name in people.files)
        parts["contacts"] = people.model_copy(update={"files": files})
    for table, keys in paths.items():
        tables = parts[table] if table in REPEATED else [parts[table]]
        for index, value in enumerate(tables):
            if value is None:
                continue
            given = {k: v for k in keys if (v := getattr(value, k)) and "://" not in v}
            tables[index] = value.model_copy(
                update={k: v if v == ":memory:" else str(folder / v) for k, v in given.items()}
            )
        parts[table] = tables if table in REPEATED else tables[0]


def _validate(raw: dict[str, Any], found: Findings) -> dict[str, Any]:
    """Every table by itself, so that a mistake in one hides none in another."""
    parts: dict[str, Any] = {}
    for name, value in raw.items():
        if name == "mode":
            _validate_mode(value, found)
            parts["mode"] = value
        elif name not in TABLES:
            found.error((name,), unknown_table(name))
        elif name in REPEATED and not _is_tables(value):
            text = unknown_table(name) if isinstance(value, str) else wrong_brackets(name)
            found.error((name,), text)
            raw[name] = []
        elif name not in REPEATED and not isinstance(value, dict):
            found.error((name,), wrong_brackets(name))
            raw[name] = {}
    for name, model in TABLES.items():
        value = raw.get(name, [] if name in REPEATED else {})
        if name == "number":
            continue
        if name in REPEATED:
            parts[name] = [_table(model, v, (name, i), found) for i, v in enumerate(value)]
        else:
            wrong = found.is_wrong((name,))
            parts[name] = None if wrong else _table(model, value, (name,), found)
    parts["number"] = _numbers(raw, found)
    return parts


def _numbers(raw: dict[str, Any], found: Findings) -> list[Any]:
    """[[number]]s over [defaults]; a mistake in [defaults] is reported there, and only there."""
    defaults = {
        key: value
        for key, value in raw.get("defaults", {}).items()
        if not found.is_wrong(("defaults", key))
    }
    return [
        _table(TABLES["number"], {**defaults, **own}, ("number", index), found)
        for index, own in enumerate(raw.get("number", []))
    ]


def _table(model: Any, value: Mapping[str, Any], path: Path, found: Findings) -> Any | None:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            location = (*path, *locate_error(detail, model))
            found.error(location, explain(detail, model))
        return None


def _validate_mode(value: object, found: Findings) -> None:
    if value not in ("live", "shadow"):
        shown = phone.printable(repr(value), 60)
        found.error(("mode",), f"{shown} is not one of the allowed words; allowed: live, shadow")


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, dict) for v in value)

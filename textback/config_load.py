"""Reads textback.toml and conf.d/*.toml into a Config, or reports every mistake at once.

How the files become one document is in `config_files`; here it is validated, table by table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Literal

from pydantic import ValidationError

from textback import (
    config_check,
    config_files,
    config_managed,
    config_override,
    config_secrets,
    config_warn,
    phone,
)
from textback.compose import Measure
from textback.config import CATCH_ALL, Config, ConfigError
from textback.config_findings import Findings
from textback.config_lines import Path
from textback.config_words import (
    REPEATED,
    TABLES,
    explain,
    locate_error,
    unknown_table,
    wrong_brackets,
)

DEFAULT_PATH = "/etc/textback/textback.toml"


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
        text = (instead or {}).get(file)
        if text is None:
            text = config_files.read(file, errors, owners)
        if text is not None:
            texts.append((str(file), text))
    merged = config_files.merge(texts, errors)
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
    merged = config_files.merge([(name, text)], errors)
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


def _build(
    merged: config_files.Merged, folder: FilePath, measure: Measure | None, need_secrets: bool
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

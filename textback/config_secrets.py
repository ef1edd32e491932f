"""Fetches the secrets of all tables: from the key, a file, or a systemd credential."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path as FilePath
from typing import Any

from pydantic import SecretStr

from textback.config_findings import Findings, no_pipe
from textback.config_lines import Path

MAX_SECRET = 4096
#: What stands in conf/textback.toml and conf/asterisk; the second fits SMPP's eight characters.
#: Of a bind's password, its NUL left out (SMPP 3.4 section 5.2.2).
MAX_PASSWORD = 8
#: Every secret there is: its table, and the key that may hold it in the open.
SECRETS = (
    *(("pbx", "secret"), ("smsc", "password")),
    *(("webhook", "url"), ("webhook", "secret"), ("webhook", "old_secret"), ("notify", "url")),
    ("console", "proxy_secret"),
)
#: Need not be there at all.
OPTIONAL = frozenset({"old_secret", "proxy_secret"})
#: What to set where an empty one was given.
EMPTY = {
    ("pbx", "secret"): "the secret of the AMI user",
    ("webhook", "secret"): "what the other side knows too",
    ("webhook", "old_secret"): "the secret before this one, or take it out",
    ("webhook", "url"): "the address",
    ("notify", "url"): "the address",
    ("console", "proxy_secret"): "what the proxy sends in X-Textback-Proxy",
}
_WHAT = {"url": "address"}
_PLACEHOLDERS = frozenset({"change-me", "changeme"})


def resolve(parts: dict[str, Any], found: Findings, need: bool) -> None:
    """Put the secrets into the tables in `parts`, whose paths are absolute.

    With `need` False a secret that cannot be fetched is a warning and left empty.
    """
    for table, key in SECRETS:
        once = not isinstance(parts[table], list)
        for index, link in enumerate([parts[table]] if once else parts[table]):
            if link is None:
                continue
            path: Path = (table,) if once else (table, index)
            if key in OPTIONAL and not link.model_fields_set.intersection(_ways(key)):
                continue
            if once and not _any(link, key):  # empty, as it is by default
                continue
            secret = _one(link, key, path, found, need)
            if getattr(link, key).get_secret_value():
                file = found.where((*path, key)).rpartition(":")[0]
                _warn_if_public(file, "holds a secret", (*path, key), found)
            fetched = link.model_copy(update={key: SecretStr(secret)})
            if once:
                parts[table] = fetched
            else:
                parts[table][index] = fetched


def _ways(key: str) -> list[str]:
    return [key, f"{key}_file", f"{key}_credential"]


def _any(link: Any, key: str) -> bool:
    return bool(getattr(link, key).get_secret_value()) or any(
        getattr(link, way) for way in _ways(key)[1:]
    )


def _one(link: Any, key: str, path: Path, found: Findings, need: bool) -> str:
    ways = _ways(key)
    given = [w for w in ways[1:] if getattr(link, w)]
    if key in link.model_fields_set:
        given.insert(0, key)  # even when empty: some carriers give no password
    if len(given) != 1:
        none = f"no {_WHAT.get(key, 'secret')} is set"
        problem = f"{' and '.join(given)} are both set" if given else none
        found.error(
            (*path, given[-1] if given else key), f"{problem}; set one of {', '.join(ways)}"
        )
        return ""
    way = given[0]
    where, value = (*path, way), getattr(link, way)
    if way == key:
        text, problem = value.get_secret_value(), ""
    elif way.endswith("_file"):
        text, problem = _read(FilePath(value))
        if not problem:
            _warn_if_public(value, "holds a secret", where, found)
    else:
        text, problem = _credential(value, need)
    if problem:
        (found.error if need else found.warning)(where, problem)
    elif not text and (path[0], key) in EMPTY:
        found.error(where, f"is empty; set {EMPTY[str(path[0]), key]}")
    elif re.search(r"[\x00-\x1f\x7f]", text):
        found.error(where, "has a control character; a secret is one line")
    elif not text.isascii() and key == "password":
        found.error(where, "has characters that SMPP cannot carry; use ASCII only")
    elif len(text) > MAX_PASSWORD and key == "password":
        found.error(where, f"has {len(text)} characters; SMPP 3.4 carries {MAX_PASSWORD} at most")
    elif text in _PLACEHOLDERS:
        found.warning(where, "is still the sample's; set the real one")
    return str(text)


def _credential(name: str, need: bool) -> tuple[str, str]:
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not re.fullmatch(r"[A-Za-z0-9_.@-]+", name) or name in {".", ".."}:
        return "", "is not the name of a credential; write the ID of LoadCredential=ID:PATH"
    if not folder and not need:
        told = "is a systemd credential, which the service alone is given"
        return "", f"{told}; see what `textback doctor` says of this link"
    if not folder:
        return "", "systemd gave no credentials; add LoadCredential= to the unit, or use a file"
    return _read(FilePath(folder) / name)


def _read(file: FilePath) -> tuple[str, str]:
    try:
        no_pipe(file)
        with file.open("rb") as opened:
            data = opened.read(MAX_SECRET + 1)
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return "", f"{file} is not text; it must hold the secret and nothing else"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or "not a path"
        return "", f"{file} cannot be read ({why}); create it, readable by the service's user"
    if len(data) > MAX_SECRET:
        return "", f"{file} is larger than {MAX_SECRET} bytes; it must hold the secret alone"
    return text, "" if text else f"{file} is empty; it must hold the secret"


def _warn_if_public(file: str, what: str, path: Path, found: Findings) -> None:
    try:
        mode = FilePath(file).stat().st_mode
    except (OSError, ValueError):
        return  # a text that never was a file
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        found.warning(path, f"{file} {what} and is readable by everybody; chmod 0640 {file}")

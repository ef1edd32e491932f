"""Erased people, by keyed hash only: they count as opted out until they write START themselves.

The key lies beside the database, never in it: a copy of the database alone does not tell whose
hashes these are, though there are few enough telephone numbers to try them all. It is made at the
first erasure. When it is lost no hash can be told from another, so then nobody is texted, and the
gate, doctor and start say why.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from textback.store.errors import StoreError
from textback.store.sql import chunks, insert_for, per_dialect
from textback.store.tables_people import suppressed

#: The file of the key, beside the database.
KEY_FILE = "suppression.key"
#: Where it is when the database is no file.
ELSEWHERE = Path("/var/lib/textback") / KEY_FILE
_BYTES = 32

_FIND = select(suppressed.c.at).where(suppressed.c.number_hash == bindparam("hashed"))
#: Whether anybody is on the list.
LISTED = select(suppressed.c.number_hash).exists()
_LISTED = select(LISTED)
_AMONG = select(suppressed.c.number_hash, suppressed.c.at).where(
    suppressed.c.number_hash.in_(bindparam("hashes", expanding=True))
)
_ALL = select(suppressed.c.number_hash)
_LIFT = delete(suppressed).where(suppressed.c.number_hash == bindparam("hashed"))


@per_dialect
def _suppress(dialect: str) -> Any:
    # A second erasure changes nothing: the first date is the one that counts.
    return insert_for(dialect, suppressed).on_conflict_do_nothing()


class KeyMissingError(StoreError):
    """There are hashes, and the key they were made with is not there or not ours to read."""


def key_path(db: Connection) -> Path:
    """Where the key of this database is, or will be."""
    url = db.engine.url
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return Path(str(url.database)).with_name(KEY_FILE)
    return ELSEWHERE


def hashed(key: bytes, number: str) -> str:
    """HMAC-SHA256 of a number in E.164, hexadecimal."""
    return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=8)
def _read(path: Path, inode: int, changed: int) -> bytes:
    """The key in this file; `inode` and `changed` (ns) tell one file from its successor."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no key of ours"
        raise KeyMissingError(f"{path} cannot be read ({why}): restore it from a backup") from error
    if len(key) != _BYTES:
        raise KeyMissingError(f"{path} is no key of ours: restore it from a backup")
    return key


def load(path: Path) -> bytes | None:
    """The key; None: there is no such file. Raises KeyMissingError for one that is no use."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyMissingError(f"{path} cannot be looked at ({error.strerror})") from error
    return _read(path, found.st_ino, found.st_mtime_ns)


def make(path: Path) -> bytes:
    """The key, made now where there is none: mode 0600, of whoever owns the folder, on the disk.

    Raises StoreError when it cannot be written.
    """
    there = load(path)
    if there is not None:
        return there
    key = secrets.token_bytes(_BYTES)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            folder = path.parent.stat()
            if os.geteuid() == 0:
                # The service is another user, and must read what root makes here.
                os.fchown(file.fileno(), folder.st_uid, folder.st_gid)
            file.write(key.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError:
        again = load(path)
        if again is not None:
            return again
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be made ({error.strerror})") from error
    return key


def key_of(db: Connection, *, listed: bool | None = None) -> bytes | None:
    """The key; None where there is neither a key nor a hash. Raises KeyMissingError.

    `listed`: whether there is a hash, where that has been asked already.
    """
    path = key_path(db)
    key = load(path)
    if key is None and (db.execute(_LISTED).scalar_one() if listed is None else listed):
        raise KeyMissingError(
            f"{path} is missing, and people were erased with it: nobody is texted until it is "
            "restored from a backup"
        )
    return key


def make_key(db: Connection) -> bytes:
    """The key, made now where there is neither a key nor a hash. Raises KeyMissingError."""
    return key_of(db) or make(key_path(db))


def suppress(db: Connection, key: bytes, number: str, at: datetime) -> str:
    """Puts the number's hash on the list; returns it."""
    value = hashed(key, number)
    db.execute(_suppress(db), {"number_hash": value, "at": at, "reason": "erased"})
    return value


def is_suppressed(db: Connection, number: str, *, listed: bool | None = None) -> str:
    """Why this number (E.164) is not texted, for gates; "" when it was not erased.

    One look-up by key. Never raises for a key that is lost:
    what it then says is why nobody is texted. `listed`: as in `key_of`.
    """
    found = among(db, [number] if number else [], listed=listed)
    return found.get(number, "")


def among(db: Connection, numbers: Sequence[str], *, listed: bool | None = None) -> dict[str, str]:
    """Those of many numbers (E.164) that are not texted, and why: as `is_suppressed`."""
    if not numbers:
        return {}
    try:
        key = key_of(db, listed=listed)
    except KeyMissingError as error:
        return dict.fromkeys(numbers, str(error))
    if key is None or listed is False:
        return {}
    whose = {hashed(key, number): number for number in numbers}
    found: dict[str, str] = {}
    for some in chunks(list(whose)):
        for row in db.execute(_AMONG, {"hashes": some}):
            found[whose[row.number_hash]] = f"erased at their wish, {row.at:%Y-%m-%d %H:%M} UTC"
    return found


def was_erased(db: Connection, spelt: str) -> bool:
    """Whether a number as a carrier spells it, with or without its plus, is on the list. A key that
    is lost makes nobody erased here: this is asked of what is to be kept."""
    try:
        key = key_of(db) if spelt else None
    except KeyMissingError:
        return False
    if key is None:
        return False
    full = "+" + spelt.lstrip("+")
    return db.execute(_FIND, {"hashed": hashed(key, full)}).first() is not None


def erased_among(db: Connection, numbers: Iterable[str]) -> list[str]:
    """Those of many numbers (E.164) that are on the list: for imports."""
    try:
        key = key_of(db)
    except KeyMissingError:
        return []
    hashes = set(db.execute(_ALL).scalars()) if key is not None else set()
    if key is None or not hashes:
        return []
    return [number for number in numbers if hashed(key, number) in hashes]


def lift(db: Connection, number: str) -> bool:
    """The handset asked for texts again. False: it was not on the list (or the key is lost)."""
    try:
        key = key_of(db)
    except KeyMissingError:
        return False
    if key is None:
        return False
    return db.execute(_LIFT, {"hashed": hashed(key, number)}).rowcount > 0

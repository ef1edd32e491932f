"""The store's verbs on keeping and forgetting: retention, export, erasure."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, select

from textback.keeping_spelling import Spelling
from textback.store import erasing, exporting, finding, retention, suppression
from textback.store.engine import Database
from textback.store.erasing import Erased
from textback.store.finding import Mention
from textback.store.retention import Batch
from textback.store.sql import insert_for, per_dialect
from textback.store.tables import meta
from textback.store.tables_carrier import replies

#: Keys of `meta`: when a purge last came to its end, and what it deleted.
PURGED_AT, PURGED_ROWS = "purged_at", "purged_rows"
#: Bytes read at a time when the database's files are searched.
_PIECE = 2**22
#: Pages given back to the file system at a time: a write of a few milliseconds.
_PAGES = 200

_META = select(meta.c.value).where(meta.c.key == bindparam("name"))


_SAID = select(replies.c.id).where(replies.c.text == bindparam("said")).limit(1)


@per_dialect
def _set_meta(dialect: str) -> Any:
    put = insert_for(dialect, meta)
    return put.on_conflict_do_update(index_elements=["key"], set_={"value": put.excluded.value})


class Keeping:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    # --- a person ---

    async def mentions(self, who: Spelling) -> list[Mention]:
        """Where the number stands in any spelling: every table is read through, in pieces."""
        found: list[Mention] = []
        for span in await self._db.read(finding.spans):
            found += await self._db.read(partial(finding.mentions, who=who, span=span))
        return found

    async def export_person(self, who: Spelling) -> dict[str, Any]:
        """Everything there is about the number, rows by table, as plain values."""
        mentioned = await self.mentions(who)
        return await self._db.read(lambda db: exporting.export(db, who, mentioned))

    async def under_way(self, who: Spelling, now: datetime) -> str:
        """What keeps the number from being erased just now, in words; "" for nothing."""
        return await self._db.read(lambda db: erasing.under_way(db, who, now))

    async def erase_person(self, who: Spelling, *, by: str, reason: str, now: datetime) -> Erased:
        """Everything about the number goes, in one transaction; a keyed hash of it stays.

        Raises UnderWayError (nothing was changed) and KeyMissingError.
        """
        mentioned = await self.mentions(who)
        return await self._db.write(
            lambda db: erasing.erase(db, who, mentioned, by=by, reason=reason, now=now)
        )

    async def nobody_elses(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Of these texts those that no other handset has written."""
        some = tuple(texts)
        return await self._db.read(
            lambda db: tuple(
                said for said in some if db.execute(_SAID, {"said": said}).first() is None
            )
        )

    async def in_others(self, words: Iterable[str]) -> set[str]:
        """Of these pieces of a number those that stand in rows even though the number does not:
        within a longer one. Looks through everything."""
        some = tuple(words)
        return await self._db.read(lambda db: finding.anywhere(db, some))

    async def is_suppressed(self, number: str) -> str:
        """Why this number (E.164) is not texted after an erasure; "" when it was not erased."""
        return await self._db.read(lambda db: suppression.is_suppressed(db, number))

    async def require_suppression_key(self) -> None:
        """Raises KeyMissingError when people were erased and their hashes cannot be read."""
        await self._db.read(suppression.key_of)

    # --- the files ---

    async def take_over_log(self) -> bool:
        """Writes SQLite's log into the database and empties it. False: somebody reads just now."""
        return bool(await self._db.maintain(_checkpoint))

    async def rebuild_file(self) -> None:
        """VACUUM: the file is written anew, without free pages. Writers wait meanwhile."""
        await self._db.maintain(_vacuum)

    async def give_back(self) -> int:
        """Gives a few free pages back to the file system; returns how many are left, 0 also where
        the file was made without that."""
        return await self._db.maintain(_give_back) or 0

    # --- retention ---

    async def purge_batch(self, kind: str, before: datetime, most: int) -> Batch:
        """At most `most` rows of this kind from before `before`, in one transaction."""
        return await self._db.write(lambda db: retention.purge_batch(db, kind, before, most))

    async def count_old(self, kind: str, before: datetime) -> dict[str, int]:
        """How many rows a purge would find too old, by table."""
        return await self._db.read(lambda db: retention.count_old(db, kind, before))

    async def oldest_kept(self, kind: str) -> datetime | None:
        """The time of the oldest row of this kind; None: there is none, or no index tells it."""
        return await self._db.read(lambda db: retention.oldest(db, kind))

    async def last_purge(self) -> tuple[datetime, dict[str, int]] | None:
        """When a purge last came to its end, and what it deleted, by table; None: never."""
        return await self._db.read(_last_purge)

    async def note_purge(self, at: datetime, rows: Mapping[str, int]) -> None:
        values = {PURGED_AT: at.isoformat(), PURGED_ROWS: json.dumps(dict(rows))}
        put = [{"key": name, "value": value} for name, value in values.items()]
        await self._db.write(lambda db: db.execute(_set_meta(db), put).rowcount)


def _last_purge(db: Connection) -> tuple[datetime, dict[str, int]] | None:
    at = db.execute(_META, {"name": PURGED_AT}).scalar_one_or_none()
    rows = db.execute(_META, {"name": PURGED_ROWS}).scalar_one_or_none()
    if at is None:
        return None
    return datetime.fromisoformat(at), json.loads(rows or "{}")


def _checkpoint(raw: sqlite3.Connection) -> bool:
    with closing(raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")) as cursor:
        busy, *_ = cursor.fetchone()
    return not busy


def _vacuum(raw: sqlite3.Connection) -> None:
    # An older file becomes one that can give room back from now on.
    raw.execute("PRAGMA auto_vacuum = INCREMENTAL")
    raw.execute("VACUUM")
    _checkpoint(raw)


def _give_back(raw: sqlite3.Connection) -> int:
    with closing(raw.execute("PRAGMA auto_vacuum")) as cursor:
        if cursor.fetchone()[0] != 2:
            return 0
    with closing(raw.execute(f"PRAGMA incremental_vacuum({_PAGES})")) as cursor:
        cursor.fetchall()
    with closing(raw.execute("PRAGMA freelist_count")) as cursor:
        return int(cursor.fetchone()[0])


def files_of(path: Path) -> tuple[Path, ...]:
    """The files SQLite keeps a database in, those that are there."""
    every = (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"))
    return tuple(file for file in every if file.exists())


def still_in(path: Path, words: Iterable[str]) -> tuple[str, ...]:
    """Which of `words` the database's files still have in them, byte for byte: read as files, not
    as a database, so that free pages and the log count. Raises OSError.

    The files stay open until this process ends: to close one would take away the locks that SQLite
    has on it for us (POSIX), and with them the database's safety.
    """
    wanted = {word: {word.encode(), json.dumps(word)[1:-1].encode()} for word in words if word}
    if not wanted:
        return ()
    found: set[str] = set()
    longest = max(len(form) for forms in wanted.values() for form in forms)
    for file in files_of(path):
        opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        tail = b""
        while piece := os.read(opened, _PIECE):
            piece = tail + piece
            found |= {w for w, forms in wanted.items() if any(f in piece for f in forms)}
            tail = piece[-longest:]
    return tuple(word for word in wanted if word in found)

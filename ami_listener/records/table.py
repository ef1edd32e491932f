"""The newest rows of a table in an SQLite file of Asterisk's: read-only, bounded, not in its way.

The file is opened `mode=ro` with a busy timeout, for one short query. The reader of such a file
holds a shared lock for that long, and Asterisk waits for it, at most its own busy_timeout.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

#: Milliseconds to wait for Asterisk to finish a write.
BUSY = 2000


class UnusableTableError(Exception):
    """The file or the table cannot be read; the message says why and is for the operator."""


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[str, ...]
    rows: list[list[str]]  #: oldest first
    truncated: bool


def read_table(path: Path, table: str, limit: int) -> Table:
    """The last `limit` rows in the order they were written. Raises UnusableTableError, OSError."""
    with path.open("rb"):  # says why it cannot be read, which SQLite does not
        pass
    uri = f"file:{quote(str(path))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY / 1000)) as db:
            db.execute("PRAGMA query_only = 1")
            columns = columns_of(db, table)
            if not columns:
                raise UnusableTableError(f"it has no table {table!r}")
            order = "rowid" if _has_rowid(db, table) else "1"
            listed = ", ".join(_name(column) for column in columns)
            found = db.execute(
                f"SELECT {listed} FROM {_name(table)} ORDER BY {order} DESC LIMIT ?",  # noqa: S608
                (limit + 1,),
            ).fetchall()
    except sqlite3.Error as error:
        raise UnusableTableError(str(error)) from error
    rows = [[_text(value) for value in row] for row in reversed(found[:limit])]
    return Table(columns, rows, truncated=len(found) > limit)


def columns_of(db: sqlite3.Connection, table: str) -> tuple[str, ...]:
    return tuple(row[1] for row in db.execute(f"PRAGMA table_info({_name(table)})"))


def _has_rowid(db: sqlite3.Connection, table: str) -> bool:
    try:
        db.execute(f"SELECT rowid FROM {_name(table)} LIMIT 1").fetchone()  # noqa: S608
    except sqlite3.OperationalError:
        return False
    return True


def _name(text: str) -> str:
    """An identifier: table and column names come from the file and the configuration."""
    return '"' + text.replace('"', '""') + '"'


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)

"""Rows into the tables of the real schema: by the thousand, straight through sqlite3.

Foreign keys and indexes wait until all is there: a million calls take two minutes so, not twenty.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from textback.store.schema import metadata

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as SQLite keeps it: naive, and in UTC
_BATCH = 5_000


def instant(at: float | None) -> str | None:
    """Seconds since 1970 as the store keeps an instant."""
    if at is None:
        return None
    return (_EPOCH + timedelta(seconds=at)).isoformat(" ", "microseconds")


def as_json(value: Any) -> str:
    """As SQLAlchemy writes JSON."""
    return json.dumps(value)


class Rows:
    """Takes rows of any table, and writes them in batches; the file is whole after `close`."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        # Nothing is kept to go back to: a database that could not be filled is thrown away.
        for pragma in (
            "foreign_keys = OFF",
            "synchronous = OFF",
            "cache_size = -400000",
            "journal_mode = OFF",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._inserts: dict[str, str] = {}
        self._ids: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        found = self._db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
        self._indexes = [(name, sql) for name, sql in found if sql]

    def __enter__(self) -> Self:
        self._db.execute("BEGIN")
        for name, _ in self._indexes:
            self._db.execute(f'DROP INDEX "{name}"')
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self.flush()
                for _, sql in self._indexes:
                    self._db.execute(sql)
                # Every quarter was marked by a trigger; the service counts all days anyway.
                self._db.execute("DELETE FROM figures_marks")
                self._db.execute("COMMIT")
                if wrong := self._db.execute("PRAGMA foreign_key_check").fetchmany(5):
                    raise ValueError(f"rows that point nowhere: {wrong}")
                self._db.execute("PRAGMA journal_mode = WAL")
        finally:
            self._db.close()

    def id(self, table: str) -> int:
        """The number of the next row of this table."""
        self._ids[table] = self._ids.get(table, 0) + 1
        return self._ids[table]

    def add(self, table: str, row: dict[str, Any]) -> None:
        """All rows of a table have the same columns; the others get their defaults."""
        waiting = self._waiting.setdefault(table, [])
        waiting.append(row)
        if len(waiting) >= _BATCH:
            self._write(table)

    def flush(self) -> None:
        for table in self._waiting:
            self._write(table)

    def _write(self, table: str) -> None:
        rows = self._waiting[table]
        if not rows:
            return
        if table not in self._inserts:
            columns = metadata.tables[table].c
            names = [columns[name].name for name in rows[0]]
            places = ", ".join(f":{name}" for name in names)
            listed = ", ".join(f'"{name}"' for name in names)
            self._inserts[table] = f"INSERT INTO {table} ({listed}) VALUES ({places})"
        self._db.executemany(self._inserts[table], rows)
        self.counts[table] = self.counts.get(table, 0) + len(rows)
        rows.clear()

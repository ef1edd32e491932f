"""Tries to sign in as they are counted; what follows from the counts is the console's rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, select, tuple_

from textback.store.sql import insert_for, per_dialect
from textback.store.tables_console import login_tries

R = TypeVar("R")

#: After so long without a failure nothing is left of one; a place one signed in from stays longer.
FORGOTTEN = timedelta(days=1)
KNOWN_FOR = timedelta(days=90)
KNOWN = "known"
#: Rows that are kept at the most, and deleted in one go.
MOST_ROWS, _PIECE = 20_000, 1_000

Key = tuple[str, str]  #: kind, key


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """What is counted under one key."""

    failures: int
    since: datetime
    last: datetime
    locked_until: datetime | None = None
    locks: int = 0


Rows = Mapping[Key, Tries]
#: What a rule makes of the rows: its answer, and the rows as they are to be; None: to be deleted.
Rule = Callable[[Rows], tuple[R, Mapping[Key, "Tries | None"]]]


def turn(db: Connection, keys: Sequence[Key], rule: Rule[R], now: datetime) -> R:
    """Reads the rows, asks the rule, and writes what it says, in the caller's transaction."""
    table = login_tries.c
    query = select(login_tries).where(tuple_(table.kind, table.key).in_(list(keys)))
    found = {(row.kind, row.key): _to_tries(row) for row in db.execute(query)}
    answer, after = rule(found)
    for key, tries in after.items():
        if tries is None:
            db.execute(delete(login_tries).where(table.kind == key[0], table.key == key[1]))
        elif tries != found.get(key):
            db.execute(_put(db), _values(key, tries))
    if any(key not in found for key in after):
        _forget(db, now)
    return answer


def _forget(db: Connection, now: datetime) -> None:
    """Old rows go, a piece at a time; whoever sends a million names keeps no more than our most."""
    table = login_tries.c
    for over in (
        (table.last_at < now - FORGOTTEN, table.kind != KNOWN),
        (table.last_at < now - KNOWN_FOR, table.kind == KNOWN),
    ):
        _delete(db, over, _PIECE)
    most = db.execute(select(table.last_at).offset(MOST_ROWS).limit(1)).first()
    if most is not None:
        _delete(db, (table.kind != KNOWN,), _PIECE)


def _delete(db: Connection, which: tuple[Any, ...], limit: int) -> None:
    table = login_tries.c
    old = select(table.kind, table.key).where(*which).order_by(table.last_at).limit(limit)
    db.execute(delete(login_tries).where(tuple_(table.kind, table.key).in_(old)))


@per_dialect
def _put(dialect: str) -> Any:
    put = insert_for(dialect, login_tries)
    columns = ("failures", "since", "last_at", "locked_until", "locks")
    return put.on_conflict_do_update(
        index_elements=["kind", "key"], set_={name: put.excluded[name] for name in columns}
    )


def _values(key: Key, tries: Tries) -> dict[str, Any]:
    return {
        "kind": key[0],
        "key": key[1],
        "failures": tries.failures,
        "since": tries.since,
        "last_at": tries.last,
        "locked_until": tries.locked_until,
        "locks": tries.locks,
    }


def _to_tries(row: Any) -> Tries:
    return Tries(
        failures=row.failures,
        since=row.since,
        last=row.last_at,
        locked_until=row.locked_until,
        locks=row.locks,
    )

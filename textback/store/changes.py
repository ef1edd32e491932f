"""Changes of the configuration: written down before the file is touched, so that none is unknown.

begin    a row `pending`, with the file as it is and as it will be
end      `done`, or `refused` when the service did not take it
settle   what a kill left `pending`: the file tells whether it came so far
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from textback.store.tables_console import ChangeState, config_changes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """One key of a change. `old` and `new` are what the console's file said, None for nothing;
    `was` and `now` what counted, as people read it."""

    did: str  #: "" for `mode`
    key: str
    old: Any
    new: Any
    was: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change, with the whole file before and after; None: there was no file."""

    id: int
    at: datetime
    who: str
    state: ChangeState
    keys: tuple[KeyChange, ...]
    before: str | None
    after: str | None
    undoes: int | None


def begin(
    db: Connection,
    who: str,
    keys: Sequence[KeyChange],
    before: str | None,
    after: str | None,
    now: datetime,
    undoes: int | None = None,
) -> int:
    """Its number."""
    summary = [
        {"did": k.did, "key": k.key, "old": k.old, "new": k.new, "was": k.was, "now": k.now}
        for k in keys
    ]
    values = {
        "at": now,
        "who": who[:80],
        "state": ChangeState.PENDING,
        "summary": summary,
        "before": before,
        "after": after,
        "undoes": undoes,
    }
    row = db.execute(insert(config_changes).values(values).returning(config_changes.c.id))
    return int(row.scalar_one())


def end(db: Connection, change: int, state: ChangeState) -> None:
    table = config_changes
    db.execute(
        update(table)
        .where(table.c.id == change, table.c.state == ChangeState.PENDING)
        .values(state=state)
    )


_PENDING = select(config_changes.c.id, config_changes.c.after).where(
    config_changes.c.state == ChangeState.PENDING
)


def settle(db: Connection, text: str | None) -> None:
    """With `text` in the file and nobody at work on it, `pending` is over: done, or lost."""
    for row in db.execute(_PENDING).all():
        end(db, row.id, ChangeState.DONE if row.after == text else ChangeState.LOST)


def recent(db: Connection, *, before: int = 0, limit: int = 50) -> list[Change]:
    """The newest first; `before`: those older than this one."""
    query = select(config_changes).order_by(config_changes.c.id.desc()).limit(limit)
    if before:
        query = query.where(config_changes.c.id < before)
    return [_to_change(row) for row in db.execute(query)]


def by_id(db: Connection, change: int) -> Change | None:
    row = db.execute(select(config_changes).where(config_changes.c.id == change)).first()
    return _to_change(row) if row is not None else None


def _to_change(row: Row[Any]) -> Change:
    return Change(
        id=row.id,
        at=row.at,
        who=row.who,
        state=row.state,
        keys=tuple(KeyChange(**one) for one in row.summary),
        before=row.before,
        after=row.after,
        undoes=row.undoes,
    )

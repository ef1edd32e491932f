"""The audit log: who did what, when, and by which way; of callers the numbers of rows only.

It is written to and read, never changed: but for sign-ins that failed, which are counted in one row
an hour for each user and address, and in one for all once there are many, so that nobody fills a
disk by guessing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from textback.store.tables_console import audit as audit_table

#: How long failures are counted in one row, and how many rows they may have meanwhile.
COUNTED = timedelta(hours=1)
MOST_ROWS = 200
#: What stands for the address in the row of all further ones.
OTHERS = "others"
#: Characters that are kept of what is written.
_MOST = {"who": 80, "address": 60, "subject": 120, "detail": 400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log."""

    id: int
    at: datetime
    who: str  #: "" for nobody we know
    via: str  #: "session", "token", "proxy", "cli", "login"
    address: str
    action: str  #: "thread.reply"
    subject: str  #: "thread 17"
    detail: str
    times: int  #: how often, until `last`
    last: datetime


def audit(
    db: Connection,
    who: str,
    via: str,
    address: str,
    action: str,
    subject: str = "",
    detail: str = "",
    *,
    now: datetime,
) -> None:
    """One line. Numbers, names and texts of callers do not belong into it."""
    values = _short(who=who, address=address, subject=subject, detail=detail)
    db.execute(
        insert(audit_table).values(at=now, last_at=now, via=via, action=action, times=1, **values)
    )


def count(
    db: Connection, who: str, via: str, address: str, action: str, detail: str, *, now: datetime
) -> None:
    """As `audit`, counted in the row of this hour for the same user and address."""
    values = _short(who=who, address=address, detail=detail)
    table = audit_table.c
    lately = (table.action == action, table.id > _first_of(db, now - COUNTED))
    found = _counted(db, lately, table.who == values["who"], table.address == values["address"])
    rows = select(func.count()).select_from(audit_table).where(*lately)
    if found is None and db.execute(rows).scalar_one() >= MOST_ROWS:
        found = _counted(db, lately, table.address == OTHERS)
        values |= {"who": "", "address": OTHERS}
    if found is not None:
        more = {"times": table.times + 1, "last_at": now}
        db.execute(update(audit_table).where(table.id == found).values(more))
        return
    db.execute(
        insert(audit_table).values(
            at=now, last_at=now, via=via, action=action, subject="", times=1, **values
        )
    )


def _counted(
    db: Connection, lately: tuple[ColumnElement[bool], ...], *same: ColumnElement[bool]
) -> int | None:
    return db.execute(select(audit_table.c.id).where(*lately, *same).limit(1)).scalar()


def entries(
    db: Connection,
    *,
    before: int = 0,
    since: datetime | None = None,
    who: str = "",
    action: str = "",
    limit: int = 100,
) -> list[Entry]:
    """The newest first; `before`: those older than this row. `action`: one, or all of a subject
    ("login", "user")."""
    table = audit_table.c
    query = select(audit_table).order_by(table.id.desc()).limit(limit)
    if before:
        query = query.where(table.id < before)
    if since is not None:
        query = query.where(table.id > _first_of(db, since))
    if who:
        query = query.where(table.who == who)
    if action:
        # "/" comes after ".": the word itself, and all that begin with it and a dot.
        query = query.where(table.action.between(action, action + "/"))
    return [_to_entry(row) for row in db.execute(query)]


def _first_of(db: Connection, at: datetime) -> int:
    """The row before the first one from `at` on; rows are written in the order of time."""
    table = audit_table.c
    query = select(table.id).where(table.at < at).order_by(table.at.desc()).limit(1)
    return db.execute(query).scalar() or 0


def _short(**values: str) -> dict[str, Any]:
    return {name: value[: _MOST[name]] for name, value in values.items()}


def _to_entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        at=row.at,
        who=row.who,
        via=row.via,
        address=row.address,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        times=row.times,
        last=row.last_at,
    )

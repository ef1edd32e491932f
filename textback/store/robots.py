"""What tells a machine from a person in a conversation, and the limit on what rules write there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from textback import robots
from textback.store.counted import AUTOMATIC
from textback.store.tables import outbox
from textback.store.tables_talk import incoming, threads

#: Automatic texts of one conversation that are counted: no limit is higher.
AUTOMATIC_LIMIT = 100

_OURS = (
    select(outbox.c.claimed_at)
    .where(
        outbox.c.thread_id == incoming.c.thread_id,
        outbox.c.created_at <= incoming.c.at,
        outbox.c.claimed_at <= incoming.c.at,
    )
    .order_by(outbox.c.created_at.desc())
    .limit(1)
    .correlate(incoming)
    .scalar_subquery()
)
_HEARD = (
    select(incoming.c.text, incoming.c.at, _OURS.label("ours"))
    .where(incoming.c.thread_id == bindparam("thread"))
    .order_by(incoming.c.at.desc())
    .limit(robots.LOOK)
)
# One handset has a conversation with each number of ours it ever wrote to, no more.
_THREADS = select(threads.c.id).where(
    threads.c.handset == bindparam("handset"),
    threads.c.number == bindparam("number"),
    threads.c.last_in_at.is_not(None),
)
_WRITTEN = select(func.count()).select_from(
    select(outbox.c.id)
    .where(
        outbox.c.thread_id == bindparam("thread"),
        outbox.c.created_at > bindparam("since"),
        AUTOMATIC,
    )
    .limit(AUTOMATIC_LIMIT)
    .subquery()
)


def _heard(db: Connection, thread_id: int) -> list[robots.Heard]:
    rows = db.execute(_HEARD, {"thread": thread_id})
    return [robots.Heard(row.text, row.at, row.ours) for row in rows]


def writes(db: Connection, handset: str, number: str) -> str:
    """Why a machine is thought to write from `handset` to this [[number]]; "": nothing does."""
    why = robots.sender(handset)
    if why:
        return why
    found = db.execute(_THREADS, {"handset": handset, "number": number}).scalars().all()
    told = (robots.found(handset, _heard(db, thread)) for thread in found)
    return next((why for why in told if why), "")


def objection(
    db: Connection, thread_id: int, handset: str, now: datetime, *, most: int, window: float
) -> str:
    """Why no rule may answer on this conversation now; "": one may.

    For every text that is written by itself in answer to a text (CONFIRM, HELP, whatever comes):
    asked in the transaction that would write it. `most` texts in `window` seconds, as
    `limits.auto_limit` and `limits.auto_window` say; 0: no limit.
    """
    why = robots.found(handset, _heard(db, thread_id))
    if why:
        return f"a machine seems to write there: {why}"
    if not most:
        return ""
    asked: dict[str, Any] = {
        "thread": thread_id,
        "since": now - timedelta(seconds=window),
        "shadow": False,
    }
    written = int(db.execute(_WRITTEN, asked).scalar_one())
    if written >= most:
        return f"{written} automatic texts in this conversation already"
    return ""

"""What is known of one caller, for the dialplan: missed when, open case or not, by which name.

Whether a case is open says the callback list (`cases`). One whose last missed call is older than a
week is nobody's hurry any more, though it is still on the list.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from textback.model import TEXTABLE_OUTCOMES, Direction
from textback.names import clean
from textback.store.rows import CallerCard
from textback.store.tables import calls
from textback.store.tables_people import cases

#: How long after its last missed call an open case is told of.
OPEN = timedelta(days=7)
#: Calls of one caller that are looked at: the answer is due within 200 ms, whoever calls.
LOOK = 200

_CALLS = (
    select(
        calls.c.started_at,
        calls.c.ended_at,
        calls.c.outcome,
        calls.c.number,
        calls.c.did,
        calls.c.caller_name,
        calls.c.handled,
    )
    .where(
        calls.c.caller_e164 == bindparam("caller"),
        calls.c.started_at <= bindparam("until"),
        calls.c.direction == Direction.INBOUND,
    )
    .order_by(calls.c.started_at.desc())
    .limit(LOOK)
)
_MISSES = select(func.sum(cases.c.misses)).where(
    cases.c.caller == bindparam("caller"),
    cases.c.closed_at.is_(None),
    cases.c.missed_at > bindparam("fresh"),
)


def lookup(db: Connection, caller: str, now: datetime) -> CallerCard | None:
    """The card of a caller (E.164). None: has never called."""
    # A clock that was set back does not hide what has happened.
    found = db.execute(_CALLS, {"caller": caller, "until": now + timedelta(days=1)}).all()
    if not caller or not found:
        return None
    misses = db.execute(_MISSES, {"caller": caller, "fresh": now - OPEN}).scalar_one() or 0
    last: Any = next((row for row in found if _missed(row)), None)
    names = (clean(row.caller_name) for row in found)
    return CallerCard(
        last_missed=last.started_at if last else None,
        number=(last.number or last.did) if last else "",
        name=next((name for name in names if name), ""),
        misses=misses,
    )


def _missed(row: Any) -> bool:
    """The call that asks is still going on, and what it would be is not what it is."""
    return row.ended_at is not None and row.outcome in TEXTABLE_OUTCOMES and not row.handled

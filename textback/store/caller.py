"""What is known of one caller, for the dialplan: missed when, open case or not, by which name.

A case is open from a missed call until somebody has spoken with that caller, either way; what is
older than a week is nobody's hurry any more.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from textback.model import TEXTABLE_OUTCOMES, Direction, Outcome
from textback.store.rows import CallerCard
from textback.store.tables import calls

#: How long a missed call stays an open case.
OPEN = timedelta(days=7)
#: Calls of one caller that are looked at: the answer is due within 200 ms, whoever calls.
LOOK = 200
#: Characters of a name: what a desk phone shows.
MAX_NAME = 40

_CALLS = (
    select(
        calls.c.started_at,
        calls.c.ended_at,
        calls.c.answered_at,
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
_CALLED_BACK = select(func.max(calls.c.answered_at)).where(
    # The second is true of every row the first finds; it is what the index is made for.
    calls.c.called_back == bindparam("caller"),
    calls.c.called_back != "",
)


def lookup(db: Connection, caller: str, now: datetime) -> CallerCard | None:
    """The card of a caller (E.164). None: has never called."""
    # A clock that was set back does not hide what has happened.
    found = db.execute(_CALLS, {"caller": caller, "until": now + timedelta(days=1)}).all()
    if not caller or not found:
        return None
    spoken = db.execute(_CALLED_BACK, {"caller": caller}).scalar_one()
    last: Any = None
    misses = 0
    for row in found:
        if row.outcome is Outcome.ANSWERED and row.answered_at is not None:
            spoken = max(spoken or row.answered_at, row.answered_at)
        elif _missed(row):
            last = last or row
            fresh = row.started_at > now - OPEN
            misses += fresh and (spoken is None or row.started_at > spoken)
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


def clean(name: str) -> str:
    """A caller's name fit for a display and for a dialplan variable; "" when nothing is left.

    Letters, digits, spaces and . - ' stay; what Asterisk's dialplan reads (quotes, commas, $, &,
    brackets) and what steers a display (control, bidi, invisible) does not.
    """
    kept: list[str] = []
    for char in unicodedata.normalize("NFKC", name[: MAX_NAME * 4]):
        category = unicodedata.category(char)
        if category.startswith("L") or category == "Nd" or char in ".-'":
            kept.append(char)
        elif category.startswith("M"):
            # One accent above a letter; stacks of them spill over the neighbouring lines.
            if kept and unicodedata.category(kept[-1]).startswith("L"):
                kept.append(char)
        elif category not in {"Cf", "Cs", "Co", "Cn"}:
            kept.append(" ")
    words = " ".join("".join(kept).split())[:MAX_NAME].strip(" .-'")
    return words if words.lower() not in {"unknown", "anonymous", "asterisk"} else ""

"""Whether a follow-up that is due may go: only behind a first text that the carrier has taken.

    the first text is            the follow-up
    accepted, delivered          goes
    queued, sending, held,       waits: it is looked at again after `AGAIN`, until its own end
      uncertain
    taken late                   waits as much longer
    anything else, or not        is cancelled, and says why
      known any more

It is asked of the rows a claim has found due, so that the claim itself stays one look at an index.
One that waits has its due time moved: else it would stand at the head of the queue, and wake the
lane without end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from textback.model import OutboxState, TextKind
from textback.store.sql import chunks
from textback.store.tables import outbox

#: How long a follow-up waits for its first text before it looks again.
AGAIN = timedelta(minutes=1)

#: The carrier has it.
_TAKEN = frozenset({OutboxState.ACCEPTED, OutboxState.DELIVERED})
#: It may still be taken.
_OPEN = frozenset(
    {OutboxState.QUEUED, OutboxState.SENDING, OutboxState.HELD, OutboxState.UNCERTAIN}
)

_QUEUED = outbox.c.state == OutboxState.QUEUED
_WAIT = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), _QUEUED)
    .values(due_at=bindparam("due"), changed_at=bindparam("at"))
)
_CANCEL = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), _QUEUED)
    .values(state=OutboxState.CANCELLED, reason=bindparam("why"), changed_at=bindparam("at"))
)


def may_go(db: Connection, due: Sequence[Row[Any]], now: datetime) -> frozenset[int]:
    """Of these queued follow-ups those that may be claimed now; the others are dealt with."""
    firsts = _firsts(db, [row.call_id for row in due if row.call_id is not None])
    free: set[int] = set()
    wait: list[dict[str, Any]] = []
    cancel: list[dict[str, Any]] = []
    for row in due:
        first, left, end = firsts.get(row.call_id, _NONE)
        # Bytes of it may have left in an earlier try: what became of the first does not matter now.
        if row.maybe_sent:
            free.add(row.id)
        elif first in _TAKEN:
            # The ends of the two lie as far apart as they are to be read, whatever was moved since.
            earliest = left + max(row.expires_at - end, timedelta(0)) if left and end else now
            if earliest <= now + AGAIN:
                free.add(row.id)
            else:
                wait.append({"row": row.id, "due": earliest, "at": now})
        elif first in _OPEN:
            wait.append({"row": row.id, "due": now + AGAIN, "at": now})
        else:
            what = f"was {first.value}" if first is not None else "is not kept any more"
            cancel.append({"row": row.id, "why": f"the first text {what}", "at": now})
    if wait:
        db.execute(_WAIT, wait)
    if cancel:
        db.execute(_CANCEL, cancel)
    return frozenset(free)


_First = tuple[OutboxState | None, datetime | None, datetime | None]
_NONE: _First = (None, None, None)


def _first_texts(call_ids: Sequence[int]) -> Select[Any]:
    return select(outbox.c.call_id, outbox.c.state, outbox.c.claimed_at, outbox.c.expires_at).where(
        outbox.c.call_id.in_(call_ids), outbox.c.kind == TextKind.MISSED
    )


def _firsts(db: Connection, call_ids: list[int]) -> dict[int | None, _First]:
    """The first texts by call: where each stands, when it left, and when its time was over."""
    found: dict[int | None, _First] = {}
    for some in chunks(call_ids):
        for row in db.execute(_first_texts(some)):
            found[row.call_id] = (row.state, row.claimed_at, row.expires_at)
    return found

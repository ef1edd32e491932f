"""The last look before the wire: texts about to be claimed whose handset must not be texted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Label, Row, bindparam, or_, select, update

from textback.model import ConsentEvent, ConsentSource, OutboxState
from textback.store import consents, doubts, suppression
from textback.store.outs import ACTIVE, EXEMPT, OPTED_OUT, in_words
from textback.store.sql import chunks
from textback.store.tables import outbox
from textback.store.tables_people import opt_outs
from textback.store.tables_talk import incoming

_WHO = outbox.c.recipient
#: Asked of each row with the look at the queue, so that nothing more is asked of most: whether its
#: handset has opted out or a reply of it is doubtful, and whether anybody was erased.
ASKED: tuple[Label[Any], ...] = (
    or_(
        select(opt_outs.c.id).where(opt_outs.c.number == _WHO, ACTIVE).exists(),
        select(incoming.c.id).where(incoming.c.sender == _WHO, doubts.OPEN).exists(),
    ).label("marked"),
    suppression.LISTED.label("listed"),
)
_MOVE = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), outbox.c.state == OutboxState.QUEUED)
    .values(state=bindparam("to_"), reason=bindparam("why"), changed_at=bindparam("when_"))
)


def may_go(
    db: Connection, due: Sequence[Row[Any]], now: datetime
) -> tuple[list[Row[Any]], tuple[int, ...]]:
    """Of rows about to be claimed those that may leave, and the numbers of those cancelled.

    The last look before the wire: an opt-out may have come by any way since the text was written.
    What waits for a person's word on a reply is held. `due` has the columns `ASKED`.
    """
    asked = [row for row in due if row.kind not in EXEMPT]
    if not asked:
        return list(due), ()
    handsets = sorted({row.recipient for row in asked if row.marked})
    out: dict[tuple[str, str], Row[Any]] = {}
    doubt: set[str] = set()
    for some in chunks(handsets):
        query = select(opt_outs).where(opt_outs.c.number.in_(some), ACTIVE)
        out |= {(found.number, found.scope): found for found in db.execute(query)}
        doubt |= doubts.of(db, some)
    everybody = sorted({row.recipient for row in asked})
    erased = suppression.among(db, everybody, listed=asked[0].listed)
    go: list[Row[Any]] = []
    stopped: list[int] = []
    for row in due:
        found = out.get((row.recipient, "")) or out.get((row.recipient, row.number))
        if row.kind in EXEMPT:
            go.append(row)
        elif found is not None:
            stopped.append(row.id)
            _stop(db, row, found.number, found.scope, found.source, in_words(found), now)
        elif row.recipient in erased:
            stopped.append(row.id)
            _stop(db, row, "", "", ConsentSource.ERASURE, erased[row.recipient], now)
        elif row.recipient in doubt and row.kind in doubts.UNASKED:
            changes = {"row": row.id, "to_": OutboxState.HELD, "why": doubts.DOUBTFUL}
            db.execute(_MOVE, changes | {"when_": now})
        else:
            go.append(row)
    return go, tuple(stopped)


def _stop(
    db: Connection,
    row: Row[Any],
    number: str,
    scope: str,
    source: ConsentSource,
    why: str,
    now: datetime,
) -> None:
    changes = {"row": row.id, "to_": OutboxState.CANCELLED, "why": OPTED_OUT, "when_": now}
    db.execute(_MOVE, changes)
    consents.record(
        db,
        number,
        ConsentEvent.BLOCKED,
        source,
        now,
        scope=scope,
        detail=f"text {row.id} was stopped: {why}",
        call_id=row.call_id,
        row_id=row.id,
    )

"""What receipts change: where a part stands, and then where its text stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    select,
    update,
)

from textback.model import OutboxState, Receipt, ReceiptState
from textback.store import happened
from textback.store.matching import Part
from textback.store.sql import chunks
from textback.store.tables import outbox, parts
from textback.store.transitions import better, state_from_parts

_UPDATE_PART = (
    update(parts)
    .where(parts.c.row_id == bindparam("row"), parts.c.number == bindparam("part"))
    .values(receipt=bindparam("new"), receipt_at=bindparam("new_at"), error=bindparam("new_error"))
)
_UPDATE_ROW = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"))
    .values(state=bindparam("new"), reason=bindparam("why"), changed_at=bindparam("at"))
)
# --- what a receipt changes -------------------------------------------------------------------


def apply(
    db: Connection, placed: Sequence[tuple[Part | tuple[int | None, int | None], Receipt]]
) -> dict[int, OutboxState]:
    """Move parts and then texts on by their receipts; returns the states of the texts touched."""
    if not placed:
        return {}
    row_ids = sorted({int(where[0] or 0) for where, _ in placed})
    known: dict[int, dict[int, ReceiptState | None]] = {row_id: {} for row_id in row_ids}
    totals: dict[int, int] = {}
    for some in chunks(row_ids):
        query = select(parts.c.row_id, parts.c.number, parts.c.total, parts.c.receipt).where(
            parts.c.row_id.in_(some)
        )
        for row in db.execute(query):
            known[row.row_id][row.number] = row.receipt
            totals[row.row_id] = max(totals.get(row.row_id, 1), row.total)
    last: dict[Part, Receipt] = {}
    for (row_id, number), receipt in placed:
        assert row_id is not None
        assert number is not None
        if better(known[row_id].get(number), receipt.state):
            known[row_id][number] = receipt.state
            last[row_id, number] = receipt
    if last:
        db.execute(
            _UPDATE_PART,
            [
                {
                    "row": row_id,
                    "part": number,
                    "new": receipt.state,
                    "new_at": receipt.at,
                    "new_error": receipt.error,
                }
                for (row_id, number), receipt in last.items()
            ],
        )
    return _move(db, known, totals, last)


def reconsider(db: Connection, row_ids: Sequence[int]) -> dict[int, OutboxState]:
    """Texts whose last part was taken only now: earlier parts may have their receipts already."""
    known: dict[int, dict[int, ReceiptState | None]] = {row_id: {} for row_id in row_ids}
    totals: dict[int, int] = {}
    newest: dict[Part, Receipt] = {}
    query = (
        select(parts, outbox.c.recipient, outbox.c.sender)
        .join(outbox, outbox.c.id == parts.c.row_id)
        .where(parts.c.row_id.in_(row_ids))
    )
    for row in db.execute(query):
        known[row.row_id][row.number] = row.receipt
        totals[row.row_id] = row.total
        if row.receipt is not None:
            newest[row.row_id, row.number] = Receipt(
                route=row.route,
                message_id=row.message_id,
                id_forms=frozenset(),
                state=row.receipt,
                error=row.error,
                sender=row.recipient,
                recipient=row.sender,
                done=None,
                at=row.receipt_at,
            )
    return _move(db, known, totals, newest)


def _move(
    db: Connection,
    known: Mapping[int, Mapping[int, ReceiptState | None]],
    totals: Mapping[int, int],
    last: Mapping[Part, Receipt],
) -> dict[int, OutboxState]:
    states: dict[int, OutboxState] = {}
    changes: list[dict[str, Any]] = []
    newest = {row_id: receipt for (row_id, _), receipt in last.items()}
    for some in chunks(list(known)):
        query = select(outbox.c.id, outbox.c.state).where(outbox.c.id.in_(some))
        for row_id, state in db.execute(query):
            wanted = state_from_parts(state, totals.get(row_id, 1), list(known[row_id].values()))
            states[row_id] = wanted
            if wanted is not state and row_id in newest:
                receipt = newest[row_id]
                changes.append(
                    {
                        "row": row_id,
                        "new": wanted,
                        "why": _why(wanted, receipt),
                        "at": receipt.at,
                    }
                )
    if changes:
        db.execute(_UPDATE_ROW, changes)
        failed = [change["row"] for change in changes if change["new"] in happened.FAILED]
        happened.texts_failed(db, failed, max(change["at"] for change in changes))
    return states


def _why(state: OutboxState, receipt: Receipt) -> str:
    if state is OutboxState.UNDELIVERED:
        error = f", error {receipt.error}" if receipt.error.strip("0") else ""
        return f"receipt says {receipt.state.value}{error}"
    return ""

"""Verbs of delivery receipts: keep every one, find the text it speaks of, move that text on.

One that comes before its submit_sm_resp waits in `receipt_forms` (overtaking.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from textback.model import Receipt
from textback.store import casefacts, cases
from textback.store.matching import (
    Part,
    assign,
    by_address,
    by_id,
    candidates,
    of_routes,
    parts_by_form,
)
from textback.store.rows import IdForms, Matched
from textback.store.standing import apply
from textback.store.suppression import was_erased
from textback.store.tables_carrier import receipt_forms, receipts

_KEEP = insert(receipts).returning(receipts.c.id, sort_by_parameter_order=True)
_WAIT = insert(receipt_forms)
_NOTE = update(receipts).where(receipts.c.id == bindparam("receipt")).values(note=bindparam("why"))


def record(db: Connection, found: Sequence[Receipt], forms: IdForms) -> list[Matched]:
    """Keep the receipts and apply those that can be matched, in their order."""
    by_form = parts_by_form(db, found)
    placed = [by_id(r, by_form) for r in found]
    rows = [_values(r, *p) for r, p in zip(found, placed, strict=True)]
    ids = db.execute(_KEEP, [_without_erased(db, row) for row in rows]).scalars()
    known = candidates(db, [r for r, p in zip(found, placed, strict=True) if p[0] is None])
    matched: list[Matched] = []
    learnt = False
    for receipt, (where, first_note), receipt_id in zip(found, placed, ids, strict=True):
        note = first_note
        if where is None and learnt:
            # The one before it in this batch may have told us the id.
            where, note = by_id(receipt, parts_by_form(db, [receipt]))
            if where is not None:
                assign(db, [(receipt_id, where, note)])
        if where is None:
            where, note = by_address(db, receipt_id, receipt, note, forms, known)
            learnt = learnt or where is not None
            if where is None and note != first_note:
                db.execute(_NOTE, {"receipt": receipt_id, "why": note})
        matched.append(
            Matched(
                receipt=receipt,
                receipt_id=receipt_id,
                row_id=where[0] if where else None,
                part=where[1] if where else None,
                note=note,
            )
        )
    _wait(db, [m for m in matched if m.row_id is None])
    states = apply(db, [((m.row_id, m.part), m.receipt) for m in matched if m.row_id and m.part])
    # Of an uncertain text the receipt is the first to tell that the carrier took it.
    at = {m.row_id: m.receipt.at for m in matched if m.row_id}
    cases.texted(db, {row: at[row] for row in at.keys() & states if states[row] in casefacts.TAKEN})
    return [m if m.row_id is None else replace(m, state=states.get(m.row_id)) for m in matched]


def _values(receipt: Receipt, where: Part | None, note: str) -> dict[str, Any]:
    return {
        "route": receipt.route,
        "message_id": receipt.message_id,
        "state": receipt.state,
        "error": receipt.error,
        "sender": receipt.sender,
        "recipient": receipt.recipient,
        "done_at": receipt.done,
        "at": receipt.at,
        "raw": receipt.raw,
        "row_id": where[0] if where else None,
        "part": where[1] if where else None,
        "note": note,
    }


def _without_erased(db: Connection, row: dict[str, Any]) -> dict[str, Any]:
    """A receipt for a text to somebody who was erased meanwhile belongs to nothing any more: it is
    kept, and counted, without a number."""
    if row["row_id"] is not None:
        return row
    for column in ("sender", "recipient"):
        if was_erased(db, row[column]):
            return row | {column: "", "raw": b""}
    return row


def _wait(db: Connection, unmatched: Sequence[Matched]) -> None:
    rows = [
        {"route": route, "form": form, "receipt_id": m.receipt_id}
        for m in unmatched
        for route in of_routes(m.receipt)
        for form in sorted(m.receipt.id_forms)
        if form
    ]
    if rows:
        db.execute(_WAIT, rows)

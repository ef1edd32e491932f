"""Receipts that were there first: before their submit_sm_resp, or before we gave up waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    or_,
    select,
)

from textback.model import OutboxState, Receipt
from textback.store.matching import (
    SLACK,
    STARTED,
    Part,
    assign,
    by_address,
    by_id,
    candidates,
    may_mean,
    parts_by_form,
    same,
)
from textback.store.rows import IdForms
from textback.store.sql import chunks
from textback.store.standing import apply
from textback.store.tables import outbox
from textback.store.tables_carrier import receipt_forms, receipts

_WAITING = (
    select(receipt_forms.c.form, receipts)
    .join(receipts, receipts.c.id == receipt_forms.c.receipt_id)
    .where(
        receipt_forms.c.route == bindparam("route"),
        receipt_forms.c.form.in_(bindparam("forms", expanding=True)),
    )
    .order_by(receipts.c.id)
)


def overtaken(db: Connection, new_forms: Sequence[Mapping[str, Any]]) -> dict[int, OutboxState]:
    """Receipts that came before the submit_sm_resp of these parts; returns the texts they moved."""
    by_form: dict[tuple[str, str], list[Part]] = {}
    for new in new_forms:
        by_form.setdefault((new["route"], new["form"]), []).append((new["row_id"], new["number"]))
    by_route: dict[str, list[str]] = {}
    for route, form in by_form:
        by_route.setdefault(route, []).append(form)
    waiting: dict[int, tuple[Row[Any], set[Part]]] = {}
    for route, names in by_route.items():
        for some in chunks(names):
            for row in db.execute(_WAITING, {"route": route, "forms": some}):
                waiting.setdefault(row.id, (row, set()))[1].update(by_form[route, row.form])
    if not waiting:
        return {}
    where = _addresses(db, {part[0] for _, hits in waiting.values() for part in hits})
    placed: list[tuple[int, Part, Receipt]] = []
    for receipt_id, (row, hits) in sorted(waiting.items()):
        # An old receipt with an id that is now used again must not count for the new text.
        fitting = [
            part for part in sorted(hits) if _fits(row, where[part[0]], alone=len(hits) == 1)
        ]
        if len(fitting) == 1:
            placed.append((receipt_id, fitting[0], to_receipt(row)))
    if placed:
        how = "by message id, before submit_sm_resp"
        assign(db, [(receipt_id, part, how) for receipt_id, part, _ in placed])
    return apply(db, [(part, receipt) for _, part, receipt in placed])


def _fits(receipt: Row[Any], text: Row[Any], *, alone: bool) -> bool:
    if text.claimed_at is None or receipt.at < text.claimed_at - SLACK:
        return False
    fits = same(text.recipient, receipt.sender) and same(text.sender, receipt.recipient)
    # Carriers rewrite senders; when only one text has the id, the handset and the time are enough.
    meant = may_mean(receipt.message_id, receipt.sender, receipt.recipient, text.recipient)
    return fits or (alone and meant)


def _addresses(db: Connection, row_ids: Iterable[int]) -> dict[int, Row[Any]]:
    found: dict[int, Row[Any]] = {}
    for some in chunks(sorted(row_ids)):
        query: Select[Any] = select(
            outbox.c.id, outbox.c.recipient, outbox.c.sender, outbox.c.claimed_at
        ).where(outbox.c.id.in_(some))
        found.update((row.id, row) for row in db.execute(query))
    return found


def resolve(db: Connection, row_ids: Sequence[int], forms: IdForms) -> dict[int, OutboxState]:
    """Texts that have just become uncertain: did their receipt come before we gave up waiting?"""
    states: dict[int, OutboxState] = {}
    for row_id in row_ids:
        row = db.execute(
            select(outbox.c.recipient, outbox.c.route, STARTED.label("started")).where(
                outbox.c.id == row_id
            )
        ).one()
        bare = row.recipient.lstrip("+")
        query = (
            select(receipts)
            .where(
                receipts.c.row_id.is_(None),
                receipts.c.sender.in_((bare, f"+{bare}")),
                or_(receipts.c.route == row.route, _kept_for(row.route)),
                receipts.c.at >= (row.started or _LONG_AGO) - SLACK,
            )
            .order_by(receipts.c.id)
        )
        for waiting in db.execute(query).all():
            receipt = to_receipt(waiting, _forms_of(db, waiting.id))
            if receipt.route != row.route:
                receipt = replace(receipt, shared=frozenset({row.route}))
            hits = by_id(receipt, parts_by_form(db, [receipt]))
            where = (
                hits[0]
                or by_address(
                    db, waiting.id, receipt, waiting.note, forms, candidates(db, [receipt])
                )[0]
            )
            if where is not None:
                assign(db, [(waiting.id, where, "by handset, sender and time, before we gave up")])
                states.update(apply(db, [(where, receipt)]))
    return states


def _kept_for(route: str) -> ColumnElement[bool]:
    """It came in on another route, and may speak of this one's texts (`Receipt.shared`)."""
    return (
        select(receipt_forms.c.receipt_id)
        .where(receipt_forms.c.receipt_id == receipts.c.id, receipt_forms.c.route == route)
        .exists()
    )


_LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def _forms_of(db: Connection, receipt_id: int) -> frozenset[str]:
    query = select(receipt_forms.c.form).where(receipt_forms.c.receipt_id == receipt_id)
    return frozenset(db.execute(query).scalars())


def to_receipt(row: Row[Any], forms: frozenset[str] = frozenset()) -> Receipt:
    return Receipt(
        route=row.route,
        message_id=row.message_id,
        id_forms=forms,
        state=row.state,
        error=row.error,
        sender=row.sender,
        recipient=row.recipient,
        done=row.done_at,
        at=row.at,
        raw=row.raw,
    )

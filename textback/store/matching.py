"""Finding the text a delivery receipt speaks of.

By its message_id, in any form the carrier may have turned it into; when several texts of the route
carry the id (carriers use them again), by handset, sender and time as well. A text that is
`uncertain` has no id to go by: the handset, the sender and the time of the attempt must then point
to it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from textback.model import OutboxState, Receipt
from textback.store.rows import IdForms
from textback.store.sql import chunks, insert_for, per_dialect
from textback.store.tables import AttemptResult, attempts, message_ids, outbox, parts
from textback.store.tables_carrier import receipt_forms, receipts

#: How long after an attempt a receipt may still speak of it. Carriers give up after 72 h at most.
WINDOW = timedelta(days=3)
#: Clocks of ours do not go back by more than this while a message is under way.
SLACK = timedelta(seconds=2)

Part = tuple[int, int]  # outbox row, part number

_ASSIGN = (
    update(receipts)
    .where(receipts.c.id == bindparam("receipt"))
    .values(row_id=bindparam("row"), part=bindparam("part"), note=bindparam("why"))
)


@per_dialect
def _new_part(dialect: str) -> Any:
    return insert_for(dialect, parts).on_conflict_do_nothing()


@per_dialect
def _new_form(dialect: str) -> Any:
    return insert_for(dialect, message_ids).on_conflict_do_nothing()


def of_routes(receipt: Receipt) -> tuple[str, ...]:
    """The routes of whose texts it may speak. Never another carrier's: their ids may be alike."""
    return (receipt.route, *sorted(receipt.shared))


# --- by message_id ----------------------------------------------------------------------------

_CANDIDATES: Select[Any] = (
    select(
        message_ids.c.route,
        message_ids.c.form,
        message_ids.c.row_id,
        message_ids.c.number,
        outbox.c.recipient,
        outbox.c.sender,
        parts.c.accepted_at,
    )
    .join(outbox, outbox.c.id == message_ids.c.row_id)
    .join(
        parts,
        and_(parts.c.row_id == message_ids.c.row_id, parts.c.number == message_ids.c.number),
    )
    .where(
        message_ids.c.route == bindparam("route"),
        message_ids.c.form.in_(bindparam("forms", expanding=True)),
    )
)


def parts_by_form(
    db: Connection, found: Sequence[Receipt]
) -> dict[tuple[str, str], list[Row[Any]]]:
    wanted: dict[str, set[str]] = {}
    for receipt in found:
        for route in of_routes(receipt):
            wanted.setdefault(route, set()).update(receipt.id_forms)
    by_form: dict[tuple[str, str], list[Row[Any]]] = {}
    for route, names in wanted.items():
        for some in chunks(sorted(names)):
            for row in db.execute(_CANDIDATES, {"route": route, "forms": some}):
                by_form.setdefault((row.route, row.form), []).append(row)
    return by_form


def by_id(
    receipt: Receipt, by_form: Mapping[tuple[str, str], list[Row[Any]]]
) -> tuple[Part | None, str]:
    """The part the receipt speaks of, and how it was found or why it was not."""
    hits = {
        (row.row_id, row.number): row
        for route in of_routes(receipt)
        for form in receipt.id_forms
        for row in by_form.get((route, form), ())
    }
    if not hits:
        return None, "no text has this message id" if receipt.message_id else "without message id"
    if len(hits) == 1:
        where, row = next(iter(hits.items()))
        if may_mean(receipt.message_id, receipt.sender, receipt.recipient, row.recipient):
            return where, "by message id"
        return None, "only a text to another handset has this message id"
    # The carrier uses its ids again: the latest text from before the receipt, to that handset.
    fitting = [
        (where, row)
        for where, row in hits.items()
        if same(row.recipient, receipt.sender)
        and same(row.sender, receipt.recipient)
        and row.accepted_at <= receipt.at + SLACK
    ]
    if not fitting:
        return None, f"{len(hits)} texts have this message id, none to this handset by then"
    where = max(fitting, key=lambda hit: (hit[1].accepted_at, hit[0]))[0]
    return where, "by message id, handset and time"


#: An id at least this long is no other text's by chance, in whatever notation.
_LONG_ID = 9
#: Carriers write handsets with and without country code; this much of the end is always there.
_TAIL = 7


def may_mean(message_id: str, sender: str, recipient: str, handset: str) -> bool:
    """Whether a receipt with these fields may mean a text to `handset`, which has its id.

    Short ids count up, and one read as hexadecimal is another text's decimal: that text must not
    take the receipt while the right one still waits for its submit_sm_resp.
    """
    tail = _digits(handset)[-_TAIL:]
    told = [_digits(sender), _digits(recipient)]  # some carriers do not swap the addresses
    if tail and any(number.endswith(tail) for number in told):
        return True
    return not told[0] or len(message_id.strip().lstrip("0")) >= _LONG_ID


def _digits(address: str) -> str:
    return "".join(char for char in address if char.isdigit())


def same(left: str, right: str) -> bool:
    """Whether two addresses are one; carriers leave out the plus, and change the case of names."""
    return left.lstrip("+").casefold() == right.lstrip("+").casefold()


# --- by handset, sender and time --------------------------------------------------------------

STARTED = (
    select(func.min(attempts.c.started_at))
    .where(attempts.c.row_id == outbox.c.id)
    .scalar_subquery()
)
_UNSURE_ONCE = (
    select(attempts.c.row_id)
    .where(
        attempts.c.row_id == outbox.c.id,
        attempts.c.result.in_((AttemptResult.UNSURE, AttemptResult.LOST)),
    )
    .exists()
)
#: Everything the receipt could speak of, not only what is uncertain: a second candidate of any kind
#: means that we do not know. A text that waits to be sent again after an attempt without an answer
#: is one: the part that arrived is then not sent twice.
_IN_WINDOW: Select[Any] = select(
    outbox.c.id,
    outbox.c.state,
    outbox.c.recipient,
    outbox.c.sender,
    outbox.c.segments,
    outbox.c.route,
    STARTED.label("started"),
).where(
    outbox.c.recipient.in_(bindparam("handsets", expanding=True)),
    outbox.c.route == bindparam("route"),
    or_(
        outbox.c.state.in_((OutboxState.SENDING, OutboxState.UNCERTAIN, OutboxState.ACCEPTED)),
        and_(outbox.c.state == OutboxState.QUEUED, _UNSURE_ONCE),
    ),
    outbox.c.created_at >= bindparam("after"),
)
_TAKEN = select(parts.c.number).where(parts.c.row_id == bindparam("row"))


Candidates = Mapping[tuple[str, str], Sequence[Row[Any]]]


def candidates(db: Connection, found: Sequence[Receipt]) -> Candidates:
    """Texts that receipts without a known id could speak of, by route and handset."""
    wanted: dict[str, list[Receipt]] = {}
    for receipt in found:
        for route in of_routes(receipt):
            wanted.setdefault(route, []).append(receipt)
    rows: dict[tuple[str, str], list[Row[Any]]] = {}
    for route, some in wanted.items():
        # A text may be retried for a day before the attempt that got through.
        after = min(receipt.at for receipt in some) - WINDOW - timedelta(days=1)
        bare = {receipt.sender.lstrip("+") for receipt in some}
        for handsets in chunks(sorted(bare | {f"+{number}" for number in bare})):
            values = {"route": route, "handsets": handsets, "after": after}
            for row in db.execute(_IN_WINDOW, values):
                rows.setdefault((route, row.recipient.lstrip("+")), []).append(row)
    return rows


def by_address(
    db: Connection,
    receipt_id: int,
    receipt: Receipt,
    note: str,
    forms: IdForms,
    known: Candidates,
) -> tuple[Part | None, str]:
    """The uncertain text the receipt must mean, if there is only one."""
    rows = [
        row
        for route in of_routes(receipt)
        for row in known.get((route, receipt.sender.lstrip("+")), ())
        if row.started is not None
        and same(row.sender, receipt.recipient)
        and row.started - SLACK <= receipt.at <= row.started + WINDOW
    ]
    unsure = [row for row in rows if row.state in (OutboxState.UNCERTAIN, OutboxState.QUEUED)]
    if not unsure:
        return None, note
    if len(rows) > 1:
        named = ", ".join(str(row.id) for row in rows)
        return None, f"{note}; it could mean text {named}: left open"
    return _place(db, receipt_id, receipt, unsure[0], note, forms)


def _place(
    db: Connection, receipt_id: int, receipt: Receipt, row: Row[Any], note: str, forms: IdForms
) -> tuple[Part | None, str]:
    """Takes the receipt as the missing submit_sm_resp of the row's first part without one."""
    total = max(row.segments, 1)
    taken = set(db.execute(_TAKEN, {"row": row.id}).scalars())
    free = [number for number in range(1, total + 1) if number not in taken]
    if not free:
        return None, f"{note}; every part of text {row.id} has an id of its own"
    part = {
        "row_id": row.id,
        "number": free[0],
        "total": total,
        "route": row.route,
        "message_id": receipt.message_id,
        "accepted_at": receipt.at,
        "receipt": None,
        "receipt_at": None,
        "error": "",
    }
    db.execute(_new_part(db), part)
    # The next receipt for this part (ENROUTE, then DELIVRD) is then found by its id.
    names = receipt.id_forms | (
        forms(row.route, receipt.message_id) if receipt.message_id else frozenset()
    )
    if names:
        db.execute(
            _new_form(db),
            [
                {"route": row.route, "form": f, "row_id": row.id, "number": free[0]}
                for f in sorted(names)
            ],
        )
    how = "by handset, sender and time"
    db.execute(_ASSIGN, {"receipt": receipt_id, "row": row.id, "part": free[0], "why": how})
    return (row.id, free[0]), how


def assign(db: Connection, placed: Sequence[tuple[int, Part, str]]) -> None:
    """Receipts that were kept without a text now have one: (receipt, part, how)."""
    db.execute(
        _ASSIGN,
        [
            {"receipt": receipt_id, "row": part[0], "part": part[1], "why": how}
            for receipt_id, part, how in placed
        ],
    )
    for some in chunks([receipt_id for receipt_id, _, _ in placed]):
        db.execute(delete(receipt_forms).where(receipt_forms.c.receipt_id.in_(some)))

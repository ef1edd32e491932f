"""Opt-outs learnt from the carrier: a code in submit_sm_resp or in a receipt that means one.

Some carriers take STOP themselves (US toll-free, some short codes) and tell of it only by refusing
the next text. Which codes mean that is the contract's: `optout_status` and `optout_receipt_codes`
of the [[smsc]].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from textback.model import ConsentSource, Refused, Submission
from textback.store import optouts
from textback.store.rows import Finished, Matched
from textback.store.tables import outbox

_ROW = select(
    outbox.c.id, outbox.c.recipient, outbox.c.route, outbox.c.number, outbox.c.call_id
).where(outbox.c.id == bindparam("row"))


@dataclass(frozen=True, slots=True)
class Codes:
    """What of a carrier's codes means that the handset opted out."""

    statuses: frozenset[int] = frozenset()  #: command_status of submit_sm_resp
    receipts: frozenset[str] = frozenset()  #: `err:` of receipts, without leading zeros


#: Codes by the name of the route.
CodesOf = Callable[[str], Codes]


def no_codes(_route: str) -> Codes:
    """For a store that meets no carrier."""
    return Codes()


def same_code(error: str) -> str:
    """`err:` as codes are compared: carriers pad it to three digits, or do not."""
    return error.strip().lower().lstrip("0") or "0"


def from_submission(
    db: Connection,
    row_id: int,
    submission: Submission,
    codes: CodesOf,
    at: datetime,
    route: str = "",
) -> tuple[int, ...]:
    """Obeys a refusal that means an opt-out; returns the texts that were cancelled. `route`: by
    which it was submitted, where that is not the row's."""
    if not isinstance(submission, Refused):
        return ()
    row = db.execute(_ROW, {"row": row_id}).one_or_none()
    if row is None or submission.status not in codes(route or row.route).statuses:
        return ()
    name = f" {submission.name}" if submission.name else ""
    word = f"{route or row.route}: status {submission.status:#010x}{name}"
    return _learnt(db, row_id, word, at)


def from_submissions(
    db: Connection, finished: Sequence[Finished], codes: CodesOf
) -> tuple[int, ...]:
    """The same for several."""
    gone: tuple[int, ...] = ()
    for f in finished:
        gone += from_submission(db, f.row_id, f.submission, codes, f.at, f.route)
    return gone


def from_receipts(db: Connection, found: Sequence[Matched], codes: CodesOf) -> tuple[int, ...]:
    """Obeys receipts that mean an opt-out, of texts that are known."""
    gone: tuple[int, ...] = ()
    for matched in found:
        receipt = matched.receipt
        if matched.row_id is None or not receipt.error:
            continue
        if same_code(receipt.error) in codes(receipt.route).receipts:
            word = f"{receipt.route}: receipt err:{receipt.error}"
            gone += _learnt(db, matched.row_id, word, receipt.at)
    return gone


def _learnt(db: Connection, row_id: int, word: str, at: datetime) -> tuple[int, ...]:
    row = db.execute(_ROW, {"row": row_id}).one()
    if optouts.is_out(db, row.recipient, row.number):
        return ()  # a part of a long text each has its code
    _, gone = optouts.opt_out(
        db,
        row.recipient,
        at,
        source=ConsentSource.CARRIER,
        word=word,
        number=row.number,
        by="the carrier",
        reason=word,
        call_id=row.call_id,
        row_id=row_id,
    )
    return gone

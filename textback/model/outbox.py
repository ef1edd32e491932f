"""A text in the outbox: its states, the whole machine of them, and its row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from textback.model.verdict import TextKind


class OutboxState(StrEnum):
    """Where a text is in its life. `OUTBOX_TRANSITIONS` is the whole machine."""

    QUEUED = "queued"
    SENDING = "sending"  #: claimed on disk; bytes may be on the wire
    ACCEPTED = "accepted"  #: the SMSC took every part and gave message ids
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"  #: a receipt said it did not arrive
    REFUSED = "refused"  #: the SMSC said no for good
    UNCERTAIN = "uncertain"  #: bytes may have left, no answer came
    EXPIRED = "expired"  #: too old to be useful before it could be sent
    HELD = "held"  #: by the operator
    DROPPED = "dropped"  #: by the operator
    CANCELLED = "cancelled"  #: an answer, a call back or an opt-out came first
    SHADOW = "shadow"  #: decided in shadow mode, never submitted


#: {state: states it may go to}. An absent pair is refused by the store.
OUTBOX_TRANSITIONS: dict[OutboxState, frozenset[OutboxState]] = {
    OutboxState.QUEUED: frozenset(
        {
            OutboxState.SENDING,
            OutboxState.REFUSED,  # no route may carry it
            OutboxState.EXPIRED,
            OutboxState.HELD,
            OutboxState.DROPPED,
            OutboxState.CANCELLED,
        }
    ),
    OutboxState.SENDING: frozenset(
        {
            OutboxState.ACCEPTED,
            OutboxState.DELIVERED,  # the receipt overtook submit_sm_resp
            OutboxState.UNDELIVERED,
            OutboxState.QUEUED,
            OutboxState.REFUSED,
            OutboxState.UNCERTAIN,
        }
    ),
    OutboxState.ACCEPTED: frozenset({OutboxState.DELIVERED, OutboxState.UNDELIVERED}),
    OutboxState.DELIVERED: frozenset(),
    OutboxState.UNDELIVERED: frozenset({OutboxState.DELIVERED}),  # carriers correct themselves
    OutboxState.REFUSED: frozenset({OutboxState.QUEUED}),  # the operator's `release`
    OutboxState.UNCERTAIN: frozenset(
        {
            OutboxState.QUEUED,  # on_uncertain = "resend", or the operator's `release`
            OutboxState.ACCEPTED,  # a late receipt with a non-final state
            OutboxState.DELIVERED,
            OutboxState.UNDELIVERED,
            OutboxState.REFUSED,  # a late answer was a refusal
            OutboxState.DROPPED,
        }
    ),
    OutboxState.EXPIRED: frozenset(),
    OutboxState.HELD: frozenset({OutboxState.QUEUED, OutboxState.DROPPED, OutboxState.CANCELLED}),
    OutboxState.DROPPED: frozenset(),
    OutboxState.CANCELLED: frozenset(),
    OutboxState.SHADOW: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One text in the outbox, as read from the store."""

    id: int
    call_id: int | None  #: None for `send-test` and replies
    state: OutboxState
    to: str  #: E.164
    sender: str
    text: str
    route: str  #: "" until a route was chosen
    reference: int  #: 16-bit concatenation reference, kept over resends
    attempts: int  #: submits begun, throttled ones not counted
    created: datetime
    due: datetime  #: not to be claimed before
    expires: datetime
    claimed: datetime | None
    reason: str  #: why it is in this state, for the operator
    #: 1-based part numbers the SMSC has already accepted in an earlier attempt
    parts_done: frozenset[int] = frozenset()
    kind: TextKind = TextKind.MISSED

"""The one place that asks whether a text may go from one state to another.

The machine itself is `textback.model.OUTBOX_TRANSITIONS`; an absent pair is an error. Every verb of
the store that moves rows either names its sources by `sources()` in the WHERE of its UPDATE, or
checks the row it has read with `require()`.
"""

from __future__ import annotations

from textback.model import OUTBOX_TRANSITIONS, OutboxState, ReceiptState
from textback.store.errors import IllegalTransitionError

#: What an operator calls the step into a state.
WORDS = {
    OutboxState.QUEUED: "released",
    OutboxState.SENDING: "sent",
    OutboxState.HELD: "held",
    OutboxState.DROPPED: "dropped",
    OutboxState.CANCELLED: "cancelled",
}


def allowed(old: OutboxState, new: OutboxState) -> bool:
    return new in OUTBOX_TRANSITIONS[old]


def require(row_id: int, old: OutboxState, new: OutboxState) -> None:
    """Raises IllegalTransitionError, with a sentence for the operator."""
    if not allowed(old, new):
        raise IllegalTransitionError(row_id, old, WORDS.get(new, f"made {new.value}"))


def sources(new: OutboxState) -> tuple[OutboxState, ...]:
    """The states from which a text may go to `new`, in a stable order."""
    return tuple(s for s in OutboxState if new in OUTBOX_TRANSITIONS[s])


# --- receipts ---------------------------------------------------------------------------------


def _rank(state: ReceiptState) -> int:
    if state is ReceiptState.DELIVERED:
        return 3
    return 2 if state.final else 1


def better(old: ReceiptState | None, new: ReceiptState) -> bool:
    """Whether a receipt with `new` replaces what was known of a part.

    Receipts come twice and out of order (SMPP 3.4 says nothing of order): DELIVRD beats everything,
    any final state beats ENROUTE, and among equals the one that came last is believed.
    """
    return old is None or _rank(new) >= _rank(old)


def state_from_parts(
    state: OutboxState, total: int, receipts: list[ReceiptState | None]
) -> OutboxState:
    """Where a text stands by the receipts of its parts; `state` where they change nothing.

    `receipts` has one entry per part the SMSC is known to have taken. The text arrived when every
    part did; it did not when one part did not; a text nobody answered for counts as accepted once
    every part is known to be with the SMSC.
    """
    known = len(receipts)
    if known >= total and all(r is ReceiptState.DELIVERED for r in receipts):
        wanted = OutboxState.DELIVERED
    elif any(r is not None and r.final and r is not ReceiptState.DELIVERED for r in receipts):
        wanted = OutboxState.UNDELIVERED
    elif known >= total:
        wanted = OutboxState.ACCEPTED
    else:
        return state
    return wanted if allowed(state, wanted) else state

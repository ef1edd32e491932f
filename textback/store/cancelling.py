"""Cancelling texts that are not needed any more, as long as no byte of them was sent.

a person spoke to the caller, or the     the text to the missed caller and its follow-up
  dialplan says that it is handled
the caller replied                       the follow-up
STOP, or an opt-out by other ways        every text to the handset
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Update, bindparam, select, update

from textback.model import CallKey, OutboxState, TextKind
from textback.spelling import same_number
from textback.store.calls import by_key
from textback.store.tables import calls, outbox
from textback.store.transitions import sources

#: Why a text to a missed caller was cancelled.
ANSWERED = "the call was answered"
ANSWERED_LATER = "the caller was answered in a later call"
CALLED_BACK = "the business called back"
HANDLED = "the dialplan said that it is handled"
REPLIED = "the caller replied"

_CANCEL = (
    update(outbox)
    .where(outbox.c.state.in_(sources(OutboxState.CANCELLED)))
    .values(state=OutboxState.CANCELLED, reason=bindparam("why"), changed_at=bindparam("at"))
    .returning(outbox.c.id)
)
# Whom a person has spoken to needs no "sorry we missed you"; what was asked for is sent all the
# same. Only an opt-out ends every kind.
_MISSED = outbox.c.kind.in_((TextKind.MISSED, TextKind.FOLLOW_UP))
_CANCEL_CALL = _CANCEL.where(outbox.c.call_id == bindparam("call"), _MISSED)
_CANCEL_CALLER = _CANCEL.where(outbox.c.recipient == bindparam("handset"), _MISSED)
_CANCEL_HANDSET = _CANCEL.where(outbox.c.recipient == bindparam("handset"))
_CANCEL_ROW = _CANCEL.where(outbox.c.id == bindparam("row"))
_FOLLOW_UPS = select(outbox.c.id, outbox.c.sender, outbox.c.number).where(
    outbox.c.recipient == bindparam("handset"),
    outbox.c.kind == TextKind.FOLLOW_UP,
    outbox.c.state.in_(sources(OutboxState.CANCELLED)),
)


def _before(answer: Update) -> Update:
    """Only texts of calls that began before `until`."""
    earlier = select(calls.c.id).where(
        calls.c.id == outbox.c.call_id, calls.c.started_at <= bindparam("until")
    )
    return answer.where(earlier.exists())


_CANCEL_EARLIER = _before(_CANCEL_CALLER)


def cancel_call(db: Connection, call_id: int, reason: str, now: datetime) -> tuple[int, ...]:
    """The text to the missed caller of this call, if no byte of it was sent."""
    changes = {"call": call_id, "why": reason, "at": now}
    return tuple(db.execute(_CANCEL_CALL, changes).scalars())


def cancel_caller(
    db: Connection, number: str, reason: str, now: datetime, *, until: datetime | None = None
) -> tuple[int, ...]:
    """Texts to this missed caller; with `until` only those of calls that began before."""
    changes = {"handset": number, "why": reason, "at": now}
    if until is None:
        return tuple(db.execute(_CANCEL_CALLER, changes).scalars())
    return tuple(db.execute(_CANCEL_EARLIER, changes | {"until": until}).scalars())


def cancel_follow_ups(db: Connection, handset: str, ours: str, now: datetime) -> tuple[int, ...]:
    """Follow-ups to a handset that wrote to `ours`, as the carrier spells that number."""
    waiting = db.execute(_FOLLOW_UPS, {"handset": handset}).all()
    gone: list[int] = []
    for row in waiting:
        if same_number(ours, row.sender) or same_number(ours, row.number):
            changes = {"row": row.id, "why": REPLIED, "at": now}
            gone += db.execute(_CANCEL_ROW, changes).scalars()
    return tuple(gone)


def cancel_handset(db: Connection, number: str, reason: str, now: datetime) -> tuple[int, ...]:
    """Every text to this handset that no byte was sent of, of whatever kind."""
    changes = {"handset": number, "why": reason, "at": now}
    return tuple(db.execute(_CANCEL_HANDSET, changes).scalars())


def cancel_key(db: Connection, key: CallKey, reason: str, now: datetime) -> tuple[int, ...]:
    call_id = by_key(db, key)
    return () if call_id is None else cancel_call(db, call_id, reason, now)

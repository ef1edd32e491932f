"""The events of calls and texts, put down beside what they tell of.

Their payloads are documented in `textback.tell_shapes`; a test holds each against it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from textback.compose import clean_name
from textback.model import (
    TEXTABLE_OUTCOMES,
    Call,
    Direction,
    Event,
    EventKind,
    OutboxState,
    Reason,
)
from textback.store import events
from textback.store.rows import CallFact
from textback.store.sql import chunks
from textback.store.tables import calls, outbox, verdicts
from textback.tell_shapes import instant

__all__ = ["FAILED", "call_missed", "instant", "texts_failed"]

#: A call of which nobody is told: it was no miss, or it was not ours to watch.
_NO_MISS = frozenset(
    reason.value
    for reason in (
        Reason.NUMBER_DISABLED,
        Reason.HANDLED,
        Reason.TAINTED,
        Reason.ANSWERED,
        Reason.UNKNOWN_CALL,
    )
)
#: Where a text ends that did not arrive.
FAILED = frozenset({OutboxState.REFUSED, OutboxState.UNDELIVERED, OutboxState.EXPIRED})

_VERDICT = select(verdicts.c.send, verdicts.c.reason).where(verdicts.c.call_id == bindparam("call"))
_TEXT = (
    select(outbox.c.id).where(outbox.c.call_id == bindparam("call")).order_by(outbox.c.id).limit(1)
)


def call_missed(db: Connection, call_id: int, fact: CallFact, call: Call) -> None:
    """A watched call from outside ended and nobody had spoken to the caller. A repeat is a no-op.

    `call` is the fact's, with what the store knew of it besides. Called when its verdict and its
    text are written.
    """
    if not call.final or not fact.number or call.direction is not Direction.INBOUND:
        return
    if call.outcome not in TEXTABLE_OUTCOMES or call.tainted or call.handled:
        return
    verdict = db.execute(_VERDICT, {"call": call_id}).one_or_none()
    if verdict is not None and verdict.reason in _NO_MISS:
        return
    text = db.execute(_TEXT, {"call": call_id}).scalar_one_or_none()
    events.put(
        db,
        Event(
            kind=EventKind.CALL_MISSED,
            at=call.at.utc,
            caller=fact.caller,
            number=fact.number,
            key=events.once("call.missed", call_id, call.key.pbx, call.key.uniqueid),
            payload={
                "call": call_id,
                "call_id": str(call.key),
                "outcome": call.outcome.value,
                "verdict": "" if verdict is None else "send" if verdict.send else "skip",
                "reason": "" if verdict is None else verdict.reason,
                "text": text,
                "label": fact.label,
                "name": clean_name(call.caller_name),
                "started": instant(call.started.utc),
                "waited": round(call.waited, 1),
                "queue": call.queue,
                "late": call.late,
                "shadow": fact.shadow,
            },
        ),
    )


def texts_failed(db: Connection, row_ids: Collection[int], at: datetime) -> None:
    """Of these texts, those that are now refused, undelivered or expired."""
    found: list[Event] = []
    for some in chunks(sorted(row_ids)):
        query = (
            select(
                *(outbox.c[n] for n in ("id", "kind", "state", "recipient", "sender", "number")),
                *(outbox.c[n] for n in ("reason", "route", "attempts", "segments", "call_id")),
                calls.c.number_label,
            )
            .outerjoin(calls, calls.c.id == outbox.c.call_id)
            .where(outbox.c.id.in_(some), outbox.c.state.in_(sorted(FAILED)))
            .order_by(outbox.c.id)
        )
        found += [_failed(row, at) for row in db.execute(query)]
    events.put_all(db, found)


def _failed(row: Any, at: datetime) -> Event:
    return Event(
        kind=EventKind.TEXT_FAILED,
        at=at,
        caller=row.recipient,
        number=row.number,
        payload={
            "text": row.id,
            "text_kind": row.kind.value,
            "state": row.state.value,
            "reason": row.reason,
            "sender": row.sender,
            "route": row.route,
            "attempts": row.attempts,
            "call": row.call_id,
            "label": row.number_label or "",
        },
    )

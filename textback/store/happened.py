"""The events of calls and texts, put down beside what they tell of.

Their payloads are documented in `textback.tell_shapes`; a test holds each against it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from textback.compose import clean_name
from textback.model import (
    TEXTABLE_OUTCOMES,
    Direction,
    Event,
    EventKind,
    OutboxState,
    Reason,
    Send,
)
from textback.store import events
from textback.store.calls import Seen
from textback.store.rows import CallFact, Judged
from textback.store.sql import chunks
from textback.store.tables import calls, outbox
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


def call_missed(db: Connection, fact: CallFact, seen: Seen, judged: Judged) -> None:
    """A watched call from outside ended and nobody had spoken to the caller. A repeat is a no-op.

    Called when its verdict and its text are written: `judged` is what this fact brought, `seen`
    has what was there before.
    """
    call = seen.call
    if not call.final or not fact.number or call.direction is not Direction.INBOUND:
        return
    if call.outcome not in TEXTABLE_OUTCOMES or call.tainted or call.handled:
        return
    verdict, reason = "", seen.reason
    if judged.verdict is not None:
        verdict = "send" if isinstance(judged.verdict, Send) else "skip"
        reason = judged.verdict.reason.value
    elif seen.send is not None:
        verdict = "send" if seen.send else "skip"
    if verdict and reason in _NO_MISS:
        return
    text = seen.text or (judged.row.id if judged.row is not None else None)
    events.put(
        db,
        Event(
            kind=EventKind.CALL_MISSED,
            at=call.at.utc,
            caller=fact.caller,
            number=fact.number,
            key=events.once("call.missed", seen.call_id, call.key.pbx, call.key.uniqueid),
            payload={
                "call": seen.call_id,
                "call_id": str(call.key),
                "outcome": call.outcome.value,
                "verdict": verdict,
                "reason": reason,
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

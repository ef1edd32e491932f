"""Replies that may be opt-outs: laid open for a person, decided, and what waits for that.

Until it is decided no text is written or sent to the handset that nobody asked for; what a person
writes, and what the caller asks for by a key, is. Its automatic texts are held, not cancelled: if
the reply was none, those still fresh enough leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select, text, update

from textback.model import (
    ConsentEvent,
    ConsentSource,
    Event,
    EventKind,
    Incoming,
    OutboxState,
    Reading,
    Review,
    TextKind,
)
from textback.store import consents, events
from textback.store.tables import outbox
from textback.store.tables_talk import incoming, threads

#: Why a text is held: a reply of its handset may be an opt-out, and nobody has looked yet.
DOUBTFUL = "a reply may be an opt-out: see textback optout review"
#: What a rule writes unasked: it waits while a reply is doubtful. What a person writes, or what was
#: asked for by a key, does not.
UNASKED = frozenset({TextKind.MISSED, TextKind.FOLLOW_UP})

#: Spelt out, so that the planner can use the partial index.
OPEN: ColumnElement[bool] = text("incoming.review = 'open'")  # type: ignore[assignment]

DOUBT = (
    select(incoming.c.at)
    .where(incoming.c.sender == bindparam("who"), OPEN)
    .order_by(incoming.c.at)
    .limit(1)
)
_LAY_OPEN = update(incoming).where(incoming.c.id == bindparam("row")).values(review=Review.OPEN)
_SETTLE = (
    update(incoming)
    .where(incoming.c.sender == bindparam("who"), OPEN)
    .values(review=bindparam("now_"), reviewed_at=bindparam("when_"), reviewed_by=bindparam("by_"))
    .returning(incoming.c.id)
)
_OF_NUMBER = select(threads.c.id).where(
    threads.c.handset == bindparam("who"), threads.c.number == bindparam("told")
)
_SETTLE_THERE = _SETTLE.where(incoming.c.thread_id.in_(_OF_NUMBER))
_HOLD = (
    update(outbox)
    .where(
        outbox.c.recipient == bindparam("who"),
        outbox.c.state == OutboxState.QUEUED,
        outbox.c.kind.in_(sorted(UNASKED)),
    )
    .values(state=OutboxState.HELD, reason=DOUBTFUL, changed_at=bindparam("when_"))
    .returning(outbox.c.id)
)
_RELEASE = (
    update(outbox)
    .where(
        outbox.c.recipient == bindparam("who"),
        outbox.c.state == OutboxState.HELD,
        outbox.c.reason == DOUBTFUL,
    )
    .values(state=OutboxState.QUEUED, reason="", changed_at=bindparam("when_"))
    .returning(outbox.c.id)
)
_LIST = (
    select(incoming, threads.c.number.label("did"))
    .join(threads, threads.c.id == incoming.c.thread_id)
    .where(OPEN)
    .order_by(incoming.c.at, incoming.c.id)
    .limit(bindparam("most"))
)
_COUNT = select(func.count()).select_from(incoming).where(OPEN)
_ONE = (
    select(incoming, threads.c.number.label("did"))
    .join(threads, threads.c.id == incoming.c.thread_id)
    .where(incoming.c.id == bindparam("row"))
)
_DISMISS = (
    update(incoming)
    .where(incoming.c.id == bindparam("row"), OPEN)
    .values(
        review=Review.DISMISSED,
        reviewed_at=bindparam("when_"),
        reviewed_by=bindparam("by_"),
    )
    .returning(incoming.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A reply of which a person has to say whether it is an opt-out."""

    id: int  #: of the incoming text
    sender: str  #: the handset
    number: str  #: did of the [[number]], "" for none
    text: str
    at: datetime
    review: Review
    by: str  #: who decided, "" while it is open
    thread_id: int = 0


def since(db: Connection, handset: str) -> datetime | None:
    """Since when a reply of this handset waits for a person's word on whether it opts out."""
    return db.execute(DOUBT, {"who": handset}).scalar_one_or_none()


def waiting(db: Connection, limit: int = 1_000) -> list[Doubt]:
    """What is open, the oldest first."""
    return [of_row(row, row.did) for row in db.execute(_LIST, {"most": limit})]


def count(db: Connection) -> int:
    return int(db.execute(_COUNT).scalar_one())


def find(db: Connection, incoming_id: int) -> Doubt | None:
    """A text that came in, whether it is open or not."""
    row = db.execute(_ONE, {"row": incoming_id}).one_or_none()
    return of_row(row, row.did) if row is not None else None


def of_row(row: Row[Any], number: str) -> Doubt:
    """A row of `incoming` in a thread of this [[number]]."""
    return Doubt(
        id=row.id,
        sender=row.sender,
        number=number,
        text=row.text,
        at=row.at,
        review=row.review,
        by=row.reviewed_by,
        thread_id=row.thread_id,
    )


def of(db: Connection, handsets: Sequence[str]) -> set[str]:
    """Those of the handsets that have a reply open."""
    query = select(incoming.c.sender).where(incoming.c.sender.in_(handsets), OPEN)
    return set(db.execute(query).scalars())


def lay_open(
    db: Connection, text_in: Incoming, reading: Reading, at: datetime, *, label: str = ""
) -> tuple[int, ...]:
    """A person is to look at this text; returns the texts that wait for it. `label`: what people
    call the number it came to."""
    handset = text_in.sender
    db.execute(_LAY_OPEN, {"row": text_in.id})
    consents.record(
        db,
        handset,
        ConsentEvent.REVIEW,
        ConsentSource.HANDSET,
        at,
        words=text_in.text,
        detail=reading.why,
        incoming_id=text_in.id,
    )
    held = tuple(db.execute(_HOLD, {"who": handset, "when_": at}).scalars())
    events.put(
        db,
        Event(
            kind=EventKind.OPT_OUT_REVIEW,
            at=at,
            caller=handset,
            number=text_in.number,
            payload={
                "incoming": text_in.id,
                "thread": text_in.thread_id,
                "text": text_in.text,
                "why": reading.why,
                "label": label,
            },
        ),
    )
    return held


def settle(
    db: Connection, handset: str, review: Review, by: str, at: datetime, *, scope: str = ""
) -> tuple[int, ...]:
    """Decides the open replies of a handset, to one [[number]] (did) or all; returns the texts that
    wait for nothing any more. After an opt-out those it ends must have been cancelled before."""
    changes = {"who": handset, "now_": review, "by_": by, "when_": at}
    query = _SETTLE
    if scope:
        query, changes = _SETTLE_THERE, changes | {"told": scope}
    for incoming_id in db.execute(query, changes).scalars().all():
        _reviewed(db, handset, review, by, at, incoming_id)
    return _released(db, handset, at)


def _released(db: Connection, handset: str, at: datetime) -> tuple[int, ...]:
    """What waits no more, unless another reply of the handset is open."""
    if since(db, handset) is not None:
        return ()
    return tuple(db.execute(_RELEASE, {"who": handset, "when_": at}).scalars())


def _reviewed(
    db: Connection, handset: str, review: Review, by: str, at: datetime, incoming_id: int
) -> None:
    consents.record(
        db,
        handset,
        ConsentEvent.REVIEWED,
        ConsentSource.STAFF if by.startswith("operator") else ConsentSource.HANDSET,
        at,
        by=by,
        detail="an opt-out" if review is Review.OPTED_OUT else "no opt-out",
        incoming_id=incoming_id,
    )


def dismiss(db: Connection, doubt: Doubt, by: str, at: datetime) -> tuple[bool, tuple[int, ...]]:
    """A person says that this reply is no opt-out: was it open, and which texts wait no more.

    Those of a handset with another reply open go on waiting.
    """
    changes = {"row": doubt.id, "by_": by, "when_": at}
    if db.execute(_DISMISS, changes).scalar_one_or_none() is None:
        return False, ()
    _reviewed(db, doubt.sender, Review.DISMISSED, by, at, doubt.id)
    return True, _released(db, doubt.sender, at)

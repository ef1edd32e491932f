"""One conversation with all that belongs to it, in order: texts both ways, and calls."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from heapq import nlargest
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, text

from textback.model import (
    CallBetween,
    Conversation,
    Line,
    PhoneTold,
    Request,
    TextIn,
    TextOut,
)
from textback.store import assembling, telephones, threads
from textback.store.errors import NoThreadError
from textback.store.inbox_lists import card
from textback.store.sql import chunks
from textback.store.tables import calls, outbox
from textback.store.tables_carrier import replies
from textback.store.tables_talk import incoming

_IN = (
    select(incoming)
    .where(incoming.c.thread_id == bindparam("thread"), incoming.c.at < bindparam("until"))
    .order_by(incoming.c.at.desc())
    .limit(bindparam("most"))
)
#: In the order in which they left: one that was delayed stands where the handset got it.
_LEFT = func.coalesce(outbox.c.claimed_at, outbox.c.created_at)
_OUT = (
    select(outbox)
    .where(outbox.c.thread_id == bindparam("thread"), bindparam("until") > _LEFT)
    .order_by(_LEFT.desc())
    .limit(bindparam("most"))
)
#: From the handset, and those by which the business reached it.
_CALLED = (
    select(calls)
    .where(
        calls.c.caller_e164 == bindparam("handset"),
        calls.c.started_at < bindparam("until"),
        or_(calls.c.number == bindparam("number"), bindparam("number") == ""),
    )
    .order_by(calls.c.started_at.desc())
    .limit(bindparam("most"))
)
_CALLED_BACK = (
    select(calls)
    .where(
        text("calls.called_back != ''"),  # spelt out: only so the partial index is used
        calls.c.called_back == bindparam("handset"),
        calls.c.answered_at < bindparam("until"),
    )
    .order_by(calls.c.answered_at.desc())
    .limit(bindparam("most"))
)
_FUTURE = datetime.fromisoformat("9000-01-01T00:00:00+00:00")


def conversation(
    db: Connection, thread_id: int, *, before: datetime | None = None, limit: int = 200
) -> Conversation:
    """The newest `limit` lines before that moment, in order. Raises NoThreadError."""
    row = threads.get(db, thread_id)
    if row is None:
        raise NoThreadError(f"no conversation {thread_id}")
    asked = {
        "thread": thread_id,
        "handset": row.handset,
        "number": row.number,
        "until": before or _FUTURE,
        "most": limit + 1,
    }
    found: list[Line] = [*_texts_in(db, asked), *_texts_out(db, asked), *_calls(db, asked)]
    newest = nlargest(limit, found, key=_order)
    if newest and len(found) > limit:
        # The page before this one ends at a moment: what is of the same is not torn apart.
        newest = [line for line in found if line.at >= newest[-1].at]
    return Conversation(
        thread=card(db, row),
        lines=tuple(sorted(newest, key=_order)),
        more=len(found) > len(newest),
    )


def _order(line: Line) -> tuple[datetime, int, int]:
    # At the same moment the call comes before what was written because of it.
    return line.at, (CallBetween, TextIn, TextOut).index(type(line)), line.id


def _texts_in(db: Connection, asked: dict[str, Any]) -> Iterable[TextIn]:
    rows = db.execute(_IN, asked).all()
    again: dict[int, list[datetime]] = {}
    for some in chunks([row.id for row in rows]):
        query = select(replies.c.incoming_id, replies.c.at).where(
            replies.c.incoming_id.in_(some), replies.c.repeat_of.is_not(None)
        )
        for reply in db.execute(query.order_by(replies.c.at)):
            again.setdefault(reply.incoming_id, []).append(reply.at)
    told = telephones.of_texts(db, [row.id for row in rows])
    return [_text_in(row, again.get(row.id, []), told.get(row.id, [])) for row in rows]


def _text_in(row: Row[Any], again: list[datetime], told: list[PhoneTold]) -> TextIn:
    return TextIn(
        id=row.id,
        at=row.at,
        text=row.text,
        parts=row.parts,
        missing=row.missing,
        waits=assembling.waits(row),
        request=Request(row.word) if row.word else None,
        review=row.review,
        keyword=row.keyword,
        route=row.route,
        repeats=tuple(again),
        phones=tuple(told),
    )


def _texts_out(db: Connection, asked: dict[str, Any]) -> Iterable[TextOut]:
    return [
        TextOut(
            id=row.id,
            at=row.claimed_at or row.created_at,
            text=row.text,
            kind=row.kind,
            state=row.state,
            reason=row.reason,
            author=row.author,
            segments=row.segments,
            call_id=row.call_id,
        )
        for row in db.execute(_OUT, asked)
    ]


def _calls(db: Connection, asked: dict[str, Any]) -> Iterable[CallBetween]:
    rows = {row.id: row for row in db.execute(_CALLED, asked)}
    rows |= {row.id: row for row in db.execute(_CALLED_BACK, asked)}
    return [
        CallBetween(
            id=row.id,
            at=row.started_at,
            direction=row.direction,
            outcome=row.outcome if row.ended_at is not None else None,
            answered=row.answered_at,
            waited=row.waited,
            called_back=bool(row.called_back) and row.called_back == asked["handset"],
        )
        for row in rows.values()
    ]

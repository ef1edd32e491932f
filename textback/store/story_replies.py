"""What a handset wrote back to a text, as its story tells it: a long one as one, with its parts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from textback.model import StoryEvent, TextKind
from textback.store import assembling
from textback.store.tables import outbox
from textback.store.tables_carrier import replies
from textback.store.tables_talk import incoming

#: A reply this long after a text is not an answer to it any more.
THREAD = timedelta(days=30)


def reply_events(db: Connection, row: Row[Any]) -> Iterable[StoryEvent]:
    """What the handset wrote back to this number, up to the next text it got from there."""
    after = db.execute(
        select(func.min(outbox.c.created_at)).where(
            outbox.c.recipient == row.recipient,
            outbox.c.sender == row.sender,
            outbox.c.created_at > row.created_at,
            outbox.c.maybe_sent,
            # Written in the breath of what they answer: that belongs to the text before.
            outbox.c.kind.not_in((TextKind.CONFIRM, TextKind.HELP)),
        )
    ).scalar_one()
    end = min(after or row.created_at + THREAD, row.created_at + THREAD)
    if row.thread_id is not None:
        yield from _of_thread(db, row.thread_id, row.created_at, end)
    # What came in parts before there were conversations: they were not put together.
    query = select(replies).where(
        replies.c.sender == row.recipient,
        replies.c.recipient.in_((row.sender, row.sender.lstrip("+"), row.number)),
        replies.c.at >= row.created_at,
        replies.c.at < end,
        replies.c.incoming_id.is_(None),
    )
    for reply in db.execute(query.order_by(replies.c.at, replies.c.id)):
        part = f" (part {reply.part} of {reply.parts})" if reply.parts > 1 else ""
        yield StoryEvent(at=reply.at, kind="reply", text=f"{reply.text}{part}")


def _of_thread(
    db: Connection, thread_id: int, begin: datetime, end: datetime
) -> Iterable[StoryEvent]:
    query = (
        select(incoming)
        .where(
            incoming.c.thread_id == thread_id,
            incoming.c.at >= begin,
            incoming.c.at < end,
        )
        .order_by(incoming.c.at, incoming.c.id)
    )
    for found in db.execute(query).all():
        yield StoryEvent(at=found.at, kind="reply", text=f"{found.text}{_note(found)}".strip())
        if found.given_up_at is not None:
            words = "not all parts of it came in time: it was taken as it is"
            yield StoryEvent(at=found.given_up_at, kind="reply", text=words)
        if found.parts > 1:
            yield from _parts(db, found.id, found.parts)


def _note(row: Row[Any]) -> str:
    if row.parts == 1:
        return ""
    if assembling.waits(row):
        return f"({row.parts - row.missing} of {row.parts} parts so far)"
    if row.missing:
        return f" ({row.missing} of {row.parts} parts did not come)"
    return f" ({row.parts} parts)"


def _parts(db: Connection, incoming_id: int, total: int) -> Iterable[StoryEvent]:
    """When each came; what they say stands with the text."""
    query = (
        select(replies.c.part, replies.c.at, replies.c.repeat_of)
        .where(replies.c.incoming_id == incoming_id)
        .order_by(replies.c.at, replies.c.id)
    )
    for part in db.execute(query):
        again = " again" if part.repeat_of is not None else ""
        words = f"part {part.part} of {total} came{again}"
        yield StoryEvent(at=part.at, kind="reply", text=words)

"""Replies that came since somebody last asked, of those that still want a person.

What came is taken from `events`, whose ids grow in the order in which texts were taken: a long
text is news when its last part is there, however old its row in `incoming` is by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, or_, select

from textback.model import EventKind, Review
from textback.store import contacts
from textback.store.inbox_lists import SHOWN
from textback.store.sql import chunks
from textback.store.tables_talk import incoming, threads
from textback.store.tables_tell import events

#: Events that are looked through at the most: who was away for longer is told of the newest.
LOOKED = 5_000
#: Replies that are counted at the most.
MOST_NEWS = 200

_WANTED: ColumnElement[bool] = or_(
    threads.c.waits_since.is_not(None), incoming.c.review == Review.OPEN
)
_LATEST = select(func.max(events.c.id))
_HEARD = (
    select(events.c.payload)
    .where(
        events.c.id > bindparam("seen"),
        events.c.kind.in_((EventKind.REPLY_RECEIVED, EventKind.OPT_OUT_REVIEW)),
    )
    .order_by(events.c.id.desc())
    # A doubtful reply has an event of each kind.
    .limit(2 * MOST_NEWS)
)
_REPLIES = (
    select(
        incoming.c.id,
        incoming.c.thread_id,
        incoming.c.at,
        incoming.c.review,
        func.substr(incoming.c.text, 1, SHOWN).label("words"),
        threads.c.handset,
        threads.c.number,
    )
    .join(threads, threads.c.id == incoming.c.thread_id)
    .where(incoming.c.id.in_(bindparam("ids", expanding=True)), _WANTED)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReply:
    """A text that came in and wants a person."""

    incoming: int
    thread: int
    handset: str
    number: str  #: did of the [[number]], "" for none
    name: str  #: in the contacts, "" for none
    text: str  #: its beginning
    at: datetime
    review: bool  #: it may be an opt-out, and nobody has decided


@dataclass(frozen=True, slots=True)
class News:
    """What came, the newest first, and from where to ask on."""

    latest: int
    replies: tuple[NewReply, ...] = ()


def since(db: Connection, seen: int | None) -> News:
    """What came after `seen`, the `latest` of an earlier answer; None: nothing, only `latest`."""
    latest = int(db.execute(_LATEST).scalar_one() or 0)
    if seen is None or seen >= latest:
        return News(latest)
    heard = db.execute(_HEARD, {"seen": max(seen, latest - LOOKED)}).scalars()
    # STOP, START and HELP want nobody, whatever else waits there. What was completed late was news
    # when it was taken with its gap.
    ids = [
        told["incoming"] for told in heard if not told.get("request") and not told.get("completed")
    ]
    return News(latest, _replies(db, list(dict.fromkeys(ids))[:MOST_NEWS]))


def _replies(db: Connection, ids: Sequence[int]) -> tuple[NewReply, ...]:
    rows: dict[int, Row[Any]] = {}
    for some in chunks(list(ids)):
        rows |= {row.id: row for row in db.execute(_REPLIES, {"ids": some})}
    names = contacts.names(db, [row.handset for row in rows.values()])
    return tuple(
        NewReply(
            incoming=row.id,
            thread=row.thread_id,
            handset=row.handset,
            number=row.number,
            name=names.get(row.handset, ""),
            text=row.words,
            at=row.at,
            review=row.review is Review.OPEN,
        )
        for row in (rows[one] for one in ids if one in rows)
    )

"""A text that trips over a fault of ours: kept as it came, and laid before a person.

A carrier that is told "not now" sends it again for ever, and every text of its handset behind it.
So it is kept without the rules, in its thread and to be reviewed, since it may be a STOP; where
that fails too, its octets alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from textback.model import Incoming, Reading, Reply, Review
from textback.reply_rules import PLAIN
from textback.store import assembling, doubts, threads
from textback.store.incoming import Taken
from textback.store.replies import Kept
from textback.store.tables_carrier import replies
from textback.store.tables_talk import incoming

#: Why a person is to look at it.
WHY = "textback could not take it: see its log"

_TEXT = insert(incoming).returning(incoming.c.id)
_KEEP = insert(replies).returning(replies.c.id)
_GIVE_UP = (
    update(incoming)
    .where(incoming.c.id == bindparam("row"))
    .values(text=bindparam("words"), missing=bindparam("gone"), given_up_at=bindparam("now_"))
)


def keep(db: Connection, reply: Reply, *, shown: bool) -> Kept:
    """Keep it; `shown`: with a place in its thread."""
    if not shown:
        return Kept(reply_id=_kept(db, reply, None, ""), reply=reply)
    taken = _laid_open(db, reply)
    return Kept(reply_id=_kept(db, reply, taken.text.id, reply.text), reply=reply, taken=taken)


def give_up(db: Connection, now: datetime) -> list[Taken]:
    """The text that waits longest for parts, with each part as it was read by itself."""
    waiting = assembling.open_texts(db)
    if not waiting:
        return []
    row = waiting[0]
    words, missing = assembling.read(assembling.parts(db, row.id), row.parts, PLAIN.join)
    changes = {"row": row.id, "words": words, "gone": missing, "now_": now}
    db.execute(_GIVE_UP, changes)
    thread = threads.get(db, row.thread_id)
    assert thread is not None
    threads.touch_in(
        db, thread.handset, thread.ours, number=thread.number, route=row.route, at=row.at
    )
    shown = Incoming(
        id=row.id,
        thread_id=row.thread_id,
        route=row.route,
        sender=row.sender,
        recipient=row.recipient,
        ours=thread.ours,
        number=thread.number,
        text=words,
        at=row.at,
        parts=row.parts,
        missing=missing,
    )
    reading = Reading(review=True, why=WHY)
    return [Taken(text=shown, reading=reading, held=doubts.lay_open(db, shown, reading, now))]


def _laid_open(db: Connection, reply: Reply) -> Taken:
    ours = reply.recipient
    number = threads.number_of(db, reply.sender, ours)
    thread_id = threads.touch_in(
        db, reply.sender, ours, number=number, route=reply.route, at=reply.at
    )
    text, missing = assembling.bounded(reply.text), reply.parts - 1
    values: dict[str, Any] = {
        "thread_id": thread_id,
        "route": reply.route,
        "sender": reply.sender,
        "recipient": reply.recipient,
        "text": text,
        "at": reply.at,
        "whole_at": None if missing else reply.at,
        "reference": None,
        "parts": reply.parts,
        "missing": missing,
        "given_up_at": reply.at if missing else None,
        "word": "",
        "review": Review.NONE,
        "reviewed_at": None,
        "reviewed_by": "",
        "keyword": "",
    }
    row_id = int(db.execute(_TEXT, values).scalar_one())
    shown = Incoming(
        id=row_id,
        thread_id=thread_id,
        route=reply.route,
        sender=reply.sender,
        recipient=reply.recipient,
        ours=ours,
        number=number,
        text=text,
        at=reply.at,
        parts=reply.parts,
        missing=missing,
    )
    reading = Reading(review=True, why=WHY)
    held = doubts.lay_open(db, shown, reading, reply.at)
    return Taken(text=shown, reading=reading, held=held)


def _kept(db: Connection, reply: Reply, incoming_id: int | None, text: str) -> int:
    values = {
        "route": reply.route,
        "sender": reply.sender,
        "recipient": reply.recipient,
        "text": text,
        "at": reply.at,
        "reference": None,
        "part": 1,
        "parts": 1,
        "word": "",
        "raw": reply.raw,
        "incoming_id": incoming_id,
        "octets": None,
        "coding": None,
        "session": reply.session,
        "unanswered": False,
        "repeat_of": None,
    }
    return int(db.execute(_KEEP, values).scalar_one())

"""What comes of a text that came in, once it is whole or taken as it is: one transaction, in order.

    thread       it is unread, and waits for an answer unless it is a word of the opt-out
    text         put together, understood
    opt-out      STOP and START are obeyed, doubtful words laid before a person
    follow-ups   the caller was heard of: cancelled
    case         the missed caller has replied
    phones       the desk phones of the number are told
    events       `reply.received`, `keyword.matched`
    answer       what a rule writes back at once

A text that was taken with a gap and is completed by a late part goes through all of it again: only
now can it be read for what it is. It is unread again, and the event says `completed`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from textback import optout
from textback.model import (
    Event,
    EventKind,
    Incoming,
    OutboxRow,
    Reading,
    Reply,
    Review,
    Send,
)
from textback.reply_rules import ReplyRules
from textback.store import (
    assembling,
    cases,
    contacts,
    doubts,
    events,
    obeying,
    robots,
    telephones,
    threads,
)
from textback.store.calls import with_text
from textback.store.cancelling import cancel_follow_ups
from textback.store.tables_talk import incoming
from textback.store.tables_talk import threads as threads_table

_NEW = insert(incoming).returning(incoming.c.id)
_WRITE = (
    update(incoming)
    .where(incoming.c.id == bindparam("row"))
    .values(
        text=bindparam("words"),
        missing=bindparam("gone"),
        whole_at=bindparam("whole"),
        given_up_at=bindparam("given_up"),
        word=bindparam("asks"),
        keyword=bindparam("rule"),
    )
)
_LESS = (
    update(incoming)
    .where(incoming.c.id == bindparam("row"))
    .values(text=bindparam("words"), missing=bindparam("gone"))
)
_THREAD = select(threads_table.c.handset, threads_table.c.ours, threads_table.c.number).where(
    threads_table.c.id == bindparam("thread")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A text that came in, and what came of it."""

    text: Incoming
    reading: Reading
    cancelled: tuple[int, ...] = ()  #: texts that are not sent any more
    held: tuple[int, ...] = ()  #: texts that wait until a person has looked at it
    answer: OutboxRow | None = None  #: what a rule wrote back
    completed: bool = False  #: it had been taken with a gap before


def whole(db: Connection, reply: Reply, rules: ReplyRules) -> Taken:
    """A text that came in one piece."""
    ours, number = threads.placed(db, reply.sender, rules.ours(reply.recipient))
    reading = rules.read(reply.text, number)
    thread_id = threads.touch_in(
        db,
        reply.sender,
        ours,
        number=number,
        route=reply.route,
        at=reply.at,
        waits=reading.request is None,
    )
    values = _values(reply, thread_id, missing=0) | _read(reading) | {"whole_at": reply.at}
    row_id = int(db.execute(_NEW, values).scalar_one())
    return _obey(db, _incoming(db, row_id, values), reading, rules, reply.at)


def begun(db: Connection, reply: Reply, thread_id: int) -> int:
    """The row of a text of which this is the first part to come."""
    values = _values(reply, thread_id, missing=reply.parts - 1)
    values |= _read(Reading()) | {"text": "", "whole_at": None}
    return int(db.execute(_NEW, values).scalar_one())


def grown(db: Connection, row: Row[Any], reply: Reply, rules: ReplyRules) -> Taken | None:
    """A part more is there. None: it still waits, or has a gap less than before."""
    found = assembling.parts(db, row.id)
    if row.given_up_at is None and len(found) < row.parts:
        db.execute(_LESS, {"row": row.id, "words": "", "gone": row.parts - len(found)})
        return None
    words, missing = assembling.read(found, row.parts, rules.join)
    if missing:
        db.execute(_LESS, {"row": row.id, "words": words, "gone": missing})
        return None
    return _taken(db, row, words, missing, rules, reply.at)


def given_up(db: Connection, row: Row[Any], rules: ReplyRules, now: datetime) -> Taken:
    """The rest of it did not come in time: it is taken as it is."""
    words, missing = assembling.read(assembling.parts(db, row.id), row.parts, rules.join)
    return _taken(db, row, words, missing, rules, now)


def _taken(
    db: Connection, row: Row[Any], words: str, missing: int, rules: ReplyRules, now: datetime
) -> Taken:
    thread = db.execute(_THREAD, {"thread": row.thread_id}).one()
    reading = rules.read(words, thread.number)
    if missing:
        reading = optout.incomplete(reading)
    threads.touch_in(
        db,
        thread.handset,
        thread.ours,
        number=thread.number,
        route=row.route,
        at=row.at,
        waits=reading.request is None,
    )
    read = _read(reading)
    changes = {
        "row": row.id,
        "words": words,
        "gone": missing,
        "whole": None if missing else now,
        "given_up": now if missing else row.given_up_at,
        "asks": read["word"],
        "rule": read["keyword"],
    }
    db.execute(_WRITE, changes)
    text = _incoming(db, row.id, dict(row._mapping) | {"text": words, "missing": missing})
    completed = row.given_up_at is not None
    if completed and row.review is Review.OPEN and not (reading.review or reading.request):
        # With the part that was missing it is no doubtful text any more.
        doubts.dismiss(db, doubts.of_row(row, thread.number), "the part that was missing", now)
    return _obey(db, text, reading, rules, now, completed=completed)


def _obey(
    db: Connection,
    text: Incoming,
    reading: Reading,
    rules: ReplyRules,
    now: datetime,
    *,
    completed: bool = False,
) -> Taken:
    """Everything that a text brings about, in the order at the head of this module."""
    label = rules.label(text.number)
    obeyed = obeying.obey(db, text, reading, now, scope=rules.scope(text.number), label=label)
    gone = obeyed.cancelled + cancel_follow_ups(db, text.sender, text.recipient, now)
    if reading.request is None:  # STOP, START and HELP are no answer to us
        cases.replied(db, text.sender, text.number, text.at, now)
    telephones.queue(db, text.id, rules.phones(text.number), now)
    contact = contacts.best(db, text.sender)
    told = {"name": contact.name if contact else "", "label": label}
    events.put_all(db, _events(text, reading, completed, told))
    answer = _answer(db, text, rules.answer(text, reading, obeyed.facts), rules, now)
    return Taken(
        text=text,
        reading=reading,
        cancelled=gone,
        held=obeyed.held,
        answer=answer,
        completed=completed,
    )


def _answer(
    db: Connection, text: Incoming, send: Send | None, rules: ReplyRules, now: datetime
) -> OutboxRow | None:
    """Writes what a rule answers, unless a machine seems to write to us."""
    if send is None:
        return None
    most, window = rules.auto_limit, rules.auto_window
    if robots.objection(db, text.thread_id, text.sender, now, most=most, window=window):
        return None
    # From the number the handset wrote to, so that it stands in the same thread there.
    row = with_text(db, None, text.number, replace(send, sender=text.ours), now).row
    if row is not None:
        obeying.answered(db, text, send.kind, row.id, now)
    return row


def _values(reply: Reply, thread_id: int, *, missing: int) -> dict[str, Any]:
    return {
        "thread_id": thread_id,
        "route": reply.route,
        "sender": reply.sender,
        "recipient": reply.recipient,
        "text": assembling.bounded(reply.text),
        "at": reply.at,
        "reference": reply.reference if reply.parts > 1 else None,
        "parts": reply.parts,
        "missing": missing,
        "given_up_at": None,
        "review": Review.NONE,  # `obeying.obey` opens it
        "reviewed_at": None,
        "reviewed_by": "",
    }


def _read(reading: Reading) -> dict[str, str]:
    request = reading.request.value if reading.request else ""
    return {"word": request, "keyword": reading.keyword}


def _incoming(db: Connection, row_id: int, values: dict[str, Any]) -> Incoming:
    thread = db.execute(_THREAD, {"thread": values["thread_id"]}).one()
    return Incoming(
        id=row_id,
        thread_id=values["thread_id"],
        route=values["route"],
        sender=values["sender"],
        recipient=values["recipient"],
        ours=thread.ours,
        number=thread.number,
        text=values["text"],
        at=values["at"],
        parts=values["parts"],
        missing=values["missing"],
    )


def _events(text: Incoming, reading: Reading, completed: bool, told: dict[str, str]) -> list[Event]:
    """Their payloads are documented in `textback.tell_shapes`."""
    plain = {"incoming": text.id, "thread": text.thread_id, "text": text.text, **told}
    found = [
        Event(
            kind=EventKind.REPLY_RECEIVED,
            at=text.at,
            caller=text.sender,
            number=text.number,
            payload={
                **plain,
                "parts": text.parts,
                "missing": text.missing,
                "completed": completed,
                "request": reading.request.value if reading.request else "",
                "review": reading.review,
                "keyword": reading.keyword,
                "route": text.route,
            },
        )
    ]
    if reading.keyword:
        found.append(
            Event(
                kind=EventKind.KEYWORD_MATCHED,
                at=text.at,
                caller=text.sender,
                number=text.number,
                payload={**plain, "keyword": reading.keyword, "word": reading.word},
            )
        )
    return found

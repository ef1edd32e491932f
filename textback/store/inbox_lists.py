"""Lists of conversations, page by page, and the search for one.

Every page is one stretch of an index, however many conversations there are. A search by number
goes over the handsets, one by text over what people wrote (what rules write is the same a
hundred thousand times): `LIKE` over 200,000 rows takes a third of a second, and leaves no word of
an erased text behind, as the segments of a full-text index would.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    or_,
    select,
    text,
    tuple_,
)

from textback.model import InboxList, OutboxState, TextKind, Thread
from textback.store import contacts, optouts
from textback.store.tables import outbox
from textback.store.tables_people import contacts as contacts_table
from textback.store.tables_talk import incoming, threads

#: Characters of a text that a list shows.
SHOWN = 200
#: Rows of texts that a search for words looks through at the most, the newest first.
LOOKED_THROUGH = 500

Cursor = tuple[datetime, int]

#: Spelt out, so that the planner can use the partial indexes.
_WAITS: ColumnElement[bool] = text("threads.waits_since IS NOT NULL")  # type: ignore[assignment]
_UNREAD: ColumnElement[bool] = text("threads.unread > 0")  # type: ignore[assignment]

_LAST_IN = (
    select(incoming.c.text, incoming.c.at)
    .where(incoming.c.thread_id == bindparam("thread"))
    .order_by(incoming.c.at.desc())
    .limit(1)
)
_LAST_OUT = (
    select(outbox.c.text, outbox.c.created_at)
    .where(
        outbox.c.thread_id == bindparam("thread"),
        outbox.c.state.not_in((OutboxState.CANCELLED, OutboxState.DROPPED, OutboxState.EXPIRED)),
    )
    .order_by(outbox.c.created_at.desc())
    .limit(1)
)


def listed(
    db: Connection,
    which: InboxList,
    *,
    number: str = "",
    after: Cursor | None = None,
    limit: int = 50,
) -> list[Thread]:
    """A page of conversations, of one [[number]] (did) if said; `after`: where the last one ended
    (`position`)."""
    return [card(db, row) for row in db.execute(query(which, number, after, limit))]


def position(which: InboxList, thread: Thread) -> Cursor:
    """Where the page after this conversation begins."""
    if which is InboxList.NEEDS_YOU and thread.waits_since is not None:
        return thread.waits_since, thread.id
    return thread.last, thread.id


def query(which: InboxList, number: str, after: Cursor | None, limit: int) -> Select[Any]:
    """The rows of one page."""
    found = select(threads).limit(limit)
    if which is InboxList.NEEDS_YOU:
        key = (threads.c.waits_since, threads.c.id)
        found = found.where(_WAITS).order_by(*key)
        if after is not None:
            found = found.where(tuple_(*key) > tuple_(*after))
    else:
        key = (threads.c.last_at, threads.c.id)
        found = found.order_by(*(column.desc() for column in key))
        if which is InboxList.UNREAD:
            found = found.where(_UNREAD)
        if after is not None:
            found = found.where(tuple_(*key) < tuple_(*after))
    return found.where(threads.c.number == number) if number else found


def card(db: Connection, row: Row[Any]) -> Thread:
    """A conversation with its newest text and the name of the handset."""
    got = db.execute(_LAST_IN, {"thread": row.id}).first()
    sent = db.execute(_LAST_OUT, {"thread": row.id}).first()
    is_in = got is not None and (sent is None or got.at >= sent.created_at)
    newest = got if is_in else sent
    contact = contacts.best(db, row.handset)
    return Thread(
        id=row.id,
        handset=row.handset,
        ours=row.ours,
        number=row.number,
        route=row.route,
        name=contact.name if contact is not None else "",
        opened=row.opened_at,
        last=row.last_at,
        last_in=row.last_in_at,
        last_out=row.last_out_at,
        unread=row.unread,
        waits_since=row.waits_since,
        text=newest.text[:SHOWN] if newest is not None else "",
        text_in=is_in,
        opted_out=optouts.is_out(db, row.handset, row.number),
    )


# --- searching --------------------------------------------------------------------------------


def search(db: Connection, words: str, *, limit: int = 50) -> list[Thread]:
    """Conversations with a handset whose number has these digits, or whose name in the contacts,
    or a text in it, has these words; the newest first, each once."""
    wanted = words.strip()
    if not wanted:
        return []
    # Who writes a number means a handset; only where there is none the number in a text.
    found = {row.id: row for row in _by_number(db, wanted, limit)}
    if not found:
        found = {row.id: row for row in _by_name(db, wanted, limit)}
        found |= {row.id: row for row in _by_text(db, wanted, limit)}
    newest = sorted(found.values(), key=lambda row: (row.last_at, row.id), reverse=True)
    return [card(db, row) for row in newest[:limit]]


def _newest(where: ColumnElement[bool], limit: int) -> Select[Any]:
    return (
        select(threads)
        .where(where)
        .order_by(threads.c.last_at.desc(), threads.c.id.desc())
        .limit(limit)
    )


def _by_number(db: Connection, wanted: str, limit: int) -> Sequence[Row[Any]]:
    digits = re.sub(r"[^0-9]", "", wanted)
    if len(digits) < 3 or re.search(r"[^\d\s()+./-]", wanted):
        return []
    return db.execute(_newest(threads.c.handset.contains(digits), limit)).all()


def _by_name(db: Connection, wanted: str, limit: int) -> Sequence[Row[Any]]:
    names = select(contacts_table.c.number).where(_has(contacts_table.c.name, wanted))
    numbers = db.execute(names.limit(LOOKED_THROUGH)).scalars().all()
    if not numbers:
        return []
    return db.execute(_newest(threads.c.handset.in_(numbers), limit)).all()


def _by_text(db: Connection, wanted: str, limit: int) -> Sequence[Row[Any]]:
    got = (
        select(incoming.c.thread_id)
        .where(_has(incoming.c.text, wanted))
        .order_by(incoming.c.at.desc())
        .limit(LOOKED_THROUGH)
    )
    sent = (
        select(outbox.c.thread_id)
        .where(
            outbox.c.kind == TextKind.REPLY,
            outbox.c.thread_id.is_not(None),
            _has(outbox.c.text, wanted),
        )
        .limit(LOOKED_THROUGH)
    )
    ids = {*db.execute(got).scalars(), *db.execute(sent).scalars()}
    if not ids:
        return []
    return db.execute(_newest(threads.c.id.in_(ids), limit)).all()


def _has(column: Any, wanted: str) -> ColumnElement[bool]:
    """Whatever its case: a database knows that of ASCII only, so the other spellings are asked."""
    spellings = {wanted}
    if not wanted.isascii():
        spellings |= {wanted.lower(), wanted.upper(), wanted.capitalize(), wanted.title()}
    return or_(*(column.icontains(one, autoescape=True) for one in sorted(spellings)))

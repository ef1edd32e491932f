"""Lists of conversations, page by page, and how many of them want somebody.

Every page is one stretch of an index, however many conversations there are, and has as many
statements as a list of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    func,
    literal,
    select,
    text,
    tuple_,
)

from textback.model import Contact, InboxList, OutboxState, Thread
from textback.store import contacts, doubts, outs
from textback.store import threads as threads_of
from textback.store.errors import NoThreadError
from textback.store.sql import chunks
from textback.store.tables import outbox
from textback.store.tables_talk import incoming, threads

#: Characters of a text that a list shows.
SHOWN = 200
#: Conversations that are counted at the most: nobody reads more of a badge than "99+".
MOST_COUNTED = 1_000

Cursor = tuple[datetime, int]

#: Spelt out, so that the planner can use the partial indexes.
_WAITS: ColumnElement[bool] = text("threads.waits_since IS NOT NULL")  # type: ignore[assignment]
_UNREAD: ColumnElement[bool] = text("threads.unread > 0")  # type: ignore[assignment]

#: The newest text of a conversation, each way. One that never left is none.
_LAST_IN = (
    select(incoming.c.id)
    .where(incoming.c.thread_id == threads.c.id)
    .order_by(incoming.c.at.desc())
    .limit(1)
)
_LAST_OUT = (
    select(outbox.c.id)
    .where(
        outbox.c.thread_id == threads.c.id,
        outbox.c.state.not_in((OutboxState.CANCELLED, OutboxState.DROPPED, OutboxState.EXPIRED)),
    )
    .order_by(outbox.c.created_at.desc())
    .limit(1)
)
_ENDS = select(
    threads.c.id,
    _LAST_IN.correlate(threads).scalar_subquery().label("last_in"),
    _LAST_OUT.correlate(threads).scalar_subquery().label("last_out"),
).where(threads.c.id.in_(bindparam("ids", expanding=True)))
#: Not the whole of a text that somebody made a megabyte long.
_IN = select(
    incoming.c.id, incoming.c.at, func.substr(incoming.c.text, 1, SHOWN).label("words")
).where(incoming.c.id.in_(bindparam("ids", expanding=True)))
_OUT = select(
    outbox.c.id,
    outbox.c.created_at.label("at"),
    outbox.c.state,
    func.substr(outbox.c.text, 1, SHOWN).label("words"),
).where(outbox.c.id.in_(bindparam("ids", expanding=True)))
_REVIEW = select(incoming.c.thread_id).where(
    incoming.c.sender.in_(bindparam("handsets", expanding=True)), doubts.OPEN
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
    return cards(db, db.execute(query(which, number, after, limit)).all())


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
    if number and which is not InboxList.ALL:
        # Few rows are in the partial index, so the index by number is the longer way; a planner
        # without statistics takes it all the same where it may.
        return found.where(threads.c.number.concat("") == number)
    return found.where(threads.c.number == number) if number else found


def one(db: Connection, thread_id: int) -> Thread:
    """Raises NoThreadError."""
    row = threads_of.get(db, thread_id)
    if row is None:
        raise NoThreadError(f"no conversation {thread_id}")
    return card(db, row)


def card(db: Connection, row: Row[Any]) -> Thread:
    """A conversation with its newest text and the name of the handset."""
    return cards(db, [row])[0]


def cards(db: Connection, rows: Sequence[Row[Any]]) -> list[Thread]:
    """Rows of `threads`, each as `card`; as many statements for a page as for one."""
    found: list[Thread] = []
    for some in chunks(list(rows)):
        found += _cards(db, some)
    return found


def _cards(db: Connection, rows: Sequence[Row[Any]]) -> list[Thread]:
    ends = {row.id: row for row in db.execute(_ENDS, {"ids": [row.id for row in rows]})}
    got = _by_id(db, _IN, [end.last_in for end in ends.values()])
    sent = _by_id(db, _OUT, [end.last_out for end in ends.values()])
    handsets = [row.handset for row in rows]
    known = contacts.best_of(db, handsets)
    out = outs.among(db, [(row.handset, row.number) for row in rows])
    open_reviews = set(db.execute(_REVIEW, {"handsets": list(set(handsets))}).scalars())
    return [
        _thread(
            row,
            got.get(ends[row.id].last_in),
            sent.get(ends[row.id].last_out),
            known.get(row.handset),
            out.get((row.handset, row.number), ""),
            row.id in open_reviews,
        )
        for row in rows
    ]


def _by_id(db: Connection, query: Select[Any], ids: Sequence[int | None]) -> dict[int, Row[Any]]:
    wanted = [row_id for row_id in ids if row_id is not None]
    return {row.id: row for row in db.execute(query, {"ids": wanted})} if wanted else {}


def _thread(
    row: Row[Any],
    got: Row[Any] | None,
    sent: Row[Any] | None,
    contact: Contact | None,
    opted_out: str,
    review: bool,
) -> Thread:
    is_in = got is not None and (sent is None or got.at >= sent.at)
    newest = got if is_in else sent
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
        text=newest.words if newest is not None else "",
        text_in=is_in,
        text_state=sent.state if sent is not None and not is_in else None,
        opted_out=opted_out,
        organization=contact.organization if contact is not None else "",
        tags=contact.all_tags if contact is not None else (),
        review=review,
    )


# --- how many wait ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many conversations want somebody; `MOST_COUNTED` means: so many or more."""

    unread: int
    needs_you: int
    reviews: int  #: texts of which a person is to say whether they were a STOP


def _counted(where: ColumnElement[bool], table: Table) -> Any:
    some = select(literal(1)).select_from(table).where(where).limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_WAITING = select(
    _counted(_UNREAD, threads).label("unread"),
    _counted(_WAITS, threads).label("needs_you"),
    _counted(doubts.OPEN, incoming).label("reviews"),
)


def waiting(db: Connection) -> Waiting:
    """For the little numbers beside the navigation: three short stretches of partial indexes."""
    row = db.execute(_WAITING).one()
    return Waiting(row.unread, row.needs_you, row.reviews)

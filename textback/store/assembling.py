"""Which text a part belongs to, and what the text says with the parts that are there.

Parts come late, twice, out of order, or never, over days and restarts; so everything is found from
the store. A part is held against the newest text of its thread with the same reference and as many
parts:

    there is none, or it is older than REFERENCE            the part begins a new text
    it lacks this part                                      the part is one of it, also when the
                                                              text was taken as it is meanwhile
    it has this part, with the same octets                  a repeat
    it has this part, with other octets                     the reference is used again: the part
                                                              begins a new text

Octets are joined before they are read, gap by gap: a surrogate pair, or an escape and its
character, may be cut between two parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, text

from textback.model import Piece, Reply
from textback.store.tables_carrier import replies
from textback.store.tables_talk import incoming

#: How long a reference names the same text. Handsets count them up, from 255 back to 0.
REFERENCE = timedelta(hours=6)
#: What stands for the parts that are not there.
GAP = "[…]"
#: Texts of one thread that wait for parts; of more, the oldest are taken as they are.
MOST_OPEN = 20
#: Characters of a text that are kept: 255 parts, as long as they can be.
LONGEST = 255 * 153

_NEWEST = (
    select(incoming)
    .where(
        incoming.c.thread_id == bindparam("thread"),
        incoming.c.reference == bindparam("ref"),
        incoming.c.parts == bindparam("total"),
    )
    .order_by(incoming.c.id.desc())
    .limit(1)
)
_PARTS = (
    select(
        *(replies.c[n] for n in ("id", "part", "route", "octets", "coding", "text", "at")),
    )
    .where(replies.c.incoming_id == bindparam("text"), replies.c.repeat_of.is_(None))
    .order_by(replies.c.part, replies.c.id)
)
_ONE = _PARTS.where(replies.c.part == bindparam("number")).limit(1)
_IS_OPEN = text("incoming.whole_at IS NULL AND incoming.given_up_at IS NULL")
_OPEN = select(incoming).where(_IS_OPEN)
_OPEN_OF: Select[Any] = _OPEN.where(incoming.c.thread_id == bindparam("thread")).order_by(
    incoming.c.id
)
_FIRST_OPEN = select(func.min(incoming.c.at)).where(_IS_OPEN)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part goes: a new text (`of` is None), one there is, or nowhere (`repeats`)."""

    of: Row[Any] | None = None
    repeats: Row[Any] | None = None  #: the row that brought this part first


def place(db: Connection, thread_id: int, reply: Reply) -> Place:
    """By the table at the head of this module."""
    asked = {"thread": thread_id, "ref": reply.reference, "total": reply.parts}
    newest = db.execute(_NEWEST, asked).one_or_none()
    if newest is None or reply.at - newest.at > REFERENCE:
        return Place()
    there = db.execute(_ONE, {"text": newest.id, "number": reply.part}).one_or_none()
    if there is None:
        return Place(of=newest)
    if _same(there, reply):
        return Place(of=newest, repeats=there)
    return Place()


def _same(row: Row[Any], reply: Reply) -> bool:
    if row.coding is None or reply.coding is None:
        return bool(row.text == reply.text)
    return bool((row.octets, row.coding) == (reply.octets, reply.coding))


def parts(db: Connection, incoming_id: int) -> list[Row[Any]]:
    """The parts of a text that are there, by number."""
    return list(db.execute(_PARTS, {"text": incoming_id}))


def read(
    rows: Sequence[Row[Any]], total: int, join: Callable[[Sequence[Piece]], str]
) -> tuple[str, int]:
    """The text with the parts that are there, by number, and how many are missing."""
    told: list[str] = []
    last = 0
    # Neighbours have the same distance between their number and their place.
    for _, run in groupby(enumerate(rows), lambda at: at[1].part - at[0]):
        some = [row for _, row in run]
        if some[0].part > last + 1:
            told.append(GAP)
        told.append(join([Piece(r.route, r.octets or b"", r.coding, r.text) for r in some]))
        last = some[-1].part
    if last < total:
        told.append(GAP)
    return bounded("".join(told)), total - len(rows)


def bounded(words: str) -> str:
    """No handset writes as much as one message_payload after the other may bring."""
    return words if len(words) <= LONGEST else words[:LONGEST] + GAP


def open_texts(db: Connection, thread_id: int | None = None) -> list[Row[Any]]:
    """Texts that wait for parts, the oldest first; of one thread, or of all."""
    if thread_id is None:
        return sorted(db.execute(_OPEN), key=lambda row: (row.at, row.id))
    return list(db.execute(_OPEN_OF, {"thread": thread_id}))


def waits(row: Row[Any]) -> bool:
    """Whether this row of `incoming` still waits for parts."""
    return row.whole_at is None and row.given_up_at is None


def oldest_open(db: Connection) -> datetime | None:
    """When the first part came of the text that waits longest; None: none waits."""
    found: datetime | None = db.execute(_FIRST_OPEN).scalar_one()
    return found

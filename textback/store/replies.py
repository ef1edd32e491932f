"""Every deliver_sm that brought a text from a handset: kept, placed, and what came of it.

    in one piece            its own text at once, unless it is the carrier's repeat (`repeats`)
    a part                  the text it belongs to (`assembling`); the text goes on when it is whole
    of a text that waits    after `ReplyRules.partial_after` it is taken as it is

All of it is one transaction with what the text brings about (`incoming`), so that the carrier is
answered only when that is on the disk too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from textback.model import Incoming, Reading, Reply, Request
from textback.reply_rules import ReplyRules
from textback.store import assembling, incoming, optouts, repeats, threads
from textback.store.cancelling import cancel_follow_ups
from textback.store.incoming import Taken
from textback.store.tables_carrier import replies


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A deliver_sm on the disk, and what it changed."""

    reply_id: int
    reply: Reply
    #: What came of the text that is whole with it; None: it waits for parts, or is a repeat.
    taken: Taken | None = None
    cancelled: tuple[int, ...] = ()  #: texts that are not sent any more
    repeat: bool = False  #: the carrier had delivered it before
    given_up: tuple[Taken, ...] = ()  #: texts of too many that waited, taken as they are
    waits: bool = False  #: for other parts

    @property
    def text(self) -> Incoming | None:
        return self.taken.text if self.taken is not None else None

    @property
    def word(self) -> str:
        """What the text asks for: "stop", "start", "help" or ""."""
        request = self.taken.reading.request if self.taken is not None else None
        return request.value if request else ""


_KEEP = insert(replies).returning(replies.c.id)
#: Texts given up in one transaction: after a long outage thousands may wait.
GIVEN_UP_AT_ONCE = 100


def record(db: Connection, found: Sequence[Reply], rules: ReplyRules) -> list[Kept]:
    """Keep these in their order, and do what they bring about."""
    return [_part(db, r, rules) if _is_part(r) else _whole(db, r, rules) for r in found]


def give_up(db: Connection, rules: ReplyRules, now: datetime, most: int = 0) -> list[Taken]:
    """Take the texts as they are that have waited for parts long enough; the oldest of many."""
    late = [row for row in assembling.open_texts(db) if row.at <= now - rules.partial_after]
    return [incoming.given_up(db, row, rules, now) for row in late[: most or GIVEN_UP_AT_ONCE]]


def _is_part(reply: Reply) -> bool:
    return reply.parts > 1 and reply.reference is not None


def _whole(db: Connection, reply: Reply, rules: ReplyRules) -> Kept:
    first = repeats.first_of(db, reply)
    if first is not None and not _stops_anew(db, reply, rules):
        row_id = _keep(db, reply, first.incoming_id, repeat_of=first.id)
        return Kept(reply_id=row_id, reply=reply, repeat=True)
    if reply.parts > 1:  # a number among many, and nothing to find the others by
        reply = replace(reply, parts=1, part=1)
    taken = incoming.whole(db, reply, rules)
    row_id = _keep(db, reply, taken.text.id, word=taken.reading)
    return _told(row_id, reply, taken)


def _stops_anew(db: Connection, reply: Reply, rules: ReplyRules) -> bool:
    """STOP, START and STOP again around a cut line: the second STOP is like the first, and must not
    be taken for it while the handset would be texted."""
    _, number = threads.placed(db, reply.sender, rules.ours(reply.recipient))
    if rules.read(reply.text, number).request is not Request.STOP:
        return False
    return not optouts.is_out(db, reply.sender, number)


def _part(db: Connection, reply: Reply, rules: ReplyRules) -> Kept:
    ours, number = threads.placed(db, reply.sender, rules.ours(reply.recipient))
    thread_id = threads.opened(
        db, reply.sender, ours, number=number, route=reply.route, at=reply.at
    )
    place = assembling.place(db, thread_id, reply)
    if place.repeats is not None and place.of is not None:
        row_id = _keep(db, reply, place.of.id, repeat_of=place.repeats.id)
        return Kept(reply_id=row_id, reply=reply, repeat=True)
    # Whatever it will say, the caller was heard of.
    gone = cancel_follow_ups(db, reply.sender, reply.recipient, reply.at)
    if place.of is None:
        row_id = _keep(db, reply, incoming.begun(db, reply, thread_id))
        too_many = assembling.open_texts(db, thread_id)[: -assembling.MOST_OPEN]
        given_up = [incoming.given_up(db, row, rules, reply.at) for row in too_many]
        return Kept(
            reply_id=row_id, reply=reply, cancelled=gone, given_up=tuple(given_up), waits=True
        )
    row_id = _keep(db, reply, place.of.id)
    taken = incoming.grown(db, place.of, reply, rules)
    if taken is None:
        return Kept(reply_id=row_id, reply=reply, cancelled=gone, waits=True)
    told = _told(row_id, reply, taken)
    return replace(told, cancelled=gone + told.cancelled)


def _told(row_id: int, reply: Reply, taken: Taken) -> Kept:
    return Kept(reply_id=row_id, reply=reply, taken=taken, cancelled=taken.cancelled)


def _keep(
    db: Connection,
    reply: Reply,
    incoming_id: int | None,
    *,
    repeat_of: int | None = None,
    word: Reading = Reading(),  # noqa: B008 - frozen
) -> int:
    values: dict[str, Any] = {
        "route": reply.route,
        "sender": reply.sender,
        "recipient": reply.recipient,
        "text": reply.text,
        "at": reply.at,
        "reference": reply.reference,
        "part": reply.part,
        "parts": reply.parts,
        "word": word.request.value if word.request else "",
        "raw": reply.raw,
        "incoming_id": incoming_id,
        "octets": reply.octets if reply.coding is not None else None,
        "coding": reply.coding,
        "session": reply.session,
        # Until the carrier is known to have our answer; of an unknown connection it never is.
        "unanswered": bool(reply.session),
        "repeat_of": repeat_of,
    }
    return int(db.execute(_KEEP, values).scalar_one())

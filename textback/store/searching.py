"""The search for a conversation: by number, by name, by what was written.

Who writes a number means a handset; only where there is none the number in a text. A name that
fills a page is looked for in texts by the next step only. A search by number goes over the
handsets, which one index holds; one by text over what people wrote (what rules write is the same a
hundred thousand times), the newest first and `STRETCH` texts each way at a time: so each step takes
the same time however many texts there are, and says where the next begins. No full-text index: its
segments would keep the words of an erased text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, or_, select, text

from textback.model import Thread
from textback.store.inbox_lists import cards
from textback.store.sql import chunks
from textback.store.tables import outbox
from textback.store.tables_people import contacts
from textback.store.tables_talk import incoming, threads

#: Texts each way that one step looks through.
STRETCH = 20_000
#: Texts, or names, that one step finds at the most.
MOST_FOUND = 500
#: Conversations of those names, of which the newest are wanted.
MOST_NAMED = 20_000
#: Handsets with these digits that are sorted by hand; where there are more, the newest are near.
MOST_HANDSETS = 1_000

#: Spelt out, so that the planner can use the partial index.
_WRITTEN: ColumnElement[bool] = text("outbox.kind = 'reply'")  # type: ignore[assignment]

_LAST_IN = select(func.max(incoming.c.id))
_LAST_OUT = select(outbox.c.id).where(_WRITTEN).order_by(outbox.c.id.desc()).limit(1)
#: Where the stretch of texts that people of the business wrote begins.
_FIRST_OUT = (
    select(outbox.c.id)
    .where(_WRITTEN, outbox.c.id < bindparam("before"))
    .order_by(outbox.c.id.desc())
    .limit(1)
    .offset(STRETCH - 1)
)


@dataclass(frozen=True, slots=True)
class Before:
    """Where a search by text goes on: with texts older than these."""

    incoming: int
    outgoing: int


@dataclass(frozen=True, slots=True)
class Hits:
    """What one step found, the newest first; `older`: where the next begins, None: it was all."""

    threads: tuple[Thread, ...]
    older: Before | None = None


def search(db: Connection, words: str, *, limit: int = 50, before: Before | None = None) -> Hits:
    """Conversations with a handset whose number has these digits, or whose name in the contacts,
    or a text in it, has these words; each once. `before`: from an earlier step."""
    wanted = words.strip()
    if not wanted:
        return Hits(())
    found = {row.id: row for row in _by_number(db, wanted, limit)} if before is None else {}
    older = None
    if not found:
        if before is None:
            found = {row.id: row for row in _by_name(db, wanted, limit)}
        begin = before or _newest_texts(db)
        if len(found) >= limit:
            older = begin if begin != Before(1, 1) else None
        else:
            written, older = _by_text(db, wanted, begin, limit)
            found |= {row.id: row for row in written}
    newest = sorted(found.values(), key=lambda row: (row.last_at, row.id), reverse=True)
    return Hits(tuple(cards(db, newest)), older)


def search_all(db: Connection, words: str, *, limit: int = 50) -> list[Thread]:
    """All steps, until there are so many."""
    found: dict[int, Thread] = {}
    before = None
    while True:
        hits = search(db, words, limit=limit, before=before)
        found |= {thread.id: thread for thread in hits.threads}
        before = hits.older
        if before is None or len(found) >= limit:
            break
    newest = sorted(found.values(), key=lambda thread: thread.cursor, reverse=True)
    return newest[:limit]


# --- by number, by name -------------------------------------------------------------------------


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
    if wanted.startswith("+"):
        whole = db.execute(_newest(threads.c.handset == f"+{digits}", limit)).all()
        if whole:
            return whole
    has = threads.c.handset.contains(digits)
    ids = list(db.execute(select(threads.c.id).where(has).limit(MOST_HANDSETS)).scalars())
    if len(ids) == MOST_HANDSETS:
        return db.execute(_newest(has, limit)).all()
    return _of_ids(db, ids, limit)


def _of_ids(db: Connection, ids: Sequence[int], limit: int) -> Sequence[Row[Any]]:
    found: list[Row[Any]] = []
    for some in chunks(list(ids)):
        found += db.execute(select(threads).where(threads.c.id.in_(some))).all()
    return sorted(found, key=lambda row: (row.last_at, row.id), reverse=True)[:limit]


def _by_name(db: Connection, wanted: str, limit: int) -> Sequence[Row[Any]]:
    named = or_(_has(db, contacts.c.name, wanted), _has(db, contacts.c.organization, wanted))
    query = select(contacts.c.number).where(named).limit(MOST_FOUND)
    numbers = list(dict.fromkeys(db.execute(query).scalars()))
    if not numbers:
        return []
    return _of_ids(db, list(db.execute(named_query(numbers, limit)).scalars()), limit)


def named_query(numbers: Sequence[str], limit: int) -> Select[Any]:
    """The newest conversations with any of these handsets."""
    # The inner limit keeps SQLite from going through all conversations by their time.
    some = (
        select(threads.c.id, threads.c.last_at)
        .where(threads.c.handset.in_(numbers))
        .limit(MOST_NAMED)
        .subquery("some")
    )
    return select(some.c.id).order_by(some.c.last_at.desc(), some.c.id.desc()).limit(limit)


# --- by what was written ------------------------------------------------------------------------


def _newest_texts(db: Connection) -> Before:
    """Where a search begins that has not looked at any text."""
    newest_in = db.execute(_LAST_IN).scalar_one_or_none() or 0
    newest_out = db.execute(_LAST_OUT).scalar_one_or_none() or 0
    return Before(newest_in + 1, newest_out + 1)


def _by_text(
    db: Connection, wanted: str, before: Before, limit: int
) -> tuple[Sequence[Row[Any]], Before | None]:
    """One stretch of texts each way, by their ids: those are in the order in which they came."""
    first_in = max(before.incoming - STRETCH, 0)
    first_out = db.execute(_FIRST_OUT, {"before": before.outgoing}).scalar_one_or_none() or 0
    got = db.execute(
        select(incoming.c.id, incoming.c.thread_id)
        .where(
            incoming.c.id >= first_in,
            incoming.c.id < before.incoming,
            _has(db, incoming.c.text, wanted),
        )
        .order_by(incoming.c.id.desc())
        .limit(MOST_FOUND)
    ).all()
    sent = db.execute(
        select(outbox.c.id, outbox.c.thread_id)
        .where(
            _WRITTEN,
            outbox.c.id >= first_out,
            outbox.c.id < before.outgoing,
            _has(db, outbox.c.text, wanted),
        )
        .order_by(outbox.c.id.desc())
        .limit(MOST_FOUND)
    ).all()
    ids: set[int] = set()
    first_in = _taken(got, ids, limit, first_in)
    first_out = _taken(sent, ids, 2 * limit, first_out)
    older = Before(first_in, first_out) if first_in > 1 or first_out > 1 else None
    return _of_ids(db, sorted(ids), 2 * limit), older


def _taken(hits: Sequence[Row[Any, Any]], ids: set[int], limit: int, first: int) -> int:
    """Puts the threads of these texts into `ids`, up to so many; where the next step goes on:
    behind the last text taken, or at the beginning of the stretch when that was all."""
    for hit in hits:
        if hit.thread_id is not None:
            if hit.thread_id not in ids and len(ids) >= limit:
                return int(hit.id) + 1
            ids.add(hit.thread_id)
    return int(hits[-1].id) if len(hits) == MOST_FOUND else first


def _has(db: Connection, column: Any, wanted: str) -> ColumnElement[bool]:
    """Whatever its case. SQLite's LIKE knows that of ASCII by itself (and `lower` takes as long
    again), of other letters not at all, so their other spellings are asked."""
    if db.dialect.name != "sqlite":
        other: ColumnElement[bool] = column.icontains(wanted, autoescape=True)
        return other
    spellings = {wanted}
    if not wanted.isascii():
        spellings |= {wanted.lower(), wanted.upper(), wanted.capitalize(), wanted.title()}
    return or_(*(column.contains(one, autoescape=True) for one in sorted(spellings)))

"""Threads: one for each handset and number of ours, opened by the first text either way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, select, update

from textback.reply_rules import Ours
from textback.store.sql import insert_for, per_dialect
from textback.store.tables_talk import threads


def _number(new: Any) -> Any:
    return func.coalesce(func.nullif(new.excluded.number, ""), threads.c.number)


def _later(new: Any, name: str) -> Any:
    """The later of the two: a part that was long under way does not turn the clock back."""
    old, got = threads.c[name], new.excluded[name]
    return case((old.is_(None), got), (got.is_(None), old), (old > got, old), else_=got)


@per_dialect
def _in(dialect: str) -> Any:
    new = insert_for(dialect, threads)
    return new.on_conflict_do_update(
        index_elements=["handset", "ours"],
        set_={
            "number": _number(new),
            "route": new.excluded.route,
            "last_at": _later(new, "last_at"),
            "last_in_at": _later(new, "last_in_at"),
            "unread": threads.c.unread + new.excluded.unread,
            "waits_since": func.coalesce(threads.c.waits_since, new.excluded.waits_since),
        },
    ).returning(threads.c.id)


@per_dialect
def _out(dialect: str) -> Any:
    new = insert_for(dialect, threads)
    return new.on_conflict_do_update(
        index_elements=["handset", "ours"],
        set_={
            "number": _number(new),
            "last_at": _later(new, "last_at"),
            "last_out_at": _later(new, "last_out_at"),
        },
    ).returning(threads.c.id)


@per_dialect
def _open(dialect: str) -> Any:
    new = insert_for(dialect, threads)
    return new.on_conflict_do_update(
        index_elements=["handset", "ours"],
        set_={"number": _number(new), "route": new.excluded.route},
    ).returning(threads.c.id)


def touch_in(
    db: Connection,
    handset: str,
    ours: str,
    *,
    number: str,
    route: str,
    at: datetime,
    waits: bool = True,
    unread: int = 1,
) -> int:
    """The thread of a text that came in at `at`; `waits`: it wants a person's answer."""
    values = _values(handset, ours, number, at)
    values |= {"route": route, "last_in_at": at, "unread": unread}
    values |= {"waits_since": at if waits else None}
    return int(db.execute(_in(db), values).scalar_one())


def touch_out(db: Connection, handset: str, ours: str, *, number: str, at: datetime) -> int:
    """The thread of a text that goes out."""
    values = _values(handset, ours, number, at) | {"last_out_at": at}
    return int(db.execute(_out(db), values).scalar_one())


def opened(
    db: Connection, handset: str, ours: str, *, number: str, route: str, at: datetime
) -> int:
    """The thread of a text of which a part has come: nobody is told of it yet."""
    values = _values(handset, ours, number, at) | {"route": route}
    return int(db.execute(_open(db), values).scalar_one())


def _values(handset: str, ours: str, number: str, at: datetime) -> dict[str, Any]:
    return {
        "handset": handset,
        "ours": ours,
        "number": number,
        "route": "",
        "opened_at": at,
        "last_at": at,
        "last_in_at": None,
        "last_out_at": None,
        "unread": 0,
        "waits_since": None,
    }


# --- what people do ---------------------------------------------------------------------------

_GET = select(threads).where(threads.c.id == bindparam("thread"))
_OF_HANDSET = (
    select(threads)
    .where(threads.c.handset == bindparam("who"))
    .order_by(threads.c.last_at.desc(), threads.c.id.desc())
)
_NUMBER = select(threads.c.number).where(
    threads.c.handset == bindparam("who"), threads.c.ours == bindparam("us")
)
_READ = (
    update(threads)
    .where(threads.c.id == bindparam("thread"), threads.c.unread > 0)
    .values(unread=0)
)
#: A conversation in which the handset never wrote has nothing to look at.
_UNREAD = (
    update(threads)
    .where(
        threads.c.id == bindparam("thread"),
        threads.c.unread == 0,
        threads.c.last_in_at.is_not(None),
    )
    .values(unread=1)
)
_WAIT = (
    update(threads)
    .where(
        threads.c.id == bindparam("thread"),
        threads.c.waits_since.is_(None),
        threads.c.last_in_at.is_not(None),
    )
    .values(waits_since=threads.c.last_in_at)
)
_DONE = (
    update(threads)
    .where(threads.c.id == bindparam("thread"), threads.c.waits_since.is_not(None))
    .values(waits_since=None)
)
_DONE_HANDSET = (
    update(threads)
    .where(threads.c.handset == bindparam("who"), threads.c.waits_since <= bindparam("until"))
    .values(waits_since=None)
)


def get(db: Connection, thread_id: int) -> Row[Any] | None:
    return db.execute(_GET, {"thread": thread_id}).one_or_none()


def of_handset(db: Connection, handset: str) -> list[Row[Any]]:
    """Every thread of a handset, the one last written in first."""
    return list(db.execute(_OF_HANDSET, {"who": handset}))


def placed(db: Connection, handset: str, found: Ours) -> tuple[str, str]:
    """Our number as the handset sees it, and its [[number]]: of a sender of several that of the
    text that is answered."""
    number = found.number or number_of(db, handset, found.ours) or found.likely
    return found.ours, number


def number_of(db: Connection, handset: str, ours: str) -> str:
    """The [[number]] this conversation is with; "" where that is not known."""
    return str(db.execute(_NUMBER, {"who": handset, "us": ours}).scalar_one_or_none() or "")


def read(db: Connection, thread_id: int) -> bool:
    """Somebody looked. False: there was nothing new."""
    return bool(db.execute(_READ, {"thread": thread_id}).rowcount)


def unread(db: Connection, thread_id: int) -> bool:
    """Somebody is to look again. False: it is unread, or nothing ever came in."""
    return bool(db.execute(_UNREAD, {"thread": thread_id}).rowcount)


def wait_again(db: Connection, thread_id: int) -> bool:
    """Its newest text wants an answer after all. False: one waits, or nothing ever came in."""
    return bool(db.execute(_WAIT, {"thread": thread_id}).rowcount)


def done(db: Connection, thread_id: int) -> bool:
    """Nothing waits for an answer any more. False: nothing did."""
    return bool(db.execute(_DONE, {"thread": thread_id}).rowcount)


def spoken(db: Connection, handset: str, at: datetime) -> int:
    """A person spoke to the handset's owner at `at`: what was written before is answered."""
    return int(db.execute(_DONE_HANDSET, {"who": handset, "until": at}).rowcount)

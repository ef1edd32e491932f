"""What happened, written down in the transaction in which it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4, uuid5

from sqlalchemy import Connection

from textback.model import Event
from textback.store.engine import EVENTS_WRITTEN
from textback.store.sql import insert_for, per_dialect
from textback.store.tables_tell import events

#: Where a connection keeps what is to be written together.
_TOGETHER = "events_together"
#: Keys of events that happen once are made from what they are about, within this.
_ONCE = UUID("5b1ec9a0-6c0b-4f0e-9a53-2f8f6f0b7c11")


@per_dialect
def _new(dialect: str) -> Any:
    # The key of an event that happens once is there already: it is told no second time.
    return insert_for(dialect, events).on_conflict_do_nothing(index_elements=["key"])


def put(db: Connection, event: Event) -> None:
    """Keep one event; who is to be told of it is found out afterwards, from the configuration.

    One whose `key` is kept already is left as it is.
    """
    put_all(db, [event])


def put_all(db: Connection, found: Sequence[Event], *, told: bool = False) -> None:
    """Keep several, in their order. `told`: nobody is to be told of them any more."""
    if not found:
        return
    new = [values(event, fanned_out=told) for event in found]
    waiting: list[dict[str, Any]] | None = db.info.get(_TOGETHER)
    if waiting is not None:
        waiting += new
        return
    db.execute(_new(db), new)
    db.info[EVENTS_WRITTEN] = True


@contextmanager
def together(db: Connection) -> Iterator[None]:
    """What is put meanwhile is written at the end of it, in its order and by one statement."""
    waiting: list[dict[str, Any]] = []
    db.info[_TOGETHER] = waiting
    try:
        yield
    finally:
        del db.info[_TOGETHER]
    if waiting:
        db.execute(_new(db), waiting)
        db.info[EVENTS_WRITTEN] = True


def values(event: Event, *, fanned_out: bool = False) -> dict[str, Any]:
    """The columns of an event."""
    return {
        "key": event.key or str(uuid4()),
        "kind": event.kind,
        "at": event.at,
        "caller": event.caller,
        "number": event.number,
        "payload": event.payload,
        "fanned_out": fanned_out,
    }


def once(*about: object) -> str:
    """The key of an event that happens once: the same for the same `about`."""
    return str(uuid5(_ONCE, "\0".join(str(part) for part in about)))

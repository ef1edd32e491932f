"""Threads: one for each handset and number of ours, opened by the first text either way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func

from textback.store.sql import insert_for, per_dialect
from textback.store.tables_talk import threads


@per_dialect
def _in(dialect: str) -> Any:
    new = insert_for(dialect, threads)
    return new.on_conflict_do_update(
        index_elements=["handset", "ours"],
        set_={
            "number": func.coalesce(func.nullif(new.excluded.number, ""), threads.c.number),
            "route": new.excluded.route,
            "last_at": new.excluded.last_at,
            "last_in_at": new.excluded.last_in_at,
            "unread": threads.c.unread + 1,
            "waits_since": func.coalesce(threads.c.waits_since, new.excluded.waits_since),
        },
    ).returning(threads.c.id)


@per_dialect
def _out(dialect: str) -> Any:
    new = insert_for(dialect, threads)
    return new.on_conflict_do_update(
        index_elements=["handset", "ours"],
        set_={
            "number": func.coalesce(func.nullif(new.excluded.number, ""), threads.c.number),
            "last_at": new.excluded.last_at,
            "last_out_at": new.excluded.last_out_at,
        },
    ).returning(threads.c.id)


def touch_in(
    db: Connection, handset: str, ours: str, *, number: str, route: str, at: datetime
) -> int:
    """The thread of a text that came in; it is unread, and waits for an answer."""
    values = _values(handset, ours, number, at)
    values |= {"route": route, "last_in_at": at, "unread": 1, "waits_since": at}
    return int(db.execute(_in(db), values).scalar_one())


def touch_out(db: Connection, handset: str, ours: str, *, number: str, at: datetime) -> int:
    """The thread of a text that goes out."""
    values = _values(handset, ours, number, at) | {"last_out_at": at}
    return int(db.execute(_out(db), values).scalar_one())


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

"""Events in the order in which they were written, for a program that follows them by itself.

A number is never used twice, also after the newest events were deleted (`tables_tell.events`), so
whoever remembers the last one has seen all before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, text

from textback.model import Event, EventKind
from textback.store.sql import per_dialect
from textback.store.tables_tell import events
from textback.store.told import to_event

#: Spelt out: a test is told to one target alone, and nothing happened.
_REAL: ColumnElement[bool] = text(f"events.kind <> '{EventKind.TEST.value}'")  # type: ignore[assignment]
_PAGE = (
    select(events)
    .where(events.c.id > bindparam("after"), _REAL)
    .order_by(events.c.id)
    .limit(bindparam("most"))
)
_KEY = select(events.c.key).where(events.c.id == bindparam("event"))
_OLDEST = select(func.min(events.c.id))


@per_dialect
def _given(dialect: str) -> Any:
    """The highest number ever given to an event, also to one that is gone."""
    if dialect == "sqlite":
        return text("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
    return select(func.max(events.c.id))


@dataclass(frozen=True, slots=True)
class Place:
    """After which event one is: its number and its key; 0 and "" before all."""

    id: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What was written after a place."""

    events: tuple[tuple[int, Event], ...]  #: with their numbers
    place: Place  #: where to go on
    more: bool  #: there is more already
    gap: bool  #: older ones that were not seen are deleted


class OtherStoreError(Exception):
    """The place is of another database: a backup was put back, or the store begun anew."""


def newest(db: Connection) -> Place:
    """After everything that has happened."""
    last = int(db.execute(_given(db)).scalar() or 0)
    return Place(last, str(db.execute(_KEY, {"event": last}).scalar() or ""))


def after(db: Connection, place: Place, limit: int) -> Followed:
    """At most `limit` events after `place`, the oldest first. Raises OtherStoreError."""
    key = db.execute(_KEY, {"event": place.id}).scalar()
    last = int(db.execute(_given(db)).scalar() or 0)
    if place.id > last or (key is not None and place.key and key != place.key):
        raise OtherStoreError
    rows = db.execute(_PAGE, {"after": place.id, "most": limit + 1}).all()
    shown = rows[:limit]
    # Those of somebody who was erased leave holes as well; only what is gone at the old end counts.
    oldest = db.execute(_OLDEST).scalar()
    gap = bool(place.id) and key is None and (oldest or last + 1) > place.id + 1
    if gap and not rows:  # else it would be told again and again until something happens
        place = newest(db)
    return Followed(
        events=tuple((row.id, to_event(row)) for row in shown),
        place=Place(shown[-1].id, shown[-1].key) if shown else place,
        more=len(rows) > limit,
        gap=gap,
    )

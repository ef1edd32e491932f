"""What the daemon writes down of its routes, and what waits at each: for who looks from outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from textback.model import OutboxState
from textback.store import routes
from textback.store.engine import Database
from textback.store.tables import meta, outbox

#: Before the names of routes in `meta`.
_META = "route:"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteNote:
    """What the daemon last wrote down of a route."""

    name: str
    standing: str
    since: datetime
    why: str
    instead: tuple[str, ...] = ()  #: routes that carry for it
    last_error: str = ""
    last_error_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQueue:
    """What waits at a route, and what is under way there."""

    queued: int = 0
    sending: int = 0
    uncertain: int = 0


_OPEN = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.UNCERTAIN)
_WAITING = (
    select(outbox.c.route, outbox.c.state, func.count().label("texts"))
    .where(outbox.c.state.in_(_OPEN))
    .group_by(outbox.c.route, outbox.c.state)
)


def queues(db: Connection) -> dict[str, RouteQueue]:
    """By route; "" for texts whose route was not looked up yet."""
    found: dict[str, dict[str, int]] = {}
    for row in db.execute(_WAITING):
        found.setdefault(row.route, {})[row.state.value] = row.texts
    return {route: RouteQueue(**counts) for route, counts in found.items()}


def write_notes(db: Connection, notes: Sequence[RouteNote]) -> None:
    """What is told of every route, for who looks from another process."""
    db.execute(delete(meta).where(meta.c.key.startswith(_META)))
    if notes:
        db.execute(insert(meta), [{"key": _META + n.name, "value": _to_json(n)} for n in notes])


def notes(db: Connection) -> dict[str, RouteNote]:
    """By name; empty while no daemon has ever written any."""
    query = select(meta.c.key, meta.c.value).where(meta.c.key.startswith(_META))
    found = [_from_json(key.removeprefix(_META), value) for key, value in db.execute(query)]
    return {note.name: note for note in found}


def _to_json(note: RouteNote) -> str:
    return json.dumps(
        {
            "standing": note.standing,
            "since": note.since.isoformat(),
            "why": note.why,
            "instead": note.instead,
            "last_error": note.last_error,
            "last_error_at": note.last_error_at.isoformat() if note.last_error_at else None,
        }
    )


def _from_json(name: str, value: str) -> RouteNote:
    told = json.loads(value)
    at = told["last_error_at"]
    return RouteNote(
        name=name,
        standing=told["standing"],
        since=datetime.fromisoformat(told["since"]),
        why=told["why"],
        instead=tuple(told["instead"]),
        last_error=told["last_error"],
        last_error_at=datetime.fromisoformat(at) if at else None,
    )


class Routes:
    """The verbs of routes, each a transaction."""

    _db: Database

    async def forget_routes(self) -> None:
        """What waits is looked up anew, by the rules in force then."""
        await self._db.write(routes.forget)

    async def route_queues(self) -> dict[str, RouteQueue]:
        """What waits, by route."""
        return await self._db.read(queues)

    async def note_routes(self, found: Sequence[RouteNote]) -> None:
        """Writes down how every route stands."""
        await self._db.write(lambda db: write_notes(db, found))

    async def route_notes(self) -> dict[str, RouteNote]:
        """What the daemon last wrote down, by route."""
        return await self._db.read(notes)

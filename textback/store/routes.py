"""Which lane may claim which text, asked and written inside the claim: the one arbiter of it.

A row carries the routes that may take it, in their order (`routes`), once a lane has looked that
up; whoever claims it writes its own name into `route` in the same statement that makes it
`sending`. R is the lane's route; a route *stands* unless it was given up (`textback.failover`).

    the row's route        R stands                              R does not stand
    ---------------------  ------------------------------------  ---------------------------------
    R                      takes it                              takes it if no other that may
                                                                 stands, or a part went by R
    none, or one that is   looks up its routes; takes it if R    only while none stands at all
    not configured         is the first that stands
    another that stands    leaves it                             leaves it
    another that is down   takes it if R is the first that       leaves it
                           stands, and no part of it has gone

A text of which a part was accepted on one route never leaves that route. One that is `sending` or
`uncertain` is nobody's to claim; it comes back to the queue by its own route's rules alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    update,
)

from textback.model import OutboxState
from textback.routing import carrier
from textback.store.calls import BY_RULE
from textback.store.rows import Among, Claim, done_parts
from textback.store.tables import operator_log, outbox, parts

#: What `operator_log` calls it when another route takes a text over.
FAILOVER = "failover"

_QUEUED: ColumnElement[bool] = text("outbox.state = 'queued'")  # type: ignore[assignment]
_HAS_PARTS = select(parts.c.row_id).where(parts.c.row_id == outbox.c.id).exists()

_MOVE = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), _QUEUED)
    .values(
        route=bindparam("to_route"), routes=bindparam("by_routes"), routed=bindparam("by_words")
    )
)
_REFUSE = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), _QUEUED)
    .values(state=OutboxState.REFUSED, reason=bindparam("why"), changed_at=bindparam("now"))
)
#: Queued rows only, so that the partial index finds them.
_FORGET = update(outbox).where(_QUEUED, outbox.c.routes != "").values(routes="", routed="")


class Way(NamedTuple):
    """What a claimed row says of its routes."""

    routes: str  #: "/one//two/"
    routed: str  #: why, in words


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the queue came to."""

    mine: list[Row[Any]]
    ways: Mapping[int, Way]
    refused: tuple[int, ...] = ()
    moved: frozenset[str] = frozenset()  #: routes that were given texts


def spell(routes: Sequence[str]) -> str:
    """As a column: each name between slashes, so that none is found within another."""
    return "".join(f"/{name}/" for name in routes)


def read(spelt: str) -> tuple[str, ...]:
    """`spell` undone."""
    return tuple(name for name in spelt.split("/") if name)


# --- which rows a lane looks at ---------------------------------------------------------------


@cache
def mine(
    dialect: str, route: str, others: frozenset[str] | None, among: Among | None
) -> ColumnElement[bool]:
    """The rows of the lane of `route`: the table above, as far as SQL can tell."""
    own: ColumnElement[bool] = outbox.c.route == route
    if among is None:
        if others is None:
            return own
        # The primary lane also takes what names no route, or one that is no longer configured.
        return outbox.c.route.not_in(sorted(others)) if others else true()
    stray = outbox.c.route.not_in(sorted(among.known))
    unrouted = outbox.c.routes == ""
    rivals = sorted(among.standing - {route})
    if route not in among.standing:
        nobody = and_(*(_place(dialect, name) == 0 for name in rivals), true())
        own = and_(own, or_(unrouted, nobody, _HAS_PARTS))
        return or_(own, false() if among.standing else stray)
    fallen = sorted(among.known - among.standing)
    if not fallen:
        return or_(own, stray)
    place = _place(dialect, route)
    first = and_(
        place > 0,
        *(or_(_place(dialect, n) == 0, _place(dialect, n) > place) for n in rivals),
    )
    taken = and_(outbox.c.route.in_(fallen), or_(unrouted, first), ~_HAS_PARTS)
    return or_(own, stray, taken)


def _place(dialect: str, name: str) -> ColumnElement[int]:
    find = func.instr if dialect == "sqlite" else func.strpos
    found: ColumnElement[int] = find(outbox.c.routes, literal(f"/{name}/"))
    return found


# --- what becomes of those it found -----------------------------------------------------------


def sort(db: Connection, rows: Sequence[Row[Any]], claim: Claim, now: datetime) -> Looked:
    """Looks up the routes of those rows that have none yet; rows that are others' are given to
    them, and what no route may carry is refused."""
    known = {row.id: Way(row.routes, row.routed) for row in rows}
    if claim.among is None or claim.choose is None:
        return Looked(list(rows), known)
    among, choose = claim.among, claim.choose
    done = done_parts(db, [row.id for row in rows if row.tries > 0 and not row.routes])
    kept: list[Row[Any]] = []
    moves: list[dict[str, Any]] = []
    refusals: list[dict[str, Any]] = []
    given: list[tuple[int, str, str]] = []
    for row in rows:
        if row.routes and row.route in among.known:
            kept.append(row)
            continue
        if done.get(row.id):
            routes, why = _bound_to(row.route, among)
        else:
            chosen = choose(row.sender, row.recipient, row.number, row.route, row.kind)
            routes, why = chosen.routes, chosen.why
        if not routes:
            refusals.append({"row": row.id, "why": why, "now": now})
            continue
        way = Way(spell(routes), why)
        to = carrier(routes, among.standing) or _waits_at(row.route, routes)
        if to == claim.route:
            known[row.id] = way
            kept.append(row)
        else:
            moves.append({"row": row.id, "to_route": to, "by_routes": way[0], "by_words": way[1]})
            before = row.route if row.route in among.known else routes[0]
            given.append((row.id, before, to))
    if moves:
        db.execute(_MOVE, moves)
        _note(db, given, claim.down, now)
    if refusals:
        db.execute(_REFUSE, refusals)
    return Looked(
        kept,
        known,
        tuple(r["row"] for r in refusals),
        frozenset(m["to_route"] for m in moves),
    )


def _bound_to(route: str, among: Among) -> tuple[tuple[str, ...], str]:
    if route in among.known:
        return (route,), f"{route} (a part of it has gone by it)"
    return (), f"a part of it has gone by {route}, which is not configured any more"


def _waits_at(route: str, routes: Sequence[str]) -> str:
    """None stands: it stays where it is, if that may carry it."""
    return route if route in routes else routes[0]


def note_takeover(
    db: Connection,
    rows: Sequence[Row[Any]],
    ways: Mapping[int, Way],
    claim: Claim,
    now: datetime,
) -> None:
    """Writes down of claimed rows that they were another route's, and why they are not now."""
    if claim.among is None or not claim.down:
        return
    known = claim.among.known
    given = [
        (row.id, row.route if row.route in known else _best(ways[row.id]), claim.route)
        for row in rows
    ]
    _note(db, given, claim.down, now)


def _best(way: Way) -> str:
    return next(iter(read(way.routes)), "")


def _note(
    db: Connection,
    given: Sequence[tuple[int, str, str]],
    down: Mapping[str, str],
    now: datetime,
) -> None:
    """`given`: rows, the route that was to carry each, and the one that does."""
    said = [
        {
            "at": now,
            "by": BY_RULE,
            "verb": FAILOVER,
            "row_id": row_id,
            "detail": f"by {to} instead of {before}: {down[before]}",
        }
        for row_id, before, to in given
        if before != to and before in down
    ]
    if said:
        db.execute(insert(operator_log), said)


def forget(db: Connection) -> None:
    """The rules have changed: what waits is looked up anew at its claim."""
    db.execute(_FORGET)

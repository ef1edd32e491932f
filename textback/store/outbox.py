"""Claiming texts: on the disk before any byte of them leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)

from textback.model import OutboxRow, OutboxState, TextKind
from textback.store import following, happened, lastlook, routes, submissions
from textback.store.rows import (
    Among,
    Claim,
    Finished,
    IdForms,
    Settled,
    done_parts,
    to_outbox_row,
)
from textback.store.tables import AttemptResult, attempts, outbox

#: Rows looked at for one claim: more than any window, less than a backlog.
_LOOK = 200

#: Spelt out, not a parameter: only so can the planner use the partial indexes of the queue.
_QUEUED: ColumnElement[bool] = text("outbox.state = 'queued'")  # type: ignore[assignment]

_EXPIRE = (
    update(outbox)
    .where(_QUEUED, outbox.c.expires_at <= bindparam("now"))
    .values(
        state=OutboxState.EXPIRED,
        reason=bindparam("why"),
        changed_at=bindparam("now"),
    )
    .returning(outbox.c.id)
)
_CLAIM = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), _QUEUED)
    .values(
        state=OutboxState.SENDING,
        route=bindparam("to_route"),
        routes=bindparam("by_routes"),
        routed=bindparam("by_words"),
        attempts=outbox.c.attempts + 1,
        tries=outbox.c.tries + 1,
        segments=bindparam("size"),
        claimed_at=bindparam("now"),
        changed_at=bindparam("now"),
        reason="",
    )
)
_OPEN_ATTEMPT = insert(attempts)

#: A clock that is corrected by less was not set back.
_SLACK = timedelta(seconds=2)
_AHEAD = select(outbox.c.id, outbox.c.due_at, outbox.c.expires_at, outbox.c.changed_at).where(
    _QUEUED, outbox.c.changed_at > bindparam("after")
)
_MOVE = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), _QUEUED)
    .values(
        due_at=bindparam("due"),
        expires_at=bindparam("expires"),
        changed_at=bindparam("now"),
    )
)


#: Of a lane: dialect, its route, and `Claim.others` and `.among`.
_Whose = tuple[str, str, frozenset[str] | None, Among | None]


@cache
def _due_query(whose: _Whose) -> Select[Any]:
    return (
        select(outbox, *lastlook.ASKED)
        .where(_QUEUED, outbox.c.due_at <= bindparam("now"), routes.mine(*whose))
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(bindparam("most"))
        # Where several writers may claim (PostgreSQL); SQLite has one, and leaves this out.
        .with_for_update(skip_locked=True)
    )


@cache
def _next_due_query(whose: _Whose) -> Select[Any]:
    mine = routes.mine(*whose)
    return select(func.min(outbox.c.due_at), func.min(outbox.c.expires_at)).where(_QUEUED, mine)


def turn(
    db: Connection,
    finished: Sequence[Finished],
    claim: Claim | None,
    now: datetime,
    forms: IdForms,
) -> Settled:
    """One turn of a lane: record what came back, then take what there is room for.

    After this transaction is on the disk the claimed rows are `sending` there, each with an open
    attempt, and only then may a byte of them leave.
    """
    states = submissions.record(db, finished, forms) if finished else {}
    if claim is None:
        return Settled(states=states)
    expired = tuple(db.execute(_EXPIRE, {"now": now, "why": "too old to be useful"}).scalars())
    happened.texts_failed(db, expired, now)
    found, more = _due(db, claim, now)
    looked = routes.sort(db, found, claim, now)
    happened.texts_failed(db, looked.refused, now)
    due, stopped = lastlook.may_go(db, looked.mine, now)
    done = done_parts(db, [row.id for row in due if row.tries > 0])
    sizes, blocked = _fit(due, done, claim)
    claimed = _take(db, due[: len(sizes)], sizes, done, looked.ways, claim, now)
    more = more and not blocked
    wakes = None if blocked or more else next_due(db, claim.route, claim.others, claim.among)
    if wakes is not None and wakes > now and _follow_clock(db, now):
        wakes = now
    return Settled(
        claimed=claimed,
        segments=tuple(sizes),
        expired=expired,
        states=states,
        next_due=wakes,
        more=more,
        blocked=blocked,
        refused=looked.refused,
        stopped=stopped,
        moved=looked.moved,
    )


def _due(db: Connection, claim: Claim, now: datetime) -> tuple[list[Row[Any]], bool]:
    """The oldest due rows that may go, and whether there may be more of them."""
    limit = min(max(claim.room, 1), _LOOK)
    query = _due_query((db.dialect.name, claim.route, claim.others, claim.among))
    rows = list(db.execute(query, {"now": now, "most": limit}).all())
    full = len(rows) == limit
    waiting = [row for row in rows if row.kind is TextKind.FOLLOW_UP]
    if waiting:
        may_go = following.may_go(db, waiting, now)
        rows = [row for row in rows if row.kind is not TextKind.FOLLOW_UP or row.id in may_go]
    return rows, full


def _fit(
    due: list[Row[Any]], done: Mapping[int, frozenset[int]], claim: Claim
) -> tuple[list[int], bool]:
    """Sizes in segments of the first of `due` that fit into `claim.room`, in order: none overtakes.

    The second value is True when one was left for want of room.
    """
    sizes: list[int] = []
    room = claim.room
    for row in due:
        size = max(claim.segments(row.text) - len(done.get(row.id, ())), 1)
        # A text with more parts than the window could never fit: it goes when nothing else is out.
        alone = claim.idle and not sizes and room > 0
        if size > room and not alone:
            return sizes, True
        sizes.append(size)
        room -= size
    return sizes, False


def _take(
    db: Connection,
    rows: list[Row[Any]],
    sizes: list[int],
    done: Mapping[int, frozenset[int]],
    ways: Mapping[int, routes.Way],
    claim: Claim,
    now: datetime,
) -> tuple[OutboxRow, ...]:
    """Marks the rows and opens an attempt for each; returns them as they are on the disk then."""
    if not rows:
        return ()
    nothing: frozenset[int] = frozenset()
    db.execute(
        _CLAIM,
        [
            {
                "row": row.id,
                "to_route": claim.route,
                "by_routes": ways[row.id].routes,
                "by_words": ways[row.id].routed,
                "size": size + len(done.get(row.id, nothing)),
                "now": now,
            }
            for row, size in zip(rows, sizes, strict=True)
        ],
    )
    db.execute(
        _OPEN_ATTEMPT,
        [
            {
                "row_id": row.id,
                "number": row.tries + 1,
                "route": claim.route,
                "started_at": now,
                "finished_at": None,
                "result": AttemptResult.OPEN,
                "status": 0,
                "name": "",
                "detail": "",
            }
            for row in rows
        ],
    )
    routes.note_takeover(db, rows, ways, claim, now)
    return tuple(
        replace(
            to_outbox_row(row, done.get(row.id, nothing)),
            state=OutboxState.SENDING,
            route=claim.route,
            attempts=row.attempts + 1,
            claimed=now,
            reason="",
        )
        for row in rows
    )


def _follow_clock(db: Connection, now: datetime) -> bool:
    """The wall clock was set back while texts waited: their due times and ends go back with it.

    A row that came into the queue in what is now the future is the sign of it; without this a text
    would wait for as long as the clock was wrong.
    """
    ahead = db.execute(_AHEAD, {"after": now + _SLACK}).all()
    if not ahead:
        return False
    moved = [
        {
            "row": row.id,
            "due": row.due_at - (row.changed_at - now),
            "expires": row.expires_at - (row.changed_at - now),
            "now": now,
        }
        for row in ahead
    ]
    db.execute(_MOVE, moved)
    return True


def next_due(
    db: Connection, route: str, others: frozenset[str] | None, among: Among | None = None
) -> datetime | None:
    """When a queued row may next be claimed or expires; None: the queue is empty."""
    due, expires = db.execute(_next_due_query((db.dialect.name, route, others, among))).one()
    return min(due, expires) if due is not None else None

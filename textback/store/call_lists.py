"""Lists of calls, page by page and by any filter, and the calls that live just now.

A page is found in one of two ways, so that none of them looks through a million calls:

near    the next NEAR calls by time, in the index alone: finds whatever is not rare
kinds   where that finds too few: the kinds of call there are (direction, number, outcome, reason)
        are few, and each is one stretch of an index; the newest of each that fits, merged

The order is that of `started_at` and `id`, newest first, whatever was learnt late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, TextualSelect, bindparam, select, text, tuple_

from textback.model import Direction, Outcome, Reason
from textback.store.call_lines import LIVING, CallLine, Position, lines
from textback.store.columns import UtcDateTime
from textback.store.tables import calls

#: Calls that a page is first looked for among.
NEAR = 20_000
#: Calls of one page at the most.
MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls are meant; what is left empty does not narrow."""

    direction: Direction | None = Direction.INBOUND  #: None: every call the PBX had
    number: str = ""  #: did of a [[number]]
    outcomes: frozenset[Outcome] = frozenset()
    reasons: frozenset[Reason] = frozenset()
    texted: bool | None = None  #: by the verdict
    since: datetime | None = None
    until: datetime | None = None
    callers: tuple[str, ...] = ()  #: spellings of one number


def listed(
    db: Connection, wanted: CallFilter, *, after: Position | None = None, limit: int = 50
) -> list[CallLine]:
    """A page of calls that have ended, the newest first; `after`: where the last page ended."""
    return lines(db, ids(db, wanted, after, min(limit, MOST)))


def ids(db: Connection, wanted: CallFilter, after: Position | None, limit: int) -> list[int]:
    if _impossible(wanted):
        return []
    if wanted.callers:
        return _by_caller(db, wanted, after, limit)
    found, seen = _near(db, wanted, after, limit)
    if len(found) >= limit or seen < NEAR:
        return found
    return _by_kinds(db, wanted, after, limit)


def _impossible(wanted: CallFilter) -> bool:
    return bool(wanted.reasons) and not any(
        wanted.texted in (None, reason is Reason.SEND) for reason in wanted.reasons
    )


def _fits(wanted: CallFilter, c: Any = calls.c) -> list[ColumnElement[bool]]:
    """What a call must be, besides its time."""
    narrow: list[ColumnElement[bool]] = []
    if wanted.direction is not None:
        narrow.append(c.direction == wanted.direction)
    if wanted.number:
        narrow.append(c.number == wanted.number)
    if wanted.outcomes:
        narrow.append(c.outcome.in_(sorted(wanted.outcomes)))
    if wanted.reasons:
        narrow.append(c.reason.in_(sorted(reason.value for reason in wanted.reasons)))
    if wanted.texted is not None:
        sent = c.reason == Reason.SEND.value
        narrow.append(sent if wanted.texted else c.reason.not_in(("", Reason.SEND.value)))
    return narrow


def _times(wanted: CallFilter, after: Position | None) -> list[ColumnElement[bool]]:
    narrow: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        narrow.append(calls.c.started_at >= wanted.since)
    if wanted.until is not None:
        narrow.append(calls.c.started_at < wanted.until)
    if after is not None:
        narrow.append(tuple_(calls.c.started_at, calls.c.id) < tuple_(*after))
    return narrow


_ORDER = (calls.c.started_at.desc(), calls.c.id.desc())
_ENDED: ColumnElement[bool] = text("calls.ended_at IS NOT NULL")  # type: ignore[assignment]


def near_query(wanted: CallFilter, after: Position | None, limit: int) -> Any:
    """The next NEAR calls, and those of them that fit. The index has all of it."""
    names = ("id", "started_at", "direction", "number", "outcome", "reason")
    some = (
        select(*(calls.c[name] for name in names))
        .where(*_times(wanted, after))
        .order_by(*_ORDER)
        .limit(NEAR)
        .subquery("near")
    )
    query = select(some.c.id).where(*_fits(wanted, some.c))
    return query.order_by(some.c.started_at.desc(), some.c.id.desc()).limit(limit)


def _near(
    db: Connection, wanted: CallFilter, after: Position | None, limit: int
) -> tuple[list[int], int]:
    """Of the next NEAR calls those that fit, and how many were looked at."""
    living = [row.id for row in db.execute(LIVING)]
    room = limit + len(living)
    found = list(db.execute(near_query(wanted, after, room)).scalars())
    ended = [one for one in found if one not in set(living)][:limit]
    if len(ended) >= limit:
        return ended, NEAR
    behind = (
        select(calls.c.id).where(*_times(wanted, after)).order_by(*_ORDER).offset(NEAR).limit(1)
    )
    more = db.execute(behind).first() is not None
    return ended, NEAR if more else 0


# --- by kinds -------------------------------------------------------------------------------------

#: The kinds of ended call of one direction, by leaps over the index: the next reason of the same
#: number and outcome, else the next outcome of the number, else the next number. (A comparison of
#: whole rows would say it in one, but SQLite then goes by the first column alone.)
_KINDS = """
WITH RECURSIVE kinds(id) AS (
  SELECT (SELECT n.id FROM calls n WHERE n.ended_at IS NOT NULL AND n.direction = :direction
          {number} ORDER BY n.direction, n.number, n.outcome, n.reason LIMIT 1)
  UNION ALL
  SELECT coalesce(
    (SELECT n.id FROM calls n WHERE n.ended_at IS NOT NULL AND n.direction = :direction
       AND n.number = p.number AND n.outcome = p.outcome AND n.reason > p.reason
       ORDER BY n.direction, n.number, n.outcome, n.reason LIMIT 1),
    (SELECT n.id FROM calls n WHERE n.ended_at IS NOT NULL AND n.direction = :direction
       AND n.number = p.number AND n.outcome > p.outcome
       ORDER BY n.direction, n.number, n.outcome, n.reason LIMIT 1){next})
  FROM kinds k JOIN calls p ON p.id = k.id
)
SELECT c.id, c.started_at
FROM kinds k CROSS JOIN calls p CROSS JOIN calls c
WHERE p.id = k.id AND {fits} AND c.id IN (
  SELECT n.id FROM calls n WHERE n.ended_at IS NOT NULL AND n.direction = :direction
    AND n.number = p.number AND n.outcome = p.outcome AND n.reason = p.reason{times}
  ORDER BY n.started_at DESC, n.id DESC LIMIT :page)
ORDER BY c.started_at DESC, c.id DESC LIMIT :page
"""
_NEXT_NUMBER = """,
    (SELECT n.id FROM calls n WHERE n.ended_at IS NOT NULL AND n.direction = :direction
       AND n.number > p.number
       ORDER BY n.direction, n.number, n.outcome, n.reason LIMIT 1)"""


@cache
def _kinds_statement(
    *, one_number: bool, fits: tuple[str, ...], times: tuple[str, ...]
) -> TextualSelect:
    said = _KINDS.format(
        number="AND n.number = :number" if one_number else "",
        next="" if one_number else _NEXT_NUMBER,
        fits=" AND ".join(fits) or "1 = 1",
        times="".join(f" AND {one}" for one in times),
    )
    dates = [bindparam(name, type_=UtcDateTime) for name in ("since", "until", "started")]
    lists: list[Any] = [bindparam(name, expanding=True) for name in ("outcomes", "reasons")]
    used = [one for one in (*dates, *lists) if f":{one.key}" in said]
    return text(said).bindparams(*used).columns(calls.c.id, calls.c.started_at)


def kinds_query(
    wanted: CallFilter, direction: Direction, after: Position | None, limit: int
) -> tuple[TextualSelect, dict[str, Any]]:
    """The newest calls of every kind that fits, and the values for it."""
    values: dict[str, Any] = {"direction": direction.value, "page": limit}
    fits, times = [], []
    if wanted.number:
        values["number"] = wanted.number
    if wanted.outcomes:
        fits.append("p.outcome IN :outcomes")
        values["outcomes"] = sorted(outcome.value for outcome in wanted.outcomes)
    if wanted.reasons:
        fits.append("p.reason IN :reasons")
        values["reasons"] = sorted(reason.value for reason in wanted.reasons)
    if wanted.texted is not None:
        fits.append("p.reason = 'send'" if wanted.texted else "p.reason NOT IN ('', 'send')")
    if wanted.since is not None:
        times.append("n.started_at >= :since")
        values["since"] = wanted.since
    if wanted.until is not None:
        times.append("n.started_at < :until")
        values["until"] = wanted.until
    if after is not None:
        times.append("(n.started_at, n.id) < (:started, :id)")
        values["started"], values["id"] = after
    statement = _kinds_statement(
        one_number=bool(wanted.number), fits=tuple(fits), times=tuple(times)
    )
    return statement, values


def _by_kinds(db: Connection, wanted: CallFilter, after: Position | None, limit: int) -> list[int]:
    found: list[Position] = []
    for direction in (wanted.direction,) if wanted.direction is not None else tuple(Direction):
        rows = db.execute(*kinds_query(wanted, direction, after, limit))
        found += [(row.started_at, row.id) for row in rows]
    return [call for _, call in sorted(found, reverse=True)[:limit]]


# --- by caller ------------------------------------------------------------------------------------


def caller_queries(
    wanted: CallFilter, after: Position | None, limit: int, spelling: str
) -> list[Any]:
    """The calls of one caller: as read, and as received where nobody could read it. Two, since
    with an OR of them SQLite goes by time instead."""
    base = select(calls.c.id, calls.c.started_at).where(
        _ENDED, *_fits(wanted), *_times(wanted, after)
    )
    base = base.order_by(*_ORDER).limit(limit)
    return [
        base.where(calls.c.caller_e164 == spelling),
        base.where(calls.c.caller == spelling, calls.c.caller_e164 == ""),
    ]


def _by_caller(db: Connection, wanted: CallFilter, after: Position | None, limit: int) -> list[int]:
    found: set[Position] = set()
    for spelling in wanted.callers:
        for query in caller_queries(wanted, after, limit, spelling):
            found |= {(row.started_at, row.id) for row in db.execute(query)}
    return [call for _, call in sorted(found, reverse=True)[:limit]]


# --- search ---------------------------------------------------------------------------------------


def named(db: Connection, spellings: Sequence[str], *, limit: int = 20) -> list[CallLine]:
    """Calls by a call-id in any of these spellings, or of a caller with this number, the newest
    first, living ones as well: `pbx:uniqueid`, a Uniqueid, a Linkedid, our own number of a call."""
    found: set[Position] = set()
    for word in dict.fromkeys(word for word in spellings if word):
        for where in _named(word):
            query = select(calls.c.id, calls.c.started_at).where(*where)
            rows = db.execute(query.order_by(*_ORDER).limit(limit))
            found |= {(row.started_at, row.id) for row in rows}
    return lines(db, [call for _, call in sorted(found, reverse=True)[:limit]])


def _named(word: str) -> Iterator[tuple[ColumnElement[bool], ...]]:
    # One query each: with an OR of them SQLite goes through all calls by time.
    yield (calls.c.caller_e164 == word,)
    yield (calls.c.caller == word,)
    if word.startswith("+"):
        return  # a number in full is no call's name
    yield (calls.c.uniqueid == word,)
    yield (calls.c.linkedid == word,)
    pbx, colon, uniqueid = word.partition(":")
    if colon:
        yield (calls.c.pbx == pbx, calls.c.uniqueid == uniqueid)
    if word.isascii() and word.isdigit() and len(word) < 10:
        yield (calls.c.id == int(word),)

"""The cases of missed callers as people see and change them: list, look up, take, put off, close.

Every change is one line in `operator_log`, with who made it, in the same transaction. Open cases
come in the order in which they are to be called back: by their due time, then those without one,
by their last missed call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from textback.callback import OPEN_STAGES, CaseEvent, reached, step
from textback.model import CallbackCase, CaseStage, EventKind
from textback.store import casetell
from textback.store.errors import CaseClosedError, CaseError, CaseTakenError, NoSuchCaseError
from textback.store.tables import operator_log
from textback.store.tables_people import cases

#: Characters of an owner, as [[number]] takes them.
MOST_OWNER = 40
#: Characters of a note or a reason.
MOST_NOTE = 1_000
#: Overdue cases told of in one transaction.
SWEEP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """Which cases are meant; what is left empty does not narrow."""

    number: str = ""  #: did of a [[number]]
    owner: str = ""
    owners: tuple[str, ...] = ()  #: of any of these
    nobodys: bool = False  #: cases that are nobody's
    caller: str = ""  #: E.164
    stage: CaseStage | None = None
    overdue: datetime | None = None  #: open ones that were due before this
    #: None: the open ones. Else those closed at this time or later, the newest first.
    closed_since: datetime | None = None


def to_case(row: Row[Any]) -> CallbackCase:
    return CallbackCase(
        id=row.id,
        caller=row.caller,
        number=row.number,
        stage=row.stage,
        misses=row.misses,
        opened=row.opened_at,
        missed=row.missed_at,
        texted=row.texted_at,
        replied=row.replied_at,
        owner=row.owner,
        due=row.due_at,
        closed=row.closed_at,
        spoken=row.spoken_at,
        closed_by=row.closed_by,
        note=row.note,
        first_call_id=row.first_call_id,
        last_call_id=row.last_call_id,
        closing_call_id=row.closing_call_id,
    )


# --- looking --------------------------------------------------------------------------------------


def get(db: Connection, case_id: int) -> CallbackCase:
    """Raises NoSuchCaseError."""
    return to_case(_row(db, case_id))


def _row(db: Connection, case_id: int) -> Row[Any]:
    row = db.execute(select(cases).where(cases.c.id == case_id)).one_or_none()
    if row is None:
        raise NoSuchCaseError(f"there is no case {case_id}")
    return row


def listed(
    db: Connection, wanted: CaseFilter, *, limit: int = 50, after: int | None = None
) -> list[CallbackCase]:
    """At most `limit` cases that fit, from the one behind case `after` on.

    Raises NoSuchCaseError where there is no case `after`.
    """
    if wanted.owners:
        # Each from its index and in its order: together they would be looked for among all.
        each = (replace(wanted, owners=(), owner=owner) for owner in dict.fromkeys(wanted.owners))
        some = [case for one in each for case in listed(db, one, limit=limit, after=after)]
        return sorted(some, key=_place)[:limit]
    last = _row(db, after) if after is not None else None
    if wanted.closed_since is not None:
        query = _closed(wanted, wanted.closed_since, last).limit(limit)
        return [to_case(row) for row in db.execute(query)]
    found: list[Row[Any]] = []
    for query in _open(wanted, last):
        if len(found) < limit:
            found += db.execute(query.limit(limit - len(found))).all()
    return [to_case(row) for row in found]


def _place(case: CallbackCase) -> tuple[float, ...]:
    """Where it stands in a list: open ones by due time, closed ones the newest first."""
    if case.closed is not None:
        return (-case.closed.timestamp(), -case.id)
    due = case.due.timestamp() if case.due is not None else math.inf
    return (due, case.missed.timestamp(), case.id)


def narrowed(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    c = cases.c
    narrow: list[ColumnElement[bool]] = []
    if wanted.number:
        narrow.append(c.number == wanted.number)
    if wanted.owner or wanted.nobodys:
        narrow.append(c.owner == wanted.owner)
    if wanted.owners:
        narrow.append(c.owner.in_(wanted.owners))
    if wanted.caller:
        narrow.append(c.caller == wanted.caller)
    if wanted.stage is not None:
        narrow.append(c.stage == wanted.stage)
    return narrow


def _open(wanted: CaseFilter, last: Row[Any] | None) -> list[Select[Any]]:
    """Two queries, one behind the other: databases put NULL first or last as they like."""
    c = cases.c
    base = select(cases).where(c.closed_at.is_(None), *narrowed(wanted))
    timed = base.where(c.due_at.is_not(None)).order_by(c.due_at, c.missed_at, c.id)
    if wanted.overdue is not None:
        timed = timed.where(c.due_at < wanted.overdue)
    untimed = base.where(c.due_at.is_(None)).order_by(c.missed_at, c.id)
    if last is not None and last.due_at is not None:
        behind = or_(c.missed_at > last.missed_at, _same_and_later(last))
        timed = timed.where(c.due_at >= last.due_at, or_(c.due_at > last.due_at, behind))
    elif last is not None:
        timed = None  # type: ignore[assignment]
        untimed = untimed.where(
            c.missed_at >= last.missed_at,
            or_(c.missed_at > last.missed_at, c.id > last.id),
        )
    queries = [timed] if timed is not None else []
    return queries if wanted.overdue is not None else [*queries, untimed]


def _same_and_later(last: Row[Any]) -> ColumnElement[bool]:
    return and_(cases.c.missed_at == last.missed_at, cases.c.id > last.id)


def _closed(wanted: CaseFilter, since: datetime, last: Row[Any] | None) -> Select[Any]:
    c = cases.c
    query = select(cases).where(c.closed_at.is_not(None), c.closed_at >= since, *narrowed(wanted))
    if last is not None and last.closed_at is not None:
        query = query.where(
            c.closed_at <= last.closed_at,
            or_(c.closed_at < last.closed_at, c.id < last.id),
        )
    return query.order_by(c.closed_at.desc(), c.id.desc())


def counts(db: Connection, now: datetime) -> tuple[dict[CaseStage, int], int]:
    """Open cases by stage, every open stage named; and how many are past their due time."""
    query = (
        select(cases.c.stage, func.count().label("cases"))
        .where(cases.c.closed_at.is_(None))
        .group_by(cases.c.stage)
    )
    found = dict.fromkeys(OPEN_STAGES, 0)
    found.update((row.stage, row.cases) for row in db.execute(query))
    late = select(func.count()).where(cases.c.closed_at.is_(None), cases.c.due_at < now)
    return found, int(db.execute(late).scalar_one())


# --- what people do -------------------------------------------------------------------------------


def assign(
    db: Connection, case_id: int, owner: str, *, by: str, now: datetime, was: str | None = None
) -> CallbackCase:
    """Raises NoSuchCaseError, CaseClosedError, CaseError. "": it is nobody's again. CaseTakenError
    where its owner is not who he `was` when it was looked at; None: whoever it is."""
    case = _open_row(db, case_id)
    name = _words(owner, MOST_OWNER, "owner")
    if was is not None and case.owner not in (was, name):
        raise CaseTakenError(case_id, case.owner)
    if case.owner == name:
        return to_case(case)
    detail = f"{case.owner or 'nobody'} -> {name or 'nobody'}"
    return _changed(db, case, {"owner": name}, "assign", detail, by, now)


def set_due(
    db: Connection, case_id: int, due: datetime | None, *, by: str, now: datetime
) -> CallbackCase:
    """By when to call back; None: by no time. Raises NoSuchCaseError, CaseClosedError."""
    case = _open_row(db, case_id)
    detail = f"{_spoken(case.due_at)} -> {_spoken(due)}"
    new = {"due_at": due, "overdue_at": None}
    return _changed(db, case, new, "due", detail, by, now)


def note(db: Connection, case_id: int, words: str, *, by: str, now: datetime) -> CallbackCase:
    """What to know of it; the note before stays in its story. Raises as `assign`, but a closed case
    may have one too."""
    case = _row(db, case_id)
    said = _words(words, MOST_NOTE, "note")
    return _changed(db, case, {"note": said}, "note", said or "taken away", by, now)


def dismiss(db: Connection, case_id: int, *, reason: str, by: str, now: datetime) -> CallbackCase:
    """Close it by hand. Raises NoSuchCaseError, CaseClosedError, CaseError."""
    case = _open_row(db, case_id)
    why = _words(reason, MOST_NOTE, "reason")
    new = {
        "stage": step(case.stage, CaseEvent.DISMISSED),
        # A clock that was set back must not close it before the call it is about.
        "closed_at": max(now, case.missed_at),
        "closed_by": by,
    }
    done = _changed(db, case, new, "done", why, by, now)
    casetell.closed(db, _row(db, case_id), now)
    return done


def reopen(db: Connection, case_id: int, *, by: str, now: datetime) -> CallbackCase:
    """Open a closed case again, as far as it had come: the answer may have been a mailbox.

    Raises NoSuchCaseError; CaseError where it is open, or its caller has a newer case.
    """
    case = _row(db, case_id)
    if step(case.stage, CaseEvent.REOPENED) is None:
        raise CaseError(f"case {case_id} is open")
    newer = (
        select(cases.c.id)
        .where(
            cases.c.caller == case.caller,
            cases.c.number == case.number,
            cases.c.opened_at > case.opened_at,
        )
        .limit(1)
    )
    other = db.execute(newer).scalar_one_or_none()
    if other is not None:
        raise CaseError(f"case {case_id} stays closed: case {other} is a newer one of this caller")
    was = f"was {case.stage.value}, by {case.closed_by}"
    new = {
        "stage": reached(texted=case.texted_at is not None, replied=case.replied_at is not None),
        "closed_at": None,
        "spoken_at": None,
        "closing_call_id": None,
        "closed_by": "",
        "overdue_at": None,
    }
    done = _changed(db, case, new, "reopen", was, by, now)
    casetell.tell(db, EventKind.CASE_OPENED, _row(db, case_id), now)
    return done


def dialled(db: Connection, case_id: int, phone: str, *, by: str, now: datetime) -> None:
    """Its caller was called by a click, from this phone. Raises NoSuchCaseError."""
    case = _row(db, case_id)
    said = {"at": now, "by": by, "verb": "call", "detail": f"from {phone}", "case_id": case.id}
    db.execute(insert(operator_log), said)


def _open_row(db: Connection, case_id: int) -> Row[Any]:
    case = _row(db, case_id)
    if case.closed_at is not None:
        raise CaseClosedError(f"case {case_id} is closed: {case.stage.value}, by {case.closed_by}")
    return case


def _words(given: str, most: int, what: str) -> str:
    words = " ".join(given.split())
    if len(words) > most:
        raise CaseError(f"the {what} is {len(words)} characters long; {most} is the most")
    return words


def _spoken(at: datetime | None) -> str:
    return "no time" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _changed(
    db: Connection,
    case: Row[Any],
    new: Mapping[str, Any],
    verb: str,
    detail: str,
    by: str,
    now: datetime,
) -> CallbackCase:
    db.execute(update(cases).where(cases.c.id == case.id).values(**new, changed_at=now))
    said = {"at": now, "by": by, "verb": verb, "detail": detail, "case_id": case.id}
    db.execute(insert(operator_log), said)
    return get(db, case.id)


# --- what is overdue ------------------------------------------------------------------------------

_WAITING = (cases.c.closed_at.is_(None), cases.c.overdue_at.is_(None))
NEXT = select(func.min(cases.c.due_at)).where(*_WAITING)
OVERDUE = (
    select(cases)
    .where(*_WAITING, cases.c.due_at <= bindparam("now"))
    .order_by(cases.c.due_at)
    .limit(SWEEP)
)


def next_due(db: Connection) -> datetime | None:
    """The earliest due time of an open case nobody was told of; None: there is none."""
    found: datetime | None = db.execute(NEXT).scalar_one()
    return found


def tell_overdue(db: Connection, now: datetime) -> list[CallbackCase]:
    """Open cases past their due time: each is told of once, the longest overdue first."""
    found = db.execute(OVERDUE, {"now": now}).all()
    for case in found:
        db.execute(update(cases).where(cases.c.id == case.id).values(overdue_at=now))
        casetell.tell(db, EventKind.CASE_OVERDUE, case, case.due_at)
    return [to_case(case) for case in found]

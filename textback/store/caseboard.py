"""What a board of cases says: whom they are about, and how many, counted no further than needed.

Nobody reads the difference between 1,000 and 400,000, and counting them takes as long as there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, literal, select

from textback.callback import OPEN_STAGES
from textback.model import CallbackCase, CaseStage, Contact
from textback.names import clean, of_network
from textback.store import contacts
from textback.store.caseload import CaseFilter, narrowed
from textback.store.tables import calls
from textback.store.tables_people import cases

#: Cases that are counted; so many are "as many or more".
MOST = 1_000


class Column(NamedTuple):
    """How full one column is; `MOST` in either says "or more"."""

    cases: int
    overdue: int


def columns(db: Connection, wanted: CaseFilter, now: datetime) -> dict[CaseStage, Column]:
    """Open cases that fit, by stage, whatever stage `wanted` names."""
    found = {}
    for stage in OPEN_STAGES:
        query = _open(replace(wanted, stage=stage))
        late = query.where(cases.c.due_at < now)
        found[stage] = Column(_count(db, query), _count(db, late))
    return found


def overdue(db: Connection, now: datetime) -> int:
    """Open cases past their due time."""
    return _count(db, _open(CaseFilter()).where(cases.c.due_at < now))


def callers(db: Connection, found: Sequence[CallbackCase]) -> dict[int, str]:
    """What the callers of these cases are called, by the number of the case, where known: as the
    contacts have it, else as the network does where that is a name. Two statements for them all."""
    known = contacts.best_of(db, list({case.caller for case in found}))
    last = [case.last_call_id for case in found if case.last_call_id is not None]
    query = select(calls.c.id, calls.c.caller_name).where(calls.c.id.in_(last))
    cnam = {row.id: row.caller_name for row in db.execute(query)}
    shown = {
        case.id: shown_name(known.get(case.caller), cnam.get(case.last_call_id or 0, ""))
        for case in found
    }
    return {case_id: name for case_id, name in shown.items() if name}


def shown_name(contact: Contact | None, cnam: str) -> str:
    """A caller's name as a page shows it; "" where nobody knows one."""
    if contact is not None and contact.name:
        return clean(contact.name)
    return of_network(cnam)


def _open(wanted: CaseFilter) -> Select[Any]:
    return select(literal(1)).where(cases.c.closed_at.is_(None), *narrowed(wanted))


def _count(db: Connection, query: Select[Any]) -> int:
    some = query.select_from(cases).limit(MOST).subquery()
    return int(db.execute(select(func.count()).select_from(some)).scalar_one())

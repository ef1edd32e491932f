"""Tells others that a case was opened, closed or became overdue, as it is at that moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from textback.model import CaseStage, Event, EventKind
from textback.names import clean
from textback.store import contacts, events
from textback.store.happened import instant
from textback.store.rows import CaseChange
from textback.store.tables import calls
from textback.store.tables_people import cases

_LAST_CALL = select(calls.c.caller_name, calls.c.number_label).where(
    calls.c.id == bindparam("call")
)


def opened(db: Connection, row: Row[Any]) -> tuple[CaseChange, ...]:
    """Tells of a new case, and of its end where it has one already."""
    tell(db, EventKind.CASE_OPENED, row, row.opened_at)
    new = CaseChange(row.id, CaseStage.MISSED, opened=True, due=row.due_at)
    return (new,) if row.closed_at is None else (new, closed(db, row, row.spoken_at))


def closed(db: Connection, row: Row[Any], at: datetime) -> CaseChange:
    """Tells others that a case is closed, by a conversation or a person."""
    tell(db, EventKind.CASE_CLOSED, row, at)
    with_text = row.texted_at is not None and (row.spoken_at or at) >= row.texted_at
    return CaseChange(row.id, row.stage, took=_took(row), texted=with_text)


def _took(case: Row[Any]) -> float | None:
    if case.spoken_at is None:
        return None
    return max(0.0, float((case.spoken_at - case.opened_at).total_seconds()))


def row_of(db: Connection, case_id: int) -> Row[Any]:
    return db.execute(select(cases).where(cases.c.id == case_id)).one()


def tell(db: Connection, kind: EventKind, case: Row[Any], at: datetime) -> None:
    """Puts the event that tells of a case as it is now; its payload is that of `tell_shapes`."""
    last = db.execute(_LAST_CALL, {"call": case.last_call_id}).one_or_none()
    payload: dict[str, Any] = {
        "case": case.id,
        "stage": case.stage.value,
        "misses": case.misses,
        "owner": case.owner,
        "due": instant(case.due_at) if case.due_at is not None else None,
        "name": name_of(db, case.caller, last.caller_name if last is not None else ""),
        "label": last.number_label if last is not None else "",
    }
    if kind is EventKind.CASE_CLOSED:
        payload |= {
            "closed_by": case.closed_by,
            "call": case.closing_call_id,
            "seconds": _took(case),
        }
    if kind is EventKind.CASE_OVERDUE:
        payload["opened"] = instant(case.opened_at)
    told = Event(kind=kind, at=at, caller=case.caller, number=case.number, payload=payload)
    events.put(db, told)


def name_of(db: Connection, caller: str, by_network: str) -> str:
    """The caller's name as the contacts have it, else as the network gave it; fit for a display."""
    contact = contacts.best(db, caller)
    return clean(contact.name if contact is not None and contact.name else by_network)

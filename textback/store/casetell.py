"""Tells others that a case was opened, closed or became overdue, as it is at that moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, select

from textback.model import CaseStage, Contact, Event, EventKind
from textback.names import clean
from textback.store import contacts, events
from textback.store.happened import instant
from textback.store.history import Asked
from textback.store.rows import CaseChange
from textback.store.tables import calls
from textback.store.tables_people import cases

_LAST_CALL = select(calls.c.caller_name, calls.c.number_label).where(
    calls.c.id == bindparam("call")
)


class LastCall(NamedTuple):
    """The last call of a case, where it is at hand."""

    caller_name: str
    label: str
    caller: Asked


def opened(db: Connection, row: Row[Any], last: LastCall | None = None) -> tuple[CaseChange, ...]:
    """Tells of a new case, and of its end where it has one already."""
    tell(db, EventKind.CASE_OPENED, row, row.opened_at, last)
    new = CaseChange(row.id, CaseStage.MISSED, opened=True, due=row.due_at)
    return (new,) if row.closed_at is None else (new, closed(db, row, row.spoken_at, last))


def closed(db: Connection, row: Row[Any], at: datetime, last: LastCall | None = None) -> CaseChange:
    """Tells others that a case is closed, by a conversation or a person."""
    tell(db, EventKind.CASE_CLOSED, row, at, last)
    with_text = row.texted_at is not None and (row.spoken_at or at) >= row.texted_at
    return CaseChange(row.id, row.stage, took=_took(row), texted=with_text)


def _took(case: Row[Any]) -> float | None:
    if case.spoken_at is None:
        return None
    return max(0.0, float((case.spoken_at - case.opened_at).total_seconds()))


def row_of(db: Connection, case_id: int) -> Row[Any]:
    return db.execute(select(cases).where(cases.c.id == case_id)).one()


def tell(
    db: Connection, kind: EventKind, case: Row[Any], at: datetime, last: LastCall | None = None
) -> None:
    """Puts the event that tells of a case as it is now; its payload is that of `tell_shapes`."""
    name, label = _names(db, case, last)
    payload: dict[str, Any] = {
        "case": case.id,
        "stage": case.stage.value,
        "misses": case.misses,
        "owner": case.owner,
        "due": instant(case.due_at) if case.due_at is not None else None,
        "name": name,
        "label": label,
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


def _names(db: Connection, case: Row[Any], last: LastCall | None) -> tuple[str, str]:
    """The caller's name and the label of our number."""
    if last is not None:
        return _name(last.caller.contact, last.caller_name), last.label
    call = db.execute(_LAST_CALL, {"call": case.last_call_id}).one_or_none()
    if call is None:
        return name_of(db, case.caller, ""), ""
    return name_of(db, case.caller, call.caller_name), call.number_label


def name_of(db: Connection, caller: str, by_network: str) -> str:
    """The caller's name as the contacts have it, else as the network gave it; fit for a display."""
    return _name(contacts.best(db, caller), by_network)


def _name(contact: Contact | None, by_network: str) -> str:
    return clean(contact.name if contact is not None and contact.name else by_network)

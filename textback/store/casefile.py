"""A case as a page shows it: its story as facts rather than sentences, and where to go from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from textback.model import CallbackCase, OutboxState, Outcome
from textback.store import caseload, casestory, contacts
from textback.store.caseboard import shown_name
from textback.store.casefacts import KINDS, who
from textback.store.casestory import MOST
from textback.store.tables import operator_log, outbox
from textback.store.tables_people import cases
from textback.store.tables_talk import threads


class EntryKind(StrEnum):
    """What happened."""

    MISSED = "missed"  #: a call that nobody answered
    CALLING = "calling"  #: the caller is calling again, just now
    CALLED_BACK = "called_back"
    CAME_BACK = "came_back"  #: the caller called again, and was answered
    TEXT = "text"  #: a rule wrote to the caller
    ANSWER = "answer"  #: a person wrote to the caller
    REPLY = "reply"  #: the caller wrote
    CHANGE = "change"  #: somebody changed the case
    CLOSED = "closed"  #: a conversation closed it
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the story; what a kind has nothing of is left empty."""

    at: datetime
    kind: EntryKind
    call_id: int | None = None
    outcome: Outcome | None = None
    seconds: float | None = None  #: the caller waited
    by: str = ""  #: phone, person
    text: str = ""  #: as it was written: hostile in a REPLY
    state: OutboxState | None = None
    verb: str = ""  #: of a CHANGE: assign, due, note, done, reopen, call
    detail: str = ""
    ours: str = ""  #: the number of the business, where it is another one


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A case, and all that is known about it."""

    case: CallbackCase
    name: str  #: as the contacts have it, else the network, where that is a name
    label: str  #: of our number, as its last call was told
    thread_id: int | None  #: the conversation with this caller
    entries: tuple[Entry, ...]  #: as it happened


_THREAD = (
    select(threads.c.id)
    .where(
        threads.c.handset == bindparam("caller"),
        threads.c.number.in_(bindparam("numbers", expanding=True)),
    )
    # One of our number first; then one of which it cannot be told.
    .order_by(threads.c.number.desc(), threads.c.last_at.desc())
    .limit(1)
)
_CHANGES = (
    select(operator_log)
    .where(operator_log.c.case_id == bindparam("case"))
    .order_by(operator_log.c.id.desc())
    .limit(MOST)
)


def file(db: Connection, case_id: int) -> CaseFile:
    """Raises NoSuchCaseError."""
    case = caseload.get(db, case_id)
    row = db.execute(select(cases).where(cases.c.id == case_id)).one()
    found = casestory.calls_of(db, row)
    own = [call for call in found if call.case_id == case_id]
    entries = [
        *(_call(call, row) for call in found if casestory.concerns(call, row)),
        *_texts(db, [call.id for call in own]),
        *_talk(db, row),
        *_changes(db, case_id),
        *_ends(row),
    ]
    entries.sort(key=lambda entry: entry.at)
    cnam = next((call.caller_name for call in found if call.caller_name), "")
    where = {"caller": case.caller, "numbers": [case.number, ""]}
    return CaseFile(
        case=case,
        name=shown_name(contacts.best(db, case.caller), cnam),
        label=next((c.number_label for c in own if c.number_label), ""),
        thread_id=db.execute(_THREAD, where).scalar_one_or_none(),
        entries=tuple(entries),
    )


def _call(call: Row[Any], case: Row[Any]) -> Entry:
    about: dict[str, Any] = {"call_id": call.id, "outcome": call.outcome, "seconds": call.waited}
    if call.case_id == case.id:
        return Entry(at=call.started_at, kind=EntryKind.MISSED, **about)
    if call.ended_at is None:
        return Entry(at=call.started_at, kind=EntryKind.CALLING, **about)
    at = call.answered_at or call.started_at
    if call.called_back:
        return Entry(at=at, kind=EntryKind.CALLED_BACK, by=who(call.channel), **about)
    ours = call.number_label or call.did if call.number != case.number else ""
    return Entry(at=at, kind=EntryKind.CAME_BACK, ours=ours, **about)


def _texts(db: Connection, call_ids: list[int]) -> Iterable[Entry]:
    query = select(outbox).where(outbox.c.call_id.in_(call_ids[:MOST]), outbox.c.kind.in_(KINDS))
    for row in db.execute(query):
        yield Entry(at=row.created_at, kind=EntryKind.TEXT, text=row.text, state=row.state)


def _talk(db: Connection, case: Row[Any]) -> Iterable[Entry]:
    came, sent = casestory.talk_of(case)
    for row in db.execute(came):
        yield Entry(at=row.at, kind=EntryKind.REPLY, text=row.text)
    for row in db.execute(sent):
        yield Entry(
            at=row.created_at, kind=EntryKind.ANSWER, by=row.author, text=row.text, state=row.state
        )


def _changes(db: Connection, case_id: int) -> Iterable[Entry]:
    for row in db.execute(_CHANGES, {"case": case_id}):
        yield Entry(at=row.at, kind=EntryKind.CHANGE, by=row.by, verb=row.verb, detail=row.detail)


def _ends(case: Row[Any]) -> Iterable[Entry]:
    if case.spoken_at is not None:
        yield Entry(at=case.closed_at, kind=EntryKind.CLOSED, by=case.closed_by)
    if case.overdue_at is not None:
        yield Entry(at=case.overdue_at, kind=EntryKind.OVERDUE)

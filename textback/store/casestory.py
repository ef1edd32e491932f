"""The story of one case: its missed calls, its texts, what the caller wrote, what people did.

Also which calls spoke with the caller, and which tried to and did not reach him.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select

from textback.model import CallbackCase, Direction, StoryEvent
from textback.store import caseload
from textback.store.casefacts import KINDS, who
from textback.store.casetell import name_of
from textback.store.tables import calls, operator_log, outbox
from textback.store.tables_people import cases
from textback.store.tables_talk import incoming, threads

#: Entries of one kind that are told, the newest ones.
MOST = 200
#: Before its first missed call nothing of a case has happened, but for clocks that differ.
_SLACK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStory:
    """A case, and what happened in it in the order in which it did."""

    case: CallbackCase
    label: str  #: of our number, as its last call was told
    name: str  #: as the contacts have it, else the network; cleaned
    events: tuple[StoryEvent, ...]


def story(db: Connection, case_id: int) -> CaseStory:
    """Raises NoSuchCaseError."""
    case = caseload.get(db, case_id)
    row = db.execute(select(cases).where(cases.c.id == case_id)).one()
    found = calls_of(db, row)
    events = [
        *(_told(call, case_id) for call in found if concerns(call, row)),
        *_texts(db, [call.id for call in found if call.case_id == case_id]),
        *_replies(db, row),
        *_changes(db, case_id),
        *_ends(row),
    ]
    events.sort(key=lambda event: event.at)
    return CaseStory(
        case=case,
        label=next((c.number_label for c in found if c.number_label), ""),
        name=name_of(db, case.caller, next((c.caller_name for c in found if c.caller_name), "")),
        events=tuple(events),
    )


def names(db: Connection, found: Sequence[CallbackCase]) -> dict[int, str]:
    """What the callers of these cases are called, by the number of the case; the first `MOST`."""
    some = found[:MOST]
    query = select(calls.c.id, calls.c.caller_name).where(
        calls.c.id.in_([case.last_call_id for case in some if case.last_call_id is not None])
    )
    by_network = {row.id: row.caller_name for row in db.execute(query)}
    named = {
        case.id: name_of(db, case.caller, by_network.get(case.last_call_id or 0, ""))
        for case in some
    }
    return {case_id: name for case_id, name in named.items() if name}


def calls_of(db: Connection, case: Row[Any]) -> list[Row[Any]]:
    """Calls with this caller in the time of the case, the newest first."""
    c = calls.c
    wanted = (
        *(c.id, c.case_id, c.started_at, c.answered_at, c.ended_at, c.outcome, c.direction),
        *(c.channel, c.did, c.number, c.number_label, c.caller_name, c.called_back),
        *(c.pbx, c.uniqueid, c.waited),
    )
    since = case.opened_at - _SLACK
    inbound = select(*wanted).where(c.caller_e164 == case.caller, c.started_at >= since)
    outbound = select(*wanted).where(
        c.called_back == case.caller, c.called_back != "", c.answered_at >= since
    )
    if case.closed_at is not None:
        inbound = inbound.where(c.started_at <= case.closed_at)
        outbound = outbound.where(c.answered_at <= case.closed_at)
    newest = c.started_at.desc()
    found = [
        *db.execute(inbound.order_by(newest).limit(MOST)),
        *db.execute(outbound.order_by(c.answered_at.desc()).limit(MOST)),
    ]
    return sorted(found, key=lambda call: call.started_at, reverse=True)


def concerns(call: Row[Any], case: Row[Any]) -> bool:
    """Its misses, and the conversations; not the misses of another number of ours."""
    return bool(
        call.case_id == case.id
        or call.called_back
        or call.id == case.closing_call_id
        or (call.direction is Direction.INBOUND and call.ended_at is None)
    )


def _told(call: Row[Any], case_id: int) -> StoryEvent:
    name = f"{call.pbx}:{call.uniqueid}"
    if call.case_id == case_id:
        words = f"missed call ({call.outcome.value}), waited {call.waited:.0f} s: {name}"
        return StoryEvent(at=call.started_at, kind="call", text=words)
    if call.ended_at is None:
        return StoryEvent(at=call.started_at, kind="call", text=f"calls again, just now: {name}")
    if call.called_back:
        words = f"called back from {who(call.channel)}: {name}"
    else:
        ours = call.number_label or call.did
        words = f"called again, and was answered ({ours}): {name}"
    return StoryEvent(at=call.answered_at or call.started_at, kind="call", text=words)


def _texts(db: Connection, call_ids: list[int]) -> Iterable[StoryEvent]:
    some = call_ids[:MOST]
    query = select(outbox).where(outbox.c.call_id.in_(some), outbox.c.kind.in_(KINDS))
    for row in db.execute(query):
        reason = f" ({row.reason})" if row.reason else ""
        words = f"{row.kind.value.replace('_', '-')} text {row.id}: {row.state.value}{reason}"
        yield StoryEvent(at=row.created_at, kind="outbox", text=words)


def talk_of(case: Row[Any]) -> tuple[Select[Any], Select[Any]]:
    """What the caller wrote in the time of the case, and what people wrote to him."""
    of = select(threads.c.id).where(
        threads.c.handset == case.caller,
        or_(threads.c.number == case.number, threads.c.number == ""),
    )
    came = and_(incoming.c.thread_id.in_(of), incoming.c.at >= case.opened_at)
    sent = and_(
        outbox.c.thread_id.in_(of),
        outbox.c.created_at >= case.opened_at,
        outbox.c.author != "",
    )
    if case.closed_at is not None:
        came = and_(came, incoming.c.at <= case.closed_at)
        sent = and_(sent, outbox.c.created_at <= case.closed_at)
    return (
        select(incoming).where(came).order_by(incoming.c.at.desc()).limit(MOST),
        select(outbox).where(sent).order_by(outbox.c.created_at.desc()).limit(MOST),
    )


def _replies(db: Connection, case: Row[Any]) -> Iterable[StoryEvent]:
    """What went either way on the threads of this caller in the time of the case."""
    came, sent = talk_of(case)
    for row in db.execute(came):
        yield StoryEvent(at=row.at, kind="reply", text=f"wrote: {row.text}")
    for row in db.execute(sent):
        words = f"{row.author} wrote ({row.state.value}): {row.text}"
        yield StoryEvent(at=row.created_at, kind="outbox", text=words)


def _changes(db: Connection, case_id: int) -> Iterable[StoryEvent]:
    query = (
        select(operator_log)
        .where(operator_log.c.case_id == case_id)
        .order_by(operator_log.c.id.desc())
        .limit(MOST)
    )
    for entry in db.execute(query):
        detail = f" ({entry.detail})" if entry.detail else ""
        yield StoryEvent(at=entry.at, kind="operator", text=f"{entry.by}: {entry.verb}{detail}")


def _ends(case: Row[Any]) -> Iterable[StoryEvent]:
    if case.spoken_at is not None:
        words = f"closed by {case.closed_by}: {case.stage.value}"
        yield StoryEvent(at=case.closed_at, kind="verdict", text=words)
    if case.overdue_at is not None:
        yield StoryEvent(at=case.overdue_at, kind="verdict", text="overdue: others were told")

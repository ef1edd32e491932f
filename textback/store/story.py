"""One call's whole story out of the tables, and the ways to find a call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

from textback.model import (
    CallbackCase,
    CallKey,
    CallStory,
    HintKind,
    OutboxState,
    Phase,
    Source,
    StoryEvent,
    TextKind,
    TextStory,
)
from textback.store.calls import BY_RULE, FOLLOW_UP
from textback.store.caseload import to_case
from textback.store.errors import NoSuchRowError
from textback.store.rows import done_parts, gates_from_json, outbox_rows, to_outbox_row
from textback.store.story_replies import reply_events
from textback.store.tables import (
    AttemptResult,
    attempts,
    calls,
    operator_log,
    outbox,
    parts,
    verdicts,
)
from textback.store.tables_carrier import receipts
from textback.store.tables_people import cases, hints

_RESULT_WORDS = {
    AttemptResult.OPEN: "no answer yet",
    AttemptResult.ACCEPTED: "accepted",
    AttemptResult.REFUSED: "refused",
    AttemptResult.LATER: "not now",
    AttemptResult.UNSURE: "no answer came; it may or may not have arrived",
    AttemptResult.LOST: "the service stopped before an answer came",
}
_VERDICT_AT = {
    Phase.RING_TIMEOUT: "while the phone rang",
    Phase.VOICEMAIL: "when the caller reached voicemail",
    Phase.HINTED: "when the dialplan spoke",
    Phase.ENDED: "when the call ended",
}
_HINT_WORDS = {
    HintKind.MISSED: "says that the call is missed",
    HintKind.HANDLED: "says that no text is wanted",
    HintKind.MESSAGE: "chooses the message",
    HintKind.OPTOUT: "says that the caller wants no texts",
    HintKind.OPTIN: "says that the caller wants texts again",
    HintKind.OFFER: "says that the caller asked for a text by a key",
}
_SOURCE_WORDS = {
    Source.CEL: "told late by CEL",
    Source.CDR: "told late by CDR",
    Source.AGI: "told by the dialplan while the AMI link was down",
}
_KIND_WORDS = {
    TextKind.MISSED: "text",
    TextKind.FOLLOW_UP: "follow-up",
    TextKind.OFFER: "offered text",
    TextKind.TEST: "text",
    TextKind.REPLY: "answer",
    TextKind.CONFIRM: "confirmation",
    TextKind.HELP: "answer to HELP",
}


def story(db: Connection, call_id: int) -> CallStory:
    """Raises NoSuchRowError."""
    call = db.execute(select(calls).where(calls.c.id == call_id)).one_or_none()
    if call is None:
        raise NoSuchRowError(f"no call {call_id}")
    verdict = db.execute(select(verdicts).where(verdicts.c.call_id == call_id)).one_or_none()
    query = select(outbox).where(outbox.c.call_id == call_id).order_by(outbox.c.id)
    rows = db.execute(query).all()
    texts = outbox_rows(db, rows)
    events = [*_call_events(call), *_hint_events(db, hints.c.call_id == call_id)]
    events += _verdict_events(verdict)
    for row in rows:
        events += _text_events(db, row)
    events.sort(key=lambda e: e.at)
    return CallStory(
        call_id=call.id,
        key=CallKey(pbx=call.pbx, boot=call.boot, uniqueid=call.uniqueid),
        direction=call.direction,
        caller=call.caller_e164 or call.caller,
        caller_name=call.caller_name,
        did=call.number or call.did,
        number_label=call.number_label,
        started=call.started_at,
        ringing=call.ringing_at,
        answered=call.answered_at,
        ended=call.ended_at,
        outcome=call.outcome if call.ended_at else None,
        waited=call.waited,
        trail=tuple((float(after), str(what)) for after, what in call.trail),
        verdict="pending" if verdict is None else "send" if verdict.send else "skip",
        reason=verdict.reason if verdict else "",
        gates=gates_from_json(verdict.gates) if verdict else (),
        decided=verdict.decided_at if verdict else None,
        outbox=next((t for t in texts if t.kind is TextKind.MISSED), texts[0] if texts else None),
        events=tuple(events),
        texts=tuple(texts),
        source=call.source,
        late=call.late,
        gap=call.gap,
        handled=call.handled,
        told_missed=call.told_missed,
        message=call.message,
        verstat=call.verstat,
        case=_case(db, call.case_id),
    )


def _case(db: Connection, case_id: int | None) -> CallbackCase | None:
    if case_id is None:
        return None
    row = db.execute(select(cases).where(cases.c.id == case_id)).one_or_none()
    return to_case(row) if row is not None else None


def _call_events(call: Row[Any]) -> Iterable[StoryEvent]:
    if call.ended_at is not None:
        note = "; part of it was not seen" if call.gap else ""
        note += f"; {call.tainted}" if call.tainted else ""
        told = _SOURCE_WORDS.get(call.source, "told late" if call.late else "")
        note += f"; {told}" if told else ""
        words = f"ended: {call.outcome.value}{note}"
        yield StoryEvent(at=call.ended_at, kind="call", text=words)


def _hint_events(db: Connection, which: ColumnElement[bool]) -> Iterable[StoryEvent]:
    for hint in db.execute(select(hints).where(which).order_by(hints.c.at, hints.c.id)):
        message = f" ({hint.message})" if hint.message else ""
        result = f": {hint.result}" if hint.result else ""
        words = f"{hint.source} {_HINT_WORDS[hint.kind]}{message}{result}"
        yield StoryEvent(at=hint.at, kind="dialplan", text=words)


def _verdict_events(verdict: Row[Any] | None) -> Iterable[StoryEvent]:
    if verdict is not None:
        for at, reason in verdict.before or ():
            words = f"no text: {reason}; decided again when more was known of the call"
            yield StoryEvent(at=datetime.fromisoformat(at), kind="verdict", text=words)
        words = "text this caller" if verdict.send else f"no text: {verdict.reason}"
        moment = _VERDICT_AT.get(verdict.phase, "")
        yield StoryEvent(at=verdict.decided_at, kind="verdict", text=f"{words} {moment}".rstrip())


def _text_events(db: Connection, row: Row[Any]) -> list[StoryEvent]:
    """The life of one text: written, tried, answered, received, replied to, handled."""
    query = select(operator_log).where(operator_log.c.row_id == row.id)
    log = db.execute(query.order_by(operator_log.c.id)).all()
    born = "decided, not sent" if row.state is OutboxState.SHADOW else "queued"
    if row.state is not OutboxState.SHADOW and any(_waits(entry) for entry in log):
        born = "written"  # and then held or delayed, as the log says
    first = f"{_KIND_WORDS[row.kind]} {row.id} {born}"
    events = [StoryEvent(at=row.created_at, kind="outbox", text=first)]
    events += [
        StoryEvent(
            at=entry.at,
            kind="operator" if entry.by != BY_RULE else "outbox",
            text=f"{entry.by}: {entry.verb}" + (f" ({entry.detail})" if entry.detail else ""),
        )
        for entry in log
    ]
    if row.routed:
        at = row.claimed_at or row.created_at
        events.append(StoryEvent(at=at, kind="outbox", text=f"may go by {row.routed}"))
    events += _attempt_events(db, row.id)
    events += _receipt_events(db, row.id)
    events += reply_events(db, row)
    if row.kind is TextKind.OFFER and row.call_id is None:
        events += _hint_events(db, hints.c.row_id == row.id)
    quiet = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.SHADOW)
    if row.state not in quiet and row.changed_at > row.created_at:
        words = row.state.value + (f": {row.reason}" if row.reason else "")
        events.append(StoryEvent(at=row.changed_at, kind="outbox", text=words))
    return events


def _waits(entry: Row[Any]) -> bool:
    """Whether this line of the log says that a text is not simply queued."""
    if entry.by != BY_RULE:
        return False
    return entry.verb != FOLLOW_UP or not entry.detail.startswith("none")


def _attempt_events(db: Connection, row_id: int) -> Iterable[StoryEvent]:
    query = select(attempts).where(attempts.c.row_id == row_id).order_by(attempts.c.number)
    for a in db.execute(query):
        words = f"attempt {a.number} through {a.route}"
        yield StoryEvent(at=a.started_at, kind="attempt", text=words)
        if a.finished_at is not None:
            status = f" {a.name or ''} (0x{a.status:08x})" if a.status else ""
            detail = f": {a.detail}" if a.detail else ""
            words = f"attempt {a.number}: {_RESULT_WORDS[a.result]}{status}{detail}"
            yield StoryEvent(at=a.finished_at, kind="attempt", text=words)
    query = select(parts).where(parts.c.row_id == row_id).order_by(parts.c.number)
    for part in db.execute(query):
        words = f"part {part.number} of {part.total} has message id {part.message_id or 'unknown'}"
        yield StoryEvent(at=part.accepted_at, kind="attempt", text=words)


def _receipt_events(db: Connection, row_id: int) -> Iterable[StoryEvent]:
    query = select(receipts).where(receipts.c.row_id == row_id).order_by(receipts.c.id)
    for r in db.execute(query):
        part = f" for part {r.part}" if r.part and r.part > 1 else ""
        error = f", error {r.error}" if r.error.strip("0") else ""
        words = f"receipt{part}: {r.state.value}{error} ({r.note})"
        yield StoryEvent(at=r.at, kind="receipt", text=words)


# --- finding ----------------------------------------------------------------------------------


def find(
    db: Connection, wanted: Sequence[str], *, since: datetime | None = None, limit: int = 20
) -> list[CallStory]:
    """Calls by number or by call-id, the newest first.

    Each of `wanted` is one spelling: a caller in E.164 or as received, `pbx:uniqueid`, an Asterisk
    Uniqueid or Linkedid, or our own call number.
    """
    hits: list[ColumnElement[bool]] = []
    for word in wanted:
        hits += [
            calls.c.caller_e164 == word,
            calls.c.caller == word,
            calls.c.uniqueid == word,
            calls.c.linkedid == word,
        ]
        pbx, colon, uniqueid = word.partition(":")
        if colon:
            hits.append(and_(calls.c.pbx == pbx, calls.c.uniqueid == uniqueid))
        if word.isascii() and word.isdigit() and len(word) < 10:
            hits.append(calls.c.id == int(word))
    if not any(wanted):
        return []
    query = select(calls.c.id).where(or_(*hits))
    if since is not None:
        query = query.where(calls.c.started_at >= since)
    query = query.order_by(calls.c.started_at.desc(), calls.c.id.desc()).limit(limit)
    return [story(db, call_id) for call_id in db.execute(query).scalars().all()]


def find_texts(db: Connection, wanted: Sequence[str], *, limit: int = 20) -> list[TextStory]:
    """Texts to a number that belong to no call (`send-test`, an offer in a call that was not seen),
    the newest first."""
    query = (
        select(outbox)
        .where(outbox.c.call_id.is_(None), outbox.c.recipient.in_([w for w in wanted if w]))
        .order_by(outbox.c.created_at.desc(), outbox.c.id.desc())
        .limit(limit)
    )
    found = db.execute(query).all()
    done = done_parts(db, [row.id for row in found])
    return [
        TextStory(
            outbox=to_outbox_row(row, done.get(row.id, frozenset())),
            events=tuple(sorted(_text_events(db, row), key=lambda e: e.at)),
        )
        for row in found
    ]


def calls_list(
    db: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    living: bool = False,
    inbound_only: bool = False,
    late: bool = False,
    sources: Sequence[Source] = (),
) -> list[CallStory]:
    """The newest calls, living ones included; `living`: only those; `late`: only those learnt
    after the fact; `sources`: only those learnt from there."""
    query = select(calls.c.id)
    if since is not None:
        query = query.where(calls.c.started_at >= since)
    if until is not None:
        query = query.where(calls.c.started_at < until)
    if living:
        query = query.where(calls.c.ended_at.is_(None))
    if inbound_only:
        query = query.where(calls.c.direction == "inbound")
    if late:
        query = query.where(calls.c.late)
    if sources:
        query = query.where(calls.c.source.in_(sources))
    query = query.order_by(calls.c.started_at.desc(), calls.c.id.desc()).limit(limit)
    return [story(db, call_id) for call_id in db.execute(query).scalars().all()]

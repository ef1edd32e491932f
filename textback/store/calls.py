"""Writing calls, verdicts and their texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    case,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from textback.model import (
    Call,
    CallKey,
    OutboxRow,
    OutboxState,
    Outcome,
    Phase,
    Send,
    Source,
    TextKind,
    Verdict,
)
from textback.store.rows import CallFact, Judged, gates_to_json, to_outbox_row
from textback.store.sql import insert_for
from textback.store.tables import calls, operator_log, outbox, verdicts
from textback.store.threads import touch_out

#: Whose name stands in the log where no operator held a text, but a rule.
BY_RULE = "textback"
#: What `operator_log` calls the plan of a follow-up; it stands with the text it speaks of.
FOLLOW_UP = "follow-up"

#: What a later fact that does not know it leaves as it is: the link may have been down, and the
#: call found again, since the dialplan spoke. Of the two words in the first line the last counts,
#: and it takes the other back.
_VERDICT_WORDS = ("handled", "told_missed")
_KEPT = (*_VERDICT_WORDS, "message", "verstat", "called_back")


def _besides(label: str, query: str, column: Any) -> Any:
    # Spelt out: SQLAlchemy names no table in RETURNING, and this needs to.
    return literal_column(f"({query} = calls.id)", column.type).label(label)


#: What the store knows of a call, told by the statement that writes the fact.
_TOLD = (
    calls.c.id,
    calls.c.outcome,
    calls.c.case_id,
    *(calls.c[name] for name in _KEPT),
    _besides("send", "SELECT send FROM verdicts WHERE call_id", verdicts.c.send),
    _besides("reason", "SELECT reason FROM verdicts WHERE call_id", verdicts.c.reason),
    _besides("text", "SELECT min(outbox.id) FROM outbox WHERE call_id", outbox.c.id),
)


@cache
def _upsert(dialect: str, source: Source) -> Any:
    statement = insert_for(dialect, calls)
    new = statement.excluded
    keys = {"id", "pbx", "boot", "uniqueid", "case_id", "reason"}
    changes = {c.name: new[c.name] for c in calls.c if c.name not in keys}
    changes |= {n: case((new[n] != "", new[n]), else_=calls.c[n]) for n in _KEPT}
    if source is Source.AGI:
        # A hook knows less of the call than the link does: it never overwrites what that has told.
        poor = calls.c.source == Source.AGI
        others = [name for name in changes if name not in _KEPT]
        changes |= {n: case((poor, new[n]), else_=calls.c[n]) for n in others}
    spoke = or_(*(new[n] != "" for n in _VERDICT_WORDS))
    changes |= {n: case((spoke, new[n]), else_=calls.c[n]) for n in _VERDICT_WORDS}
    return statement.on_conflict_do_update(
        index_elements=["pbx", "boot", "uniqueid"],
        set_=changes,
        # A call that has ended is history: a late or repeated fact does not bring it back.
        where=calls.c.ended_at.is_(None),
    ).returning(*_TOLD)


_BY_KEY = select(*_TOLD).where(
    calls.c.pbx == bindparam("pbx"),
    calls.c.boot == bindparam("boot"),
    calls.c.uniqueid == bindparam("uniqueid"),
)
#: What was decided and written of a call, by its number.
BEFORE = select(*_TOLD).where(calls.c.id == bindparam("call"))
_NEAR = (
    select(calls)
    .where(
        calls.c.uniqueid == bindparam("same"),
        calls.c.pbx == bindparam("at_pbx"),
        calls.c.started_at.between(bindparam("least"), bindparam("most")),
    )
    .order_by(calls.c.id.desc())
    .limit(1)
)
#: The start of Asterisk was not known when the call was first told of (AGI, a link just made).
_ADOPT = (
    update(calls)
    .where(
        calls.c.uniqueid == bindparam("same"),
        calls.c.pbx == bindparam("at_pbx"),
        calls.c.boot == "",
        calls.c.ended_at.is_(None),
    )
    .values(boot=bindparam("begun"))
)
_NEW_VERDICT = insert(verdicts)
_NEW_NOTE = insert(operator_log)
_NEW_TEXT = insert(outbox).returning(*outbox.c)


class Seen(NamedTuple):
    """A call as it is in the store now, with all that was known of it before."""

    call_id: int
    call: Call
    outcome: Outcome  #: as it is stored; another than the call's in a fact that came too late
    case_id: int | None = None
    send: bool | None = None  #: the verdict there was; None: there was none
    reason: str = ""  #: of that verdict
    text: int | None = None  #: the first text of the call there was, of any kind


def values(fact: CallFact) -> dict[str, Any]:
    """The columns of the call this fact tells of."""
    call = fact.call
    return {
        "pbx": call.key.pbx,
        "boot": call.key.boot,
        "uniqueid": call.key.uniqueid,
        "linkedid": call.linkedid,
        "phase": call.phase,
        "phase_at": call.at.utc,
        "direction": call.direction,
        "channel": call.channel,
        "context": call.context,
        "caller": call.caller,
        "caller_name": call.caller_name,
        "caller_final": call.caller_final,
        "caller_e164": fact.caller,
        "did": call.did,
        "number": fact.number,
        "number_label": fact.label,
        "presentation": call.presentation,
        "queue": call.queue,
        "started_at": call.started.utc,
        "ringing_at": call.ringing.utc if call.ringing else None,
        "answered_at": call.answered.utc if call.answered else None,
        "ended_at": call.at.utc if call.final else None,
        "outcome": call.outcome,
        "waited": call.waited,
        "gap": call.gap,
        "tainted": call.tainted,
        "late": call.late,
        "trail": [[round(after, 3), what] for after, what in call.trail],
        "source": call.source,
        "handled": call.handled,
        "told_missed": call.told_missed,
        "message": call.message,
        "verstat": call.verstat,
        "called_back": fact.called_back,
    }


def upsert(db: Connection, fact: CallFact) -> Seen:
    """The call as this fact tells it, and as the dialplan told it before."""
    key, new = fact.call.key, values(fact)
    if key.boot:
        db.execute(_ADOPT, {"same": key.uniqueid, "at_pbx": key.pbx, "begun": key.boot})
    row = (
        db.execute(_upsert(db.dialect.name, fact.call.source), new).one_or_none()
        or db.execute(_BY_KEY, new).one()
    )
    call = fact.call
    said = (row.handled, row.told_missed, row.message, row.verstat)
    if said != (call.handled, call.told_missed, call.message, call.verstat):
        call = replace(
            call,
            handled=row.handled,
            told_missed=row.told_missed,
            message=row.message,
            verstat=row.verstat,
        )
    known = (row.outcome, row.case_id, row.send, row.reason or "", row.text)
    return Seen(int(row.id), call, *known)


def by_key(db: Connection, key: CallKey) -> int | None:
    where = {"pbx": key.pbx, "boot": key.boot, "uniqueid": key.uniqueid}
    return db.execute(_BY_KEY, where).scalar_one_or_none()


def near(
    db: Connection, pbx: str, uniqueid: str, least: datetime, most: datetime
) -> Row[Any] | None:
    """The last call of this Uniqueid that began between `least` and `most`, whichever start of
    Asterisk it belongs to: who tells of it afterwards, or by a hook, does not know that."""
    where = {"same": uniqueid, "at_pbx": pbx, "least": least, "most": most}
    return db.execute(_NEAR, where).one_or_none()


def write_verdict(
    db: Connection,
    call_id: int,
    fact: CallFact,
    verdict: Verdict,
    now: datetime,
    *,
    due: datetime | None = None,
) -> Judged:
    """The verdict and, for a Send, its text. The call must not have a verdict yet."""
    new = {"call_id": call_id, **verdict_values(fact.call.phase, verdict, now)}
    db.execute(_NEW_VERDICT, new)
    return with_text(db, call_id, fact.number, verdict, now, due=due)


def verdict_values(phase: Phase, verdict: Verdict, now: datetime) -> dict[str, Any]:
    return {
        "send": isinstance(verdict, Send),
        "reason": verdict.reason.value,
        "phase": phase,
        "decided_at": now,
        "gates": gates_to_json(verdict.gates),
    }


def with_text(
    db: Connection,
    call_id: int | None,
    number: str,
    verdict: Verdict,
    now: datetime,
    *,
    due: datetime | None = None,
) -> Judged:
    """Writes the text of a Send; its verdict is on record already."""
    if not isinstance(verdict, Send):
        return Judged(call_id=call_id or 0, verdict=verdict)
    new = new_text(call_id, verdict, number, now, due) | _thread(db, verdict, number, now)
    row = db.execute(_NEW_TEXT, new).one()
    _follow(db, row, verdict, now)
    if row.state is OutboxState.HELD:
        _note(db, row.id, "hold", row.reason, now)
    if row.due_at > now:
        until = f"not before {row.due_at:%Y-%m-%d %H:%M:%S} UTC"
        _note(db, row.id, "delay", until, now)
    return Judged(call_id=call_id or 0, verdict=verdict, row=to_outbox_row(row))


def _follow(db: Connection, first: Row[Any], send: Send, now: datetime) -> None:
    """Plans the follow-up of a text, in its transaction.

    What the breaker holds is followed by none, also when it is released: it was not a text like any
    other, and leaves at another time.
    """
    follow_up = send.follow_up
    if follow_up is None:
        return
    if send.hold or not follow_up.text:
        why = "none: the text is held" if send.hold else follow_up.note
        _note(db, first.id, FOLLOW_UP, why, now)
        return
    second = replace(
        send,
        kind=TextKind.FOLLOW_UP,
        text=follow_up.text,
        due=follow_up.due,
        expires=follow_up.expires,
    )
    new = new_text(first.call_id, second, first.number, now) | {"thread_id": first.thread_id}
    row = db.execute(_NEW_TEXT, new).one()
    _note(db, row.id, FOLLOW_UP, follow_up.note, now)


def _note(db: Connection, row_id: int, verb: str, detail: str, now: datetime) -> None:
    """What a text began as, since its state and its due time move on."""
    said = {"at": now, "by": BY_RULE, "verb": verb, "row_id": row_id, "detail": detail}
    db.execute(_NEW_NOTE, said)


def new_text(
    call_id: int | None, send: Send, number: str, now: datetime, due: datetime | None = None
) -> dict[str, Any]:
    """The columns of a text that is not sent yet; `due` overrules the Send's own."""
    state, reason = OutboxState.QUEUED, ""
    if send.hold:
        state, reason = OutboxState.HELD, send.hold
    if send.shadow:
        # It would not have gone out either way; which way is worth knowing.
        state = OutboxState.SHADOW
        reason = "shadow mode" + (f"; would be held: {send.hold}" if send.hold else "")
    return {
        "call_id": call_id,
        "kind": send.kind,
        "state": state,
        "recipient": send.to,
        "sender": send.sender,
        "number": number,
        "text": send.text,
        "route": send.route,
        "attempts": 0,
        "tries": 0,
        "segments": 0,
        "maybe_sent": False,
        "created_at": now,
        "due_at": max(now, due or send.due or now),
        "expires_at": send.expires,
        "claimed_at": None,
        "changed_at": now,
        "reason": reason,
    }


def _thread(db: Connection, send: Send, number: str, now: datetime) -> dict[str, int]:
    """The conversation a text is part of: of its handset, and its sender as that sees it."""
    return {"thread_id": touch_out(db, send.to, send.sender, number=number, at=now)}


def record_verdict(
    db: Connection, fact: CallFact, verdict: Verdict, due: datetime
) -> OutboxRow | None:
    """A verdict made elsewhere. None: the call has one already, or there is no text."""
    seen = upsert(db, fact)
    if seen.send is not None:
        return None
    return write_verdict(db, seen.call_id, fact, verdict, fact.call.at.utc, due=due).row

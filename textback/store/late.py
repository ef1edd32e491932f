"""Calls learnt after they were over, from CEL or CDR: what was not known is resolved, once.

A late fact is found in the store by PBX, Uniqueid and start; Asterisk's own start, which is part of
the live key, is not in those records. What the store has decides what becomes of it:

    nothing                         a new call, judged as any other
    no end (we were killed)         it ends the call; with a verdict already there, that stands
    no end, but a fact newer than   nothing: somebody still follows it
      the end that is told
    ended, outcome unknown          the call is completed; "unknown_call" is replaced by a verdict
                                    asked for anew, and kept as what it was before
    ended, unknown, not to be       nothing: what made it untrustworthy made it so for good
      trusted
    ended, outcome known            nothing

A call that was answered, or that the business made, cancels the texts to its caller for calls that
began before that answer; texts of later calls stay. And a text for a call that was over long ago is
cancelled at birth when the caller was spoken to since.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from textback.model import (
    Call,
    CallKey,
    Direction,
    Moment,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Send,
    TextKind,
)
from textback.store import cases, events, happened, hints, threads
from textback.store.calls import BEFORE, Seen, near, values, verdict_values, with_text
from textback.store.cancelling import (
    ANSWERED,
    ANSWERED_LATER,
    CALLED_BACK,
    HANDLED,
    cancel_call,
    cancel_caller,
)
from textback.store.history import Asked
from textback.store.rows import CallFact, Judged, KnownCall, to_outbox_row
from textback.store.tables import calls, meta, outbox, verdicts

#: How far two tellings of one call's start may lie apart: a Uniqueid begins with the second of its
#: birth, so a repeat within this is the same call.
NEAR = timedelta(seconds=90)
#: A fact that is later than the end by no more than this is of the same moment.
SLACK = timedelta(seconds=5)
#: Lines of a trail that was put together.
TRAIL = 200

#: What a late source leaves as it is where it says nothing.
_FILLED = (
    *("linkedid", "channel", "context", "caller", "caller_name", "caller_final", "caller_e164"),
    *("did", "number", "number_label", "queue", "ringing_at", "answered_at"),
    *("message", "verstat", "called_back"),
)

_VERDICT = select(verdicts).where(verdicts.c.call_id == bindparam("call"))
_TEXT = select(outbox.c.id).where(
    outbox.c.call_id == bindparam("call"), outbox.c.kind == TextKind.MISSED
)
_SPOKEN = (
    select(calls.c.called_back)
    .where(
        calls.c.id != bindparam("call"),
        calls.c.answered_at > bindparam("since"),
        or_(
            and_(
                calls.c.caller_e164 == bindparam("caller"),
                calls.c.direction == Direction.INBOUND,
            ),
            and_(calls.c.called_back != "", calls.c.called_back == bindparam("caller")),
        ),
    )
    .limit(1)
)


def resolve(db: Connection, fact: CallFact, now: datetime) -> Judged:
    """A call's end from CEL or CDR. A repeat is a no-op: `Judged.known`."""
    call = fact.call
    least, most = call.started.utc - NEAR, call.started.utc + NEAR
    old = near(db, call.key.pbx, call.key.uniqueid, least, most)
    if old is not None and _nothing_new(old, call):
        return Judged(call_id=old.id, known=True)
    seen = _write(db, fact, old)
    seen = hints.join(db, seen)
    gone = _not_needed(db, fact, seen, now)
    known = Asked(db, fact.caller, fact.number, now, shadow=fact.shadow)
    judged = _judge(db, fact, seen, known, now)
    with events.together(db):
        happened.call_missed(db, fact, seen, judged)
        changes = cases.ended(db, fact, seen, known, now)
    return replace(judged, cancelled=gone + judged.cancelled, cases=changes)


def _nothing_new(old: Row[Any], call: Call) -> bool:
    if old.ended_at is None:
        return bool(old.phase_at > call.at.utc + SLACK)
    known = old.outcome is not Outcome.UNKNOWN or bool(old.tainted)
    return known or call.outcome is Outcome.UNKNOWN


def _write(db: Connection, fact: CallFact, old: Row[Any] | None) -> Seen:
    new = values(fact)
    if old is None:
        call_id = db.execute(insert(calls).returning(calls.c.id), new).scalar_one()
        return Seen(int(call_id), fact.call, fact.call.outcome)
    call = fact.call
    for name in ("pbx", "boot", "uniqueid"):  # the live key stays
        del new[name]
    new |= {name: getattr(old, name) for name in _FILLED if not new[name]}
    if not call.handled and not call.told_missed:
        new |= {"handled": old.handled, "told_missed": old.told_missed}
    if call.presentation is Presentation.UNKNOWN:
        new["presentation"] = old.presentation
    new["trail"] = sorted([*old.trail, *new["trail"]], key=lambda line: float(line[0]))[-TRAIL:]
    db.execute(update(calls).where(calls.c.id == old.id).values(**new))
    before = db.execute(BEFORE, {"call": old.id}).one()
    return Seen(
        old.id,
        replace(
            call,
            presentation=new["presentation"],
            handled=new["handled"],
            told_missed=new["told_missed"],
            message=new["message"],
            verstat=new["verstat"],
        ),
        call.outcome,
        old.case_id,
        before.send,
        before.reason or "",
        before.text,
    )


def _not_needed(db: Connection, fact: CallFact, seen: Seen, now: datetime) -> tuple[int, ...]:
    call = seen.call
    gone: tuple[int, ...] = ()
    if call.outcome is Outcome.ANSWERED:
        gone += cancel_call(db, seen.call_id, ANSWERED, now)
    if call.answered is None:
        pass
    elif fact.called_back:
        gone += cancel_caller(db, fact.called_back, CALLED_BACK, now, until=call.answered.utc)
        threads.spoken(db, fact.called_back, call.answered.utc)
    elif fact.caller and call.direction is Direction.INBOUND:
        # Its own text as well, if there is one: it began before its answer.
        gone += cancel_caller(db, fact.caller, ANSWERED_LATER, now, until=call.answered.utc)
        threads.spoken(db, fact.caller, call.answered.utc)
    if call.handled:
        gone += cancel_call(db, seen.call_id, HANDLED, now)
    return gone


def _judge(db: Connection, fact: CallFact, seen: Seen, known: Asked, now: datetime) -> Judged:
    nothing = Judged(call_id=seen.call_id)
    before = db.execute(_VERDICT, {"call": seen.call_id}).one_or_none()
    if fact.decide is None or not _open(before):
        return nothing
    if db.execute(_TEXT, {"call": seen.call_id}).first() is not None:
        return nothing
    verdict = fact.decide(seen.call, known)
    if verdict is None:
        return nothing
    new = verdict_values(fact.call.phase, verdict, now)
    if before is None:
        db.execute(insert(verdicts), {"call_id": seen.call_id, **new})
    else:
        new["before"] = [*(before.before or ()), [before.decided_at.isoformat(), before.reason]]
        db.execute(update(verdicts).where(verdicts.c.call_id == seen.call_id).values(**new))
    judged = with_text(db, seen.call_id, fact.number, verdict, now)
    return _unless_spoken(db, fact, judged, now) if isinstance(verdict, Send) else judged


def _open(verdict: Row[Any] | None) -> bool:
    """Nothing was decided, or nothing could be."""
    return verdict is None or (not verdict.send and verdict.reason == Reason.UNKNOWN_CALL.value)


def _unless_spoken(db: Connection, fact: CallFact, judged: Judged, now: datetime) -> Judged:
    """The text just written is cancelled when the caller was spoken to since the call began."""
    who = {"caller": fact.caller, "call": judged.call_id, "since": fact.call.started.utc}
    spoken = db.execute(_SPOKEN, who).one_or_none()
    if spoken is None or judged.row is None:
        return judged
    why = CALLED_BACK if spoken.called_back else ANSWERED_LATER
    gone = cancel_call(db, judged.call_id, why, now)
    if not gone:  # a shadow text
        return judged
    row = db.execute(select(outbox).where(outbox.c.id == judged.row.id)).one()
    return replace(judged, row=to_outbox_row(row), cancelled=gone)


# --- what catch-up asks -----------------------------------------------------------------------


def known_calls(db: Connection, pbx: str, since: datetime) -> dict[str, KnownCall]:
    """Calls of this PBX that began at `since` or later, by Uniqueid; of a repeated one the last."""
    query = (
        select(calls.c.uniqueid, calls.c.boot, calls.c.outcome, calls.c.ended_at)
        .where(calls.c.started_at >= since, calls.c.pbx == pbx)
        .order_by(calls.c.started_at)
    )
    return {
        row.uniqueid: KnownCall(row.boot, row.outcome, row.ended_at) for row in db.execute(query)
    }


def open_calls(db: Connection, pbx: str) -> list[Call]:
    """Calls of this PBX without an end, as they were last told; the oldest first."""
    query = (
        select(calls)
        .where(calls.c.ended_at.is_(None), calls.c.pbx == pbx)
        .order_by(calls.c.started_at)
    )
    return [to_call(row) for row in db.execute(query)]


def lost(call: Call, now: Moment) -> Call:
    """The end of a call that nobody can tell of any more: unknown, and never texted."""
    ended = replace(
        call,
        phase=Phase.ENDED,
        outcome=Outcome.UNKNOWN,
        may_become=frozenset({Outcome.UNKNOWN}),
        gap=True,
        late=True,
    )
    words = "its end was not seen: textback was not running, or had no link to Asterisk"
    after = max(0.0, (now.utc - call.started.utc).total_seconds())
    return replace(ended, trail=(*call.trail, (after, words)))


def to_call(row: Row[Any]) -> Call:
    """The fact a row of `calls` was last written by. Its steady clock is that of the wall."""

    def moment(at: datetime) -> Moment:
        return Moment(at, at.timestamp())

    return Call(
        key=CallKey(pbx=row.pbx, boot=row.boot, uniqueid=row.uniqueid),
        phase=row.phase,
        at=moment(row.phase_at),
        direction=row.direction,
        linkedid=row.linkedid,
        channel=row.channel,
        context=row.context,
        caller=row.caller,
        caller_name=row.caller_name,
        caller_final=row.caller_final,
        did=row.did,
        presentation=row.presentation,
        started=moment(row.started_at),
        ringing=moment(row.ringing_at) if row.ringing_at else None,
        answered=moment(row.answered_at) if row.answered_at else None,
        outcome=row.outcome,
        waited=row.waited,
        may_become=frozenset({row.outcome}),
        queue=row.queue,
        gap=row.gap,
        tainted=row.tainted,
        late=row.late,
        source=row.source,
        handled=row.handled,
        told_missed=row.told_missed,
        message=row.message,
        verstat=row.verstat,
        trail=tuple((float(after), str(what)) for after, what in row.trail),
    )


_SEEN_KEY = "last_seen:"


def last_seen(db: Connection, pbx: str) -> datetime | None:
    """When the link to this PBX was last up, as far as it was noted."""
    query = select(meta.c.value).where(meta.c.key == _SEEN_KEY + pbx)
    found = db.execute(query).scalar_one_or_none()
    return datetime.fromisoformat(found) if found else None


def set_last_seen(db: Connection, pbx: str, at: datetime) -> None:
    new = {"key": _SEEN_KEY + pbx, "value": at.astimezone(UTC).isoformat()}
    done = db.execute(update(meta).where(meta.c.key == new["key"]).values(value=new["value"]))
    if not done.rowcount:
        db.execute(insert(meta), new)

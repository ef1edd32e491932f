"""Verbs about calls: what was seen, known of the caller and decided, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.selectable import ScalarSelect

from textback.decide import History
from textback.model import CallKey, OutboxRow, OutboxState, Phase, Send, Verdict
from textback.store.rows import CallFact, Judged, gates_to_json, to_outbox_row
from textback.store.sql import insert_for, per_dialect
from textback.store.tables import calls, opt_outs, outbox, verdicts
from textback.store.transitions import sources

#: Caps are counted up to here; a higher cap than this is no cap, and no decision counts a million.
COUNT_LIMIT = 20_000

#: What the caps count over.
_SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}

#: States of texts that never reached the handset, unless `maybe_sent` says a try may have.
_NEVER_SENT = (
    OutboxState.CANCELLED,
    OutboxState.DROPPED,
    OutboxState.EXPIRED,
    OutboxState.REFUSED,
)


@per_dialect
def _upsert(dialect: str) -> Any:
    statement = insert_for(dialect, calls)
    new = statement.excluded
    keys = {"id", "pbx", "boot", "uniqueid"}
    return statement.on_conflict_do_update(
        index_elements=["pbx", "boot", "uniqueid"],
        set_={c.name: new[c.name] for c in calls.c if c.name not in keys},
        # A call that has ended is history: a late or repeated fact does not bring it back.
        where=calls.c.ended_at.is_(None),
    ).returning(calls.c.id)


_BY_KEY = select(calls.c.id).where(
    calls.c.pbx == bindparam("pbx"),
    calls.c.boot == bindparam("boot"),
    calls.c.uniqueid == bindparam("uniqueid"),
)
_DECIDED = select(verdicts.c.call_id).where(verdicts.c.call_id == bindparam("call_id"))
_NEW_TEXT = insert(outbox).returning(*outbox.c)

#: A cancelled or expired text did not cost the caller anything, so it does not count against the
#: next one; one that may have arrived does, whatever the operator did to it afterwards.
_COUNTS: ColumnElement[bool] = and_(
    outbox.c.call_id.is_not(None),
    or_(outbox.c.state.not_in(_NEVER_SENT), outbox.c.maybe_sent),
    or_(outbox.c.state != OutboxState.SHADOW, bindparam("shadow")),
)


def _count_since(name: str) -> ScalarSelect[int]:
    some = (
        select(outbox.c.id)
        .where(
            outbox.c.created_at > bindparam(name),
            # The clock may have been set back: from the future no more than the same span counts,
            # or a clock that was once years ahead would fill the caps for years.
            outbox.c.created_at < bindparam(f"{name}_ahead"),
            _COUNTS,
        )
        .limit(COUNT_LIMIT)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


_HISTORY = select(
    select(func.max(outbox.c.created_at))
    .where(
        outbox.c.recipient == bindparam("caller"), outbox.c.number == bindparam("number"), _COUNTS
    )
    .scalar_subquery()
    .label("last_text"),
    _count_since("minute").label("minute"),
    _count_since("hour").label("hour"),
    _count_since("day").label("day"),
    select(opt_outs.c.word)
    .where(opt_outs.c.number == bindparam("caller"), opt_outs.c.lifted_at.is_(None))
    .scalar_subquery()
    .label("word"),
    select(opt_outs.c.at)
    .where(opt_outs.c.number == bindparam("caller"), opt_outs.c.lifted_at.is_(None))
    .scalar_subquery()
    .label("opted_out_at"),
)

_CANCELLABLE = sources(OutboxState.CANCELLED)
_CANCEL = (
    update(outbox)
    .where(outbox.c.state.in_(_CANCELLABLE))
    .values(state=OutboxState.CANCELLED, reason=bindparam("why"), changed_at=bindparam("at"))
    .returning(outbox.c.id)
)
_CANCEL_CALL = _CANCEL.where(outbox.c.call_id == bindparam("call"))
_CANCEL_HANDSET = _CANCEL.where(outbox.c.recipient == bindparam("handset"))


def _values(fact: CallFact) -> dict[str, Any]:
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
    }


def upsert(db: Connection, fact: CallFact) -> int:
    """The call as this fact tells it; returns its row."""
    values = _values(fact)
    found = db.execute(_upsert(db), values).scalar_one_or_none()
    if found is None:
        found = db.execute(_BY_KEY, values).scalar_one()
    return int(found)


def by_key(db: Connection, key: CallKey) -> int | None:
    where = {"pbx": key.pbx, "boot": key.boot, "uniqueid": key.uniqueid}
    return db.execute(_BY_KEY, where).scalar_one_or_none()


def history(
    db: Connection, caller: str, number: str, now: datetime, *, shadow: bool = False
) -> History:
    """What the store knows that bears on a text to `caller` from `number`."""
    row = db.execute(
        _HISTORY,
        {
            "caller": caller,
            "number": number,
            **{name: now - span for name, span in _SPANS.items()},
            **{f"{name}_ahead": now + span for name, span in _SPANS.items()},
            "shadow": shadow,
        },
    ).one()
    return History(
        last_text=row.last_text,
        last_minute=row.minute,
        last_hour=row.hour,
        last_day=row.day,
        opted_out=f"{row.word}, {row.opted_out_at:%Y-%m-%d %H:%M} UTC" if row.opted_out_at else "",
    )


def judge(db: Connection, fact: CallFact, now: datetime) -> Judged:
    """Record one fact and, when nothing was decided yet, ask `fact.decide`.

    The call, its verdict and its text are written in the caller's transaction, and the history is
    read in it: two calls of one caller cannot both find that no text was sent yet.
    """
    call_id = upsert(db, fact)
    if fact.call.phase is Phase.ANSWERED:
        return Judged(call_id=call_id, cancelled=_answered(db, fact, call_id, now))
    cancelled: tuple[int, ...] = ()
    if fact.called_back:
        cancelled = cancel_handset(db, fact.called_back, "the business called back", now)
    if fact.decide is None or db.execute(_DECIDED, {"call_id": call_id}).first() is not None:
        return Judged(call_id=call_id, cancelled=cancelled)
    known = history(db, fact.caller, fact.number, now, shadow=fact.shadow)
    verdict = fact.decide(known)
    if verdict is None:
        return Judged(call_id=call_id, cancelled=cancelled)
    judged = write_verdict(db, call_id, fact, verdict, now, due=now)
    return replace(judged, cancelled=cancelled)


def write_verdict(
    db: Connection, call_id: int, fact: CallFact, verdict: Verdict, now: datetime, *, due: datetime
) -> Judged:
    """The verdict and, for a Send, its text. The call must not have a verdict yet."""
    db.execute(
        insert(verdicts),
        {
            "call_id": call_id,
            "send": isinstance(verdict, Send),
            "reason": verdict.reason.value,
            "phase": fact.call.phase,
            "decided_at": now,
            "gates": gates_to_json(verdict.gates),
        },
    )
    if not isinstance(verdict, Send):
        return Judged(call_id=call_id, verdict=verdict)
    row = db.execute(_NEW_TEXT, new_text(call_id, verdict, fact.number, now, due)).one()
    return Judged(call_id=call_id, verdict=verdict, row=to_outbox_row(row))


def new_text(
    call_id: int | None, send: Send, number: str, now: datetime, due: datetime
) -> dict[str, Any]:
    """The columns of a text that is not sent yet."""
    return {
        "call_id": call_id,
        "state": OutboxState.SHADOW if send.shadow else OutboxState.QUEUED,
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
        "due_at": due,
        "expires_at": send.expires,
        "claimed_at": None,
        "changed_at": now,
        "reason": "shadow mode" if send.shadow else "",
    }


def _answered(db: Connection, fact: CallFact, call_id: int, now: datetime) -> tuple[int, ...]:
    """A person talks to the caller: what waits for this call or this caller is not needed."""
    gone = cancel_call(db, call_id, "the call was answered", now)
    if fact.caller:
        gone += cancel_handset(db, fact.caller, "the caller was answered in a later call", now)
    return gone


def cancel_call(db: Connection, call_id: int, reason: str, now: datetime) -> tuple[int, ...]:
    values = {"call": call_id, "why": reason, "at": now}
    return tuple(db.execute(_CANCEL_CALL, values).scalars())


def cancel_handset(db: Connection, number: str, reason: str, now: datetime) -> tuple[int, ...]:
    """Every text to this handset that no byte was sent of."""
    values = {"handset": number, "why": reason, "at": now}
    return tuple(db.execute(_CANCEL_HANDSET, values).scalars())


def judge_all(db: Connection, facts: Sequence[CallFact], now: datetime) -> list[Judged]:
    """Several facts in one transaction, in their order."""
    return [judge(db, fact, now) for fact in facts]


def record_verdict(
    db: Connection, fact: CallFact, verdict: Verdict, due: datetime
) -> OutboxRow | None:
    """A verdict made elsewhere. None: the call has one already, or there is no text."""
    call_id = upsert(db, fact)
    if db.execute(_DECIDED, {"call_id": call_id}).first() is not None:
        return None
    now = fact.call.at.utc
    return write_verdict(db, call_id, fact, verdict, now, due=due).row


def cancel_key(db: Connection, key: CallKey, reason: str, now: datetime) -> tuple[int, ...]:
    call_id = by_key(db, key)
    return () if call_id is None else cancel_call(db, call_id, reason, now)

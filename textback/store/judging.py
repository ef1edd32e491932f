"""One fact about a call: recorded, judged and turned into a text, in one transaction.

The call, its verdict and its text are written together, and the history is read in the same
transaction: two calls of one caller cannot both find that no text was sent yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from textback.model import Phase, Source
from textback.store import cases, events, happened, hints, late, threads
from textback.store.calls import Seen, upsert, write_verdict
from textback.store.cancelling import (
    ANSWERED,
    ANSWERED_LATER,
    CALLED_BACK,
    HANDLED,
    cancel_call,
    cancel_caller,
)
from textback.store.history import Asked
from textback.store.rows import CallFact, Judged

#: Sources that are read when the call is long over.
_AFTERWARDS = frozenset({Source.CEL, Source.CDR})
#: Facts by which the dialplan's words are joined to their call.
_JOINING = frozenset({Phase.HINTED, Phase.ENDED})


def judge_all(db: Connection, facts: Sequence[CallFact], now: datetime) -> list[Judged]:
    """Several facts in one transaction, in their order."""
    return [judge(db, fact, now) for fact in facts]


def judge(db: Connection, fact: CallFact, now: datetime) -> Judged:
    """Record one fact and, when nothing was decided yet, ask `fact.decide`. A repeat is a no-op."""
    if fact.call.source in _AFTERWARDS and fact.call.final:
        return late.resolve(db, fact, now)
    seen = upsert(db, fact)
    if fact.call.phase in _JOINING:
        seen = hints.join(db, seen)
    gone = _not_needed(db, fact, seen, now)
    known = Asked(db, fact.caller, fact.number, now, shadow=fact.shadow)
    judged = _decided(db, fact, seen, known, now)
    with events.together(db):
        happened.call_missed(db, fact, seen, judged)
        changes = cases.ended(db, fact, seen, known, now)
    return replace(judged, cancelled=gone, cases=changes)


def _decided(db: Connection, fact: CallFact, seen: Seen, known: Asked, now: datetime) -> Judged:
    """The verdict this fact brings, written with its text; none for most facts."""
    nothing = Judged(call_id=seen.call_id)
    if fact.call.phase is Phase.ANSWERED or fact.decide is None or seen.send is not None:
        return nothing
    verdict = fact.decide(seen.call, known)
    if verdict is None:
        return nothing
    return write_verdict(db, seen.call_id, fact, verdict, now)


def _not_needed(db: Connection, fact: CallFact, seen: Seen, now: datetime) -> tuple[int, ...]:
    """Texts that this fact makes pointless: a person talks to the caller, or the dialplan spoke."""
    gone: tuple[int, ...] = ()
    if fact.call.phase is Phase.ANSWERED:
        gone += cancel_call(db, seen.call_id, ANSWERED, now)
        if fact.caller:
            gone += cancel_caller(db, fact.caller, ANSWERED_LATER, now)
            threads.spoken(db, fact.caller, fact.call.at.utc)
    if fact.called_back:
        gone += cancel_caller(db, fact.called_back, CALLED_BACK, now)
        threads.spoken(db, fact.called_back, fact.call.at.utc)
    if seen.call.handled and fact.call.phase in _JOINING:
        gone += cancel_call(db, seen.call_id, HANDLED, now)
    return gone

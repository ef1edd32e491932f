"""What calls, texts and replies make of the cases of missed callers, in their own transactions.

The rules are in `textback.callback`. A case reaches from its first missed call to its end: the
conversation that closed it, or the moment somebody dismissed it. Facts may come in any order, and
each finds its place by the time at which it was:

    missed call   in such a stretch: one more miss of that case
                  before one, nobody having spoken with the caller in between: that case began then
                  else a case of its own, closed at once where the caller was spoken to since
    conversation  after all misses of a case that was open then: its end
                  between two: those before it are a case of their own, which it closed

Speaking with a caller on any number of ours closes the cases of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, insert, or_, select, update

from textback.callback import CaseEvent, CaseRules, reached, step
from textback.model import CaseStage, Direction, Outcome
from textback.store import casefacts, casetell
from textback.store.calls import Seen
from textback.store.casefacts import Spoken
from textback.store.history import Asked
from textback.store.rows import CallFact, CaseChange
from textback.store.sql import chunks
from textback.store.tables import calls, outbox
from textback.store.tables_people import cases

#: How far back a conversation that is told late may change the end of a case.
REACH = timedelta(days=31)
#: Cases that a conversation closes: those open then, and those that a later one has closed.
_CLOSED_BY = (
    select(cases)
    .where(
        cases.c.caller == bindparam("caller"),
        cases.c.opened_at <= bindparam("at"),
        or_(
            cases.c.closed_at.is_(None),
            and_(cases.c.opened_at >= bindparam("least"), cases.c.spoken_at > bindparam("at")),
        ),
    )
    .order_by(cases.c.closed_at.is_not(None), cases.c.id)
)
_ITS_CALLS = (
    select(calls.c.id, calls.c.started_at)
    .where(
        calls.c.caller_e164 == bindparam("caller"),
        calls.c.started_at.between(bindparam("least"), bindparam("most")),
        calls.c.case_id == bindparam("case"),
    )
    .order_by(calls.c.started_at, calls.c.id)
)
_BELONGS = update(calls).where(calls.c.id == bindparam("call")).values(case_id=bindparam("case"))
_NEW = insert(cases).returning(*cases.c)
_TEXTS = (
    select(outbox.c.id.label("row_id"), cases)
    .join_from(outbox, calls, calls.c.id == outbox.c.call_id)
    .join(cases, cases.c.id == calls.c.case_id)
    .where(outbox.c.id.in_(bindparam("rows", expanding=True)), outbox.c.kind.in_(casefacts.KINDS))
)
_TEXTED = (
    update(cases)
    .where(cases.c.id == bindparam("case"))
    .values(texted_at=bindparam("at_"), stage=bindparam("stage_"), changed_at=bindparam("at_"))
)
_OPEN_OF_CALLER = select(cases).where(
    cases.c.caller == bindparam("caller"), cases.c.closed_at.is_(None)
)


class Began(NamedTuple):
    """What a case has from its beginning."""

    owner: str
    texted: datetime | None
    replied: datetime | None
    due: datetime | None = None


# --- calls ----------------------------------------------------------------------------------------


def ended(
    db: Connection, fact: CallFact, seen: Seen, known: Asked, now: datetime
) -> tuple[CaseChange, ...]:
    """A call has ended: it opens, extends or closes cases. A repeat is a no-op."""
    call = seen.call
    if not call.final or not (fact.caller or fact.called_back):
        return ()
    if seen.outcome is not call.outcome or seen.case_id is not None:
        return ()  # told before: otherwise, or just so
    spoken = _spoken_in(fact, seen)
    if spoken is not None:
        return _spoken(db, fact.called_back or fact.caller, spoken, fact.cases, now)
    inbound = call.direction is Direction.INBOUND and fact.number and fact.caller
    if not inbound or fact.cases is None or fact.cases.objection(call):
        return ()
    return _missed(db, fact, seen, known, fact.cases, now)


def _spoken_in(fact: CallFact, seen: Seen) -> Spoken | None:
    call = seen.call
    if call.answered is None:
        return None
    at, over = call.answered.utc, call.at.utc
    if fact.called_back:
        return Spoken(at, over, seen.call_id, CaseEvent.CALLED_BACK, casefacts.who(call.channel))
    if call.direction is Direction.INBOUND and call.outcome is Outcome.ANSWERED and fact.caller:
        return Spoken(at, over, seen.call_id, CaseEvent.CAME_BACK, casefacts.THE_PBX)
    return None


def _missed(
    db: Connection, fact: CallFact, seen: Seen, known: Asked, rules: CaseRules, now: datetime
) -> tuple[CaseChange, ...]:
    caller, number, at = fact.caller, fact.number, fact.call.started.utc
    place = casefacts.place(db, caller, number, at)
    if place.id is not None and casefacts.holds(place, at):
        _extend(db, place, seen, at, rules, now)
        return ()
    spoken = casefacts.spoken_since(db, caller, at) if place.spoken_since else None
    if place.goes_on:
        where = {"caller": caller, "number": number, "at": at}
        following = db.execute(casefacts.FIRST_AFTER, where).one()
        if spoken is None or spoken.at >= following.opened_at:
            _extend(db, following, seen, at, rules, now)
            return ()
    opened = Began(
        rules.owner(number),
        texted=_texted(db, seen),
        replied=casefacts.until(place.first_reply, spoken.at if spoken else None),
        due=rules.due(number, at) if spoken is None else None,
    )
    row = _new(db, caller, number, [(seen.call_id, at)], opened, now, spoken)
    return casetell.opened(db, row, casetell.LastCall(fact.call.caller_name, fact.label, known))


def _texted(db: Connection, seen: Seen) -> datetime | None:
    """When the carrier first took a text of this call: none that was written only now."""
    return casefacts.texted(db, [seen.call_id]) if seen.text is not None else None


def _extend(
    db: Connection, case: Row[Any], seen: Seen, at: datetime, rules: CaseRules, now: datetime
) -> None:
    call_id = seen.call_id
    db.execute(_BELONGS, {"call": call_id, "case": case.id})
    first, last = at < case.opened_at, at >= case.missed_at
    opened = min(at, case.opened_at)
    texted = casefacts.earliest(case.texted_at, _texted(db, seen))
    replied = (
        casefacts.replied(db, case.caller, case.number, opened, casefacts.end_of(case))
        or case.replied_at
    )
    new: dict[str, Any] = {
        "misses": case.misses + 1,
        "opened_at": opened,
        "missed_at": max(at, case.missed_at),
        "texted_at": texted,
        "replied_at": replied,
        "changed_at": now,
    }
    if first:
        new["first_call_id"] = call_id
        # A time somebody set may be later than the rule's; a caller who waits longer is due sooner.
        new["due_at"] = case.due_at and casefacts.earliest(case.due_at, rules.due(case.number, at))
    if last:
        new["last_call_id"] = call_id
    if case.closed_at is None:
        new["stage"] = reached(texted=texted is not None, replied=replied is not None)
    _change(db, case.id, new)


def _new(
    db: Connection,
    caller: str,
    number: str,
    misses: Sequence[tuple[int, datetime]],
    began: Began,
    now: datetime,
    spoken: Spoken | None,
) -> Row[Any]:
    """A case of these calls, the earliest first; closed where the caller was spoken to."""
    (first_id, opened), (last_id, missed) = misses[0], misses[-1]
    stage = reached(texted=began.texted is not None, replied=began.replied is not None)
    new: dict[str, Any] = {
        "caller": caller,
        "number": number,
        "stage": stage,
        "misses": len(misses),
        "opened_at": opened,
        "missed_at": missed,
        "first_call_id": first_id,
        "last_call_id": last_id,
        "texted_at": began.texted,
        "replied_at": began.replied,
        "owner": began.owner,
        "due_at": began.due,
        "closed_at": None,
        "spoken_at": None,
        "closing_call_id": None,
        "closed_by": "",
        "note": "",
        "changed_at": now,
    }
    if spoken is not None:
        new |= _closing(stage, spoken)
    row = db.execute(_NEW, new).one()
    db.execute(_BELONGS, [{"call": call_id, "case": row.id} for call_id, _ in misses])
    return row


def _closing(stage: CaseStage, spoken: Spoken) -> dict[str, Any]:
    return {
        "stage": step(stage, spoken.event),
        "closed_at": spoken.over,
        "spoken_at": spoken.at,
        "closing_call_id": spoken.call_id,
        "closed_by": spoken.by,
    }


def _spoken(
    db: Connection, caller: str, spoken: Spoken, rules: CaseRules | None, now: datetime
) -> tuple[CaseChange, ...]:
    where = {"caller": caller, "at": spoken.at, "least": spoken.at - REACH}
    done: tuple[CaseChange, ...] = ()
    for case in db.execute(_CLOSED_BY, where).all():
        if case.missed_at > spoken.at:
            done += _split(db, case, spoken, rules, now)
            continue
        stage = reached(texted=case.texted_at is not None, replied=case.replied_at is not None)
        new = {**_closing(stage, spoken), "changed_at": now}
        if case.replied_at is not None and case.replied_at > spoken.at:
            new["replied_at"] = None  # it was written when the case was closed, as is known now
        _change(db, case.id, new)
        if case.closed_at is None:
            done += (casetell.closed(db, casetell.row_of(db, case.id), spoken.at),)
    return done


def _split(
    db: Connection, case: Row[Any], spoken: Spoken, rules: CaseRules | None, now: datetime
) -> tuple[CaseChange, ...]:
    """The caller was spoken to between the misses of a case: those before it are one of their own.

    The row stays with the later ones, and with it whose it is and what people noted.
    """
    span = {"caller": case.caller, "least": case.opened_at, "most": case.missed_at, "case": case.id}
    misses = [(row.id, row.started_at) for row in db.execute(_ITS_CALLS, span)]
    before = [miss for miss in misses if miss[1] <= spoken.at]
    after = misses[len(before) :]
    if not before or not after:
        return ()  # the calls are not kept any more
    (first_id, opened), (last_id, missed) = after[0], after[-1]
    texted = casefacts.texted(db, [call_id for call_id, _ in after])
    replied = casefacts.replied(db, case.caller, case.number, opened, casefacts.end_of(case))
    new: dict[str, Any] = {
        "misses": len(after),
        "opened_at": opened,
        "missed_at": missed,
        "first_call_id": first_id,
        "last_call_id": last_id,
        "texted_at": texted,
        "replied_at": replied,
        "changed_at": now,
    }
    if case.closed_at is None:
        new["stage"] = reached(texted=texted is not None, replied=replied is not None)
        if case.due_at is not None and rules is not None:
            new["due_at"] = rules.due(case.number, opened) or case.due_at
    _change(db, case.id, new)
    began = Began(
        case.owner,
        texted=casefacts.texted(db, [call_id for call_id, _ in before]),
        replied=casefacts.replied(db, case.caller, case.number, before[0][1], spoken.at),
    )
    return casetell.opened(db, _new(db, case.caller, case.number, before, began, now, spoken))


def _change(db: Connection, case_id: int, new: dict[str, Any]) -> None:
    db.execute(update(cases).where(cases.c.id == case_id).values(**new))


# --- texts and replies ----------------------------------------------------------------------------


def texted(db: Connection, taken: Mapping[int, datetime]) -> None:
    """The carrier took these texts, at these times; those of no case change nothing."""
    for some in chunks(list(taken)):
        first: dict[int, dict[str, Any]] = {}
        for case in sorted(db.execute(_TEXTS, {"rows": some}), key=lambda row: taken[row.row_id]):
            at = taken[case.row_id]
            if case.id not in first and (case.texted_at is None or at < case.texted_at):
                new = {"stage_": step(case.stage, CaseEvent.TEXTED), "at_": at}
                first[case.id] = {"case": case.id, **new}
        if first:
            db.execute(_TEXTED, list(first.values()))


def replied(db: Connection, caller: str, number: str, at: datetime, now: datetime) -> None:
    """The caller wrote to `number` (its did; "" where that cannot be told: to any of them).

    For a text that is an answer to us: STOP, START and HELP are not.
    """
    if number:
        holding = casefacts.holding(db, caller, number, at)
        found = [holding] if holding is not None else []
    else:
        found = list(db.execute(_OPEN_OF_CALLER, {"caller": caller}).all())
    for case in found:
        if at < case.opened_at or (case.replied_at is not None and case.replied_at <= at):
            continue
        new: dict[str, Any] = {"replied_at": at, "changed_at": now}
        if case.closed_at is None:
            new["stage"] = step(case.stage, CaseEvent.REPLIED)
        _change(db, case.id, new)

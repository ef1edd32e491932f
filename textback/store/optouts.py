"""Opt-outs: who is not texted, what a reply changes about it, and what must not leave any more.

Every change is written with its evidence (`consents`), in one transaction. Active rows of
`opt_outs` are the state; there is at most one for each handset and scope.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    or_,
    update,
)

from textback.model import (
    ConsentEvent,
    ConsentSource,
    Event,
    EventKind,
    OutboxState,
    Review,
    TextKind,
)
from textback.store import consents, doubts, events, suppression
from textback.store.outs import ACTIVE, EXEMPT, OPTED_OUT, OptedOut, active, in_words, is_out
from textback.store.sql import insert_for, per_dialect
from textback.store.tables import outbox
from textback.store.tables_people import opt_outs
from textback.store.transitions import sources

__all__ = [
    "ACTIVE",
    "EXEMPT",
    "OPTED_OUT",
    "OptedOut",
    "active",
    "decide",
    "in_words",
    "is_out",
    "opt_in",
    "opt_out",
]

_LIFT = (
    update(opt_outs)
    .where(opt_outs.c.number == bindparam("who"), ACTIVE)
    .values(lifted_at=bindparam("when_"), lifted_by=bindparam("by_"))
)
_LIFT_ONE = _LIFT.where(or_(opt_outs.c.scope == "", opt_outs.c.scope == bindparam("told")))


@per_dialect
def _opt_out(dialect: str) -> Any:
    # A second STOP changes nothing: the first date is the one that counts.
    return insert_for(dialect, opt_outs).on_conflict_do_nothing().returning(opt_outs.c.id)


# --- changing -----------------------------------------------------------------------------------


def opt_out(
    db: Connection,
    handset: str,
    at: datetime,
    *,
    source: ConsentSource,
    word: str,
    scope: str = "",
    number: str = "",
    by: str = "",
    words: str = "",
    reason: str = "",
    call_id: int | None = None,
    incoming_id: int | None = None,
    row_id: int | None = None,
    tell: bool = True,
) -> tuple[bool, tuple[int, ...]]:
    """From now on this handset gets no text, in the scope; with evidence.

    Returns whether it had not opted out before, and the texts that were cancelled. `tell`: with an
    event.
    """
    before = is_out(db, handset, scope)
    values = {
        "number": handset,
        "scope": scope,
        "word": word,
        "source": source,
        "reason": reason,
        "at": at,
        "lifted_at": None,
        "lifted_by": "",
    }
    fresh = db.execute(_opt_out(db), values).scalar_one_or_none() is not None and not before
    consents.record(
        db,
        handset,
        ConsentEvent.OPT_OUT,
        source,
        at,
        scope=scope,
        by=by,
        words=words,
        detail=reason if fresh else f"{reason}; had opted out before".removeprefix("; "),
        call_id=call_id,
        incoming_id=incoming_id,
        row_id=row_id,
    )
    # HELP was asked for. A repeated STOP must not take away its own confirmation.
    spared = frozenset({TextKind.HELP}) if fresh else EXEMPT
    gone = _cancel(db, handset, at, scope=scope, kinds=frozenset(TextKind) - spared)
    decided = by or f"opted out by {source.value}"
    doubts.settle(db, handset, Review.OPTED_OUT, decided, at, scope=scope)
    if fresh and tell:
        payload = {
            "source": source.value,
            "scope": scope,
            "word": word,
            "reason": reason,
            "by": by,
        }
        events.put(
            db,
            Event(kind=EventKind.OPT_OUT, at=at, caller=handset, number=number, payload=payload),
        )
    return fresh, gone


def _cancel(
    db: Connection,
    handset: str,
    at: datetime,
    *,
    scope: str = "",
    kinds: frozenset[TextKind] = frozenset(TextKind),
) -> tuple[int, ...]:
    """Texts of these kinds to a handset, from this [[number]] or from all, that have not left."""
    cancel = (
        update(outbox)
        .where(
            outbox.c.recipient == handset,
            outbox.c.state.in_(sources(OutboxState.CANCELLED)),
            outbox.c.kind.in_(sorted(kinds)),
            *((outbox.c.number == scope,) if scope else ()),
        )
        .values(state=OutboxState.CANCELLED, reason=OPTED_OUT, changed_at=at)
        .returning(outbox.c.id)
    )
    return tuple(sorted(db.execute(cancel).scalars()))


def opt_in(
    db: Connection,
    handset: str,
    at: datetime,
    *,
    source: ConsentSource,
    by: str,
    number: str | None = None,
    words: str = "",
    reason: str = "",
    call_id: int | None = None,
    incoming_id: int | None = None,
) -> bool:
    """Lifts opt-outs, with evidence. False: there was none.

    `number`: only what kept this [[number]] from texting it; None: all.
    """
    changes = {"who": handset, "when_": at, "by_": by}
    if number is None:
        lifted = db.execute(_LIFT, changes).rowcount > 0
    else:
        lifted = db.execute(_LIFT_ONE, changes | {"told": number}).rowcount > 0
    if source in {ConsentSource.HANDSET, ConsentSource.KEYPAD}:
        # Only they themselves may take back that they were erased.
        lifted = suppression.lift(db, handset) or lifted
    if not lifted and source is ConsentSource.STAFF:
        return False
    consents.record(
        db,
        handset,
        ConsentEvent.OPT_IN,
        source,
        at,
        scope=number or "",
        by=by,
        words=words,
        detail=reason if lifted else f"{reason}; had not opted out".removeprefix("; "),
        call_id=call_id,
        incoming_id=incoming_id,
    )
    if lifted:
        # What says "no more texts" is not true any more.
        _cancel(db, handset, at, kinds=frozenset({TextKind.CONFIRM}))
        events.put(
            db,
            Event(
                kind=EventKind.OPT_IN,
                at=at,
                caller=handset,
                number=number or "",
                payload={
                    "source": source.value,
                    "scope": number or "",
                    "word": words[:40],
                    "reason": reason,
                    "by": by,
                },
            ),
        )
    return lifted


def decide(
    db: Connection, doubt: doubts.Doubt, *, out: bool, scope: str, by: str, at: datetime
) -> tuple[bool, tuple[int, ...]]:
    """A person's word on a doubtful reply: whether it changed anything, and the texts cancelled or
    set free by it. `by` begins with "operator"."""
    if not out:
        return doubts.dismiss(db, doubt, by, at)
    if doubt.review is not Review.OPEN:
        return False, ()
    _, gone = opt_out(
        db,
        doubt.sender,
        at,
        source=ConsentSource.HANDSET,
        word=doubt.text.strip()[:40],
        scope=scope,
        number=doubt.number,
        by=by,
        words=doubt.text,
        reason=f"as {by} read it",
        incoming_id=doubt.id,
    )
    return True, gone

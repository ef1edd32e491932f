"""What a caller asked for in the dialplan: obeyed, kept with what came of it, joined to its call.

A wish may be here before its call (the link is slower than AGI, or down), so it is kept by PBX and
Uniqueid and joined to the call when that ends. For an opt-in, an opt-out and an offer the row is
the evidence of what the caller wanted, and is written in the transaction that obeys it. Words about
the call itself (handled, missed, message) are no wishes: they come as facts about it, and stand
with the call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from textback.decide import Past
from textback.model import (
    CallKey,
    ConsentEvent,
    ConsentSource,
    Hint,
    HintKind,
    OutboxRow,
    Send,
    TextKind,
    Verdict,
)
from textback.phone import printable
from textback.store import consents, optouts
from textback.store.calls import Seen, by_key, near, with_text
from textback.store.history import Asked
from textback.store.rows import Offered, to_outbox_row
from textback.store.tables import outbox
from textback.store.tables_people import hints

#: A call is looked for by a hint's Uniqueid among those that began at most so long before it.
_LONGEST = timedelta(days=1)
#: Asterisk's clock and ours, and the hint that overtakes its call.
_SLACK = timedelta(seconds=90)
#: Longest word kept of what the dialplan said, in characters.
_WORD = 160

_LOOSE = select(hints.c.id, hints.c.row_id).where(
    hints.c.call_id.is_(None),
    hints.c.pbx == bindparam("at_pbx"),
    hints.c.uniqueid == bindparam("same"),
    hints.c.at.between(bindparam("least"), bindparam("most")),
)
_JOIN = update(hints).where(hints.c.id == bindparam("hint")).values(call_id=bindparam("call"))
_JOIN_TEXT = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), outbox.c.call_id.is_(None))
    .values(call_id=bindparam("call"))
)
_OFFERED = (
    select(outbox)
    .join(hints, hints.c.row_id == outbox.c.id)
    .where(
        hints.c.pbx == bindparam("at_pbx"),
        hints.c.uniqueid == bindparam("same"),
        hints.c.kind == HintKind.OFFER,
        hints.c.at > bindparam("least"),
    )
    .limit(1)
)
_OFFERED_TO = select(outbox).where(
    outbox.c.call_id == bindparam("call"), outbox.c.kind == TextKind.OFFER
)


def record(
    db: Connection,
    hint: Hint,
    *,
    caller: str,
    number: str,
    result: str,
    call_key: CallKey | None = None,
    row_id: int | None = None,
) -> int | None:
    """Keeps the hint with what came of it; returns the number of its call, where that is known."""
    call_id = by_key(db, call_key) if call_key is not None else None
    if call_id is None:
        call_id = _call_of(db, hint)
    db.execute(
        insert(hints),
        {
            "call_id": call_id,
            "row_id": row_id,
            "pbx": hint.pbx,
            "uniqueid": hint.uniqueid[:_WORD],
            "kind": hint.kind,
            "source": hint.source[:_WORD],
            "caller": caller or hint.caller[:_WORD],
            "number": number,
            "message": hint.message[:_WORD],
            "at": hint.at.utc,
            "result": result,
        },
    )
    return call_id


def _call_of(db: Connection, hint: Hint) -> int | None:
    least, most = hint.at.utc - _LONGEST, hint.at.utc + _SLACK
    row = near(db, hint.pbx, hint.uniqueid, least, most)
    return row.id if row is not None else None


def join(db: Connection, seen: Seen) -> Seen:
    """Gives a call the wishes that were there first, and the text of an offer."""
    call = seen.call
    where = {
        "at_pbx": call.key.pbx,
        "same": call.key.uniqueid,
        "least": call.started.utc - _SLACK,
        "most": call.at.utc + _SLACK,
    }
    for row in db.execute(_LOOSE, where).all():
        db.execute(_JOIN, {"hint": row.id, "call": seen.call_id})
        if row.row_id is not None and not _has_offer(db, seen.call_id):
            joined = db.execute(_JOIN_TEXT, {"row": row.row_id, "call": seen.call_id})
            if not joined.rowcount:
                continue
            seen = seen._replace(text=min(row.row_id, seen.text or row.row_id))
    return seen


def _has_offer(db: Connection, call_id: int) -> bool:
    return db.execute(_OFFERED_TO, {"call": call_id}).first() is not None


# --- what the caller asked for ----------------------------------------------------------------


def offer(
    db: Connection,
    hint: Hint,
    caller: str,
    number: str,
    decide: Callable[[Past], Verdict],
    now: datetime,
    *,
    shadow: bool = False,
) -> Offered:
    """The caller pressed a key for a text: consent and text in one transaction, once per call."""
    call_id = _call_of(db, hint)
    there = _offered(db, hint, call_id)
    if there is not None:
        return Offered(call_id=call_id, row=to_outbox_row(there), repeat=True)
    known = Asked(db, caller, number, now, shadow=shadow, kind=TextKind.OFFER)
    verdict = decide(known)
    if isinstance(verdict, Send):
        verdict = replace(verdict, kind=TextKind.OFFER)
    row = with_text(db, call_id, number, verdict, now).row
    record(
        db,
        hint,
        caller=caller,
        number=number,
        result=_came_of(verdict, row),
        row_id=row.id if row is not None else None,
    )
    consents.record(
        db,
        caller,
        ConsentEvent.OFFER,
        ConsentSource.KEYPAD,
        now,
        by=f"dialplan ({printable(hint.source)})",
        detail=f"{_where(hint)}: {_came_of(verdict, row)}",
        call_id=call_id,
        row_id=row.id if row is not None else None,
    )
    return Offered(call_id=call_id, verdict=verdict, row=row)


def _came_of(verdict: Verdict, row: OutboxRow | None) -> str:
    if row is not None:
        return f"text {row.id}"
    failed = next((gate for gate in verdict.gates if not gate.passed), None)
    return f"no text: {verdict.reason.value}" + (f" ({failed.value})" if failed else "")


def _offered(db: Connection, hint: Hint, call_id: int | None) -> Row[Any] | None:
    where = {"at_pbx": hint.pbx, "same": hint.uniqueid, "least": hint.at.utc - _LONGEST}
    found = db.execute(_OFFERED, where).one_or_none()
    if found is None and call_id is not None:
        found = db.execute(_OFFERED_TO, {"call": call_id}).one_or_none()
    return found


def opt_out(
    db: Connection, hint: Hint, caller: str, number: str, now: datetime, *, scope: str = ""
) -> tuple[int, ...]:
    """The caller wants no texts; returns those that were cancelled."""
    fresh, gone = optouts.opt_out(
        db,
        caller,
        now,
        source=ConsentSource.KEYPAD,
        word=f"dialplan ({printable(hint.source)})",
        scope=scope,
        number=number,
        by=f"dialplan ({printable(hint.source)})",
        reason=_where(hint),
        call_id=_call_of(db, hint),
    )
    result = "opted out" if fresh else "had opted out before"
    result += f"; {len(gone)} cancelled" if gone else ""
    record(db, hint, caller=caller, number=number, result=result)
    return gone


def opt_in(
    db: Connection, hint: Hint, caller: str, number: str, now: datetime, *, scope: str = ""
) -> bool:
    """The caller wants texts again. False: had not opted out."""
    lifted = optouts.opt_in(
        db,
        caller,
        now,
        source=ConsentSource.KEYPAD,
        by=f"dialplan ({printable(hint.source)})",
        number=number if scope else None,
        reason=_where(hint),
        call_id=_call_of(db, hint),
    )
    result = "opted in" if lifted else "had not opted out"
    record(db, hint, caller=caller, number=number, result=result)
    return lifted


def _where(hint: Hint) -> str:
    return f"call {printable(hint.uniqueid, 60)} at {hint.pbx}"

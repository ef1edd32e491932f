"""Who has opted out, and how far: the state alone, asked by gates, verbs and the last look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, or_, select

from textback.model import ConsentSource, TextKind
from textback.store import suppression
from textback.store.sql import chunks
from textback.store.tables_people import opt_outs

#: Why a text was cancelled whose handset had opted out.
OPTED_OUT = "opted_out"
#: What leaves although the handset has opted out: it is the answer to what it asked.
EXEMPT = frozenset({TextKind.CONFIRM, TextKind.HELP})

ACTIVE: ColumnElement[bool] = opt_outs.c.lifted_at.is_(None)

OUT = (
    select(opt_outs)
    .where(
        opt_outs.c.number == bindparam("who"),
        or_(opt_outs.c.scope == "", opt_outs.c.scope == bindparam("told")),
        ACTIVE,
    )
    .order_by(opt_outs.c.scope, opt_outs.c.id)
    .limit(1)
)
_OF_HANDSET = (
    select(opt_outs)
    .where(opt_outs.c.number == bindparam("who"), ACTIVE)
    .order_by(opt_outs.c.scope, opt_outs.c.id)
)
_OF_HANDSETS = (
    select(opt_outs)
    .where(opt_outs.c.number.in_(bindparam("handsets", expanding=True)), ACTIVE)
    .order_by(opt_outs.c.number, opt_outs.c.scope, opt_outs.c.id)
)
_COUNTS = (
    select(opt_outs.c.source, func.count().label("many")).where(ACTIVE).group_by(opt_outs.c.source)
)
_LISTED = select(opt_outs).where(ACTIVE).order_by(opt_outs.c.at.desc(), opt_outs.c.id.desc())


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut:
    """Who is not texted."""

    number: str
    scope: str  #: "": by no number of the business, else the did of the [[number]]
    source: ConsentSource
    word: str  #: what the handset wrote, or who entered it
    reason: str
    at: datetime


def is_out(db: Connection, handset: str, number: str) -> str:
    """Whether `number` (did of a [[number]], "" for none) must not text this handset: how, since
    when and how far, in words; "": it may."""
    row = db.execute(OUT, {"who": handset, "told": number}).one_or_none()
    return in_words(row) if row is not None else suppression.is_suppressed(db, handset)


def among(db: Connection, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """As `is_out`, of those of many (handset, number) that must not be texted."""
    wanted = list(dict.fromkeys(pairs))
    found: dict[str, list[Row[Any]]] = {}
    for some in chunks(list(dict.fromkeys(handset for handset, _ in wanted))):
        for row in db.execute(_OF_HANDSETS, {"handsets": some}):
            found.setdefault(row.number, []).append(row)
    erased = suppression.among(db, [handset for handset, _ in wanted if handset])
    out: dict[tuple[str, str], str] = {}
    for handset, number in wanted:
        there = [row for row in found.get(handset, ()) if row.scope in ("", number)]
        if there:
            out[handset, number] = in_words(there[0])
        elif handset in erased:
            out[handset, number] = erased[handset]
    return out


def of_handset(db: Connection, handset: str) -> list[str]:
    """Every opt-out of this handset that is in force, of whatever scope, in words."""
    found = [in_words(row) for row in db.execute(_OF_HANDSET, {"who": handset})]
    erased = suppression.is_suppressed(db, handset)
    return [*found, erased] if erased else found


def in_words(row: Row[Any]) -> str:
    how = {
        ConsentSource.HANDSET: f"wrote “{row.word}”",
        ConsentSource.KEYPAD: "by the keypad",
        ConsentSource.CARRIER: f"told by the carrier ({row.word})",
        ConsentSource.IMPORT: f"imported ({row.word})",
        ConsentSource.ERASURE: "erased",
    }.get(row.source, row.word)
    why = f": {row.reason}" if row.reason else ""
    where = f"number {row.scope}" if row.scope else "every number"
    return f"{how}{why}, {row.at:%Y-%m-%d %H:%M} UTC, {where}"


def active(db: Connection) -> list[OptedOut]:
    """Everybody who is not texted, the newest first."""
    return [_opted(row) for row in db.execute(_LISTED)]


def _opted(row: Row[Any]) -> OptedOut:
    return OptedOut(
        number=row.number,
        scope=row.scope,
        source=row.source,
        word=row.word,
        reason=row.reason,
        at=row.at,
    )


def active_of(db: Connection, handset: str, number: str) -> OptedOut | None:
    """What keeps `number` (did of a [[number]]) from texting this handset; None: nothing, or that
    it was erased, of which there is only a hash."""
    row = db.execute(OUT, {"who": handset, "told": number}).one_or_none()
    return _opted(row) if row is not None else None


def counts(db: Connection) -> dict[ConsentSource, int]:
    """Opt-outs in force, by source."""
    return {row.source: row.many for row in db.execute(_COUNTS)}

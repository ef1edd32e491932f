"""Verbs of replies: keep each deliver_sm, and obey STOP and START in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from textback.model import Reply
from textback.store.cancelling import cancel_follow_ups, cancel_handset
from textback.store.sql import insert_for, per_dialect
from textback.store.tables import opt_outs, replies

#: Why a text was cancelled when its handset wrote STOP.
OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A reply and what it asks for: "stop", "start", "help" or ""."""

    reply: Reply
    word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A reply on the disk, and what it changed."""

    reply_id: int
    reply: Reply
    word: str
    cancelled: tuple[int, ...] = ()


_KEEP = insert(replies).returning(replies.c.id, sort_by_parameter_order=True)


@per_dialect
def _opt_out(dialect: str) -> Any:
    # A second STOP changes nothing: the first date is the one that counts.
    return insert_for(dialect, opt_outs).on_conflict_do_nothing()


_LIFT = (
    update(opt_outs)
    .where(opt_outs.c.number == bindparam("handset"), opt_outs.c.lifted_at.is_(None))
    .values(lifted_at=bindparam("when"), lifted_by=bindparam("who"))
)


def record(db: Connection, found: Sequence[Word]) -> list[Kept]:
    """Keep the replies in their order; STOP also stops what is still queued for that handset, and
    any reply the follow-up."""
    ids = db.execute(_KEEP, [_values(w) for w in found]).scalars()
    kept: list[Kept] = []
    for word, reply_id in zip(found, ids, strict=True):
        cancelled: tuple[int, ...] = ()
        reply = word.reply
        if word.word == "stop":
            cancelled = opt_out(db, reply.sender, reply.text.strip()[:40], reply.at)
        elif word.word == "start":
            opt_in(db, reply.sender, f"the handset wrote {reply.text.strip()[:40]}", reply.at)
        # Whatever it says, the caller was heard of. STOP has cancelled it already.
        cancelled += cancel_follow_ups(db, reply.sender, reply.recipient, reply.at)
        kept.append(Kept(reply_id=reply_id, reply=reply, word=word.word, cancelled=cancelled))
    return kept


def _values(word: Word) -> dict[str, Any]:
    reply = word.reply
    return {
        "route": reply.route,
        "sender": reply.sender,
        "recipient": reply.recipient,
        "text": reply.text,
        "at": reply.at,
        "reference": reply.reference,
        "part": reply.part,
        "parts": reply.parts,
        "word": word.word,
        "raw": reply.raw,
    }


def has_opted_out(db: Connection, number: str) -> bool:
    query = select(opt_outs.c.id).where(opt_outs.c.number == number, opt_outs.c.lifted_at.is_(None))
    return db.execute(query).first() is not None


def opt_out(db: Connection, number: str, word: str, at: datetime) -> tuple[int, ...]:
    """From now on this handset gets no text; returns the texts that were cancelled."""
    db.execute(
        _opt_out(db),
        {"number": number, "word": word, "at": at, "lifted_at": None, "lifted_by": ""},
    )
    return cancel_handset(db, number, OPTED_OUT, at)


def opt_in(db: Connection, number: str, by: str, at: datetime) -> bool:
    """Lifts an opt-out. False: there was none."""
    done = db.execute(_LIFT, {"handset": number, "when": at, "who": by})
    return done.rowcount > 0


def opted_out(db: Connection) -> list[tuple[str, str, datetime]]:
    """Everybody who asked for no texts: number, word, since when; newest first."""
    query = (
        select(opt_outs.c.number, opt_outs.c.word, opt_outs.c.at)
        .where(opt_outs.c.lifted_at.is_(None))
        .order_by(opt_outs.c.at.desc())
    )
    return [(row.number, row.word, row.at) for row in db.execute(query)]

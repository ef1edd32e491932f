"""What a text that came in says about being texted is done, with evidence; it is answered after."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from textback.model import ConsentEvent, ConsentSource, Incoming, Reading, Request, Review, TextKind
from textback.reply_rules import Facts
from textback.store import consents, doubts
from textback.store.optouts import opt_in, opt_out
from textback.store.outs import EXEMPT, is_out
from textback.store.tables import outbox

#: Over what the answers to one handset are counted.
_DAY = timedelta(hours=24)
_ANSWERED = select(func.count()).where(
    outbox.c.recipient == bindparam("who"),
    outbox.c.created_at > bindparam("since"),
    outbox.c.kind.in_(sorted(EXEMPT)),
)
_LAST_HELP = select(func.max(outbox.c.created_at)).where(
    outbox.c.recipient == bindparam("who"),
    outbox.c.created_at > bindparam("since"),
    outbox.c.kind == TextKind.HELP,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obeyed:
    """What a text that came in changed."""

    cancelled: tuple[int, ...] = ()  #: texts that are not sent any more
    held: tuple[int, ...] = ()  #: texts that wait until a person has looked at the reply
    released: tuple[int, ...] = ()  #: texts that do not wait for that any more
    review: bool = False  #: a person is to look at it
    facts: Facts = field(default_factory=Facts)  #: what the answer depends on


def obey(
    db: Connection,
    text_in: Incoming,
    reading: Reading,
    now: datetime,
    *,
    scope: str = "",
    label: str = "",
) -> Obeyed:
    """What a text that came in asks for is done, with evidence; the answer is written afterwards.

    `scope`: how far a STOP reaches (`answers.scope_of`); `label`: what people call the number. The
    review of the incoming row is set here. A text of which a part came late is obeyed again.
    """
    handset = text_in.sender
    was_out = is_out(db, handset, text_in.number)
    done = Obeyed()
    if reading.request is Request.STOP:
        fresh, gone = opt_out(
            db,
            handset,
            now,
            source=ConsentSource.HANDSET,
            word=text_in.text.strip()[:40],
            scope=scope,
            number=text_in.number,
            words=text_in.text,
            incoming_id=text_in.id,
        )
        done = Obeyed(cancelled=gone, facts=Facts(was_out=was_out, changed=fresh))
    elif reading.request is Request.START:
        lifted = opt_in(
            db,
            handset,
            now,
            source=ConsentSource.HANDSET,
            by=f"the handset wrote {text_in.text.strip()[:40]}",
            number=text_in.number if scope else None,
            words=text_in.text,
            incoming_id=text_in.id,
        )
        by = "the handset wrote START"
        back = doubts.settle(db, handset, Review.DISMISSED, by, now, scope=scope)
        done = Obeyed(released=back, facts=Facts(was_out=was_out, changed=lifted))
    elif reading.request is Request.HELP:
        consents.record(
            db,
            handset,
            ConsentEvent.HELP,
            ConsentSource.HANDSET,
            now,
            words=text_in.text,
            incoming_id=text_in.id,
        )
    elif reading.review and not was_out:
        held = doubts.lay_open(db, text_in, reading, now, label=label)
        done = Obeyed(held=held, review=True)
    if reading.request is None:
        return done
    asked = {"who": handset, "since": now - _DAY}
    facts = replace(
        done.facts,
        was_out=was_out,
        answered=db.execute(_ANSWERED, asked).scalar_one(),
        last_help=db.execute(_LAST_HELP, asked).scalar_one(),
    )
    return replace(done, facts=facts)


def answered(db: Connection, text_in: Incoming, kind: TextKind, row_id: int, now: datetime) -> None:
    """The answer to a text was written: the evidence of it."""
    event = ConsentEvent.HELP if kind is TextKind.HELP else ConsentEvent.CONFIRMED
    consents.record(
        db,
        text_in.sender,
        event,
        ConsentSource.HANDSET,
        now,
        detail=f"answered with text {row_id}",
        incoming_id=text_in.id,
        row_id=row_id,
    )

"""What the store knows that bears on a text to one caller: earlier texts, caps, neighbours."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.sql.selectable import ScalarSelect

from textback.decide import History
from textback.model import OutboxState, TextKind
from textback.store.tables import opt_outs, outbox

#: Caps are counted up to here; a higher cap than this is no cap, and no decision counts a million.
COUNT_LIMIT = 20_000
#: Texts of `History.recent_texts`.
RECENT = 5
#: Digits at the end in which a neighbour's number may differ: `History.adjacent`, `.same_prefix`.
ADJACENT, PREFIX = 2, 4

#: What the caps count over.
_SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}

#: States of texts that never reached the handset, unless `maybe_sent` says a try may have.
_NEVER_SENT = (
    OutboxState.CANCELLED,
    OutboxState.DROPPED,
    OutboxState.EXPIRED,
    OutboxState.REFUSED,
)

#: States of texts that have not left yet.
_WAITING = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.HELD)

#: A cancelled or expired text did not cost the caller anything, so it does not count against the
#: next one; one that may have arrived does, whatever the operator did to it afterwards.
#: A follow-up counts once it may have left: most are cancelled by the caller's answer. There is at
#: most one for each text that passed the caps, so all in all they are exceeded at most twofold.
COUNTS: ColumnElement[bool] = and_(
    outbox.c.kind != TextKind.TEST,
    or_(outbox.c.kind != TextKind.FOLLOW_UP, outbox.c.maybe_sent),
    or_(outbox.c.state.not_in(_NEVER_SENT), outbox.c.maybe_sent),
    or_(outbox.c.state != OutboxState.SHADOW, bindparam("shadow")),
)


def _within(name: str) -> ColumnElement[bool]:
    return and_(
        outbox.c.created_at > bindparam(name),
        # The clock may have been set back: from the future no more than the same span counts,
        # or a clock that was once years ahead would fill the caps for years.
        outbox.c.created_at < bindparam(f"{name}_ahead"),
    )


def _count_since(name: str) -> ScalarSelect[int]:
    # What is held costs nothing: a flood from one block of numbers, which the breaker holds, must
    # not use up the caps of everybody else. A caller has at most one in a cooldown.
    some = (
        select(outbox.c.id)
        .where(_within(name), COUNTS, outbox.c.state != OutboxState.HELD)
        .limit(COUNT_LIMIT)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


_HISTORY = select(
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
_RECENT = (
    select(outbox.c.created_at, outbox.c.state)
    .where(
        outbox.c.recipient == bindparam("caller"),
        outbox.c.number == bindparam("number"),
        outbox.c.kind == bindparam("kind"),
        COUNTS,
    )
    .order_by(outbox.c.created_at.desc())
    .limit(RECENT)
)
_first = outbox.alias("first")
#: A follow-up that is still to come: one whose text was never taken will be cancelled when it is
#: due (`following`), and keeps no other from being planned. In shadow mode none ever leaves: there
#: it waits until its time.
_FOLLOW_UP = (
    select(outbox.c.id)
    .where(
        outbox.c.recipient == bindparam("caller"),
        outbox.c.number == bindparam("number"),
        outbox.c.kind == TextKind.FOLLOW_UP,
        or_(
            outbox.c.state.in_(_WAITING),
            and_(
                outbox.c.state == OutboxState.SHADOW,
                outbox.c.due_at > bindparam("now"),
                bindparam("shadow"),
            ),
        ),
        select(_first.c.id)
        .where(
            _first.c.call_id == outbox.c.call_id,
            _first.c.kind == TextKind.MISSED,
            _first.c.state.not_in(_NEVER_SENT),
        )
        .exists(),
    )
    .limit(1)
)


def _begins(length: str, prefix: str) -> ColumnElement[bool]:
    # Not LIKE, and no range of numbers: of a town's number block the store may hold years of texts.
    # The last hour is bounded, and its index has the recipient too.
    return func.substr(outbox.c.recipient, 1, bindparam(length)) == bindparam(prefix)


def _neighbours(length: str, prefix: str) -> ScalarSelect[int]:
    others = (
        select(outbox.c.recipient)
        .where(
            _within("hour"),
            COUNTS,
            _begins(length, prefix),
            func.length(outbox.c.recipient) == bindparam("size"),
            outbox.c.recipient != bindparam("caller"),
        )
        .distinct()
        .subquery()
    )
    return select(func.count()).select_from(others).scalar_subquery()


_NEIGHBOURS = select(_neighbours("near", "near_prefix"), _neighbours("far", "far_prefix"))


def history(
    db: Connection,
    caller: str,
    number: str,
    now: datetime,
    *,
    shadow: bool = False,
    kind: TextKind = TextKind.MISSED,
) -> History:
    """What bears on a text of this kind to `caller` (E.164, "" for nobody) from `number`.

    Earlier texts are those of the same kind: what a caller asked for by pressing a key is no reason
    not to answer a missed call. Caps and neighbours count every kind.
    """
    spans = {
        **{name: now - span for name, span in _SPANS.items()},
        **{f"{name}_ahead": now + span for name, span in _SPANS.items()},
        "shadow": shadow,
        "caller": caller,
    }
    row = db.execute(_HISTORY, spans).one()
    recent: tuple[datetime, ...] = ()
    waiting = follow_up_waits = False
    near = far = 0
    if caller:
        who = {"caller": caller, "number": number, "kind": kind, "shadow": shadow}
        texts = db.execute(_RECENT, who).all()
        recent = tuple(text.created_at for text in texts)
        waiting = any(text.state in _WAITING for text in texts)
        asked = {"caller": caller, "number": number, "now": now, "shadow": shadow}
        follow_up_waits = db.execute(_FOLLOW_UP, asked).first() is not None
        near, far = db.execute(_NEIGHBOURS, spans | _prefixes(caller)).one()
    return History(
        last_text=recent[0] if recent else None,
        last_minute=row.minute,
        last_hour=row.hour,
        last_day=row.day,
        opted_out=f"{row.word}, {row.opted_out_at:%Y-%m-%d %H:%M} UTC" if row.opted_out_at else "",
        recent_texts=recent,
        waiting=waiting,
        follow_up_waits=follow_up_waits,
        adjacent=near,
        same_prefix=far,
    )


def _prefixes(caller: str) -> dict[str, object]:
    near, far = caller[:-ADJACENT], caller[:-PREFIX]
    return {
        "size": len(caller),
        "near": len(near),
        "near_prefix": near,
        "far": len(far),
        "far_prefix": far,
    }

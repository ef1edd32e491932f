"""What the store knows that bears on a text to one caller, looked for when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
)
from sqlalchemy.sql.selectable import ScalarSelect

from textback import robots
from textback.decide import History
from textback.model import Contact, OutboxState, TextKind
from textback.store import contacts, wishes
from textback.store import robots as machines
from textback.store.counted import AUTOMATIC, COUNTS, NEVER_SENT, WAITING
from textback.store.tables import outbox

#: Caps are counted up to here; a higher cap than this is no cap, and no decision counts a million.
COUNT_LIMIT = 20_000
#: Texts of `History.recent_texts`, and texts to one caller that are looked at in all.
RECENT, TEXTS = 5, 200
#: Digits at the end in which a neighbour's number may differ: `History.adjacent`, `.same_prefix`.
ADJACENT, PREFIX = 2, 4

#: What the caps count over.
_SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


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


_COUNTS = select(_count_since("minute"), _count_since("hour"), _count_since("day"))
#: What rules wrote to this caller, from any number of ours: one look-up for all about them.
_TEXTS = (
    select(outbox.c.created_at, outbox.c.state, outbox.c.kind, outbox.c.number)
    .where(outbox.c.recipient == bindparam("caller"), AUTOMATIC)
    .order_by(outbox.c.created_at.desc())
    .limit(TEXTS)
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
            outbox.c.state.in_(WAITING),
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
            _first.c.state.not_in(NEVER_SENT),
        )
        .exists(),
    )
    .limit(1)
)


def _begins(length: str, prefix: str) -> ColumnElement[bool]:
    # Not LIKE, and no range of numbers: of a town's number block the store may hold years of texts.
    # The last hour is bounded, and its index has the recipient too.
    return func.substr(outbox.c.recipient, 1, bindparam(length)) == bindparam(prefix)


#: One walk over the last hour for both: who differs in the last two digits differs in four.
_NEIGHBOURS = select(
    func.count(case((_begins("near", "near_prefix"), outbox.c.recipient)).distinct()),
    func.count(outbox.c.recipient.distinct()),
).where(
    _within("hour"),
    COUNTS,
    _begins("far", "far_prefix"),
    func.length(outbox.c.recipient) == bindparam("size"),
    outbox.c.recipient != bindparam("caller"),
)


class Asked:
    """A `Past` that looks when it is asked, once for each part, in the transaction it was made in.

    Earlier texts are those of the same kind: what a caller asked for by pressing a key is no reason
    not to answer a missed call. Caps and neighbours count every kind.
    """

    def __init__(
        self,
        db: Connection,
        caller: str,
        number: str,
        now: datetime,
        *,
        shadow: bool = False,
        kind: TextKind = TextKind.MISSED,
    ) -> None:
        """What bears on a text of this kind to `caller` (E.164, "" for nobody) from `number`."""
        self._db = db
        self._who: dict[str, Any] = {
            "caller": caller,
            "number": number,
            "kind": kind,
            "shadow": shadow,
            "now": now,
        }

    @cached_property
    def _spans(self) -> dict[str, Any]:
        now = self._who["now"]
        return {
            **{name: now - span for name, span in _SPANS.items()},
            **{f"{name}_ahead": now + span for name, span in _SPANS.items()},
            **self._who,
        }

    @cached_property
    def _counts(self) -> tuple[int, int, int]:
        minute, hour, day = self._db.execute(_COUNTS, self._spans).one()
        return minute, hour, day

    @property
    def last_minute(self) -> int:
        return self._counts[0]

    @property
    def last_hour(self) -> int:
        return self._counts[1]

    @property
    def last_day(self) -> int:
        return self._counts[2]

    @cached_property
    def _wishes(self) -> wishes.Wishes:
        caller, number = self._who["caller"], self._who["number"]
        return wishes.of(self._db, caller, number) if caller else wishes.Wishes()

    @property
    def opted_out(self) -> str:
        return self._wishes.opted_out

    @property
    def doubtful(self) -> str:
        since = self._wishes.doubtful
        return f"a reply of {since:%Y-%m-%d %H:%M} UTC waits for review" if since else ""

    @cached_property
    def contact(self) -> Contact | None:
        caller = self._who["caller"]
        return contacts.best(self._db, caller) if caller else None

    @cached_property
    def _texts(self) -> Sequence[Any]:
        return self._db.execute(_TEXTS, self._who).all() if self._who["caller"] else ()

    @cached_property
    def _same(self) -> Sequence[Any]:
        """Those of this kind from this number."""
        number, kind = self._who["number"], self._who["kind"]
        same = [text for text in self._texts if text.kind is kind and text.number == number]
        return same[:RECENT]

    @property
    def recent_texts(self) -> tuple[datetime, ...]:
        return tuple(text.created_at for text in self._same)

    @property
    def last_text(self) -> datetime | None:
        return self._same[0].created_at if self._same else None

    @property
    def waiting(self) -> bool:
        return any(text.state in WAITING for text in self._same)

    @property
    def last_anywhere(self) -> datetime | None:
        missed = (text.created_at for text in self._texts if text.kind is TextKind.MISSED)
        return next(missed, None)

    @property
    def automatic(self) -> tuple[datetime, ...]:
        number = self._who["number"]
        return tuple(text.created_at for text in self._texts if text.number == number)

    @cached_property
    def robot(self) -> str:
        if not self._who["caller"]:
            return ""
        # Where no rule ever wrote there was nothing for a machine to answer.
        if not self.automatic:
            return robots.sender(self._who["caller"])
        return machines.writes(self._db, self._who["caller"], self._who["number"])

    @cached_property
    def follow_up_waits(self) -> bool:
        if not self._who["caller"]:
            return False
        return self._db.execute(_FOLLOW_UP, self._who).first() is not None

    @cached_property
    def _blocks(self) -> tuple[int, int]:
        caller = self._who["caller"]
        if not caller:
            return 0, 0
        near, far = self._db.execute(_NEIGHBOURS, self._spans | _prefixes(caller)).one()
        return near, far

    @property
    def adjacent(self) -> int:
        return self._blocks[0]

    @property
    def same_prefix(self) -> int:
        return self._blocks[1]


def history(
    db: Connection,
    caller: str,
    number: str,
    now: datetime,
    *,
    shadow: bool = False,
    kind: TextKind = TextKind.MISSED,
) -> History:
    """All of it, as values that outlive the transaction."""
    asked = Asked(db, caller, number, now, shadow=shadow, kind=kind)
    return History(**{field.name: getattr(asked, field.name) for field in fields(History)})


def _prefixes(caller: str) -> dict[str, object]:
    near, far = caller[:-ADJACENT], caller[:-PREFIX]
    return {
        "size": len(caller),
        "near": len(near),
        "near_prefix": near,
        "far": len(far),
        "far_prefix": far,
    }

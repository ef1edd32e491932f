"""Which calls of Asterisk's records are news, and what becomes of those nobody can tell of; pure.

    alive                      left alone: the tracker follows it and tells its end
    known, with an outcome     left alone
    known, no end or unknown   taken from the record, when the record knows; the key stays
    not known                  taken when it was going on in the time we could not hear Asterisk:
                               it ended after that began, and began before it was over
    begun, no end written      unknown, once nothing has been written of it for a while (Asterisk
                               was killed)
    known, no end, no record   unknown ("lost"): its end was not seen, and will not be

Answered calls come first in what is handed on, so that a caller who was spoken to later is not
texted for an earlier call; the others in the order in which they ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from textback.model import Call, Direction, Moment, Outcome

#: How far before the link was last known to be up a call may have ended and count as unheard: the
#: service may have been killed with its last facts in memory.
SLACK = timedelta(seconds=60)
#: A call of which the record has told nothing for this long, and which is not there, has no end.
SILENT = timedelta(seconds=30)


class Known(Protocol):
    """What the store says of a call."""

    @property
    def boot(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def ended(self) -> datetime | None: ...


class Records(Protocol):
    """What was read; see `ami_listener.records.reader.Records`."""

    @property
    def calls(self) -> Mapping[str, Call]: ...
    @property
    def open(self) -> Mapping[str, Call]: ...
    @property
    def unreadable(self) -> Mapping[str, str]: ...
    @property
    def malformed(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Deaf:
    """The time in which Asterisk could not be heard."""

    since: datetime
    until: datetime  #: the link was up again, and in step

    def covers(self, call: Call) -> bool:
        return call.at.utc >= self.since - SLACK and call.started.utc <= self.until


def choose(
    records: Records,
    *,
    known: Mapping[str, Known],
    told: Mapping[str, Outcome | None],
    alive: Collection[str],
    without_end: Sequence[Call],
    deaf: Deaf,
    now: Moment,
    lose: Callable[[Call, Moment], Call],
) -> list[Call]:
    """The facts to hand on, in order. `told`: calls this process heard of by the link, with their
    outcome once they ended; `without_end`: the store's open calls; `lose` ends one as unknown."""
    silent = (call for call in records.open.values() if now.utc - call.at.utc >= SILENT)
    chosen = {
        call.key.uniqueid: call
        for call in (*filter(_wanted, records.calls.values()), *silent)
        if _is_news(call.key.uniqueid, call, known, told, alive, deaf)
    }
    found = [_keyed(call, known.get(uniqueid)) for uniqueid, call in chosen.items()]
    for call in without_end:
        uniqueid = call.key.uniqueid
        if uniqueid not in chosen and uniqueid not in alive and uniqueid not in told:
            found.append(_as_seen(call, lose(call, now)))
    found.sort(key=lambda call: (call.outcome is not Outcome.ANSWERED, call.at.utc))
    return [on_our_clock(call, now) for call in found]


def _wanted(call: Call) -> bool:
    """Callers from outside; and whom the business has reached, for they need no text."""
    if call.direction is Direction.INBOUND:
        return True
    return call.direction is Direction.OUTBOUND and call.outcome is Outcome.ANSWERED


def _is_news(
    uniqueid: str,
    call: Call,
    known: Mapping[str, Known],
    told: Mapping[str, Outcome | None],
    alive: Collection[str],
    deaf: Deaf,
) -> bool:
    if uniqueid in alive:
        return False
    if uniqueid in told:  # not all of it may be on the disk yet
        return told[uniqueid] is Outcome.UNKNOWN and call.outcome is not Outcome.UNKNOWN
    before = known.get(uniqueid)
    if before is None:
        return deaf.covers(call)
    if before.ended is None:
        return True
    return before.outcome is Outcome.UNKNOWN and call.outcome is not Outcome.UNKNOWN


def _keyed(call: Call, known: Known | None) -> Call:
    return call if known is None else replace(call, key=replace(call.key, boot=known.boot))


def _as_seen(before: Call, lost: Call) -> Call:
    """An answer that was seen stays one, whatever was not seen after it."""
    if before.answered is None:
        return lost
    return replace(lost, outcome=Outcome.ANSWERED, may_become=frozenset({Outcome.ANSWERED}))


def on_our_clock(call: Call, now: Moment) -> Call:
    """The records have the wall clock alone: steady seconds are put as this process counts them."""

    def moment(at: Moment) -> Moment:
        return Moment(at.utc, now.steady - (now.utc - at.utc).total_seconds())

    return replace(
        call,
        at=moment(call.at),
        started=moment(call.started),
        ringing=moment(call.ringing) if call.ringing is not None else None,
        answered=moment(call.answered) if call.answered is not None else None,
    )

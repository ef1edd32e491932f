"""The figures of the recorded calls, as the recommender and `textback stats` read them; pure.

The store counts (`store.survey`), this module adds up: what comes in are groups of equal calls, so
that a million calls are some thousand values.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from textback.model import Direction, OutboxState, Outcome

#: Waits are told apart up to this second; a longer one counts as this.
LONGEST = 120
#: Starts of calls are counted by this many seconds: every time zone is a multiple of it from UTC.
QUARTER = 900
#: Seconds; a text held back for a night says nothing of how fast we are.
SLOWEST = 3600

#: States of a text that reached the carrier, or may have.
GIVEN = frozenset(
    {
        OutboxState.ACCEPTED,
        OutboxState.DELIVERED,
        OutboxState.UNDELIVERED,
        OutboxState.UNCERTAIN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many ended calls were alike in all of this."""

    calls: int
    pbx: str = ""  #: where somebody asks: of calls that no number took or that were seen in part
    number: str = ""  #: the [[number]] in E.164, "" where none watched it
    did: str = ""  #: as received; "" where `number` says it, or where nobody asks
    context: str = ""  #: only of calls that are not inbound and may be
    direction: Direction = Direction.INBOUND
    outcome: Outcome = Outcome.NO_ANSWER
    reason: str = ""  #: of the verdict; "" for none
    rang: bool = False  #: a phone rang, and not in a queue, where waiting is not ringing
    #: Whole seconds waited, at most LONGEST; -1 where it does not matter.
    second: int = -1
    late: int = 0  #: of `calls`, learnt after the fact
    texted: int = 0  #: of `calls`, decided to be texted


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All that was counted between two instants."""

    since: datetime
    until: datetime
    tallies: tuple[Tally, ...] = ()
    #: {number: {state: texts}}
    texts: Mapping[str, Mapping[OutboxState, int]] = field(default_factory=dict)
    #: {number: {tenths of a second from the deciding fact to the carrier's yes: texts}}
    delays: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    #: {number: {quarter of an hour since 1970: (calls, missed)}}
    quarters: Mapping[str, Mapping[int, tuple[int, int]]] = field(default_factory=dict)
    #: {number: callers texted who wrote back}
    replied: Mapping[str, int] = field(default_factory=dict)

    @property
    def days(self) -> float:
        return (self.until - self.since).total_seconds() / 86_400

    @property
    def inbound(self) -> int:
        return total(t for t in self.tallies if t.direction is Direction.INBOUND)


def total(tallies: Iterable[Tally]) -> int:
    return sum(t.calls for t in tallies)


def by(key: Callable[[Tally], str], tallies: Iterable[Tally]) -> Counter[str]:
    """Calls by what `key` says of them."""
    found: Counter[str] = Counter()
    for tally in tallies:
        found[key(tally)] += tally.calls
    return found


def seconds(tallies: Iterable[Tally]) -> Counter[int]:
    """Calls by the whole seconds they waited."""
    found: Counter[int] = Counter()
    for tally in tallies:
        found[tally.second] += tally.calls
    return found


def quantile(counts: Mapping[int, int], share: float) -> int | None:
    """The least value that `share` (0 to 1) of all do not exceed; None for nothing."""
    wanted, seen = share * sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if counts[value] and seen >= wanted:
            return value
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFigures:
    """One of our numbers over the time of a survey."""

    number: str
    calls: int  #: inbound, ended
    answered: int
    missed: Mapping[Outcome, int]  #: by outcome; `unknown` is not among them
    unknown: int  #: seen only in part
    not_texted: Mapping[str, int]  #: missed and not texted, by reason
    texted: int  #: texts decided
    delivered: int
    failed: int  #: undelivered, refused or expired
    open: int  #: waiting, held or uncertain
    given: int  #: texts the carrier took, or may have
    delay_median: float | None  #: seconds from the deciding fact to the carrier's yes
    delay_95: float | None
    answered_after: int  #: texted, and answered later in the same call
    replied: int
    #: (calls, missed) by weekday (Monday 0) and hour, local
    week: Mapping[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


FAILED = (OutboxState.UNDELIVERED, OutboxState.REFUSED, OutboxState.EXPIRED)
OPEN = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.HELD, OutboxState.UNCERTAIN)


def figures(survey: Survey, number: str, zone: tzinfo = UTC) -> NumberFigures:
    """What the survey says of one number (E.164)."""
    mine = [t for t in survey.tallies if t.number == number and t.direction is Direction.INBOUND]
    missed: Counter[Outcome] = Counter()
    not_texted: Counter[str] = Counter()
    for tally in mine:
        if tally.outcome not in (Outcome.ANSWERED, Outcome.UNKNOWN):
            missed[tally.outcome] += tally.calls
            if tally.reason and not tally.texted:
                not_texted[tally.reason] += tally.calls
    states = survey.texts.get(number, {})
    delays = survey.delays.get(number, {})
    return NumberFigures(
        number=number,
        calls=total(mine),
        answered=total(t for t in mine if t.outcome is Outcome.ANSWERED),
        missed=dict(missed),
        unknown=total(t for t in mine if t.outcome is Outcome.UNKNOWN),
        not_texted=dict(not_texted),
        texted=sum(states.values()),
        delivered=states.get(OutboxState.DELIVERED, 0),
        failed=sum(states.get(state, 0) for state in FAILED),
        open=sum(states.get(state, 0) for state in OPEN),
        given=sum(count for state, count in states.items() if state in GIVEN),
        delay_median=_tenths(quantile(delays, 0.5)),
        delay_95=_tenths(quantile(delays, 0.95)),
        answered_after=sum(t.texted for t in mine if t.outcome is Outcome.ANSWERED),
        replied=survey.replied.get(number, 0),
        week=_week(survey.quarters.get(number, {}), zone),
    )


def _tenths(value: int | None) -> float | None:
    return None if value is None else value / 10


def _week(
    quarters: Mapping[int, tuple[int, int]], zone: tzinfo
) -> dict[tuple[int, int], tuple[int, int]]:
    found: dict[tuple[int, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for quarter, (calls, missed) in quarters.items():
        there = datetime.fromtimestamp(quarter * QUARTER, UTC).astimezone(zone)
        before = found[there.weekday(), there.hour]
        found[there.weekday(), there.hour] = (before[0] + calls, before[1] + missed)
    return dict(found)

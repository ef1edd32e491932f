"""Who is told of which event, and what comes of each try: the rules, without clock or network.

What a try comes to:

    the other side                               the delivery             the target
    -------------------------------------------  -----------------------  -----------------------
    2xx                                          delivered                works
    410 Gone                                     failed                   is told nothing more
                                                                          until a reload
    anything else: another status, a redirect,   queued again, by         waits as long; longer
      no connection, no answer in `timeout`,       `delay`; with a          with each failure in
      a certificate that does not hold             Retry-After by that      a row
    the same, `max_age` after the event came     failed, with an alarm    as above

One target hears events in their order. One that fails holds up those behind it, for its first
`HEAD` tries; then it steps aside, so that one which the other side cannot digest does not stop all,
and comes again when it is due. What is urgent (a keyword, a test) goes before, and does not wait
for a target that failed last time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from textback.config import Config
from textback.model import Event, EventKind, Reason

WEBHOOK, NOTIFY = "webhook", "notify"

#: Tries of one delivery that hold up those behind it.
HEAD = 5
#: Seconds before the second try, and the longest that we choose.
FIRST, LONGEST = 5.0, 900.0
#: Seconds of a Retry-After that we believe.
LONGEST_ASKED = 6 * 3600.0
#: No delivery is put off for longer; one that seems to be was written by a clock that went back.
PUT_OFF = timedelta(seconds=2 * LONGEST_ASKED)
#: Failures in a row after which somebody is told of the target.
WORTH_AN_ALARM = 5

_URGENT = frozenset({EventKind.KEYWORD_MATCHED, EventKind.TEST})
#: Missed calls that nobody wants to call back: systems are told of them, people are not.
NOT_FOR_PEOPLE = frozenset(
    reason.value
    for reason in (
        Reason.OUTCOME_OFF,
        Reason.TOO_SHORT,
        Reason.OWN_NUMBER,
        Reason.STAFF,
        Reason.BLOCKED,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One who is told, with what he wants to hear."""

    channel: str  #: WEBHOOK or NOTIFY
    name: str
    kinds: frozenset[EventKind]
    numbers: frozenset[str] = frozenset()  #: dids in E.164; empty: all
    max_age: timedelta = timedelta(days=3)

    @property
    def key(self) -> tuple[str, str]:
        return self.channel, self.name


def targets(config: Config) -> tuple[Target, ...]:
    """Everybody who is told, in the order of the configuration."""
    return tuple(
        Target(
            channel=channel,
            name=one.name,
            # Who names no event is a system that wants all, or people whom keywords alone page.
            kinds=kinds_of(one.events) if one.events or channel == WEBHOOK else frozenset(),
            numbers=frozenset(config.dids(one.numbers)),
            max_age=timedelta(seconds=one.max_age),
        )
        for channel, tables in ((WEBHOOK, config.webhook), (NOTIFY, config.notify))
        for one in tables
    )


def kinds_of(patterns: Sequence[str]) -> frozenset[EventKind]:
    """The events meant by names and "family.*"; none named: all."""
    every = frozenset(EventKind) - {EventKind.TEST}
    if not patterns:
        return every
    return frozenset(
        kind
        for kind in every
        if kind.value in patterns or kind.value.partition(".")[0] + ".*" in patterns
    )


def wants(target: Target, event: Event) -> bool:
    """Whether `target` subscribed to this."""
    if event.kind not in target.kinds or not _of_its_numbers(target, event):
        return False
    if target.channel == NOTIFY and event.kind is EventKind.CALL_MISSED:
        return event.payload.get("reason") not in NOT_FOR_PEOPLE
    return True


def addressees(
    event: Event, targets: Sequence[Target], pages: Mapping[str, frozenset[str]]
) -> list[Target]:
    """Who is told of an event. `pages`: the names each [[keyword]] tells; none: its subscribers."""
    if event.kind is EventKind.KEYWORD_MATCHED:
        paged = pages.get(str(event.payload.get("keyword", "")), frozenset())
        if paged:
            return [target for target in targets if target.name in paged]
    return [target for target in targets if wants(target, event)]


def _of_its_numbers(target: Target, event: Event) -> bool:
    return not target.numbers or not event.number or event.number in target.numbers


def rank(event: Event) -> int:
    """0: goes before everything that waits. 1: in its order."""
    return 0 if event.kind in _URGENT else 1


def delay(failures: int, jitter: float, asked: float | None = None) -> float:
    """Seconds until the next try, after so many failures in a row (1 or more).

    `jitter` is a random number from 0 to 1; `asked` a Retry-After in seconds, which is kept.
    """
    own = min(LONGEST, FIRST * 2.0 ** min(failures - 1, 16)) * (0.75 + jitter / 2)
    return own if asked is None else max(own, min(asked, LONGEST_ASKED))


@dataclass(frozen=True, slots=True)
class Told:
    """The other side took it."""

    status: int = 0


@dataclass(frozen=True, slots=True)
class Again:
    """It did not; `why` is for people and holds nothing secret."""

    why: str
    status: int = 0
    after: float | None = None  #: seconds, from a Retry-After


@dataclass(frozen=True, slots=True)
class Gone:
    """It wants to hear nothing any more."""

    why: str
    status: int = 410


Answer = Told | Again | Gone

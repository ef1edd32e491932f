"""Alarms: what must wake somebody, raised once for as long as it lasts, and cleared after quiet.

A flood of a thousand calls is one alarm, not a thousand. Each is a row of `RULES`; each has a
section under "Alarms" in OPERATIONS.md:

    alarm          raised by                                     at             cleared after
    -------------  --------------------------------------------  -------------  --------------
    cap_reached    a caller not texted because of limits.per_*   the first      1, 15, 60 min
    breaker_open   a text held back by the breaker               the first      60 min
    tainted_calls  a call with malformed or forged events        5 in 60 s      15 min
    bad_message    a message that could not be filled in         the first      60 min
    texts_refused  a text refused by the carrier for good        5 in 10 min    60 min
    store_failed   a write to the store that failed              3 in 60 s      5 min
    telling_failed a webhook or notification that cannot be      5th in a row,  60 min
                   told                                          or given up
    route_down     a route given up, and every minute after it   the first      150 s

Cleared after so long without the like; for the caps that is by minute, hour and day.

`Board` is the state of all of them, without a clock; `Alarms` is the board in the daemon: it hears
what the parts tell (`Observer`), writes the log, and wakes when one is to be cleared.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import structlog

from textback.model import Event, EventKind, Moment, OutboxState, Reason
from textback.observer import Observer

log = structlog.get_logger(__name__)


class Alarm(StrEnum):
    """Their names, in log, metrics and /healthz."""

    CAP_REACHED = "cap_reached"
    BREAKER_OPEN = "breaker_open"
    TAINTED_CALLS = "tainted_calls"
    BAD_MESSAGE = "bad_message"
    TEXTS_REFUSED = "texts_refused"
    STORE_FAILED = "store_failed"
    TELLING_FAILED = "telling_failed"
    ROUTE_DOWN = "route_down"


@dataclass(frozen=True, slots=True)
class Rule:
    """When an alarm is raised and cleared; times in seconds."""

    quiet: float  #: cleared after so long without the like
    least: int = 1  #: raised at so many
    within: float = 0.0  #: in so long a time


RULES: Mapping[Alarm, Rule] = {
    Alarm.CAP_REACHED: Rule(quiet=60),
    Alarm.BREAKER_OPEN: Rule(quiet=3600),  # as long as the breaker remembers
    Alarm.TAINTED_CALLS: Rule(quiet=900, least=5, within=60),
    Alarm.BAD_MESSAGE: Rule(quiet=3600),
    Alarm.TEXTS_REFUSED: Rule(quiet=3600, least=5, within=600),
    Alarm.STORE_FAILED: Rule(quiet=300, least=3, within=60),
    Alarm.TELLING_FAILED: Rule(quiet=3600),  # longer than the longest wait between two tries
    Alarm.ROUTE_DOWN: Rule(quiet=150),  # two reminders and a half (`fleet.REMIND`)
}

#: Which verdicts are the business of which alarm, what is said of the first, and after how many
#: quiet seconds it is over where that is longer than the alarm's own.
_BY_REASON: Mapping[Reason, tuple[Alarm, str, float]] = {
    # A cap over a long time is met again by every other caller: one alarm for all of them.
    Reason.CAP_MINUTE: (Alarm.CAP_REACHED, "limits.per_minute", 60),
    Reason.CAP_HOUR: (Alarm.CAP_REACHED, "limits.per_hour", 900),
    Reason.CAP_DAY: (Alarm.CAP_REACHED, "limits.per_day", 3600),
    Reason.TAINTED: (Alarm.TAINTED_CALLS, "malformed or forged events", 0),
    Reason.TEMPLATE_ERROR: (Alarm.BAD_MESSAGE, "the message cannot be filled in", 0),
}


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm that stands."""

    alarm: Alarm
    detail: str  #: what the first of it said
    since: Moment
    last: Moment
    count: int  #: how often it has happened since, the first included
    quiet: float  #: seconds without the like that clear it

    @property
    def end(self) -> float:
        """When it is cleared, on the steady clock, if nothing more happens."""
        return self.last.steady + self.quiet


@dataclass
class Board:
    """All alarms; every `now` is an argument."""

    rules: Mapping[Alarm, Rule] = field(default_factory=lambda: RULES)
    standing: dict[Alarm, Raised] = field(default_factory=dict)
    _recent: dict[Alarm, deque[float]] = field(default_factory=dict)

    def happened(self, alarm: Alarm, detail: str, now: Moment, quiet: float = 0.0) -> Raised | None:
        """Count one; the alarm, when it is raised by this one. `quiet`: at least so long."""
        known = self.standing.get(alarm)
        rule = self.rules[alarm]
        quiet = max(quiet, rule.quiet)
        if known is not None and now.steady < known.end:
            quiet = max(quiet, known.quiet)
            self.standing[alarm] = replace(known, last=now, count=known.count + 1, quiet=quiet)
            return None
        recent = self._recent.setdefault(alarm, deque(maxlen=rule.least))
        recent.append(now.steady)
        if len(recent) < rule.least or now.steady - recent[0] > rule.within:
            return None
        recent.clear()
        raised = Raised(alarm, detail, since=now, last=now, count=rule.least, quiet=quiet)
        self.standing[alarm] = raised
        return raised

    def tidy(self, now: Moment) -> list[Raised]:
        """Take down what has been quiet for long enough; returns it."""
        over = [raised for raised in self.standing.values() if now.steady >= raised.end]
        for raised in over:
            del self.standing[raised.alarm]
        return over

    def next_end(self) -> float | None:
        """When the next may be cleared, on the steady clock; None: none stands."""
        return min((raised.end for raised in self.standing.values()), default=None)


class Alarms(Observer):
    """The board of a running daemon."""

    def __init__(
        self,
        *,
        clock: Callable[[], Moment] = Moment.now,
        rules: Mapping[Alarm, Rule] = RULES,
        on_change: Callable[[], None] | None = None,
        tell: Callable[[Event], None] | None = None,
    ) -> None:
        """`on_change()` is told of each that is raised or cleared, `tell` as of an event."""
        self._board = Board(rules)
        self._clock = clock
        self._on_change = on_change or (lambda: None)
        self._tell = tell or (lambda _: None)
        self._wake = asyncio.Event()
        #: Times raised since the start, by alarm.
        self.raised: dict[Alarm, int] = dict.fromkeys(Alarm, 0)

    @property
    def standing(self) -> list[Raised]:
        """Those that stand now, the oldest first."""
        self._tidy()
        return list(self._board.standing.values())

    def table(self) -> list[tuple[str, bool, int]]:
        """Every alarm: its name, whether it stands, and how often it was raised."""
        standing = {raised.alarm for raised in self.standing}
        return [(alarm.value, alarm in standing, self.raised[alarm]) for alarm in Alarm]

    # --- what the parts tell ------------------------------------------------------------------

    def verdict(self, reason: Reason) -> None:
        if reason in _BY_REASON:
            self.happened(*_BY_REASON[reason])

    def held(self, reason: str) -> None:
        self.happened(Alarm.BREAKER_OPEN, reason)

    def state(self, state: OutboxState) -> None:
        if state is OutboxState.REFUSED:
            self.happened(Alarm.TEXTS_REFUSED, "see the column `why` of textback queue")

    def happened(self, alarm: Alarm, detail: str, quiet: float = 0.0) -> None:
        """Count one of these; the first, or the one that makes it too many, raises the alarm."""
        self._tidy()
        raised = self._board.happened(alarm, detail, self._clock(), quiet)
        if raised is None:
            return
        self.raised[alarm] += 1
        log.error("alarm_raised", alarm=alarm.value, because=detail, count=raised.count)
        self._tell(_event(EventKind.ALARM_RAISED, raised, raised.since))
        self._wake.set()
        self._on_change()

    # --- in the daemon ------------------------------------------------------------------------

    async def run(self) -> None:
        """Clear what is over, at its time; until cancelled."""
        while True:
            end = self._board.next_end()
            left = None if end is None else max(0.0, end - self._clock().steady)
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                self._tidy()
            self._wake.clear()

    def _tidy(self) -> None:
        over = self._board.tidy(self._clock())
        for raised in over:
            lasted = raised.last.steady - raised.since.steady
            log.info(
                "alarm_cleared",
                alarm=raised.alarm.value,
                count=raised.count,
                lasted=round(lasted, 1),
            )
            self._tell(_event(EventKind.ALARM_CLEARED, raised, self._clock(), lasted=lasted))
        if over:
            self._on_change()


def _event(kind: EventKind, raised: Raised, at: Moment, **more: float) -> Event:
    return Event(
        kind=kind,
        at=at.utc,
        payload={
            "alarm": raised.alarm.value,
            "because": raised.detail,
            "count": raised.count,
            **{name: round(value, 1) for name, value in more.items()},
        },
    )

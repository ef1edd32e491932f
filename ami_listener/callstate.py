"""What is known of one call while it lives, and how that becomes a `Call` fact.

The ring clock is here too: it starts with the first ring of any phone of this call and stops while
the caller is in a queue, speaks to voicemail, or has a person. All of it is bounded: legs are
counted, not kept; the trail keeps its first and its last lines.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from textback.model import Call, CallKey, Direction, Moment, Outcome, Phase, Presentation

from .event_types import Snapshot
from .outcome import Facts, LegResult, judge_leg, may_become, outcome

#: Seconds; what parts `abandoned` from `no_answer` for a number that is not watched.
DEFAULT_RING_TIMEOUT = 15.0
_MAX_TEXT = 256  # characters of anything taken from an event into a call
_MAX_LINE = 160
_TRAIL_HEAD, _TRAIL_TAIL = 40, 19
_NOBODY = ("", "<unknown>")
_CONTROL = dict.fromkeys((*range(32), 127))


class Trail:
    """What happened, for `why`: the first and the last lines, and how many lie between."""

    __slots__ = ("_head", "_left_out", "_tail")

    def __init__(self) -> None:
        self._head: list[tuple[float, str]] = []
        self._tail: deque[tuple[float, str]] = deque(maxlen=_TRAIL_TAIL)
        self._left_out = 0

    def add(self, seconds: float, text: str) -> None:
        line = (round(seconds, 3), text.translate(_CONTROL)[:_MAX_LINE])
        if len(self._head) < _TRAIL_HEAD:
            self._head.append(line)
            return
        if len(self._tail) == _TRAIL_TAIL:
            self._left_out += 1
        self._tail.append(line)

    def lines(self) -> tuple[tuple[float, str], ...]:
        if not self._left_out:
            return (*self._head, *self._tail)
        gap = (self._tail[0][0], f"({self._left_out} lines left out)")
        return (*self._head, gap, *self._tail)


@dataclass(slots=True)
class RingClock:
    """Seconds since the first ring, standing still while it is stopped."""

    elapsed: float = 0.0
    since: float | None = None  #: steady seconds; None: stopped
    started: bool = False

    def start(self, now: float) -> None:
        if self.since is None:
            self.since = now
            self.started = True

    def stop(self, now: float) -> None:
        if self.since is not None:
            self.elapsed += max(0.0, now - self.since)
            self.since = None

    def resume(self, now: float) -> None:
        if self.started:
            self.start(now)

    def read(self, now: float) -> float:
        return self.elapsed + (max(0.0, now - self.since) if self.since is not None else 0.0)

    def reaches(self, seconds: float) -> float | None:
        """Steady seconds at which it will read `seconds`; None while it stands."""
        return self.since + max(0.0, seconds - self.elapsed) if self.since is not None else None


@dataclass(slots=True, eq=False)
class CallState:
    """One call, keyed by the Uniqueid of the channel that began it."""

    key: CallKey
    direction: Direction
    linkedid: str
    channel: str
    context: str
    caller: str
    caller_name: str
    did: str
    started: Moment
    caller_final: str = ""
    presentation: Presentation = Presentation.UNKNOWN
    ring_timeout: float | None = None  #: seconds; None: the number is not watched
    ringing: Moment | None = None
    answered: Moment | None = None
    dial_since: float | None = None  #: steady seconds of the first dial
    queue_since: float | None = None  #: steady seconds of the first queue entry
    clock: RingClock = field(default_factory=RingClock)
    deadline: float | None = None  #: of the ring timer, steady seconds
    told: set[Phase] = field(default_factory=set)
    # what the outcome is read from
    gap: bool = False
    suspect: bool = False  #: the link was lost during it, and no answer has been ruled out yet
    tainted: str = ""
    late: bool = False
    dial_begun: bool = False  #: the caller's number is final
    dialled: bool = False
    legs: set[str] = field(default_factory=set)  #: phones dialled for it, alive
    open_legs: set[str] = field(default_factory=set)  #: dialled by the caller's own channel
    last_leg: str = ""  #: how the last of those ended
    results: dict[LegResult, int] = field(default_factory=dict)
    queue: str = ""
    in_queue: bool = False
    queue_abandoned: bool = False
    queue_gave_up: bool = False
    fax: bool = False
    voicemail: bool = False
    voicemail_channels: set[str] = field(default_factory=set)
    message_left: bool = False
    parked: bool = False
    paging: str = ""  #: the channel that runs a Page() whose phones can only listen
    machine: bool = False  #: what answers by itself took the caller last
    left: frozenset[str] = frozenset()  #: whom the caller's channel was taken away from
    transferers: frozenset[str] = frozenset()  #: who passed the caller on; empty: settled
    trail: Trail = field(default_factory=Trail)
    handled: str = ""  #: what the dialplan said, see `Call`
    told_missed: str = ""
    told_at: Moment | None = None
    message: str = ""
    verstat: str = ""
    hints: int = 0  #: words of the dialplan taken so far
    ended: Moment | None = None  #: its Hangup, when ENDED still waits for the voicemail's end

    @classmethod
    def born(cls, key: CallKey, direction: Direction, chan: Snapshot, now: Moment) -> CallState:
        caller = clip(chan.caller)
        return cls(
            key=key,
            direction=direction,
            linkedid=chan.linkedid,
            channel=clip(chan.channel),
            context=clip(chan.context),
            caller=caller,
            caller_name=clip(chan.caller_name),
            did=clip(chan.exten),
            started=now,
            caller_final=caller,
        )

    # --- what happens to it ---

    def refresh(self, chan: Snapshot) -> None:
        """A later snapshot of the caller's channel."""
        if self.dial_begun:
            return
        self.caller_final = clip(chan.caller)
        if self.caller in _NOBODY:  # an analog line tells the number after the first ring
            self.caller = self.caller_final
            self.caller_name = clip(chan.caller_name)

    def dials(self, now: Moment) -> None:
        """Dial or Queue begins for it: from here on the caller's number is the dialplan's."""
        self.dial_begun = True
        self.dialled = True
        if self.dial_since is None:
            self.dial_since = now.steady

    def note(self, now: Moment, text: str) -> None:
        self.trail.add(max(0.0, now.steady - self.started.steady), text)

    def count(self, result: LegResult) -> None:
        self.results[result] = self.results.get(result, 0) + 1

    def give_away(self, uniqueid: str, *, rang: bool) -> None:
        """A phone that was dialled for this call now rings for another."""
        if uniqueid in self.legs:
            self.legs.discard(uniqueid)
            self.open_legs.discard(uniqueid)
            self.count(judge_leg("CANCEL", rang=rang, cause=0))

    def taint(self, reason: str, now: Moment) -> None:
        if not self.tainted:
            self.tainted = reason
            self.note(now, f"cannot be trusted: {reason}")

    def arm(self) -> float | None:
        """Set the ring timer from the clock; its deadline, or None when there is none to wait."""
        self.deadline = None
        if (
            self.ring_timeout is not None
            and self.direction is Direction.INBOUND
            and Phase.RING_TIMEOUT not in self.told
        ):
            self.deadline = self.clock.reaches(self.ring_timeout)
        return self.deadline

    # --- what it amounts to ---

    def facts(self, now: Moment) -> Facts:
        limit = self.ring_timeout if self.ring_timeout is not None else DEFAULT_RING_TIMEOUT
        return Facts(
            tainted=bool(self.tainted),
            gap=self.gap or self.suspect,
            human=self.answered is not None,
            parked=self.parked,
            passed_on=bool(self.transferers),
            fax=self.fax,
            voicemail=self.voicemail,
            message_left=self.message_left,
            in_queue=self.in_queue or self.queue_abandoned,
            queue_gave_up=self.queue_gave_up,
            ringing_left=bool(self.open_legs) or self.last_leg == "CANCEL" or self.machine,
            # A timer fires a hair early or late; it must not change the class.
            rang_long=self.clock.started and self.clock.read(now.steady) >= limit - 0.001,
            no_answer=self.results.get(LegResult.NO_ANSWER, 0),
            busy=self.results.get(LegResult.BUSY, 0),
            unreachable=self.results.get(LegResult.UNREACHABLE, 0),
            dialled=self.dialled,
        )

    def outcome(self, now: Moment) -> Outcome:
        return outcome(self.facts(now))

    def _waiting_since(self) -> float:
        """Of the first ring; a queue entered before that counts, however late its phones rang."""
        if self.ringing is not None:
            ringing = self.ringing.steady
            return ringing if self.queue_since is None else min(ringing, self.queue_since)
        begun = [at for at in (self.dial_since, self.queue_since) if at is not None]
        return min(begun, default=self.started.steady)

    def fact(self, phase: Phase, now: Moment, *, late: bool = False) -> Call:
        """The `Call` for `phase`, with all that is known at `now`."""
        facts = self.facts(now)
        verdict = outcome(facts)
        until = self.answered.steady if self.answered is not None else now.steady
        return Call(
            key=self.key,
            phase=phase,
            at=now,
            direction=self.direction,
            linkedid=self.linkedid,
            channel=self.channel,
            context=self.context,
            caller=self.caller,
            caller_name=self.caller_name,
            caller_final=self.caller_final,
            did=self.did,
            presentation=self.presentation,
            started=self.started,
            ringing=self.ringing,
            answered=self.answered,
            outcome=verdict,
            waited=max(0.0, until - self._waiting_since()),
            may_become=frozenset({verdict})
            if phase is Phase.ENDED
            else may_become(facts, suspect=not self.gap),
            queue=self.queue,
            gap=facts.gap,
            tainted=self.tainted,
            late=late or self.late,
            trail=self.trail.lines(),
            handled=self.handled,
            told_missed=self.told_missed,
            told_at=self.told_at,
            message=self.message,
            verstat=self.verstat,
        )


def clip(text: str) -> str:
    return text[:_MAX_TEXT]

"""`textback replay`: a captured AMI stream through events, tracker and decide, on its own clock.

What textback would have done with those calls: the same `Stream` and `Tracker` as the live link,
the same `decide`, and a history (cooldown, caps) made of the texts of this replay alone. Nothing is
sent or stored. Ring timers fire between the messages, at the time they were due.

Two things a trace may not hold, and what is made of that:

* The presentation. The live link asks Asterisk for it and the answers are in its record. A trace
  without a single answer was made by other means: nobody asked, so a call whose presentation is
  not known passes that gate (as under `unknown_presentation = "send"`), and a hint says so. With
  answers for some calls, the others are judged as live.
* The end. A call still open when the trace ends is reported as pending, never guessed at.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ami_listener.stream import Stream
from ami_listener.trace import Overview, Trace
from ami_listener.tracker import Inbound, Tracker
from textback import phone
from textback.config import Config, PbxConfig
from textback.config_load import catch_all
from textback.decide import History, caller_of, decide
from textback.model import Call, CallKey, Moment, Outcome, Phase, Send, Verdict
from textback.store.history import ADJACENT, PREFIX, RECENT

DECIDING = frozenset({Phase.RING_TIMEOUT, Phase.VOICEMAIL, Phase.HINTED, Phase.ENDED})
#: Contexts named in the hint about channels that were born elsewhere.
SHOWN_CONTEXTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRow:
    """One call of the trace. `caller` and `did` are as received, so hostile; `to` is E.164."""

    pbx: str
    uniqueid: str
    caller: str
    did: str
    outcome: str  #: an `Outcome`; "unknown" while the call is still open at the end of the trace
    verdict: str  #: "send", "skip", or "pending": the trace ended before it was decided
    reason: str  #: a `Reason`; "trace_ended" when pending
    time: str  #: of the verdict, ISO 8601 in UTC; "" when pending
    to: str = ""  #: who would be texted
    found: str = ""  #: what the gate that failed found, in words

    def as_json(self) -> str:
        """One object on one line."""
        return json.dumps(asdict(self), ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class _Decided:
    verdict: Verdict
    at: datetime


class Texts:
    """The history a replay has: its own texts."""

    def __init__(self) -> None:
        self._recent: dict[tuple[str, str], deque[datetime]] = {}
        self._day: deque[tuple[datetime, str]] = deque()
        self._last: dict[str, datetime] = {}

    def before(self, caller: str, number: str, now: datetime) -> History:
        while self._day and self._day[0][0] <= now - timedelta(days=1):
            self._day.popleft()
        hour = [(at, to) for at, to in self._day if at > now - timedelta(hours=1)]
        others = {to for _, to in hour if to != caller and len(to) == len(caller)}
        recent = tuple(self._recent.get((caller, number), ()))
        return History(
            last_text=recent[0] if recent else None,
            last_minute=sum(at > now - timedelta(minutes=1) for at, _ in hour),
            last_hour=len(hour),
            last_day=len(self._day),
            recent_texts=recent,
            automatic=recent,
            last_anywhere=self._last.get(caller),
            adjacent=sum(to[:-ADJACENT] == caller[:-ADJACENT] for to in others),
            same_prefix=sum(to[:-PREFIX] == caller[:-PREFIX] for to in others),
        )

    def sent(self, caller: str, number: str, now: datetime) -> None:
        self._recent.setdefault((caller, number), deque(maxlen=RECENT)).appendleft(now)
        self._day.append((now, caller))
        self._last[caller] = now


class Replay(Iterator[ReplayRow]):
    """Iterate once for the rows; afterwards `hints` says what to bear in mind about them."""

    def __init__(
        self,
        path: Path,
        config: Config | None = None,
        *,
        pbx: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """`pbx` chooses among several [[pbx]]; "" is the first. Raises OSError, ValueError."""
        self.hints: list[str] = []
        self._given = config is not None
        self._config = config if config is not None else catch_all()
        self._pbx = _choose(self._config, pbx)
        self._inbound = Inbound(
            contexts=frozenset(self._pbx.inbound_contexts),
            endpoints=frozenset(self._pbx.inbound_endpoints),
        )
        self._stream = Stream(self._tracker)
        self._texts = Texts()
        self._open: dict[CallKey, Call] = {}
        self._decided: dict[CallKey, _Decided] = {}
        self._trace = Trace(path, progress)
        self._rows = self._run()

    def __next__(self) -> ReplayRow:
        return next(self._rows)

    def _tracker(self, boot: str) -> Tracker:
        return Tracker(
            pbx=self._pbx.name,
            boot=boot,
            inbound=self._inbound,
            watch=self._watch,
            not_human=self._pbx.not_human,
        )

    def _watch(self, did: str) -> float | None:
        number = self._config.number_for(did)
        return number.ring_timeout if number is not None else None

    def _run(self) -> Iterator[ReplayRow]:
        overview = self._trace.look()
        unknown = "skip" if overview.presentation_asked else "send"
        if unknown == "send":
            changed = self._pbx.model_copy(update={"unknown_presentation": unknown})
            others = tuple(p for p in self._config.pbx if p.name != changed.name)
            self._config = self._config.model_copy(update={"pbx": (changed, *others)})
        last: Moment | None = None
        for raw, now in self._trace.messages():
            if last is None:
                self._stream.identify(overview.boot, now)
            last = now
            yield from self._facts(self._stream.message(raw, now))
        if last is not None:
            yield from self._facts(self._stream.advance(last))
        for call in self._open.values():
            yield self._row(call, still_open=True)
        self.hints += self._say(overview)

    def _facts(self, calls: list[Call]) -> Iterator[ReplayRow]:
        for call in calls:
            if call.phase in DECIDING and call.key not in self._decided:
                self._judge(call)
            if call.final:
                yield self._row(call)
                self._open.pop(call.key, None)
                self._decided.pop(call.key, None)
            else:
                self._open[call.key] = call

    def _judge(self, call: Call) -> None:
        now = call.at.utc
        number = self._config.number_for(call.did)
        caller = caller_of(call, self._config).e164 or ""
        did = number.did if number is not None else ""
        verdict = decide(call, self._texts.before(caller, did, now), self._config, now)
        if verdict is None:
            return
        self._decided[call.key] = _Decided(verdict, now)
        if isinstance(verdict, Send):
            self._texts.sent(caller, did, now)

    def _row(self, call: Call, *, still_open: bool = False) -> ReplayRow:
        decided = self._decided.get(call.key)
        verdict = decided.verdict if decided is not None else None
        failed = next((g for g in verdict.gates if not g.passed), None) if verdict else None
        return ReplayRow(
            pbx=call.key.pbx,
            uniqueid=call.key.uniqueid,
            caller=call.caller,
            did=call.did,
            outcome=(Outcome.UNKNOWN if still_open else call.outcome).value,
            verdict=_word(verdict),
            reason=verdict.reason.value if verdict is not None else "trace_ended",
            time=_iso(decided.at) if decided is not None else "",
            to=verdict.to if isinstance(verdict, Send) else "",
            found=f"{failed.value} ({failed.rule})" if failed is not None else "",
        )

    def _say(self, overview: Overview) -> list[str]:
        """What to bear in mind, one sentence each."""
        hints = []
        if not overview.messages:
            return ["no AMI message was found: is this what an Asterisk manager port sends?"]
        if overview.first is None:
            hints.append(
                "no message carries a Timestamp, so no length of time is known: set "
                "timestampevents = yes in [general] of manager.conf and capture again"
            )
        if not overview.presentation_asked:
            hints.append(
                "Asterisk was never asked whether callers withheld their numbers, so calls of "
                "which that is not known were let through; the live service asks"
            )
        if elsewhere := self._stream.unlisted(self._inbound):
            hints.append(self._elsewhere(elsewhere))
        if not self._given:
            hints.append(
                "no configuration was given: every number counts as watched, with the defaults, "
                f"and numbers without + are read as in {self._config.business.country}"
            )
        if overview.fragments or overview.oversized:
            hints.append(
                f"{overview.fragments} messages were cut off and {overview.oversized} were too "
                "long; they were left out"
            )
        if overview.damaged:
            hints.append(f"the file ends early: {overview.damaged}")
        return hints

    def _elsewhere(self, births: Mapping[str, int]) -> str:
        names = [f"{phone.printable(context) or '(none)'} ({n})" for context, n in births.items()]
        shown = ", ".join(names[:SHOWN_CONTEXTS])
        more = ", ..." if len(names) > SHOWN_CONTEXTS else ""
        return (
            f"channels began in contexts that do not count as inbound: {shown}{more}; if calls "
            "from outside begin in one of them, add it to inbound_contexts of [[pbx]]"
        )


def _choose(config: Config, name: str) -> PbxConfig:
    if name:
        found = config.pbx_named(name)
        if found is None:
            raise ValueError(f"there is no [[pbx]] named {name!r}")
        return found
    return config.pbx[0] if config.pbx else PbxConfig()


def _word(verdict: Verdict | None) -> str:
    if verdict is None:
        return "pending"
    return "send" if isinstance(verdict, Send) else "skip"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

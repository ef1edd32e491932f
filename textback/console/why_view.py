"""One call's story as the page tells it: headline, gates by subject, a bar of time, lives of texts.

Only arranges what `CallStory` has; the words are `call_words`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textback.console.call_words import GATES, GROUPS, REASONS
from textback.console.i18n import _
from textback.model import (
    CallStory,
    Gate,
    OutboxRow,
    OutboxState,
    Outcome,
    Reason,
    ReceiptState,
    StoryEvent,
    TextKind,
)
from textback.why import timeline
from textback.why_json import texts_of

#: Units of the bar's width.
WIDTH = 1000.0
#: What happened to the call; the rest is the life of its texts.
_OF_CALL = frozenset({"call", "dialplan", "verdict"})


@dataclass(frozen=True, slots=True)
class Headline:
    """What became of it, in a few words."""

    text: str
    kind: str  #: ok warn bad info quiet
    icon: str


@dataclass(frozen=True, slots=True)
class GateGroup:
    """Gates about one thing, in their order."""

    title: str
    gates: Sequence[Gate]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the bar: what the caller lived through."""

    kind: str  #: wait ring talk
    x: float
    width: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The call from its first to its last moment, drawn to scale."""

    stretches: Sequence[Stretch]
    verdict: float | None  #: where it was decided, None: afterwards
    seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a text's way."""

    label: str
    at: datetime | None
    state: str  #: done now bad todo


@dataclass(frozen=True, slots=True)
class TextLife:
    """A text of the call, and how far it came."""

    row: OutboxRow
    steps: Sequence[Step]


def headline(story: CallStory) -> Headline:
    if story.verdict == "pending":
        if story.ended is None:
            if story.answered is None:
                return Headline(_("Ringing now"), "info", "calls")
            return Headline(_("Still going on"), "info", "calls")
        return Headline(_("Nothing was decided"), "quiet", "info")
    if story.verdict == "skip":
        if story.reason == Reason.ANSWERED.value:
            return Headline(_("Answered, so no text"), "ok", "check")
        said = REASONS.get(Reason(story.reason)) if story.reason in _REASONS else None
        reason = _(said.short) if said is not None else story.reason
        return Headline(_("Not texted: %(reason)s") % {"reason": reason}, "warn", "block")
    state = story.outbox.state if story.outbox is not None else None
    return _of_state(state)


_REASONS = frozenset(reason.value for reason in Reason)


def _of_state(state: OutboxState | None) -> Headline:
    match state:
        case OutboxState.DELIVERED:
            return Headline(_("Texted, and it arrived"), "ok", "double-check")
        case OutboxState.ACCEPTED:
            return Headline(_("Texted"), "ok", "check")
        case OutboxState.QUEUED | OutboxState.SENDING:
            return Headline(_("About to be texted"), "info", "clock")
        case OutboxState.UNDELIVERED | OutboxState.REFUSED:
            return Headline(_("Texted, but it did not arrive"), "bad", "warn")
        case OutboxState.UNCERTAIN:
            return Headline(_("Texted, perhaps: no answer came"), "warn", "warn")
        case OutboxState.HELD:
            return Headline(_("To be texted, but held back"), "warn", "clock")
        case OutboxState.SHADOW:
            return Headline(_("Would have been texted (shadow)"), "info", "info")
        case None:
            return Headline(_("To be texted"), "info", "info")
        case _:
            return Headline(_("To be texted, and then not needed"), "quiet", "undo")


def groups(gates: Sequence[Gate]) -> list[GateGroup]:
    """The gates that were asked, by what they are about; each keeps its place."""
    found: list[tuple[str, list[Gate]]] = []
    known = list(GATES)
    starts = {name: known.index(name) for name in GROUPS}
    for gate in gates:
        place = known.index(gate.name) if gate.name in GATES else 0
        title = next(
            (GROUPS[name] for name, start in reversed(starts.items()) if start <= place), ""
        )
        if not found or found[-1][0] != title:
            found.append((title, []))
        found[-1][1].append(gate)
    return [GateGroup(title, tuple(some)) for title, some in found]


def unasked(gates: Sequence[Gate]) -> list[str]:
    """What was not asked any more: the first "no" decides."""
    if not gates or gates[-1].passed or gates[-1].name not in GATES:
        return []
    known = list(GATES)
    return [GATES[name] for name in known[known.index(gates[-1].name) + 1 :]]


def bar(story: CallStory, now: datetime) -> Bar | None:
    """None for a call that took no time, or of which a part was not seen: it would draw a lie."""
    if story.outcome is Outcome.UNKNOWN:
        return None
    end = story.ended or now
    whole = (end - story.started).total_seconds()
    if whole <= 0:
        return None

    def x(at: datetime) -> float:
        return min(max((at - story.started).total_seconds() / whole, 0.0), 1.0) * WIDTH

    turns = [("wait", story.started)]
    if story.ringing is not None:
        turns.append(("ring", story.ringing))
    if story.answered is not None:
        turns.append(("talk", story.answered))
    stretches = []
    for place, (kind, begins) in enumerate(turns):
        ends = turns[place + 1][1] if place + 1 < len(turns) else end
        seconds = max(0.0, (ends - begins).total_seconds())
        stretches.append(Stretch(kind, x(begins), max(0.0, x(ends) - x(begins)), seconds))
    decided = story.decided
    inside = decided is not None and story.started <= decided <= end and story.verdict == "send"
    return Bar(stretches, x(decided) if inside and decided is not None else None, whole)


def moments(story: CallStory) -> tuple[list[StoryEvent], list[StoryEvent]]:
    """What happened to the call, and what became of its texts, the oldest first."""
    events = timeline(story)
    return (
        [event for event in events if event.kind in _OF_CALL],
        [event for event in events if event.kind not in _OF_CALL],
    )


def zero(story: CallStory) -> datetime:
    """From when seconds are counted: the first ring, else the start."""
    return story.ringing or story.started


# --- texts ----------------------------------------------------------------------------------------

#: How far a text came, by its state: stages behind it, and whether the next went wrong.
_REACHED: dict[OutboxState, tuple[int, bool]] = {
    OutboxState.QUEUED: (1, False),
    OutboxState.SENDING: (2, False),
    OutboxState.ACCEPTED: (3, False),
    OutboxState.DELIVERED: (4, False),
    OutboxState.UNDELIVERED: (3, True),
    OutboxState.REFUSED: (2, True),
    OutboxState.UNCERTAIN: (2, True),
    OutboxState.EXPIRED: (1, True),
    OutboxState.HELD: (1, True),
    OutboxState.DROPPED: (1, True),
    OutboxState.CANCELLED: (1, True),
    OutboxState.SHADOW: (1, True),
}


def lives(story: CallStory) -> list[TextLife]:
    """Every text of the call with the stages of its way."""
    return [TextLife(row, _steps(row, story)) for row in texts_of(story)]


def _steps(row: OutboxRow, story: CallStory) -> list[Step]:
    reached, wrong = _REACHED[row.state]
    mine = row.kind is TextKind.MISSED or len(texts_of(story)) == 1
    taken = _first(story, "attempt", ": accepted") if mine else None
    arrived = _first(story, "receipt", ReceiptState.DELIVERED.value) if mine else None
    answered = _first(story, "reply", "") if mine else None
    told = (
        (_("Written"), row.created),
        (_("Handed over"), row.claimed),
        (_("Taken by the carrier"), taken),
        (_("Arrived"), arrived),
        (_("Wrote back"), answered),
    )
    if answered is not None:
        # Whoever writes back has read it, whatever the receipts say.
        reached, wrong = 5, False
    steps = []
    for place, (label, at) in enumerate(told, start=1):
        state = "done" if place <= reached else "todo"
        if place == reached + 1 and reached < 4:
            state = "bad" if wrong else "now"
        steps.append(Step(label, at if state == "done" else None, state))
    return steps


def _first(story: CallStory, kind: str, words: str) -> datetime | None:
    return next((e.at for e in story.events if e.kind == kind and words in e.text), None)

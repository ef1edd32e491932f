"""What is told of a call or a text: all that is known, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from textback.model.call import CallKey, Direction, Outcome, Source
from textback.model.outbox import OutboxRow
from textback.model.people import CallbackCase
from textback.model.verdict import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEvent:
    """One line of a story: when, what kind, and the sentence."""

    at: datetime
    kind: str  #: call | dialplan | verdict | outbox | attempt | receipt | reply | operator
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStory:
    """All that is known of one call, from its first ring to the caller's reply."""

    call_id: int
    key: CallKey
    direction: Direction
    caller: str  #: E.164 where it could be read, else as received
    caller_name: str
    did: str
    number_label: str
    started: datetime
    ringing: datetime | None
    answered: datetime | None
    ended: datetime | None
    outcome: Outcome | None  #: None while the call lives
    waited: float
    trail: tuple[tuple[float, str], ...]
    verdict: str  #: "send" | "skip" | "pending"
    reason: str
    gates: tuple[Gate, ...]
    decided: datetime | None
    outbox: OutboxRow | None  #: the text to the missed caller; without one the first of `texts`
    events: tuple[StoryEvent, ...]
    texts: tuple[OutboxRow, ...] = ()  #: every text of the call, at most one of each kind
    source: Source = Source.AMI
    late: bool = False  #: learnt after the fact
    gap: bool = False  #: part of it was not seen
    # What the dialplan said of it, as in `Call`; "" for nothing.
    handled: str = ""
    told_missed: str = ""
    message: str = ""
    verstat: str = ""
    case: CallbackCase | None = None  #: the one this missed call belongs to


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStory:
    """The life of a text that belongs to no call (`send-test`)."""

    outbox: OutboxRow
    events: tuple[StoryEvent, ...]

"""A conversation as people read it: a line of the inbox, and all that was written and called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from textback.model.call import Direction, Outcome
from textback.model.outbox import OutboxState
from textback.model.talk import PhoneState, Request, Review
from textback.model.verdict import TextKind


class InboxList(StrEnum):
    """Which conversations are listed, and in which order."""

    NEEDS_YOU = "needs_you"  #: a text waits for a person's answer; who waits longest first
    UNREAD = "unread"  #: nobody has looked; the newest first
    ALL = "all"  #: the newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A handset and one of our numbers, and how it stands between them."""

    id: int
    handset: str
    ours: str  #: our number as the handset sees it
    number: str  #: did of the [[number]], "" for none
    route: str  #: on which the handset last wrote
    name: str = ""  #: of the handset in the contacts
    opened: datetime
    last: datetime  #: newest text either way
    last_in: datetime | None = None
    last_out: datetime | None = None
    unread: int = 0
    waits_since: datetime | None = None  #: since when a text waits for a person's answer
    text: str = ""  #: the newest text either way, as much as a list shows
    text_in: bool = False  #: the handset wrote it
    text_state: OutboxState | None = None  #: where it stands, when we wrote it
    opted_out: str = ""  #: how and since when; "" when it may be texted
    organization: str = ""  #: of the handset in the contacts
    tags: tuple[str, ...] = ()  #: of the handset in the contacts, "vip" among them
    review: bool = False  #: a text in it may be an opt-out, and nobody has decided

    @property
    def cursor(self) -> tuple[datetime, int]:
        """Where this one stands in a list that is not of those who wait."""
        return self.last, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneTold:
    """What became of telling one desk phone of a text."""

    pbx: str
    endpoint: str
    state: PhoneState
    attempts: int
    changed: datetime
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextIn:
    """A text from the handset."""

    id: int
    at: datetime
    text: str  #: "" while parts of it are awaited
    parts: int = 1
    missing: int = 0
    waits: bool = False  #: for its other parts
    request: Request | None = None
    review: Review = Review.NONE
    keyword: str = ""
    route: str = ""
    #: When the carrier delivered it again; shown once.
    repeats: tuple[datetime, ...] = ()
    phones: tuple[PhoneTold, ...] = ()  #: desk phones that are told of it


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOut:
    """A text to the handset."""

    id: int
    at: datetime  #: when it left, else when it was written
    text: str
    kind: TextKind
    state: OutboxState
    reason: str = ""
    author: str = ""  #: who wrote it; "" for a rule
    segments: int = 0
    call_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBetween:
    """A call between the handset and this number."""

    id: int
    at: datetime
    direction: Direction
    outcome: Outcome | None  #: None while it lives
    answered: datetime | None = None
    waited: float = 0.0
    called_back: bool = False  #: the business reached the handset by it


Line = TextIn | TextOut | CallBetween


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A thread with what was said in it, in order; `more`: older lines were left out."""

    thread: Thread
    lines: tuple[Line, ...]
    more: bool = False

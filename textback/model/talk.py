"""A conversation by text: what came in put together, what it asks for, and what phones are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Review(StrEnum):
    """Whether a person has to say if a text that came in was an opt-out."""

    NONE = "none"  #: nothing doubtful about it
    OPEN = "open"
    OPTED_OUT = "opted_out"  #: a person said that it was one
    DISMISSED = "dismissed"  #: a person said that it was none


class Request(StrEnum):
    """What a text that came in asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text that came in, understood."""

    request: Request | None = None
    review: bool = False  #: it may be an opt-out: a person is to say
    keyword: str = ""  #: name of the first [[keyword]] rule that fits
    why: str = ""  #: which words did it, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A text from a handset, put together from its parts as far as they have come."""

    id: int
    thread_id: int
    route: str
    sender: str  #: the handset, E.164 where it could be read
    recipient: str  #: our number as the carrier spells it
    number: str  #: did of the [[number]] it belongs to, "" for none
    text: str
    at: datetime
    parts: int = 1
    missing: int = 0  #: parts that have not come


class PhoneState(StrEnum):
    """What became of telling a desk phone of a text."""

    QUEUED = "queued"
    SENT = "sent"  #: Asterisk took it (MessageSend answered Success)
    FAILED = "failed"  #: given up: the phone is not there, or Asterisk refuses

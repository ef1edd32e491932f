"""A conversation by text: what came in put together, what it asks for, and what phones are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from textback.model.moment import Moment


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
    word: str = ""  #: of that rule, the one that stood in the text
    why: str = ""  #: which words did it, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A text from a handset, put together from its parts as far as they have come."""

    id: int
    thread_id: int
    route: str
    sender: str  #: the handset, E.164 where it could be read
    recipient: str  #: our number as the carrier spells it
    ours: str  #: the same as the handset sees it: the sender of every answer
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneMessage:
    """A text that came in, on its way to one desk phone."""

    id: int
    pbx: str
    endpoint: str  #: as a dialplan dials it: "PJSIP/101"
    handset: str  #: who wrote
    ours: str  #: to which number of ours
    number: str  #: did of the [[number]]
    name: str  #: the handset's in the contacts, "" for none
    text: str
    missing: int  #: parts that did not come
    parts_done: int  #: SIP MESSAGEs of it that Asterisk took
    attempts: int
    created: datetime


class PhoneResult(StrEnum):
    """What came of handing a desk phone one SIP MESSAGE."""

    TOOK = "took"  #: Asterisk sent it; whether the phone took it AMI does not tell
    AWAY = "away"  #: not registered, or known not to answer
    REFUSED = "refused"  #: Asterisk would not send it
    DENIED = "denied"  #: the manager user lacks `write = message`
    DOWN = "down"  #: the AMI link is down, or gave no answer in time


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneAnswer:
    """The result with its reason in words."""

    result: PhoneResult
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneText:
    """A SIP MESSAGE of a desk phone, as the dialplan's hook read it. All strings are hostile, but
    for `endpoint` when `vouched`."""

    pbx: str  #: that the hook's URL names, "" for none
    endpoint: str  #: "PJSIP/101"
    vouched: bool  #: the dialplan named the endpoint itself; else it is the user part of From
    handset: str  #: the user part of the request-URI, which is the extension
    text: str
    at: Moment

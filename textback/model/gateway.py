"""A text on its way to the carrier: what is asked of the gateway, and the four answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the gateway is asked to submit: plain text, nothing of encodings."""

    row_id: int
    to: str
    sender: str
    text: str
    expires: datetime
    reference: int  #: 16 bits
    parts_done: frozenset[int] = frozenset()
    receipt: bool = True


@dataclass(frozen=True, slots=True)
class PartId:
    """An accepted part: its 1-based number of `total`, and the message_id exactly as received."""

    number: int
    total: int
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Every part was answered with command_status 0."""

    parts: tuple[PartId, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The SMSC will never take this message: do not try again."""

    status: int  #: command_status; 0 when refused before it was sent (cannot be encoded...)
    name: str  #: ESME_RINVDSTADR...
    detail: str
    parts: tuple[PartId, ...] = ()  #: parts accepted before the refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Not now: no byte of the unanswered parts is with the SMSC. Again after `after` seconds."""

    after: float
    detail: str
    status: int = 0
    name: str = ""
    counts: bool = True  #: False when the link, not the message, is to blame (throttled, unbound)
    parts: tuple[PartId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """Bytes went out and no answer came: it may or may not be with the SMSC."""

    detail: str
    parts: tuple[PartId, ...] = ()  #: parts that were answered


Submission = Accepted | Refused | Later | Unsure

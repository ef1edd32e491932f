"""A call that a click begins: the phone of whoever clicked rings, then the number is dialled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DialStage(StrEnum):
    """How far such a call has come. From `OVER` on it is over."""

    ASKED = "asked"  #: Asterisk was told to ring the phone
    RINGING = "ringing"  #: the phone rings
    CALLING = "calling"  #: it was picked up, and the number is being dialled
    SPEAKING = "speaking"  #: whoever was called has answered
    OVER = "over"  #: hung up after that
    NOT_REACHED = "not_reached"  #: hung up before whoever was called answered
    NO_ANSWER = "no_answer"  #: the phone was not picked up
    BUSY = "busy"  #: the phone was busy, or declined
    UNREACHABLE = "unreachable"  #: the phone could not be rung at all
    LOST = "lost"  #: the link to Asterisk went down; what became of it is not known

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {
        *(DialStage.OVER, DialStage.NOT_REACHED, DialStage.NO_ANSWER),
        *(DialStage.BUSY, DialStage.UNREACHABLE, DialStage.LOST),
    }
)


class DialRefusal(StrEnum):
    """Why a click calls nobody."""

    OFF = "off"  #: no `dial_context`: the admin has not allowed it
    NO_PHONE = "no_phone"  #: the user has no desk phone
    NO_PBX = "no_pbx"  #: the user's phone is of no PBX that allows it, or of several
    DENIED = "denied"  #: the manager user lacks `write = originate`
    DOWN = "down"  #: no link to Asterisk now
    UNREACHABLE = "unreachable"  #: the user's phone is not registered
    NUMBER = "number"  #: not a number that is called back
    NO_WAY = "no_way"  #: `dial_context` does not know the number
    BUSY = "busy"  #: a call of this user is under way
    TOO_MANY = "too_many"  #: of this user in the last minute
    REFUSED = "refused"  #: Asterisk would not, see the detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """One such call as it stands."""

    id: str  #: the Uniqueid of the phone's channel
    phone: str  #: "PJSIP/101"
    number: str  #: whom it is for, E.164
    stage: DialStage
    at: datetime  #: of the click


class DialRefusedError(Exception):
    """Nobody was called; `detail` is for the log, and names no number."""

    def __init__(self, reason: DialRefusal, detail: str = "") -> None:
        super().__init__(detail or reason.value)
        self.reason = reason
        self.detail = detail

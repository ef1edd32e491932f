"""The states of one SMPP session and the facts it reports: a table and plain values.

The states are those of SMPP 3.4 section 2.2, seen from the ESME, with the two ways of taking leave
told apart. `TRANSITIONS` is the whole machine; a pair that is absent does not happen, whatever the
SMSC sends: octets that would cause it are counted and answered, never obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Literal, TypeVar

from sms_gateway.pdu import Pdu

KeyT = TypeVar("KeyT")
Role = Literal["transceiver", "transmitter", "receiver"]

MAX_SEQUENCE = 0x7FFFFFFF  #: section 3.2; then from 1 again
INTERFACE_VERSION = 0x34
#: Silent submits remembered for an answer that comes late.
MAX_REMEMBERED = 4096
#: Seconds to wait for open answers after the SMSC said unbind, before we agree.
LEAVE_GRACE = 2.0

ROK = 0x00
RINVCMDID = 0x03


class State(StrEnum):
    OPEN = "open"  #: nothing sent yet
    BINDING = "binding"
    BOUND = "bound"
    UNBINDING = "unbinding"  #: we said unbind
    LEAVING = "leaving"  #: the SMSC said unbind, answers are still open
    CLOSED = "closed"


class Step(StrEnum):
    BIND_SENT = "bind_sent"
    BIND_ACCEPTED = "bind_accepted"
    UNBIND_SENT = "unbind_sent"
    UNBIND_RECEIVED = "unbind_received"
    CLOSE = "close"  #: refused, answered, drained, dead, broken or lost: `Closing` says which


TRANSITIONS: dict[State, dict[Step, State]] = {
    State.OPEN: {Step.BIND_SENT: State.BINDING, Step.CLOSE: State.CLOSED},
    State.BINDING: {Step.BIND_ACCEPTED: State.BOUND, Step.CLOSE: State.CLOSED},
    State.BOUND: {
        Step.UNBIND_SENT: State.UNBINDING,
        Step.UNBIND_RECEIVED: State.LEAVING,
        Step.CLOSE: State.CLOSED,
    },
    State.UNBINDING: {Step.CLOSE: State.CLOSED},
    State.LEAVING: {Step.CLOSE: State.CLOSED},
    State.CLOSED: {},
}


class Ending(StrEnum):
    """Why a session closed."""

    REFUSED = "refused"  #: error answer to our bind; `status` says which
    UNSENDABLE = "unsendable"  #: our own name or password does not fit in a bind
    UNBOUND = "unbound"  #: by the SMSC
    STOPPED = "stopped"  #: by us
    TIMEOUT = "timeout"  #: no answer to our bind
    DEAD = "dead"  #: no sign of life
    BROKEN = "broken"  #: what it sent is not SMPP
    LOST = "lost"  #: TCP or TLS ended first


@dataclass(frozen=True, slots=True)
class Bound:
    """The SMSC accepted our bind."""

    smsc: str  #: its system_id


@dataclass(frozen=True, slots=True)
class Answered(Generic[KeyT]):
    """A submit was answered: `status` 0 and a message id, or an error."""

    key: KeyT
    status: int
    message_id: str  #: exactly as received
    sent_at: float
    late: bool = False  #: `Unanswered` was reported before


@dataclass(frozen=True, slots=True)
class Unanswered(Generic[KeyT]):
    """A submit was written and no answer came: it may or may not be with the SMSC."""

    key: KeyT
    detail: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A deliver_sm or data_sm, to be answered by `Session.respond`."""

    pdu: Pdu


@dataclass(frozen=True, slots=True)
class Closing:
    """The session is over: send what is left, close the connection."""

    ending: Ending
    detail: str
    status: int = 0


Event = Bound | Answered[KeyT] | Unanswered[KeyT] | Incoming | Closing

"""What Asterisk told us, as frozen values: one type for each event the tracker uses.

`at` is the Timestamp header (epoch seconds; manager.conf `timestampevents = yes`), else None.
Texts are as received: hostile, and never longer than a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple


class ChannelState(IntEnum):
    """AST_STATE_* (include/asterisk/channelstate.h)."""

    DOWN = 0
    RESERVED = 1
    OFFHOOK = 2
    DIALING = 3
    RING = 4  #: the far end called us and waits
    RINGING = 5  #: we called the far end and it rings
    UP = 6
    BUSY = 7


class Snapshot(NamedTuple):
    """The lines every channel event carries about its channel.

    A tuple, because it is made for every event: a frozen dataclass of eight fields takes three
    times as long.
    """

    uniqueid: str
    linkedid: str
    channel: str
    state: int  #: a `ChannelState`, or -1 when it was no number
    caller: str  #: CallerIDNum
    caller_name: str
    context: str
    exten: str


@dataclass(frozen=True, slots=True)
class BridgeInfo:
    """The lines every bridge event carries about its bridge."""

    id: str
    type: str  #: basic, base, parking, stasis...
    technology: str  #: simple_bridge, native_rtp, softmix, holding_bridge...


@dataclass(frozen=True, slots=True)
class NewChannel:
    at: float | None
    chan: Snapshot


@dataclass(frozen=True, slots=True)
class NewState:
    at: float | None
    chan: Snapshot


@dataclass(frozen=True, slots=True)
class NewCallerId:
    at: float | None
    chan: Snapshot
    presentation: str  #: CID-CallingPres: "0 (Presentation Allowed, Not Screened)"


@dataclass(frozen=True, slots=True)
class DialBegin:
    at: float | None
    caller: Snapshot | None  #: None: an Originate, nobody's call
    dest: Snapshot
    dial_string: str


@dataclass(frozen=True, slots=True)
class DialState:
    at: float | None
    caller: Snapshot | None
    dest: Snapshot
    status: str  #: RINGING PROCEEDING PROGRESS; since Asterisk 14


@dataclass(frozen=True, slots=True)
class DialEnd:
    at: float | None
    caller: Snapshot | None
    dest: Snapshot
    status: str  #: ANSWER NOANSWER CANCEL BUSY CONGESTION CHANUNAVAIL ABORT CONTINUE GOTO:...
    forward: str  #: where the phone sent the call instead, else ""


@dataclass(frozen=True, slots=True)
class BridgeEnter:
    at: float | None
    bridge: BridgeInfo
    chan: Snapshot


@dataclass(frozen=True, slots=True)
class BridgeLeave:
    at: float | None
    bridge: BridgeInfo
    chan: Snapshot


@dataclass(frozen=True, slots=True)
class BridgeMerge:
    at: float | None
    to: BridgeInfo
    gone: BridgeInfo  #: its members are in `to` now


@dataclass(frozen=True, slots=True)
class BridgeDestroy:
    at: float | None
    bridge: BridgeInfo


@dataclass(frozen=True, slots=True)
class LocalBridge:
    """The two halves of a Local channel are joined."""

    at: float | None
    one: Snapshot
    two: Snapshot


@dataclass(frozen=True, slots=True)
class Rename:
    """A masquerade at work, three of these each time; name and Uniqueid stay paired."""

    at: float | None
    uniqueid: str
    channel: str
    new_name: str


@dataclass(frozen=True, slots=True)
class Pickup:
    at: float | None
    chan: Snapshot  #: the picker
    target: Snapshot  #: the phone that rang


@dataclass(frozen=True, slots=True)
class BlindTransfer:
    at: float | None
    success: bool
    transferer: Snapshot
    transferee: Snapshot | None  #: None when more than two were in the bridge
    exten: str


@dataclass(frozen=True, slots=True)
class AttendedTransfer:
    at: float | None
    success: bool
    transferers: tuple[Snapshot, ...]  #: both channels of the one who transfers
    transferee: Snapshot | None
    dest_type: str  #: Bridge App Link Threeway Fail


class ParkingStep(StrEnum):
    PARKED = "ParkedCall"
    TIMED_OUT = "ParkedCallTimeOut"
    GAVE_UP = "ParkedCallGiveUp"
    RETRIEVED = "UnParkedCall"


@dataclass(frozen=True, slots=True)
class ParkedCall:
    """All four parking events; `step` says which."""

    at: float | None
    step: ParkingStep
    parkee: Snapshot
    space: str


@dataclass(frozen=True, slots=True)
class QueueCallerJoin:
    at: float | None
    chan: Snapshot
    queue: str


@dataclass(frozen=True, slots=True)
class QueueCallerLeave:
    at: float | None
    chan: Snapshot
    queue: str


@dataclass(frozen=True, slots=True)
class QueueCallerAbandon:
    at: float | None
    chan: Snapshot
    queue: str


@dataclass(frozen=True, slots=True)
class VarSet:
    """One of the few variables that matter (`events.VARIABLES`), leading underscores removed."""

    at: float | None
    chan: Snapshot
    variable: str
    value: str


@dataclass(frozen=True, slots=True)
class UserEvent:
    """UserEvent(TextBack,...) of the dialplan; the words behind the name are whatever it says."""

    at: float | None
    chan: Snapshot
    action: str  #: "missed", "handled", "message", "optout", "optin", "offer"
    message: str  #: name of a [[message]], else ""


@dataclass(frozen=True, slots=True)
class NewExten:
    """One of the few applications that matter (`events.APPLICATIONS`) begins."""

    at: float | None
    chan: Snapshot
    application: str
    data: str


@dataclass(frozen=True, slots=True)
class MessageWaiting:
    at: float | None
    uniqueid: str  #: of the channel that left the message, "" when none was involved
    mailbox: str
    new: int


@dataclass(frozen=True, slots=True)
class Hangup:
    at: float | None
    chan: Snapshot
    cause: int  #: Q.850
    #: CALLERID(num-pres) as `channelvars` of manager.conf adds it; "" when it does not
    presentation: str = ""


@dataclass(frozen=True, slots=True)
class FullyBooted:
    at: float | None
    uptime: float | None  #: seconds; since Asterisk 16


@dataclass(frozen=True, slots=True)
class Shutdown:
    at: float | None
    restart: bool


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One line of CoreShowChannels."""

    at: float | None
    chan: Snapshot
    bridge: str  #: id of the bridge it is in, else ""
    application: str
    data: str
    duration: float  #: seconds since its birth, whole
    action_id: str


@dataclass(frozen=True, slots=True)
class PresentationAnswer:
    """The answer to our own Getvar CALLERID(num-pres), or what FreePBX kept of it."""

    at: float | None
    uniqueid: str
    value: str  #: allowed*, prohib*, unavailable; "" when Asterisk could not say


@dataclass(frozen=True, slots=True)
class OriginateResponse:
    """How an Originate of ours ended; `call_id` is what its ActionID says."""

    at: float | None
    call_id: str
    success: bool


@dataclass(frozen=True, slots=True)
class Tainted:
    """An event that is malformed or forged. No Uniqueid it names may ever be texted.

    `event` is what it would say, numbers cleaned, when at least its identity is beyond doubt: to
    keep state in step (a Hangup frees a channel), never to text by.
    """

    at: float | None
    name: str
    uniqueids: tuple[str, ...]
    reason: str
    event: CallEvent | None = None
    piece: Snapshot | None = None  #: of a torn event, what this part of it says ("" and -1: not)


CallEvent = (
    NewChannel
    | NewState
    | NewCallerId
    | DialBegin
    | DialState
    | DialEnd
    | BridgeEnter
    | BridgeLeave
    | BridgeMerge
    | BridgeDestroy
    | LocalBridge
    | Rename
    | Pickup
    | BlindTransfer
    | AttendedTransfer
    | ParkedCall
    | QueueCallerJoin
    | QueueCallerLeave
    | QueueCallerAbandon
    | VarSet
    | UserEvent
    | NewExten
    | MessageWaiting
    | Hangup
    | FullyBooted
    | Shutdown
    | ChannelRow
    | PresentationAnswer
    | OriginateResponse
)
AmiEvent = CallEvent | Tainted

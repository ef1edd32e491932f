"""The frozen types that pass the doors between the parts; standard library only.

Everything here is a value: nothing awaits, nothing opens a file, nothing reads a clock. The edges
(`agi`, `ami_listener`, `sms_gateway`) import this module and `textback.phone`, and nothing else of
the product; that is what keeps the three foreign protocols out of the decisions.

Times are aware UTC datetimes. Durations are seconds as float, measured on a steady clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on two clocks: `utc` for people, `steady` (seconds) for durations.

    The wall clock may jump; `steady` never goes back. In a replay both come from the event's own
    Timestamp header.
    """

    utc: datetime
    steady: float

    @classmethod
    def now(cls) -> Moment:
        return cls(datetime.now(UTC), time.monotonic())

    @classmethod
    def at(cls, epoch: float) -> Moment:
        """The moment `epoch` seconds after 1970 on both clocks: for replay and for tests."""
        return cls(datetime.fromtimestamp(epoch, UTC), epoch)

    def plus(self, seconds: float) -> Moment:
        return Moment(self.utc + timedelta(seconds=seconds), self.steady + seconds)


# --- AMI -> tracker -> intake -----------------------------------------------------------------


class Direction(StrEnum):
    """Whose call it is, as seen at the birth of its first channel."""

    INBOUND = "inbound"  #: born in state Ring in an inbound context: a caller from outside
    INTERNAL = "internal"  #: born in state Ring elsewhere, dialled a short number or an application
    OUTBOUND = "outbound"  #: born in state Ring elsewhere, dialled a full telephone number
    ORIGINATED = "originated"  #: born in state Down and nobody's leg: click-to-call, Originate


class Outcome(StrEnum):
    """How a call stands or ended. The ten between `answered` and `unknown` can be texted."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"  #: phones rang out, or the caller gave up after ring_timeout
    ABANDONED = "abandoned"  #: the caller hung up before ring_timeout
    BUSY = "busy"  #: every phone was busy, on do-not-disturb, or declined
    UNAVAILABLE = "unavailable"  #: no phone could be reached
    VOICEMAIL_LEFT = "voicemail_left"
    VOICEMAIL_NO_MESSAGE = "voicemail_no_message"
    IVR_ABANDONED = "ivr_abandoned"  #: no phone was ever dialled: menu, announcement
    QUEUE_ABANDONED = "queue_abandoned"  #: the caller left a queue by hanging up
    TRANSFER_UNANSWERED = "transfer_unanswered"  #: a human spoke, transferred, nobody took it
    PARKED_GIVEUP = "parked_giveup"  #: a human spoke, parked the call, the caller gave up
    UNKNOWN = "unknown"  #: seen only in part; never texted on a guess


#: The classes a number may switch on or off.
TEXTABLE_OUTCOMES = tuple(o for o in Outcome if o not in (Outcome.ANSWERED, Outcome.UNKNOWN))
DEFAULT_OUTCOMES = (
    Outcome.NO_ANSWER,
    Outcome.ABANDONED,
    Outcome.BUSY,
    Outcome.UNAVAILABLE,
    Outcome.VOICEMAIL_LEFT,
    Outcome.VOICEMAIL_NO_MESSAGE,
    Outcome.QUEUE_ABANDONED,
)


class Phase(StrEnum):
    """Which fact about a call a `Call` value reports."""

    STARTED = "started"  #: the inbound channel was born
    RINGING = "ringing"  #: a phone rings for it, for the first time
    RING_TIMEOUT = "ring_timeout"  #: ring_timeout seconds since the first ring, nobody answered
    VOICEMAIL = "voicemail"  #: the caller reached voicemail
    ANSWERED = "answered"  #: the caller shares a bridge with a person, for the first time
    ENDED = "ended"  #: the caller's channel is gone: `outcome` is final


class Presentation(StrEnum):
    """Whether the caller allowed the number to be shown (CALLERID(num-pres))."""

    ALLOWED = "allowed"
    WITHHELD = "withheld"
    UNKNOWN = "unknown"  #: Asterisk was asked and has not said, or could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class CallKey:
    """What makes a call the same call: PBX, that Asterisk's start, the caller's Uniqueid."""

    pbx: str
    boot: str  #: Asterisk's start time as CoreStatus tells it, ISO 8601 without zone; "" if unknown
    uniqueid: str

    def __str__(self) -> str:
        return f"{self.pbx}:{self.uniqueid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One fact about one call, with all that was known of the call at that moment."""

    key: CallKey
    phase: Phase
    at: Moment  #: when this fact became true
    direction: Direction
    linkedid: str
    channel: str
    context: str  #: context of the first Newchannel
    caller: str  #: number before the dialplan rewrote it, as received (hostile)
    caller_name: str  #: as received (hostile)
    caller_final: str  #: number in the last snapshot before the first dial or queue
    did: str  #: the dialled number as received: first Exten, else FROM_DID
    presentation: Presentation
    started: Moment
    ringing: Moment | None  #: first ring of any phone
    answered: Moment | None  #: first human bridge
    #: At ENDED the outcome. Before: the outcome the call would have if it ended like this.
    outcome: Outcome
    #: Seconds the caller waited so far: since the first ring, else the first dial or queue entry,
    #: else the start; until answered or now.
    waited: float
    #: Reported outcomes this call may still turn into; only `outcome` itself at ENDED.
    may_become: frozenset[Outcome]
    queue: str = ""  #: last queue entered
    gap: bool = False  #: part of the call was not seen
    tainted: str = ""  #: why its events cannot be trusted (duplicate headers...), else ""
    late: bool = False  #: learnt after the fact (resync)
    #: Human-readable trail for `why`: (seconds since start, what happened). Bounded.
    trail: tuple[tuple[float, str], ...] = ()

    @property
    def final(self) -> bool:
        return self.phase is Phase.ENDED


# --- decide -> store --------------------------------------------------------------------------


class Reason(StrEnum):
    """Why a call was texted or not; one name each, stored, counted and shown."""

    SEND = "send"
    # the call
    UNKNOWN_CALL = "unknown_call"  #: seen only in part
    TAINTED = "tainted"  #: its AMI events were malformed or forged
    INTERNAL = "internal"
    OUTBOUND = "outbound"
    ORIGINATED = "originated"
    NOT_WATCHED = "not_watched"  #: no [[number]] has this DID
    NUMBER_DISABLED = "number_disabled"
    ANSWERED = "answered"
    OUTCOME_OFF = "outcome_off"  #: this outcome class is off for this number
    TOO_SHORT = "too_short"  #: the caller hung up before abandoned_after
    # the caller
    WITHHELD = "withheld"
    PRESENTATION_UNKNOWN = "presentation_unknown"
    NO_NUMBER = "no_number"
    NOT_DIALABLE = "not_dialable"
    SHORT_NUMBER = "short_number"
    PREMIUM = "premium"
    OWN_NUMBER = "own_number"
    STAFF = "staff"
    BLOCKED = "blocked"
    OPTED_OUT = "opted_out"
    LANDLINE = "landline"
    COUNTRY = "country"
    # the history
    COOLDOWN = "cooldown"
    CAP_MINUTE = "cap_minute"
    CAP_HOUR = "cap_hour"
    CAP_DAY = "cap_day"
    TOO_OLD = "too_old"
    TEMPLATE_ERROR = "template_error"  #: the message could not be rendered


@dataclass(frozen=True, slots=True)
class Gate:
    """One question asked on the way to a verdict, and its answer."""

    name: str  #: stable, e.g. "cooldown"
    passed: bool
    value: str  #: what was found: "last text 3 h ago", numbers in E.164
    rule: str  #: what it was held against: "cooldown = 24h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Text this caller."""

    to: str  #: E.164
    sender: str  #: as given to the carrier: E.164 or what the number's `sender` says
    text: str
    expires: datetime  #: too old to be useful after this
    route: str = ""  #: name of the [[smsc]]; "" = the primary
    shadow: bool = False  #: decided, stored, never submitted
    gates: tuple[Gate, ...] = ()

    @property
    def reason(self) -> Reason:
        return Reason.SEND


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Do not text this caller; `gates` ends with the one that failed."""

    reason: Reason
    gates: tuple[Gate, ...] = ()


Verdict = Send | Skip


# --- the outbox -------------------------------------------------------------------------------


class OutboxState(StrEnum):
    """Where a text is in its life. `OUTBOX_TRANSITIONS` is the whole machine."""

    QUEUED = "queued"
    SENDING = "sending"  #: claimed on disk; bytes may be on the wire
    ACCEPTED = "accepted"  #: the SMSC took every part and gave message ids
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"  #: a receipt said it did not arrive
    REFUSED = "refused"  #: the SMSC said no for good
    UNCERTAIN = "uncertain"  #: bytes may have left, no answer came
    EXPIRED = "expired"  #: too old to be useful before it could be sent
    HELD = "held"  #: by the operator
    DROPPED = "dropped"  #: by the operator
    CANCELLED = "cancelled"  #: an answer, a call back or an opt-out came first
    SHADOW = "shadow"  #: decided in shadow mode, never submitted


#: {state: states it may go to}. An absent pair is refused by the store.
OUTBOX_TRANSITIONS: dict[OutboxState, frozenset[OutboxState]] = {
    OutboxState.QUEUED: frozenset(
        {
            OutboxState.SENDING,
            OutboxState.EXPIRED,
            OutboxState.HELD,
            OutboxState.DROPPED,
            OutboxState.CANCELLED,
        }
    ),
    OutboxState.SENDING: frozenset(
        {
            OutboxState.ACCEPTED,
            OutboxState.DELIVERED,  # the receipt overtook submit_sm_resp
            OutboxState.UNDELIVERED,
            OutboxState.QUEUED,
            OutboxState.REFUSED,
            OutboxState.UNCERTAIN,
        }
    ),
    OutboxState.ACCEPTED: frozenset({OutboxState.DELIVERED, OutboxState.UNDELIVERED}),
    OutboxState.DELIVERED: frozenset(),
    OutboxState.UNDELIVERED: frozenset({OutboxState.DELIVERED}),  # carriers correct themselves
    OutboxState.REFUSED: frozenset({OutboxState.QUEUED}),  # the operator's `release`
    OutboxState.UNCERTAIN: frozenset(
        {
            OutboxState.QUEUED,  # on_uncertain = "resend", or the operator's `release`
            OutboxState.ACCEPTED,  # a late receipt with a non-final state
            OutboxState.DELIVERED,
            OutboxState.UNDELIVERED,
            OutboxState.REFUSED,  # a late answer was a refusal
            OutboxState.DROPPED,
        }
    ),
    OutboxState.EXPIRED: frozenset(),
    OutboxState.HELD: frozenset({OutboxState.QUEUED, OutboxState.DROPPED, OutboxState.CANCELLED}),
    OutboxState.DROPPED: frozenset(),
    OutboxState.CANCELLED: frozenset(),
    OutboxState.SHADOW: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One text in the outbox, as read from the store."""

    id: int
    call_id: int | None  #: None for `send-test` and replies
    state: OutboxState
    to: str  #: E.164
    sender: str
    text: str
    route: str  #: "" until a route was chosen
    reference: int  #: 16-bit concatenation reference, kept over resends
    attempts: int  #: submits begun, throttled ones not counted
    created: datetime
    due: datetime  #: not to be claimed before
    expires: datetime
    claimed: datetime | None
    reason: str  #: why it is in this state, for the operator
    #: 1-based part numbers the SMSC has already accepted in an earlier attempt
    parts_done: frozenset[int] = frozenset()


# --- delivery -> gateway ----------------------------------------------------------------------


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


# --- deliver_sm -> inbox ----------------------------------------------------------------------


class ReceiptState(StrEnum):
    """message_state, SMPP 3.4 section 5.2.28, by the names of appendix B."""

    ENROUTE = "ENROUTE"
    DELIVERED = "DELIVRD"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    UNDELIVERABLE = "UNDELIV"
    ACCEPTED = "ACCEPTD"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTD"

    @property
    def final(self) -> bool:
        return self not in (ReceiptState.ENROUTE, ReceiptState.ACCEPTED, ReceiptState.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A delivery receipt (SMPP 3.4 appendix B), from TLVs or text."""

    route: str
    message_id: str  #: as received; "" when the carrier sent none
    #: Every form the id may have been stored under, by the route's id_format.
    id_forms: frozenset[str]
    state: ReceiptState
    error: str  #: `err:` or network_error_code, as received
    sender: str  #: source_addr: the handset, E.164 where it could be read
    recipient: str  #: destination_addr: our number
    done: datetime | None  #: `done date:`; carriers disagree on its zone, so informational
    at: datetime  #: when it reached us
    raw: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A text from a handset to one of our numbers: one deliver_sm, not yet put together."""

    route: str
    sender: str  #: source_addr, E.164 where it could be read
    recipient: str  #: destination_addr: our number
    text: str
    at: datetime
    reference: int | None = None  #: concatenation reference, with `part` of `parts`
    part: int = 1
    parts: int = 1
    raw: bytes = field(repr=False, default=b"")


# --- store -> console, why --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEvent:
    """One line of a story: when, what kind, and the sentence."""

    at: datetime
    kind: str  #: call | verdict | outbox | attempt | receipt | reply | operator
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
    outbox: OutboxRow | None
    events: tuple[StoryEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStory:
    """The life of a text that belongs to no call (`send-test`)."""

    outbox: OutboxRow
    events: tuple[StoryEvent, ...]

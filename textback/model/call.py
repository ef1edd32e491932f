"""A call as the edges report it: one fact about it at a time, keyed for good."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textback.model.moment import Moment


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
    HINTED = "hinted"  #: the dialplan said something of this call; may come more than once
    ENDED = "ended"  #: the caller's channel is gone: `outcome` is final


class Source(StrEnum):
    """From where a fact about a call was learnt."""

    AMI = "ami"  #: seen as it happened
    CEL = "cel"  #: read afterwards in Asterisk's channel event log
    CDR = "cdr"  #: read afterwards in its call detail records
    AGI = "agi"  #: told by the dialplan while the AMI link was down


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
    late: bool = False  #: learnt after the fact (resync, catch-up)
    source: Source = Source.AMI
    # What the dialplan said of it: by whom ("agi", "UserEvent", "TEXTBACK=no"), "" for not at all.
    handled: str = ""  #: no text is wanted for this call
    told_missed: str = ""  #: it is missed, whatever it looks like: text now
    told_at: Moment | None = None  #: when told_missed was said, where that is known
    message: str = ""  #: name of the [[message]] to send instead of the number's own
    verstat: str = ""  #: STIR/SHAKEN result or attestation as the dialplan told it (hostile)
    #: Human-readable trail for `why`: (seconds since start, what happened). Bounded.
    trail: tuple[tuple[float, str], ...] = ()

    @property
    def final(self) -> bool:
        return self.phase is Phase.ENDED

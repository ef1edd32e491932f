"""What a call came to: text it or not, with every gate that was asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    HANDLED = "handled"  #: the dialplan said that no text is wanted
    ANSWERED = "answered"
    OUTCOME_OFF = "outcome_off"  #: this outcome class is off for this number
    TOO_SHORT = "too_short"  #: the caller hung up before abandoned_after
    # the caller
    VERSTAT = "verstat"  #: the carrier could not vouch for the caller's number
    WITHHELD = "withheld"
    PRESENTATION_UNKNOWN = "presentation_unknown"
    NO_NUMBER = "no_number"
    NOT_DIALABLE = "not_dialable"
    SHORT_NUMBER = "short_number"
    PREMIUM = "premium"
    OWN_NUMBER = "own_number"
    STAFF = "staff"
    BLOCKED = "blocked"
    CONTACT_NO_TEXT = "contact_no_text"  #: the contacts say that it is not to be texted
    CALLERS = "callers"  #: the number texts only callers it knows, or does not know
    OPTED_OUT = "opted_out"
    OPT_OUT_REVIEW = "opt_out_review"  #: a reply may be an opt-out, and nobody has looked yet
    LANDLINE = "landline"
    COUNTRY = "country"
    # the history
    COOLDOWN = "cooldown"
    ONCE_PER = "once_per"  #: had a text from one of our numbers within once_per
    ROBOT = "robot"  #: a machine seems to write from this number
    AUTO_LIMIT = "auto_limit"  #: rules wrote auto_limit texts to it in auto_window
    CAP_MINUTE = "cap_minute"
    CAP_HOUR = "cap_hour"
    CAP_DAY = "cap_day"
    TOO_OLD = "too_old"
    QUIET_HOURS = "quiet_hours"  #: it is night where the caller is, and quiet = "skip"
    TEMPLATE_ERROR = "template_error"  #: the message could not be rendered


@dataclass(frozen=True, slots=True)
class Gate:
    """One question asked on the way to a verdict, and its answer."""

    name: str  #: stable, e.g. "cooldown"
    passed: bool
    value: str  #: what was found: "last text 3 h ago", numbers in E.164
    rule: str  #: what it was held against: "cooldown = 24h"


class TextKind(StrEnum):
    """Why a text exists. A call has at most one of each kind."""

    MISSED = "missed"  #: the text to a missed caller
    FOLLOW_UP = "follow_up"  #: one more to a missed caller of whom nothing was heard
    OFFER = "offer"  #: the caller pressed a key for it
    TEST = "test"  #: `textback send-test`; belongs to no call
    REPLY = "reply"  #: a person of the business wrote it: command line, console, desk phone
    CONFIRM = "confirm"  #: the one confirmation of an opt-out or opt-in
    HELP = "help"  #: the answer to HELP


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """One more text, planned with the first: it leaves when nothing was heard of the caller."""

    text: str  #: "": there is none, and `note` says why
    due: datetime  #: not before; aware UTC
    expires: datetime
    note: str  #: for people, in `why`


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Text this caller."""

    to: str  #: E.164
    sender: str  #: as given to the carrier: E.164 or what the number's `sender` says
    text: str
    expires: datetime  #: too old to be useful after this
    route: str = ""  #: name of the [[smsc]]; "" = the primary
    shadow: bool = False  #: decided, stored, never submitted
    kind: TextKind = TextKind.MISSED
    due: datetime | None = None  #: not before (delay, quiet hours); None: now
    hold: str = ""  #: why it goes into the outbox as HELD (a breaker); "": it does not
    gates: tuple[Gate, ...] = ()
    follow_up: FollowUp | None = None  #: None: the number has none, or this text gets none

    @property
    def reason(self) -> Reason:
        return Reason.SEND


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Do not text this caller; `gates` ends with the one that failed."""

    reason: Reason
    gates: tuple[Gate, ...] = ()


Verdict = Send | Skip

"""What a conversation says of its texts and calls, in the words of the front desk.

How a text stands is in `call_words.STATES`. The tables are marked here and translated where they
are shown.
"""

from __future__ import annotations

from textback.console import cases_words
from textback.console.i18n import N_, _
from textback.log import escape
from textback.model import (
    ConsentSource,
    Direction,
    OutboxState,
    Outcome,
    PhoneState,
    Request,
    TextKind,
)
from textback.store import cancelling
from textback.store.doubts import DOUBTFUL
from textback.store.outs import OPTED_OUT, OptedOut

#: Why a text did not go, where that is a word of ours.
_REASONS = {
    OPTED_OUT: N_("The handset asked for no more texts."),
    DOUBTFUL: N_("A reply may be an opt-out. Decide that first."),
    cancelling.ANSWERED: N_("The call was answered."),
    cancelling.ANSWERED_LATER: N_("The caller was answered in a later call."),
    cancelling.CALLED_BACK: N_("You called back."),
    cancelling.HANDLED: N_("The telephone system said that it is settled."),
    cancelling.REPLIED: N_("The caller wrote first."),
}

#: Who wrote what no person wrote.
KINDS: dict[TextKind, str] = {
    TextKind.MISSED: N_("Sent automatically for the missed call"),
    TextKind.FOLLOW_UP: N_("Sent automatically, the follow-up"),
    TextKind.OFFER: N_("Sent because the caller pressed a key"),
    TextKind.TEST: N_("A test"),
    TextKind.CONFIRM: N_("Sent automatically, the confirmation"),
    TextKind.HELP: N_("Sent automatically, the answer to HELP"),
    TextKind.REPLY: N_("Reply"),
}

REQUESTS: dict[Request, str] = {
    Request.STOP: N_("Asked for no more texts (STOP)"),
    Request.START: N_("Asked for texts again (START)"),
    Request.HELP: N_("Asked for help (HELP)"),
}

PHONES: dict[PhoneState, str] = {
    PhoneState.QUEUED: N_("Waits for %(phone)s"),
    PhoneState.SENT: N_("Shown on %(phone)s"),
    PhoneState.FAILED: N_("Not shown on %(phone)s"),
}

_OUTCOMES: dict[Outcome, str] = {
    Outcome.ANSWERED: N_("Call, answered"),
    Outcome.NO_ANSWER: N_("Missed call"),
    Outcome.ABANDONED: N_("Missed call, hung up early"),
    Outcome.BUSY: N_("Missed call, all phones busy"),
    Outcome.UNAVAILABLE: N_("Missed call, no phone reachable"),
    Outcome.VOICEMAIL_LEFT: N_("Missed call, voicemail left"),
    Outcome.VOICEMAIL_NO_MESSAGE: N_("Missed call, voicemail without a message"),
    Outcome.IVR_ABANDONED: N_("Missed call, hung up in the menu"),
    Outcome.QUEUE_ABANDONED: N_("Missed call, hung up in the queue"),
    Outcome.TRANSFER_UNANSWERED: N_("Transferred, and nobody took it"),
    Outcome.PARKED_GIVEUP: N_("Parked, and the caller hung up"),
    Outcome.UNKNOWN: N_("A call, seen only in part"),
}


def opted_out(out: OptedOut | None) -> str:
    """How somebody opted out, translated; "" where there is nothing to say."""
    if out is None:
        return ""
    words = {
        ConsentSource.HANDSET: _("They wrote “%(words)s”."),
        ConsentSource.KEYPAD: _("They pressed a key on the telephone."),
        ConsentSource.CARRIER: _("The carrier told us (%(words)s)."),
        ConsentSource.IMPORT: _("It is from a list (%(words)s)."),
        ConsentSource.STAFF: _("%(words)s entered it."),
    }.get(out.source, "")
    said = words.replace("%(words)s", cases_words.person(out.word))
    return f"{said} {out.reason}".strip()


def of_call(direction: Direction, outcome: Outcome | None, *, called_back: bool) -> str:
    """What a call between the two was, translated."""
    if called_back:
        return _("You called back and spoke")
    if outcome is None:
        return _("A call that goes on")
    if direction is not Direction.INBOUND:
        return _("You called: answered") if outcome is Outcome.ANSWERED else _("You called")
    return _(_OUTCOMES.get(outcome, N_("Missed call")))


def missed(direction: Direction, outcome: Outcome | None, *, called_back: bool) -> bool:
    """Whether nobody spoke with the caller."""
    inbound = direction is Direction.INBOUND and not called_back
    return inbound and outcome not in (None, Outcome.ANSWERED)


def reason(state: OutboxState, why: str) -> str:
    """Why a text is where it is, translated where the words are ours; "" where it says nothing."""
    if not why or state in (OutboxState.QUEUED, OutboxState.ACCEPTED, OutboxState.DELIVERED):
        return ""
    if state is OutboxState.SHADOW and why == "shadow mode":
        return ""
    return _(_REASONS[why]) if why in _REASONS else escape(why)

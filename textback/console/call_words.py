"""Calls in the words of people: every outcome, reason, gate and state of a text has its own.

The names of the product (`no_answer`, `cooldown`) are for configuration, logs and programs; whoever
looks at a page reads these. Each is a whole sentence or a badge of its own, so that a translation
is free to say it otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

from textback.console.i18n import N_
from textback.model import Direction, OutboxState, Outcome, Reason, Source, TextKind


class Said(NamedTuple):
    """A badge, and the sentence that explains it to those who wonder what to do."""

    short: str
    sentence: str
    kind: str = "quiet"  #: of the badge: ok warn bad info quiet
    icon: str = ""  #: in the badge, "" for none


OUTCOMES: dict[Outcome, Said] = {
    Outcome.ANSWERED: Said(N_("Answered"), N_("Somebody answered."), "ok"),
    Outcome.NO_ANSWER: Said(N_("Nobody answered"), N_("It rang and nobody answered."), "bad"),
    Outcome.ABANDONED: Said(
        N_("Gave up early"), N_("The caller hung up before anybody could answer."), "warn"
    ),
    Outcome.BUSY: Said(
        N_("Busy"), N_("Every phone was busy, or somebody declined the call."), "bad"
    ),
    Outcome.UNAVAILABLE: Said(
        N_("No phone reached"), N_("No phone could be reached for this call."), "bad"
    ),
    Outcome.VOICEMAIL_LEFT: Said(
        N_("Left a voicemail"), N_("The caller reached voicemail and left a message."), "info"
    ),
    Outcome.VOICEMAIL_NO_MESSAGE: Said(
        N_("Voicemail, no message"),
        N_("The caller reached voicemail and left no message."),
        "bad",
    ),
    Outcome.IVR_ABANDONED: Said(
        N_("Hung up in the menu"), N_("The caller hung up before any phone rang."), "warn"
    ),
    Outcome.QUEUE_ABANDONED: Said(
        N_("Hung up in the queue"), N_("The caller hung up while waiting in the queue."), "bad"
    ),
    Outcome.TRANSFER_UNANSWERED: Said(
        N_("Transfer not taken"), N_("The call was transferred, and nobody took it."), "bad"
    ),
    Outcome.PARKED_GIVEUP: Said(
        N_("Gave up while parked"), N_("The call was parked, and the caller gave up."), "bad"
    ),
    Outcome.UNKNOWN: Said(
        N_("Not seen whole"), N_("Part of the call was not seen, so nobody guesses."), "quiet"
    ),
}

REASONS: dict[Reason, Said] = {
    Reason.SEND: Said(
        N_("texted"), N_("Every rule says that this caller may be texted."), "ok", "check"
    ),
    Reason.UNKNOWN_CALL: Said(
        N_("not seen whole"), N_("Part of the call was not seen, and nobody is texted on a guess.")
    ),
    Reason.TAINTED: Said(
        N_("not to be trusted"),
        N_("What the PBX told about the call was malformed or forged."),
        "bad",
    ),
    Reason.INTERNAL: Said(N_("internal call"), N_("Somebody in the house called.")),
    Reason.OUTBOUND: Said(N_("outgoing call"), N_("Somebody in the house called out.")),
    Reason.ORIGINATED: Said(N_("click to call"), N_("The PBX began this call itself.")),
    Reason.NOT_WATCHED: Said(
        N_("number not watched"), N_("The number that was called is not one textback watches.")
    ),
    Reason.NUMBER_DISABLED: Said(
        N_("texting is off"), N_("Texting is switched off for this number."), "warn"
    ),
    Reason.HANDLED: Said(
        N_("dialplan said no"), N_("The dialplan said that this call needs no text.")
    ),
    Reason.ANSWERED: Said(N_("answered"), N_("Somebody answered, so there is nothing to say.")),
    Reason.OUTCOME_OFF: Said(
        N_("not for such calls"), N_("This number does not text calls that end like this.")
    ),
    Reason.TOO_SHORT: Said(
        N_("hung up at once"), N_("The caller hung up too soon to have meant to reach anybody.")
    ),
    Reason.VERSTAT: Said(
        N_("number not vouched for"),
        N_("The carrier could not vouch for the caller's number."),
        "warn",
    ),
    Reason.WITHHELD: Said(N_("number withheld"), N_("The caller did not show a number.")),
    Reason.PRESENTATION_UNKNOWN: Said(
        N_("number may be withheld"),
        N_("The PBX did not say whether the caller wanted the number shown."),
        "warn",
    ),
    Reason.NO_NUMBER: Said(N_("no number"), N_("There was no caller's number.")),
    Reason.NOT_DIALABLE: Said(
        N_("not a phone number"), N_("What was shown is not a number that can be texted.")
    ),
    Reason.SHORT_NUMBER: Said(
        N_("short number"), N_("The caller's number is an extension or a short code.")
    ),
    Reason.PREMIUM: Said(
        N_("costly number"), N_("The caller's number has premium or shared-cost rates."), "warn"
    ),
    Reason.OWN_NUMBER: Said(N_("own number"), N_("The number is one of the business's own.")),
    Reason.STAFF: Said(N_("staff"), N_("The caller is one of the staff.")),
    Reason.BLOCKED: Said(N_("blocked"), N_("The caller is on the block list."), "warn"),
    Reason.CONTACT_NO_TEXT: Said(
        N_("contact: no texts"), N_("The contacts say that this caller is never texted.")
    ),
    Reason.CALLERS: Said(
        N_("not among its callers"), N_("This number texts only some callers, and not this one.")
    ),
    Reason.OPTED_OUT: Said(N_("opted out"), N_("This caller has asked for no more texts."), "warn"),
    Reason.OPT_OUT_REVIEW: Said(
        N_("may have opted out"),
        N_("A reply may mean that the caller wants no texts, and nobody has looked at it yet."),
        "warn",
    ),
    Reason.LANDLINE: Said(N_("landline"), N_("A landline cannot receive texts.")),
    Reason.COUNTRY: Said(N_("other country"), N_("Numbers of this country are not texted.")),
    Reason.COOLDOWN: Said(N_("texted before"), N_("This caller was texted not long ago."), "info"),
    Reason.ONCE_PER: Said(
        N_("texted by another number"),
        N_("This caller had a text from one of our numbers not long ago."),
        "info",
    ),
    Reason.ROBOT: Said(N_("seems a machine"), N_("A machine seems to answer from this number.")),
    Reason.AUTO_LIMIT: Said(
        N_("enough automatic texts"), N_("Rules have written enough to this caller for now.")
    ),
    Reason.CAP_MINUTE: Said(
        N_("limit per minute"), N_("As many texts as a minute may have had gone out."), "bad"
    ),
    Reason.CAP_HOUR: Said(
        N_("limit per hour"), N_("As many texts as an hour may have had gone out."), "bad"
    ),
    Reason.CAP_DAY: Said(
        N_("limit per day"), N_("As many texts as a day may have had gone out."), "bad"
    ),
    Reason.TOO_OLD: Said(N_("too late"), N_("It was known too late for a text to be useful.")),
    Reason.QUIET_HOURS: Said(
        N_("quiet hours"), N_("It was night where the caller is, and such texts are left out.")
    ),
    Reason.TEMPLATE_ERROR: Said(
        N_("message broken"), N_("The message could not be filled in; see Numbers."), "bad"
    ),
}

#: What a gate asks, as it is when it is passed. In the order in which they are asked.
GATES: dict[str, str] = {
    "seen_whole": N_("The whole call was seen"),
    "trusted": N_("What the PBX told of it can be trusted"),
    "direction": N_("Somebody from outside called"),
    "watched": N_("The number that was called is watched"),
    "enabled": N_("Texting is on for that number"),
    "handled": N_("The dialplan did not say that no text is wanted"),
    "outcome": N_("The call was missed, in a way this number texts for"),
    "waited": N_("The caller waited long enough to have meant it"),
    "presentation": N_("The caller let the number be shown"),
    "number": N_("There is a caller's number"),
    "verstat": N_("The carrier vouches for the number"),
    "dialable": N_("A text can be sent to it"),
    "short": N_("It is a full number"),
    "premium": N_("It has ordinary rates"),
    "own_number": N_("It is nobody of the business"),
    "staff": N_("It is not the staff's"),
    "blocked": N_("It is not blocked"),
    "do_not_text": N_("The contacts do not forbid it"),
    "callers": N_("It is one of the callers this number texts"),
    "opted_out": N_("The caller has not asked for no texts"),
    "landline": N_("It can receive texts"),
    "country": N_("Its country is texted"),
    "cooldown": N_("The last text was long enough ago"),
    "once_per": N_("No other number of ours texted this caller lately"),
    "robot": N_("No machine answers there"),
    "auto_limit": N_("Rules have not written too much to it"),
    "cap_minute": N_("The limit of the minute was not reached"),
    "cap_hour": N_("The limit of the hour was not reached"),
    "cap_day": N_("The limit of the day was not reached"),
    "adjacent": N_("Not too many callers beside this number"),
    "prefix": N_("Not too many callers from its block"),
    "age": N_("The call was recent enough"),
    "quiet": N_("The text would wake nobody"),
    "template": N_("The message could be filled in"),
}

#: The gates by what they are about: the first of each group, and its title.
GROUPS: dict[str, str] = {
    "seen_whole": N_("The call"),
    "presentation": N_("The caller"),
    "cooldown": N_("What went before"),
    "age": N_("The text"),
}

#: How a text stands, wherever it is shown.
STATES: dict[OutboxState, Said] = {
    OutboxState.QUEUED: Said(
        N_("Waiting to be sent"), N_("The text waits to be sent."), "info", "clock"
    ),
    OutboxState.SENDING: Said(N_("Being sent"), N_("The text is on its way."), "info", "send"),
    OutboxState.ACCEPTED: Said(N_("Sent"), N_("The carrier has taken the text."), "info", "check"),
    OutboxState.DELIVERED: Said(N_("Delivered"), N_("The text has arrived."), "ok", "double-check"),
    OutboxState.UNDELIVERED: Said(
        N_("Not delivered"),
        N_("The carrier could not bring it to the handset. Call instead."),
        "bad",
        "warn",
    ),
    OutboxState.REFUSED: Said(N_("Refused"), N_("The carrier did not take it."), "bad", "cross"),
    OutboxState.UNCERTAIN: Said(
        N_("May have been sent"),
        N_(
            "The carrier gave no answer. It is not sent again by itself, so that nobody gets it "
            "twice."
        ),
        "warn",
        "warn",
    ),
    OutboxState.EXPIRED: Said(
        N_("Not sent: too late"),
        N_("It became too old to be useful before it could be sent."),
        "warn",
        "clock",
    ),
    OutboxState.HELD: Said(N_("Held back"), N_("It waits until somebody decides."), "warn", "info"),
    OutboxState.DROPPED: Said(
        N_("Given up"), N_("Somebody decided not to send it."), "quiet", "cross"
    ),
    OutboxState.CANCELLED: Said(
        N_("Not sent"), N_("It was no longer needed, or no longer wanted."), "quiet", "cross"
    ),
    OutboxState.SHADOW: Said(
        N_("Not sent: shadow mode"), N_("In live mode it would have been sent."), "quiet", "info"
    ),
}

KINDS: dict[TextKind, str] = {
    TextKind.MISSED: N_("The text"),
    TextKind.FOLLOW_UP: N_("The follow-up"),
    TextKind.OFFER: N_("The text the caller asked for"),
    TextKind.TEST: N_("A test"),
    TextKind.REPLY: N_("An answer"),
    TextKind.CONFIRM: N_("The confirmation"),
    TextKind.HELP: N_("The answer to HELP"),
}

DIRECTIONS: dict[Direction, str] = {
    Direction.INBOUND: N_("Incoming"),
    Direction.INTERNAL: N_("Internal"),
    Direction.OUTBOUND: N_("Outgoing"),
    Direction.ORIGINATED: N_("Click to call"),
}

#: From where a call is known, where it was not seen as it happened.
SOURCES: dict[Source, str] = {
    Source.CEL: N_("Learnt afterwards from the PBX's event log (CEL)."),
    Source.CDR: N_("Learnt afterwards from the PBX's call records (CDR)."),
    Source.AGI: N_("Told by the dialplan while the link to the PBX was down."),
}

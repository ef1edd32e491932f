"""What cases are called on the page, and in which words a call by a click is told or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from textback.console import call_words
from textback.console.i18n import N_, _
from textback.model import CaseStage, Dialled, DialRefusal, DialStage, OutboxState, Outcome

#: The columns of the board, the most urgent first, and what each of them is about.
OPEN = (
    (CaseStage.REPLIED, N_("Wrote back"), N_("They answered the text and wait for you.")),
    (CaseStage.MISSED, N_("Missed"), N_("Nobody has told them anything yet.")),
    (CaseStage.TEXTED, N_("Texted"), N_("They got a text and have not answered.")),
)
CLOSED = (
    (CaseStage.CALLED_BACK, N_("Called back")),
    (CaseStage.RECOVERED, N_("Called again")),
    (CaseStage.DISMISSED, N_("Dismissed")),
)
_STAGES = {stage: words for stage, words, _about in OPEN} | dict(CLOSED)

_REFUSALS = {
    DialRefusal.OFF: N_(
        "Calling by a click is off. An administrator can switch it on: dial_context in [[pbx]]."
    ),
    DialRefusal.NO_PHONE: N_(
        "No desk phone is known for you. An administrator can add it: textback user phone "
        "NAME PJSIP/101."
    ),
    DialRefusal.NO_PBX: N_(
        "It is not known which PBX your phone belongs to. An administrator can say it: textback "
        "user phone NAME PJSIP/101 --pbx PBX."
    ),
    DialRefusal.DENIED: N_(
        "Asterisk does not allow calls by a click. An administrator can allow it: originate in "
        "write of the manager user."
    ),
    DialRefusal.DOWN: N_("There is no connection to the PBX just now. Try again in a moment."),
    DialRefusal.UNREACHABLE: N_("Your phone is not connected to the PBX. Is it switched on?"),
    DialRefusal.NUMBER: N_("This number is not called by a click."),
    DialRefusal.NO_WAY: N_("The PBX does not know how to dial this number."),
    DialRefusal.BUSY: N_("Your phone is ringing already."),
    DialRefusal.TOO_MANY: N_("That were many calls in a minute. Wait a moment."),
    DialRefusal.REFUSED: N_("The PBX refused the call."),
}

_DIALS = {
    DialStage.ASKED: N_("The PBX is calling your phone."),
    DialStage.RINGING: N_("Your phone is ringing. Pick it up, and the caller is called."),
    DialStage.CALLING: N_("Your phone was picked up. The caller's phone rings."),
    DialStage.SPEAKING: N_("You are speaking with the caller."),
    DialStage.OVER: N_("You spoke with the caller."),
    DialStage.NOT_REACHED: N_("The caller did not answer."),
    DialStage.NO_ANSWER: N_("Your phone was not picked up."),
    DialStage.BUSY: N_("Your phone was busy, or the call was declined."),
    DialStage.UNREACHABLE: N_("Your phone could not be reached."),
    DialStage.LOST: N_("The connection to the PBX was lost. It is not known how the call went."),
}
_KINDS = {
    DialStage.SPEAKING: "ok",
    DialStage.OVER: "ok",
    DialStage.NOT_REACHED: "warn",
    DialStage.NO_ANSWER: "warn",
    DialStage.BUSY: "warn",
    DialStage.UNREACHABLE: "bad",
    DialStage.LOST: "bad",
}


def stage(value: CaseStage) -> str:
    return _(_STAGES[value])


def outcome(value: Outcome | None) -> str:
    """The badge of a call's end."""
    return _(call_words.OUTCOMES[value].short) if value is not None else ""


def state(value: OutboxState | None) -> str:
    """The badge of a text."""
    return _(call_words.STATES[value].short) if value is not None else ""


def refusal(reason: DialRefusal) -> str:
    return _(_REFUSALS[reason])


def dial(call: Dialled) -> str:
    return _(_DIALS[call.stage])


def dial_kind(call: Dialled) -> str:
    """The colour in which that is told."""
    return _KINDS.get(call.stage, "info")


def about(time: timedelta) -> float:
    """Seconds, as exact as anybody wants to know them: from two hours on whole hours."""
    seconds = time.total_seconds()
    return seconds // 3600 * 3600 if seconds >= 7200 else max(60.0, seconds)


def person(by: str) -> str:
    """Who did it: on the command line people are "operator anna"."""
    return by.removeprefix("operator ")


def owners_of_change(detail: str) -> tuple[str, str]:
    """Who had it and who has it, by a line of the log; "" for nobody."""
    before, _arrow, after = detail.partition(" -> ")
    return ("" if before == "nobody" else before), ("" if after == "nobody" else after)


def due_of_change(detail: str) -> datetime | None:
    """The new due time, by a line of the log; None: by no time."""
    said = detail.rpartition(" -> ")[2].removesuffix(" UTC")
    try:
        return datetime.fromisoformat(said).replace(tzinfo=UTC)
    except ValueError:
        return None

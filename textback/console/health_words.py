"""The parts of the service in plain words, for somebody who has never heard of AMI or SMPP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textback.console import call_words
from textback.console.health import PartHealth
from textback.console.i18n import N_, _
from textback.model import OutboxState


@dataclass(frozen=True, slots=True)
class Words:
    """One kind of part: what it is called, what it is for, and how it stands in a sentence."""

    title: str
    purpose: str
    well: str
    ill: str
    trouble: str  #: the same as a headline
    icon: str


#: By kind, the name of a part up to its colon; in the order in which they are shown.
KINDS: Mapping[str, Words] = {
    "ami": Words(
        N_("Telephone system"),
        N_("Here textback hears who calls, and whether somebody answers."),
        N_("Connected. Every call is seen."),
        N_("Not connected. Missed calls are not seen, so nobody is texted."),
        N_("The telephone system cannot be heard"),
        "calls",
    ),
    "smpp": Words(
        N_("Text message carrier"),
        N_("Texts leave here, and replies come in."),
        N_("Connected. Texts and replies go through."),
        N_("Not connected. Texts wait here and leave as soon as it is back."),
        N_("A carrier does not take texts"),
        "send",
    ),
    "store": Words(
        N_("Database"),
        N_("Every call, text and reply is written down here before anything else happens."),
        N_("Everything is written down."),
        N_("Nothing can be written down, so nothing new is sent."),
        N_("The database cannot be written"),
        "inbox",
    ),
    "outbox": Words(
        N_("Texts on their way"),
        N_("Texts that are written and have not left yet."),
        N_("Texts leave without waiting."),
        N_("Texts wait longer than they should."),
        N_("Texts are stuck"),
        "message",
    ),
    "records": Words(
        N_("Call records"),
        N_("After a gap, missed calls are looked up in the telephone system's own records."),
        N_("Readable. Calls missed during a gap are found afterwards."),
        N_("Not readable. Calls missed during a gap stay unknown."),
        N_("Call records cannot be read"),
        "clock",
    ),
    "agi": Words(
        N_("Dialplan hooks"),
        N_("Where the telephone system asks textback something during a call."),
        N_("Answers."),
        N_("Does not answer. Calls go on without it."),
        N_("The telephone system cannot ask textback"),
        "callbacks",
    ),
    "tell": Words(
        N_("Webhooks and notifications"),
        N_("Who else is told of missed calls, replies and alarms."),
        N_("Everybody is told."),
        N_("Somebody cannot be told. It is tried again by itself."),
        N_("Somebody cannot be told"),
        "out",
    ),
    "intake": Words(
        N_("Taking in calls"),
        N_("What was seen of calls, on its way into the database."),
        N_("Keeping up."),
        N_("Behind: calls are written down late."),
        N_("Calls are written down late"),
        "download",
    ),
    "tasks": Words(
        N_("Inner workings"),
        N_("The tasks textback consists of."),
        N_("All at work."),
        N_("One has ended. The service starts again by itself."),
        N_("A part of textback has ended"),
        "health",
    ),
}

#: Where records are not configured: no illness.
_NO_RECORDS = N_("Not set up. Calls missed while textback is stopped stay unknown.")


def kind_of(name: str) -> str:
    """ "ami" of "ami:pbx"."""
    return name.partition(":")[0]


def title(name: str) -> str:
    """What a part is called; the name it has in textback.toml is said beside it."""
    words = KINDS.get(kind_of(name))
    return _(words.title) if words is not None else name


def trouble(name: str) -> str:
    """What is wrong while a part is ill, as a headline."""
    words = KINDS.get(kind_of(name))
    return _(words.trouble) if words is not None else name


def well(part: PartHealth) -> bool:
    """Whether there is nothing to say against it: records and webhooks are never why the service is
    not well, and may be ill all the same."""
    if kind_of(part.name) == "records":
        return part.state != "unreadable"
    if kind_of(part.name) == "tell":
        return not part.state.startswith("failing")
    return part.ok


def says(part: PartHealth) -> str:
    """How it stands, in one sentence."""
    words = KINDS.get(kind_of(part.name))
    if words is None:
        return part.state
    if kind_of(part.name) == "records" and part.state == "not configured":
        return _(_NO_RECORDS)
    others = part.detail.get("carried_by")
    if not well(part) and others:
        return _("Not connected. Its texts go by %(others)s.") % {"others": ", ".join(others)}
    return _(words.well if well(part) else words.ill)


#: What each open state of a text means to the one who looks at the queue.
_MEANS: Mapping[OutboxState, str] = {
    OutboxState.QUEUED: N_(
        "Written, and not sent yet: delayed on purpose, or until the carrier is back."
    ),
    OutboxState.SENDING: N_("Handed to the carrier, which has not answered."),
    OutboxState.REFUSED: N_(
        "The carrier will not take it. The reason says why; sending it again may help."
    ),
    OutboxState.UNCERTAIN: N_(
        "The connection broke while it was being sent: it may have arrived, or not. Send it "
        "again, and it may come twice."
    ),
    OutboxState.HELD: N_(
        "Kept back by somebody here, or because many neighbouring numbers called at once."
    ),
}

#: Alarms: what happened, and what to do; the whole is in OPERATIONS.md.
ALARMS: Mapping[str, tuple[str, str]] = {
    "cap_reached": (
        N_("So many callers that the limit on texts was reached"),
        N_(
            "Look at the last calls: real callers, or somebody flooding you? Then raise the limit, "
            "or block their numbers."
        ),
    ),
    "breaker_open": (
        N_("Many neighbouring numbers called: their texts are held back"),
        N_("Look at the held texts. Give them up if somebody is playing a trick, else send them."),
    ),
    "tainted_calls": (
        N_("Calls with forged or damaged data came in"),
        N_("They are not texted. Tell whoever provides your telephone line, and update Asterisk."),
    ),
    "bad_message": (
        N_("A text could not be filled in"),
        N_("Look at the wording of this number's text, and try it out there."),
    ),
    "texts_refused": (
        N_("The carrier refuses one text after the other"),
        N_("Look at the refused texts for the carrier's reason, and ask the carrier."),
    ),
    "store_failed": (
        N_("The database cannot be written"),
        N_("Is the disk full, or read-only? Make room; textback goes on by itself."),
    ),
    "telling_failed": (
        N_("A webhook or notification cannot be told"),
        N_("Mend the other side, or its address. What waits is told by itself."),
    ),
    "route_down": (
        N_("A carrier account is down"),
        N_("If it lasts, ask the carrier. Texts wait, or go by another account."),
    ),
}


def state_words(state: OutboxState) -> tuple[str, str]:
    """A state's name and what it means."""
    said = call_words.STATES[state]
    return _(said.short), _(_MEANS.get(state, said.sentence))


def facts(detail: Mapping[str, Any]) -> dict[str, str]:
    """What a part says of itself, for those who know what it is: names and values as words."""
    return {name.replace("_", " "): _value(value) for name, value in detail.items() if _said(value)}


def _said(value: Any) -> bool:
    return value not in (None, "", [], {}, ())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_value(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return str(value)

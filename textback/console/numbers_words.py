"""The keys of a number in the words of people: labels, choices, and what a linter's rule means."""

from __future__ import annotations

from typing import NamedTuple

from textback.console.call_words import OUTCOMES
from textback.console.i18n import N_, _
from textback.model import Outcome

_OUTCOMES = frozenset(one.value for one in Outcome)


class Said(NamedTuple):
    """A field: what it is called, and what it does."""

    label: str
    hint: str = ""


FIELDS: dict[str, Said] = {
    "enabled": Said(N_("Text missed callers of this number")),
    "mode": Said(
        N_("Only try it out"),
        N_("Everything is decided and recorded for this number, and nothing is sent."),
    ),
    "label": Said(
        N_("Name"), N_("What people call this number. Callers read it where a text says so.")
    ),
    "message": Said(N_("Text to a missed caller")),
    "after_hours_message": Said(
        N_("Outside opening hours"), N_("Empty: the same text at any time.")
    ),
    "message_again": Said(
        N_("When the same caller is missed again"),
        N_("Within the pause below. Empty: no second text."),
    ),
    "follow_up": Said(
        N_("Follow-up, if nothing was heard"),
        N_("One more text later, if there was no reply and no call. Empty: none."),
    ),
    "follow_up_after": Said(N_("Follow-up comes after"), N_("For example 2h, 1d.")),
    "contact_fallback": Said(
        N_("Instead of a name"), N_("Said where the caller's name is not known, as in “Hi there”.")
    ),
    "ring_timeout": Said(
        N_("Counts as missed after"), N_("How long it may ring. For example 15s, 20s.")
    ),
    "text_at": Said(N_("When the text goes out")),
    "abandoned_after": Said(
        N_("Callers who hang up sooner"), N_("Are texted if they waited this long. For example 5s.")
    ),
    "delay": Said(
        N_("Wait before sending"), N_("An answer meanwhile cancels the text. 0s: at once.")
    ),
    "quiet_hours": Said(
        N_("Quiet hours"), N_("When no text may wake anybody, as in 21:00-08:00. Empty: none.")
    ),
    "quiet": Said(N_("A text in quiet hours")),
    "quiet_follow_up": Said(N_("A follow-up in quiet hours")),
    "quiet_zone": Said(N_("Whose clock counts for quiet hours")),
    "hours": Said(N_("Opening hours")),
    "outcomes": Said(N_("Which missed calls are texted")),
    "cooldown": Said(
        N_("Pause for the same caller"),
        N_("No second text from this number for so long. For example 24h."),
    ),
    "once_per": Said(
        N_("One text from all numbers in"),
        N_("However often and wherever the same person calls. 0s: no such limit."),
    ),
    "callers": Said(N_("Who is texted")),
    "owner": Said(N_("Who calls back"), N_("An extension or a name, as in 101 or Front desk.")),
    "callback_within": Said(
        N_("Call back within"), N_("Counted in opening hours. 0s: by no time.")
    ),
    "callback_outcomes": Said(N_("Which missed calls are to be called back")),
}

CHOICES: dict[str, tuple[tuple[str, str], ...]] = {
    "text_at": (
        ("ring_timeout", N_("while the caller still hears it ring")),
        ("call_end", N_("when the call is over")),
    ),
    "quiet": (
        ("defer", N_("waits until they end")),
        ("send", N_("is sent all the same")),
        ("skip", N_("is not sent")),
    ),
    "quiet_follow_up": (
        ("defer", N_("waits until they end")),
        ("send", N_("is sent all the same")),
        ("skip", N_("is not sent")),
    ),
    "quiet_zone": (
        ("caller", N_("the caller's")),
        ("business", N_("our own")),
    ),
    "callers": (
        ("anybody", N_("everybody")),
        ("known", N_("only callers in our contacts")),
        ("unknown", N_("only callers who are not in our contacts")),
    ),
}

#: Values as the configuration has them, for lists of differences.
_VALUES: dict[str, str] = {"true": N_("yes"), "false": N_("no")}
_MODES: dict[str, str] = {"live": N_("live"), "shadow": N_("shadow")}


def value(key: str, said: str) -> str:
    """A value of a change as people say it."""
    words = dict(CHOICES.get(key, ()))
    if key == "mode":
        words = _MODES
    if key in ("outcomes", "callback_outcomes"):
        known = [_(OUTCOMES[Outcome(one)].short) for one in said.split(", ") if one in _OUTCOMES]
        return ", ".join(known)
    word = words.get(said) or _VALUES.get(said, "") if key in {*CHOICES, "mode", "enabled"} else ""
    return _(word) if word else said


#: Texts, as the heading over each.
TEXTS: dict[str, str] = {
    "message": N_("To a missed caller"),
    "after_hours_message": N_("Outside opening hours"),
    "message_again": N_("Missed again"),
    "follow_up": N_("Follow-up"),
}

#: The linter's rules; what it found in particular is said beside.
RULES: dict[str, Said] = {
    "name": Said(N_("Does not say who writes."), N_("Put {{business.name}} in.")),
    "stop": Said(N_("Does not say how to get no more texts."), N_("Add “Reply STOP to opt out”.")),
    "one_way": Said(
        N_("Asks for a reply, and nobody can reply to this sender."), N_("Say what to do instead.")
    ),
    "shortener": Said(
        N_("Has a link that is shortened; carriers block such texts."), N_("Write the whole link.")
    ),
    "link": Said(N_("Has a link that carriers may take for fraud.")),
    "phones": Said(N_("Has several telephone numbers."), N_("One or two are enough.")),
    "capitals": Said(N_("Is written in capitals, as if shouting.")),
    "punctuation": Said(N_("Has signs in a row, as advertising does."), N_("One is enough.")),
    "unfilled": Said(N_("Has a place that was never filled in.")),
    "offer": Said(
        N_("Sounds like advertising, and a missed call is no consent to that."),
        N_("Take the offer out."),
    ),
    "alphabet": Said(
        N_("Has characters that make it longer: 70 fit into one message instead of 160.")
    ),
    "segments": Said(N_("Takes more than one message, and each is charged.")),
}

CHANGES: dict[str, tuple[str, str]] = {
    "pending": (N_("under way"), "info"),
    "done": (N_("in force"), "ok"),
    "refused": (N_("refused"), "bad"),
    "lost": (N_("interrupted"), "warn"),
}

DAYS: tuple[tuple[str, str], ...] = (
    ("mon", N_("Monday")),
    ("tue", N_("Tuesday")),
    ("wed", N_("Wednesday")),
    ("thu", N_("Thursday")),
    ("fri", N_("Friday")),
    ("sat", N_("Saturday")),
    ("sun", N_("Sunday")),
)
#: Beside the small week, at its first, middle and last day, and under it.
WEEK_DAYS: tuple[str, ...] = (N_("Mo"), N_("Th"), N_("Su"))
WEEK_CLOCK: tuple[str, ...] = (N_("12 AM"), N_("6 AM"), N_("noon"), N_("6 PM"), N_("12 AM"))

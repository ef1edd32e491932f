"""What others are told of each event, field by field: schema, man page and tests come from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from textback.model import Event, EventKind

#: Of the body as a whole. It grows when a field is taken away or means something else.
VERSION = 1


class Field(NamedTuple):
    """One field of `data`."""

    name: str
    kind: str  #: string, integer, number, boolean or instant; with " or null" where it may be
    doc: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What an event tells."""

    about: str
    fields: tuple[Field, ...]


_LABEL = Field("label", "string", "label of the number")
_TEXT = Field("text", "string", "what was written (hostile: anybody can write anything)")
_INCOMING = (
    Field("incoming", "integer", "number of the text that came in"),
    Field("thread", "integer", "number of the conversation, as in `textback thread`"),
)
_CONSENT = (
    Field("source", "string", "handset, keypad, staff, carrier, import or erasure"),
    Field("scope", "string", 'the number it holds for; "" for all of the business'),
    Field("word", "string", "the word that did it"),
    Field("reason", "string", "why, in the words of whoever did it"),
    Field("by", "string", 'who did it; "" for the handset itself'),
)
_CASE = (
    Field("case", "integer", "number of the case, as in `textback cases`"),
    Field("stage", "string", "missed, texted, replied, called_back, recovered or dismissed"),
    Field("misses", "integer", "missed calls in this case"),
    Field("owner", "string", "extension or name"),
    Field("due", "instant or null", "by when to call back"),
    Field("name", "string", "name of the caller"),
    _LABEL,
)
_ALARM = (
    Field("alarm", "string", "its name, as in OPERATIONS.md"),
    Field("because", "string", "what the first of it was"),
    Field("count", "integer", "how often it has happened"),
)

SHAPES: Mapping[EventKind, Shape] = {
    EventKind.CALL_MISSED: Shape(
        "A watched call from outside ended, and nobody had spoken to the caller. Once per call.",
        (
            Field("call", "integer", "number of the call in the store"),
            Field("call_id", "string", "its id in logs and in `textback why`: PBX and Uniqueid"),
            Field("outcome", "string", "no_answer, abandoned, busy, voicemail_left, ..."),
            Field("verdict", "string", 'send or skip: whether it is texted; "" where undecided'),
            Field("reason", "string", "why: a word of the table of reasons in OPERATIONS.md"),
            Field("text", "integer or null", "number of the text to the caller"),
            _LABEL,
            Field("name", "string", "the caller as the network names him, cleaned"),
            Field("started", "instant", "when the call came"),
            Field("waited", "number", "seconds the caller waited for a person"),
            Field("queue", "string", "the queue the caller was in"),
            Field("late", "boolean", "learnt afterwards, from Asterisk's records"),
            Field("shadow", "boolean", 'mode = "shadow": nothing is sent'),
        ),
    ),
    EventKind.TEXT_FAILED: Shape(
        "A text did not arrive: refused by the carrier, undelivered, or too old to be sent.",
        (
            Field("text", "integer", "number of the text, as in `textback queue`"),
            Field("text_kind", "string", "missed, follow_up, offer, test, reply, confirm or help"),
            Field("state", "string", "refused, undelivered or expired"),
            Field("reason", "string", "what the carrier said"),
            Field("sender", "string", "from which number or name it went"),
            Field("route", "string", "name of the [[smsc]]"),
            Field("attempts", "integer", "how often it was tried"),
            Field("call", "integer or null", "number of the call it belongs to"),
            _LABEL,
        ),
    ),
    EventKind.REPLY_RECEIVED: Shape(
        "A text came from a handset, put together from its parts.",
        (
            *_INCOMING,
            _TEXT,
            Field("parts", "integer", "short messages it came in"),
            Field("missing", "integer", "of these, how many have not come"),
            Field("completed", "boolean", "told before with a gap, which a late part has filled"),
            Field("request", "string", 'stop, start or help where it is one; else ""'),
            Field("review", "boolean", "a person is to say whether it was an opt-out"),
            Field("keyword", "string", 'name of the [[keyword]] it fits; else ""'),
            Field("name", "string", "name of the caller"),
            _LABEL,
            Field("route", "string", "name of the [[smsc]] it came by"),
        ),
    ),
    EventKind.KEYWORD_MATCHED: Shape(
        "A reply fits a [[keyword]]. It goes before everything that waits.",
        (
            Field("keyword", "string", "name of the [[keyword]]"),
            Field("word", "string", "the word that fits"),
            *_INCOMING,
            _TEXT,
            Field("name", "string", "name of the caller"),
            _LABEL,
        ),
    ),
    EventKind.OPT_OUT: Shape("Somebody wants no more texts.", _CONSENT),
    EventKind.OPT_IN: Shape("Somebody who had opted out wants texts again.", _CONSENT),
    EventKind.OPT_OUT_REVIEW: Shape(
        "A person is to say whether a reply was an opt-out.",
        (
            *_INCOMING,
            _TEXT,
            Field("why", "string", "which words are doubtful"),
            _LABEL,
        ),
    ),
    EventKind.CASE_OPENED: Shape("A caller was missed who had no open case.", _CASE),
    EventKind.CASE_CLOSED: Shape(
        "The caller was spoken to, or a person closed the case.",
        (
            *_CASE,
            Field("closed_by", "string", "who or what closed it"),
            Field("call", "integer or null", "number of the call that closed it"),
            Field("seconds", "number or null", "from the first missed call to the conversation"),
        ),
    ),
    EventKind.CASE_OVERDUE: Shape(
        "Nobody has called back by the time that was set.",
        (*_CASE, Field("opened", "instant", "when the case was opened")),
    ),
    EventKind.ALARM_RAISED: Shape("Something wants somebody's attention.", _ALARM),
    EventKind.ALARM_CLEARED: Shape(
        "An alarm has been quiet for long enough.",
        (*_ALARM, Field("lasted", "number", "seconds from its first to its last")),
    ),
    EventKind.TEST: Shape(
        "`textback tell test`: nothing happened. Goes to the one that was named.",
        (Field("message", "string", "a sentence that says so"),),
    ),
}

#: The fields around `data`.
AROUND = (
    Field("id", "string", "a UUID, the same in every try and for every webhook: do nothing twice"),
    Field("type", "string", "the event"),
    Field(
        "version", "integer", f"of this format: {VERSION}. New fields may come without a new one"
    ),
    Field("at", "instant", "when it happened"),
    Field("caller", "string", 'the other party in E.164; "" for none, or withheld'),
    Field("number", "string", 'your number in E.164; "" for none'),
    Field("data", "object", "what the event tells: below"),
)


def body(event: Event) -> dict[str, Any]:
    """What a webhook is sent; the same in every try."""
    return {
        "id": event.key,
        "type": event.kind.value,
        "version": VERSION,
        "at": instant(event.at),
        "caller": event.caller,
        "number": event.number,
        "data": dict(event.payload),
    }


def instant(at: datetime) -> str:
    """ISO 8601, UTC, to the millisecond: 2026-11-23T17:45:00.000Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

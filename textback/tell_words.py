"""What people are told of events, in a line each: plain text that no service takes for markup.

Names, labels and texts come from outside. Characters that steer (controls, marks that turn the
direction) are made visible, those with which chats call people or make links are exchanged for
others that look like them, and everything has an end.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from textback.model import Event, EventKind

#: Characters of a name, a text, and of all lines together.
NAME, TEXT, WHOLE = 40, 600, 3_000
#: Events that are told one by one in one message.
LINES = 20

#: They steer a terminal or a line, except the two that emoji are joined with.
_STEERS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINS = "\u200d\ufe0f"
#: What chats read as mention, tag or link -> what only looks like it.
_LOOK_ALIKE = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "+", "`": "'", "|": "\u00a6"})


@dataclass(frozen=True, slots=True)
class Note:
    """One message to people."""

    title: str
    body: str
    alarm: bool = False


def plain(text: str, most: int) -> str:
    """Hostile words on one line, harmless, and at most `most` characters long."""
    shown = "".join(_visible(c) for c in " ".join(text[: 4 * most].split()))
    # A mention begins with @ at the start of a word; one in a mail address is none.
    shown = re.sub(r"(?<!\w)@", "\uff20", shown.translate(_LOOK_ALIKE))
    shown = re.sub(r"\]\s*\(", "] - (", shown)
    return shown if len(shown) <= most else shown[: most - 1].rstrip() + "\u2026"


def _visible(character: str) -> str:
    if character in _JOINS or unicodedata.category(character) not in _STEERS:
        return character
    return f"\\u{ord(character):04x}"


def note(events: Sequence[Event], zone: ZoneInfo, business: str, *, full: bool) -> Note:
    """One message for these events, at least one. `full` tells what customers wrote."""
    lines = [_line(event, zone, full=full) for event in events[:LINES]]
    if len(events) > LINES:
        lines.append(f"... and {len(events) - LINES} more")
    body = "\n".join(lines)
    if len(body) > WHOLE:
        body = body[: WHOLE - 1].rstrip() + "\u2026"
    alarm = any(e.kind in (EventKind.ALARM_RAISED, EventKind.KEYWORD_MATCHED) for e in events)
    return Note(f"{plain(business, NAME)}: {_title(events)}", body, alarm)


def _title(events: Sequence[Event]) -> str:
    if len(events) == 1:
        event = events[0]
        subject = _WHAT[event.kind][0]
        named = {EventKind.KEYWORD_MATCHED: "keyword", EventKind.ALARM_RAISED: "alarm"}
        detail = _word(event.payload, named.get(event.kind, ""))
        return f"{subject} {detail or event.caller}".strip()
    counts = Counter(event.kind for event in events)
    return ", ".join(_count(kind, counts[kind]) for kind in _WHAT if counts[kind])


def _count(kind: EventKind, count: int) -> str:
    one, many = _WHAT[kind]
    return f"{count} {one if count == 1 else many}"


def _line(event: Event, zone: ZoneInfo, *, full: bool) -> str:
    at = event.at.astimezone(zone).strftime("%b %-d %H:%M")
    said = _LINES[event.kind](event)
    text = _word(event.payload, "text", TEXT) if full and event.kind in _WITH_TEXT else ""
    return f"{at} {said}" + (f': "{text}"' if text else "")


def _who(event: Event) -> str:
    name = _word(event.payload, "name")
    number = event.caller or "a withheld number"
    return f"{name} ({number})" if name else number


def _ours(event: Event) -> str:
    label = _word(event.payload, "label")
    return f" to {label or event.number}" if label or event.number else ""


def _word(payload: Mapping[str, Any], name: str, most: int = NAME) -> str:
    value = payload.get(name)
    return "" if value is None else plain(str(value), most)


def _missed(event: Event) -> str:
    found = event.payload
    waited = f", waited {found['waited']:.0f} s" if found.get("waited") else ""
    outcome = _word(found, "outcome").replace("_", " ")
    texted = "is texted" if found.get("verdict") == "send" else "no text"
    reason = _word(found, "reason").replace("_", " ")
    why = f" ({reason})" if found.get("verdict") == "skip" else ""
    late = ", learnt afterwards" if found.get("late") else ""
    return f"missed {_who(event)}{_ours(event)}: {outcome}{waited}{late}; {texted}{why}"


def _failed(event: Event) -> str:
    found = event.payload
    return f"text to {_who(event)} {_word(found, 'state')}: {_word(found, 'reason', 120)}"


def _case(what: str) -> Callable[[Event], str]:
    def line(event: Event) -> str:
        owner = _word(event.payload, "owner")
        misses = _word(event.payload, "misses")
        called = f"{misses} missed" + (f", {owner}" if owner else "")
        return f"case {_word(event.payload, 'case')} {what}: {_who(event)}{_ours(event)} ({called})"

    return line


def _alarm(what: str) -> Callable[[Event], str]:
    def line(event: Event) -> str:
        because = _word(event.payload, "because", 200)
        return f"alarm {_word(event.payload, 'alarm')} {what}: {because}"

    return line


def _consent(what: str) -> Callable[[Event], str]:
    def line(event: Event) -> str:
        by = _word(event.payload, "by") or _word(event.payload, "source")
        return f"{_who(event)} {what}" + (f" ({by})" if by else "")

    return line


#: What each is called, one and several.
_WHAT: Mapping[EventKind, tuple[str, str]] = {
    EventKind.KEYWORD_MATCHED: ("keyword", "keywords"),
    EventKind.ALARM_RAISED: ("alarm", "alarms"),
    EventKind.CALL_MISSED: ("missed call", "missed calls"),
    EventKind.REPLY_RECEIVED: ("reply", "replies"),
    EventKind.OPT_OUT_REVIEW: ("reply to look at", "replies to look at"),
    EventKind.TEXT_FAILED: ("text that failed", "texts that failed"),
    EventKind.OPT_OUT: ("opt-out", "opt-outs"),
    EventKind.OPT_IN: ("opt-in", "opt-ins"),
    EventKind.CASE_OVERDUE: ("overdue call back", "overdue calls back"),
    EventKind.CASE_OPENED: ("new case", "new cases"),
    EventKind.CASE_CLOSED: ("closed case", "closed cases"),
    EventKind.ALARM_CLEARED: ("alarm over", "alarms over"),
    EventKind.TEST: ("test", "tests"),
}
_LINES: Mapping[EventKind, Callable[[Event], str]] = {
    EventKind.KEYWORD_MATCHED: lambda e: (
        f"{_word(e.payload, 'keyword').upper()}: reply from {_who(e)}{_ours(e)}"
    ),
    EventKind.ALARM_RAISED: _alarm("raised"),
    EventKind.CALL_MISSED: _missed,
    EventKind.REPLY_RECEIVED: lambda e: f"reply from {_who(e)}{_ours(e)}",
    EventKind.OPT_OUT_REVIEW: lambda e: (
        f"is this an opt-out? reply from {_who(e)}{_ours(e)}; textback inbox shows it"
    ),
    EventKind.TEXT_FAILED: _failed,
    EventKind.OPT_OUT: _consent("wants no more texts"),
    EventKind.OPT_IN: _consent("wants texts again"),
    EventKind.CASE_OVERDUE: _case("is overdue"),
    EventKind.CASE_OPENED: _case("opened"),
    EventKind.CASE_CLOSED: _case("closed"),
    EventKind.ALARM_CLEARED: _alarm("is over"),
    EventKind.TEST: lambda e: _word(e.payload, "message", 200),
}
_WITH_TEXT = frozenset(
    {EventKind.REPLY_RECEIVED, EventKind.KEYWORD_MATCHED, EventKind.OPT_OUT_REVIEW}
)
assert _WHAT.keys() == _LINES.keys() == set(EventKind)

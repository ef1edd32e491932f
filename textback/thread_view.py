"""A conversation as people read it on a terminal, and as programs do.

What the handset wrote begins with `<`, what went to it with `>`, calls with `*`. Nothing here is
markup, and no text can forge a line: what follows its first line is set in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from typing import Any

from rich.text import Text

from textback.log import escape, mask_number, mask_text
from textback.model import (
    CallBetween,
    Conversation,
    Direction,
    Line,
    PhoneState,
    Request,
    Review,
    TextIn,
    TextKind,
    TextOut,
    Thread,
)
from textback.why import OUTCOME_WORDS, STATE_STYLES

#: What a rule wrote, for those who wonder who did.
_KIND_WORDS = {
    TextKind.MISSED: "by itself, for the missed call",
    TextKind.FOLLOW_UP: "by itself, the follow-up",
    TextKind.OFFER: "asked for by a key",
    TextKind.TEST: "send-test",
    TextKind.CONFIRM: "by itself, the confirmation",
    TextKind.HELP: "by itself, in answer to HELP",
}
_REQUEST_WORDS = {
    Request.STOP: "opted out",
    Request.START: "opted in again",
    Request.HELP: "asked for help",
}
_PHONE_WORDS = {
    PhoneState.QUEUED: "waits for {}",
    PhoneState.SENT: "shown on {}",
    PhoneState.FAILED: "never shown on {}",
}
#: Where the words of a line begin.
_INDENT = " " * 12


def lines(found: Conversation, zone: tzinfo | None, *, mask: bool = False) -> Iterator[Text]:
    """The conversation, day by day."""
    day: date | None = None
    if found.more:
        yield Text("  … older lines are left out", style="dim")
    for line in found.lines:
        at = line.at.astimezone(zone)
        if at.date() != day:
            day = at.date()
            yield Text(f"{at:%a %d %b %Y}", style="bold")
        yield from _shown(line, f"  {at:%H:%M:%S}  ", mask)


def _shown(line: Line, clock: str, mask: bool) -> Iterator[Text]:
    if isinstance(line, CallBetween):
        yield Text.assemble((clock, "dim"), (f"* {_call(line)}", "yellow"))
        return
    sign, style = ("<", "blue") if isinstance(line, TextIn) else (">", "")
    note = _in(line) if isinstance(line, TextIn) else _out(line)
    words = mask_text(line.text) if mask else line.text
    first, *rest = words.splitlines() or [""]
    text = Text.assemble((clock, "dim"), (f"{sign} ", "bold"), (escape(first), style))
    if not rest:
        text.append_text(note)
    yield text
    for number, more in enumerate(rest, 1):
        text = Text.assemble(_INDENT, (escape(more), style))
        yield text.append_text(note) if number == len(rest) else text


def _in(line: TextIn) -> Text:
    said: list[str] = []
    if line.waits:
        said.append(f"{line.parts - line.missing} of {line.parts} parts so far")
    elif line.missing:
        said.append(f"incomplete: {line.missing} of {line.parts} parts did not come")
    elif line.parts > 1:
        said.append(f"{line.parts} parts")
    if line.request is not None:
        said.append(_REQUEST_WORDS[line.request])
    if line.review is Review.OPEN:
        said.append("an opt-out? see textback optout review")
    if line.keyword:
        said.append(f"keyword {escape(line.keyword)}")
    said += [f"delivered again {at:%H:%M:%S} UTC" for at in line.repeats]
    said += [_PHONE_WORDS[told.state].format(told.endpoint) for told in line.phones]
    return Text(f"  ({'; '.join(said)})" if said else "", style="dim")


def _out(line: TextOut) -> Text:
    who = escape(line.author) or _KIND_WORDS.get(line.kind, "")
    why = f": {escape(line.reason)}" if line.reason else ""
    note = Text("  ")
    note.append(line.state.value + why, style=STATE_STYLES[line.state])
    return note.append(f"  {who}" if who else "", style="dim")


def _call(line: CallBetween) -> str:
    if line.called_back:
        return "the business called, and reached the caller"
    if line.outcome is None:
        return "a call that goes on"
    if line.direction is not Direction.INBOUND:
        return f"the business called: {OUTCOME_WORDS[line.outcome]}"
    waited = f", after {line.waited:.0f} s" if line.waited >= 1 else ""
    return f"called: {OUTCOME_WORDS[line.outcome]}{waited}"


# --- for programs -----------------------------------------------------------------------------


def thread_dict(thread: Thread, *, text: str = "", mask: bool = False) -> dict[str, Any]:
    """One line of the inbox, with `text` of it."""
    number = mask_number(thread.handset) if mask else thread.handset
    return {
        "thread": thread.id,
        "handset": number,
        "ours": thread.ours,
        "number": thread.number,
        "name": thread.name,
        "unread": thread.unread,
        "waits_since": _iso(thread.waits_since),
        "last": _iso(thread.last),
        "last_in": _iso(thread.last_in),
        "last_out": _iso(thread.last_out),
        "text": mask_text(text) if mask else text,
        "text_in": thread.text_in,
        "opted_out": mask_text(thread.opted_out) if mask else thread.opted_out,
    }


def line_dict(line: Line, *, mask: bool = False) -> dict[str, Any]:
    """One line of a conversation."""
    if isinstance(line, CallBetween):
        return {
            "line": "call",
            "call": line.id,
            "at": _iso(line.at),
            "direction": line.direction.value,
            "outcome": line.outcome.value if line.outcome else None,
            "answered": _iso(line.answered),
            "waited": line.waited,
            "called_back": line.called_back,
        }
    text = mask_text(line.text) if mask else line.text
    if isinstance(line, TextIn):
        return {
            "line": "in",
            "incoming": line.id,
            "at": _iso(line.at),
            "text": text,
            "parts": line.parts,
            "missing": line.missing,
            "waits": line.waits,
            "request": line.request.value if line.request else "",
            "review": line.review.value,
            "keyword": line.keyword,
            "route": line.route,
            "delivered_again": [_iso(at) for at in line.repeats],
            "phones": [
                {
                    "pbx": told.pbx,
                    "endpoint": told.endpoint,
                    "state": told.state.value,
                    "attempts": told.attempts,
                    "changed": _iso(told.changed),
                    "error": told.error,
                }
                for told in line.phones
            ],
        }
    return {
        "line": "out",
        "text_id": line.id,
        "at": _iso(line.at),
        "text": text,
        "kind": line.kind.value,
        "state": line.state.value,
        "reason": line.reason,
        "author": line.author,
        "segments": line.segments,
        "call": line.call_id,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None

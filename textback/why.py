"""`textback why`: one call's whole story, as rich text for people (`why_json` has it for programs).

Every gate in the order it was asked, passed or failed, with the value found and the rule it was
held against; then what became of the text. Caller names are hostile: nothing here is markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from textback.log import escape
from textback.model import (
    CallbackCase,
    CallStory,
    Gate,
    OutboxRow,
    OutboxState,
    Outcome,
    Source,
    StoryEvent,
    TextKind,
    TextStory,
)
from textback.why_json import name_of, readers, texts_of

#: What an outcome is called in a sentence.
OUTCOME_WORDS: dict[Outcome, str] = {
    Outcome.ANSWERED: "answered",
    Outcome.NO_ANSWER: "nobody answered",
    Outcome.ABANDONED: "the caller gave up early",
    Outcome.BUSY: "busy or declined",
    Outcome.UNAVAILABLE: "no phone could be reached",
    Outcome.VOICEMAIL_LEFT: "went to voicemail and left a message",
    Outcome.VOICEMAIL_NO_MESSAGE: "went to voicemail and left no message",
    Outcome.IVR_ABANDONED: "hung up in the menu",
    Outcome.QUEUE_ABANDONED: "hung up in the queue",
    Outcome.TRANSFER_UNANSWERED: "transferred, and nobody took it",
    Outcome.PARKED_GIVEUP: "parked, and gave up waiting",
    Outcome.UNKNOWN: "not seen whole",
}

#: From where a call is known, where not from the live link.
SOURCE_WORDS: dict[Source, str] = {
    Source.CEL: "told late by CEL: the AMI link was down, or textback was",
    Source.CDR: "told late by CDR: the AMI link was down, or textback was",
    Source.AGI: "told by the dialplan, while the AMI link was down",
}

#: Why a text belongs to no call.
_CALLLESS = {
    TextKind.TEST: "written by hand (send-test)",
    TextKind.OFFER: "the caller asked for it by a key, in a call that was not seen",
    TextKind.MISSED: "what is known of it is not kept any more",
    TextKind.FOLLOW_UP: "what is known of it is not kept any more",
    TextKind.REPLY: "somebody of the business wrote it",
    TextKind.CONFIRM: "it confirms what the handset asked for",
    TextKind.HELP: "the handset asked for help",
}

_KIND_WORDS = {TextKind.OFFER: "Offered text ", TextKind.FOLLOW_UP: "Follow-up "}

STATE_STYLES: dict[OutboxState, str] = {
    OutboxState.QUEUED: "yellow",
    OutboxState.SENDING: "yellow",
    OutboxState.ACCEPTED: "cyan",
    OutboxState.DELIVERED: "green",
    OutboxState.UNDELIVERED: "red",
    OutboxState.REFUSED: "red",
    OutboxState.UNCERTAIN: "magenta",
    OutboxState.EXPIRED: "red",
    OutboxState.HELD: "blue",
    OutboxState.DROPPED: "dim",
    OutboxState.CANCELLED: "dim",
    OutboxState.SHADOW: "dim",
}

_KIND_STYLES = {
    "call": "",
    "dialplan": "yellow",
    "verdict": "bold",
    "outbox": "cyan",
    "attempt": "cyan",
    "receipt": "green",
    "reply": "blue",
    "operator": "magenta",
}


def render(story: CallStory, *, mask: bool = False, zone: tzinfo | None = None) -> RenderableType:
    """The story for a terminal; `zone` is what the times are shown in (default: the system's)."""
    parts: list[RenderableType] = [_headline(story, mask, zone), Text()]
    parts.append(_verdict(story, zone))
    if story.gates:
        parts.append(Padding(_gates(story.gates, mask), (0, 0, 0, 2), expand=False))
    for row in texts_of(story):
        parts += [Text(), _outbox(row, mask, zone)]
    if story.case is not None:
        parts += [Text(), _case(story.case, mask, zone)]
    parts += _what_happened(timeline(story), story.started, mask, zone)
    return Group(*parts)


def _case(case: CallbackCase, mask: bool, zone: tzinfo | None) -> Text:
    """The case the call belongs to, in a line; `textback cases show` has its story."""
    _, words = readers(mask)
    told = Text.assemble(("Case ", "bold"), (str(case.id), "bold cyan"), f": {case.stage.value}")
    told.append(f", {case.misses} missed call" + ("s" if case.misses > 1 else ""))
    if case.closed is not None:
        told.append(f", closed by {escape(words(case.closed_by))} {_day(case.closed, zone)}")
        return told
    told.append(f", {escape(words(case.owner))}'s" if case.owner else ", nobody's")
    return told.append(f", due {_day(case.due, zone)}" if case.due is not None else "")


def render_text(
    story: TextStory, *, mask: bool = False, zone: tzinfo | None = None
) -> RenderableType:
    """A text that belongs to no call, for a terminal."""
    row = story.outbox
    head = Text.assemble(("No call", "bold"), f": {_CALLLESS[row.kind]}  {_day(row.created, zone)}")
    return Group(
        head, _outbox(row, mask, zone), *_what_happened(story.events, row.created, mask, zone)
    )


def _what_happened(
    events: Sequence[StoryEvent], began: datetime, mask: bool, zone: tzinfo | None
) -> list[RenderableType]:
    lines = _lines(events, began, mask, zone)
    return [
        Text(),
        Text("What happened", style="bold"),
        Padding(lines, (0, 0, 0, 2), expand=False),
    ]


def _headline(story: CallStory, mask: bool, zone: tzinfo | None) -> Text:
    number, _ = readers(mask)
    head = Text()
    head.append("Call ", style="bold")
    head.append(escape(str(story.key)), style="bold cyan")
    head.append(f"  {_day(story.started, zone)}\n")
    head.append(f"  from {escape(number(story.caller)) or '(no number)'}")
    if name := name_of(story):
        head.append(f' "{escape(name)}"', style="italic")
    head.append(f"  to {escape(number(story.did)) or '(no number)'}")
    if story.number_label:
        head.append(f" ({escape(story.number_label)})")
    head.append(f"\n  {story.direction.value}, ")
    if story.outcome is None:
        head.append("still going on", style="yellow")
    else:
        words = OUTCOME_WORDS[story.outcome]
        head.append(f"{story.outcome.value}: {words}")
    head.append(f"; the caller waited {story.waited:.1f} s")
    if story.source is not Source.AMI:
        head.append(f"\n  {SOURCE_WORDS[story.source]}", style="yellow")
    elif story.late:
        head.append("\n  told late: found when the AMI link was back", style="yellow")
    if said := _said(story, mask):
        head.append(f"\n  the dialplan said: {said}", style="yellow")
    return head


def _said(story: CallStory, mask: bool) -> str:
    """What the dialplan said of the call, in one line; "" for nothing."""
    _, words = readers(mask)
    told = (
        ("no text is wanted", story.handled),
        ("it is missed", story.told_missed),
        ("message", story.message),
        ("verstat", story.verstat),
    )
    said = []
    for what, how in told:
        shown = escape(words(how))
        if how:
            said.append(
                f"{what} {shown}" if what in ("message", "verstat") else f"{what} ({shown})"
            )
    return ", ".join(said)


def _verdict(story: CallStory, zone: tzinfo | None) -> Text:
    at = f"  at {_clock(story.decided, zone)}" if story.decided else ""
    if story.verdict == "send":
        return Text.assemble(("Verdict: text this caller", "bold green"), at)
    if story.verdict == "skip":
        return Text.assemble((f"Verdict: no text: {story.reason}", "bold red"), at)
    return Text("Verdict: none yet", style="bold yellow")


def _gates(gates: Sequence[Gate], mask: bool) -> Table:
    _, words = readers(mask)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
    for title in ("", "gate", "found", "rule"):
        table.add_column(title, overflow="fold")
    for gate in gates:
        mark = Text("pass", style="green") if gate.passed else Text("FAIL", style="bold red")
        style = "" if gate.passed else "bold"
        table.add_row(
            mark,
            Text(escape(gate.name), style=style),
            Text(escape(words(gate.value)), style=style),
            Text(escape(words(gate.rule)), style=style or "dim"),
        )
    return table


def _outbox(row: OutboxRow, mask: bool, zone: tzinfo | None) -> Text:
    number, words = readers(mask)
    text = Text.assemble(
        (_KIND_WORDS.get(row.kind, "Text "), "bold"),
        (str(row.id), "bold cyan"),
        f" to {escape(number(row.to))} from {escape(number(row.sender))}: ",
        (row.state.value, f"bold {STATE_STYLES[row.state]}"),
    )
    if row.reason:
        text.append(f" ({escape(words(row.reason))})")
    if row.state is OutboxState.QUEUED and row.due > row.created:
        text.append(f", not before {_day(row.due, zone)}")
    for line in row.text.splitlines() or [""]:
        text.append(f"\n  | {escape(words(line))}", style="italic")
    return text


def timeline(story: CallStory) -> list[StoryEvent]:
    """The call's trail and the text's life as one list, oldest first.

    The trail is on the steady clock and the rest on the wall clock, so "ended" may seem to lie some
    milliseconds before the last line of the trail ("hung up"): it is told after it.
    """
    trail = [
        StoryEvent(at=story.started + timedelta(seconds=after), kind="call", text=what)
        for after, what in story.trail
    ]
    last = max((line.at for line in trail), default=story.started)
    events = [
        replace(event, at=max(event.at, last)) if event.kind == "call" else event
        for event in story.events
    ]
    return sorted([*trail, *events], key=lambda event: event.at)


def _lines(events: Sequence[StoryEvent], began: datetime, mask: bool, zone: tzinfo | None) -> Table:
    _, words = readers(mask)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, justify="right", style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for event in events:
        since = (event.at - began).total_seconds()
        style = _KIND_STYLES.get(event.kind, "")
        table.add_row(
            _clock(event.at, zone),
            f"{since:+.3f} s",
            Text(escape(event.kind), style=style),
            Text(escape(words(event.text)), style=style),
        )
    return table


def _day(at: datetime, zone: tzinfo | None) -> str:
    return at.astimezone(zone).strftime("%a %d %b %Y %H:%M:%S %Z")


def _clock(at: datetime | None, zone: tzinfo | None) -> str:
    return at.astimezone(zone).strftime("%H:%M:%S.%f")[:-3] if at else ""

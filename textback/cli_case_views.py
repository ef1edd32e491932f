"""How a case is shown: in a table, as a story, as JSON. Whatever people wrote is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

from textback import log
from textback.cli_common import add_row, age, count, local, say, show, shown, table, zone_of
from textback.config import Config
from textback.model import CallbackCase, CaseStage
from textback.store.casestory import CaseStory
from textback.why_json import case_dict

STAGE_STYLES = {
    CaseStage.MISSED: "red",
    CaseStage.TEXTED: "yellow",
    CaseStage.REPLIED: "blue",
    CaseStage.CALLED_BACK: "green",
    CaseStage.RECOVERED: "green",
    CaseStage.DISMISSED: "dim",
}


def listing(
    found: Sequence[CallbackCase],
    config: Config,
    mask: bool,
    now: datetime,
    names: Mapping[int, str] | None = None,
) -> None:
    zone = zone_of(config)
    labels = {n.did: n.label for n in config.number}
    titles = ("case", "due", "caller", "name", "number", "stage", "misses", "missed", "owner")
    made = table(*titles, "note")
    for case in found:
        add_row(
            made,
            str(case.id),
            _due(case, zone, now),
            shown(case.caller, mask),
            (names or {}).get(case.id, ""),
            labels.get(case.number, "") or shown(case.number, mask),
            Text(case.stage.value, style=STAGE_STYLES[case.stage]),
            str(case.misses),
            local(case.missed, zone),
            case.owner,
            log.mask_text(case.note) if mask else case.note,
        )
    show(made)


def _due(case: CallbackCase, zone: ZoneInfo, now: datetime) -> Text:
    if case.closed is not None:
        return Text(f"closed {local(case.closed, zone)}", style="dim")
    if case.due is None:
        return Text("")
    if case.due < now:
        return Text(f"{age(case.due, now)} overdue", style="bold red")
    return Text(local(case.due, zone))


def story(told: CaseStory, zone: ZoneInfo, mask: bool) -> None:
    case = told.case
    head = Text.assemble(
        (f"Case {case.id}", "bold"),
        f": {shown(case.caller, mask)}",
        f" ({log.escape(told.name)})" if told.name else "",
        f" to {log.escape(told.label) or shown(case.number, mask)}  ",
        (case.stage.value, STAGE_STYLES[case.stage]),
    )
    show(head)
    lines = [f"{count(case.misses, 'missed call')}, the last at {local(case.missed, zone)}"]
    lines.append(f"owner: {case.owner}" if case.owner else "nobody's")
    due = _due(case, zone, datetime.now(UTC)).plain
    lines += [f"due: {due}"] if due and case.closed is None else []
    if case.closed is not None:
        took = f", {age(case.opened, case.spoken)} after the first" if case.spoken else ""
        lines.append(f"closed by {case.closed_by} at {local(case.closed, zone)}{took}")
    lines += [f"note: {case.note}"] if case.note else []
    for line in lines:
        say("  " + (log.mask_text(log.escape(line)) if mask else log.escape(line)))
    say("")
    made = table("when", "what", "")
    for event in told.events:
        words = log.mask_text(event.text) if mask else event.text
        add_row(made, local(event.at, zone), event.kind, words)
    show(made)


def story_as_dict(told: CaseStory, *, mask: bool = False) -> dict[str, Any]:
    """The same with its events."""
    return case_dict(told.case, mask=mask) | {
        "label": told.label,
        "name": told.name,
        "events": [
            {
                "at": event.at.isoformat(),
                "kind": event.kind,
                "text": log.mask_text(event.text) if mask else event.text,
            }
            for event in told.events
        ],
    }

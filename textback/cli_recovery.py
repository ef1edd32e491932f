"""The recovery of missed callers as `stats` shows it: how many were spoken to, and how soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textback.cli_common import add_row, print_json, say, show, shown, table
from textback.config import Config
from textback.store.recovery import Part, Recovery


def render(found: Sequence[Recovery], config: Config, mask: bool) -> None:
    """For people: one row a number, those who were texted beside those who were not."""
    if not found:
        return
    say("")
    say("missed callers whose first missed call was then, and what became of them by calls", "bold")
    labels = {n.did: n.label for n in config.number}
    made = table(
        *("number", "label", "callers", "misses", "texted", "replied", "called back"),
        *("came back", "dismissed", "open", "recovered", "with text", "without"),
        *("half within", "90 % within"),
    )
    for one in found:
        whole = one.all
        add_row(
            made,
            shown(one.number, mask),
            labels.get(one.number, ""),
            str(whole.cases),
            str(one.misses),
            str(one.texted.cases),
            str(one.replied),
            str(whole.called_back),
            str(whole.came_back),
            str(whole.dismissed),
            str(whole.open),
            _percent(whole),
            _percent(one.texted),
            _percent(one.untexted),
            _length(whole.time(0.5)),
            _length(whole.time(0.9)),
        )
    show(made)


def as_json(found: Sequence[Recovery], mask: bool) -> None:
    """For programs: one object a number, of type `recovery`."""
    for one in found:
        print_json(
            {
                "type": "recovery",
                "number": shown(one.number, mask),
                "misses": one.misses,
                "replied": one.replied,
                **_part(one.all),
                "with_text": _part(one.texted),
                "without_text": _part(one.untexted),
            }
        )


def _part(part: Part) -> Mapping[str, Any]:
    return {
        "cases": part.cases,
        "called_back": part.called_back,
        "came_back": part.came_back,
        "dismissed": part.dismissed,
        "open": part.open,
        "rate": None if part.rate is None else round(part.rate, 4),
        "seconds_median": part.time(0.5),
        "seconds_90": part.time(0.9),
    }


def _percent(part: Part) -> str:
    return "" if part.rate is None else f"{part.rate:.0%} of {part.cases}"


def _length(seconds: int | None) -> str:
    """About how long, as people say it."""
    if seconds is None:
        return ""
    for unit, length, limit in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800)):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"

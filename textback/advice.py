"""What the recommender says, and the words its rules share; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from textback import phone
from textback.config import CATCH_ALL, Config, NumberConfig
from textback.figures import Survey, Tally
from textback.model import TEXTABLE_OUTCOMES, Direction

#: Things of one kind that are named one by one; the others are counted.
MOST_NAMED = 5


class Topic(StrEnum):
    """What a piece of advice is about; stable, for programs."""

    RING_TIMEOUT = "ring_timeout"
    ABANDONED_AFTER = "abandoned_after"
    NOT_WATCHED = "not_watched"
    NO_CALLS = "no_calls"
    CONTEXT = "context"
    DID_FORMAT = "did_format"
    OUTCOME_OFF = "outcome_off"
    PRESENTATION = "presentation"
    LANDLINES = "landlines"
    UNKNOWN = "unknown"
    COOLDOWN = "cooldown"
    CAPS = "caps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to change: what was found, what to do, and the figures for a program."""

    topic: Topic
    found: str
    cure: str
    serious: bool
    number: str = ""  #: the [[number]] or number it is about, else ""
    snippet: str = ""  #: lines for textback.toml, ready to be pasted
    figures: Mapping[str, Any] = field(default_factory=dict)


Rule = Callable[[Survey, Config], Iterable[Advice]]


def share(part: int, whole: int) -> str:
    """ "5 %"; never 0 % for something and never 100 % for less than all."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    if part and percent < 1:
        return "less than 1 %"
    return f"{min(99, round(percent)) if part < whole else 100} %"


def calls_of(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def mine(survey: Survey, number: NumberConfig) -> list[Tally]:
    return [
        t for t in survey.tallies if t.number == number.did and t.direction is Direction.INBOUND
    ]


def missed_of(tallies: Iterable[Tally]) -> list[Tally]:
    return [t for t in tallies if t.outcome in TEXTABLE_OUTCOMES]


def numbers(config: Config) -> Iterator[NumberConfig]:
    return (n for n in config.number if n.enabled and n.did != CATCH_ALL)


def table_of(number: NumberConfig) -> str:
    return f"[[number]] {number.did}" + (f" ({number.label})" if number.label else "")


def some(counts: Counter[str], what: Callable[[str], str] = str) -> str:
    """The most frequent, with their counts: "s (12), acme (3), and 2 others"."""
    named = [f"{what(name)} ({n})" for name, n in counts.most_common(MOST_NAMED)]
    more = len(counts) - len(named)
    return ", ".join(named) + (f", and {more} others" if more > 0 else "")


def shown(text: str) -> str:
    return phone.printable(text) or "(nothing)"

"""What a gate is: a question about one call, and the answer it gives; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textback.case import Case
from textback.model import Reason


@dataclass(frozen=True, slots=True)
class Answer:
    """A gate's answer; `reason` is None when it lets the call through."""

    reason: Reason | None
    value: str
    rule: str


Check = Callable[[Case], Answer]


def ok(value: str, rule: str) -> Answer:
    """It lets the call through."""
    return Answer(None, value, rule)

"""When a text that could not be sent is tried again, and when it is given up; pure.

The wait doubles from attempt to attempt, is spread by jitter so that a thousand texts held up by
one outage do not all come back in the same second, and never leads past the text's expiry: a
missed-call text hours late is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from textback.model import Later, Refused, Unsure


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How patient to be; seconds."""

    first: float = 5.0
    factor: float = 2.0
    longest: float = 120.0
    #: The share of each wait that jitter may take away or add: 0.2 is plus or minus 20 %.
    spread: float = 0.2
    max_attempts: int = 20
    on_uncertain: Literal["hold", "resend"] = "hold"


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Try again, not before `due`."""

    due: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again; `reason` is for the operator."""

    reason: str


#: The last chance before a text expires: one attempt this close to it still makes sense.
LAST_CHANCE = 1.0


def next_step(
    attempts: int,
    submission: Later | Refused | Unsure,
    now: datetime,
    created: datetime,
    expires: datetime,
    rules: RetryRules,
    *,
    jitter: float = 0.5,
) -> RetryDecision | GiveUp:
    """What becomes of a text after `attempts` submits, the last of which came to `submission`.

    `jitter` is a random number from 0 to 1 (0.5: none). `created`, `expires` and `now` are aware.
    A `Later` that does not count (throttled, link down) waits what the gateway says, and is not
    held against the text.
    """
    if isinstance(submission, Refused):
        name = submission.name or f"status {submission.status:#x}"
        return GiveUp(f"refused by the carrier: {name}" + _detail(submission.detail))
    if isinstance(submission, Unsure) and rules.on_uncertain == "hold":
        return GiveUp("uncertain, held" + _detail(submission.detail))
    counts = isinstance(submission, Unsure) or submission.counts
    if counts and attempts >= rules.max_attempts:
        return GiveUp(f"given up after {attempts} attempts" + _detail(submission.detail))
    least = submission.after if isinstance(submission, Later) else 0.0
    wait = max(least, back_off(attempts, rules, jitter) if counts else 0.0)
    due = now + timedelta(seconds=wait)
    if due >= expires:
        due = expires - timedelta(seconds=LAST_CHANCE)
        if due <= now + timedelta(seconds=least):
            age = (now - created).total_seconds()
            return GiveUp(f"expired {age:.0f} s after it was written" + _detail(submission.detail))
    return RetryDecision(due)


def back_off(attempts: int, rules: RetryRules, jitter: float) -> float:
    """Seconds to wait after the given number of attempts."""
    # The exponent is bounded: 2.0 ** 2000 is an OverflowError.
    steps = min(max(attempts, 1) - 1, 64)
    wait = min(rules.longest, rules.first * rules.factor**steps)
    return wait * (1.0 + rules.spread * (2.0 * jitter - 1.0))


def _detail(text: str) -> str:
    return f" ({text})" if text else ""

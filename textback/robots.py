"""Whether a machine writes on the other side of a conversation: two never talk to each other; pure.

The last texts from the handset are looked at, the newest first. The first line that fits says so.

    the sender is a name (letters), not a number    a machine
    the sender is a short code (up to 8 digits)     a machine
    the last ALIKE texts are the same words, each   a machine: an out-of-office, a help line
      within ANSWERED after one of ours
    the last PROMPT texts came each within AT_ONCE  a machine: nobody reads and types that fast
      after one of ours
    anything else                                   a person may be there

A machine gets no text that a rule writes; what a person writes still goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ALIKE = 3
ANSWERED = timedelta(minutes=2)
PROMPT = 2
AT_ONCE = timedelta(seconds=3)
#: Texts that are looked at.
LOOK = max(ALIKE, PROMPT)
#: Digits of the longest short code.
SHORT = 8


@dataclass(frozen=True, slots=True)
class Heard:
    """A text that came in, and when the last of ours before it left; None: there was none."""

    text: str
    at: datetime
    ours: datetime | None

    def within(self, span: timedelta) -> bool:
        """Whether it came that soon after ours. A clock set back between the two proves nothing."""
        return self.ours is not None and timedelta(0) <= self.at - self.ours <= span


def sender(handset: str) -> str:
    """Why this sender is no person's handset; "": it may be one."""
    name = handset.strip()
    if any(char.isalpha() for char in name):
        return "its sender is a name, not a number"
    digits = sum(char.isdigit() for char in name)
    if not name.startswith("+") and digits <= SHORT:
        return "its sender is a short code"
    return ""


def found(handset: str, last: Sequence[Heard]) -> str:
    """Why a machine is thought to write from `handset`; "": nothing speaks for it. `last`: the
    texts from there, newest first, at least `LOOK` where there are so many."""
    why = sender(handset)
    if why:
        return why
    same = last[:ALIKE]
    words = {" ".join(heard.text.casefold().split()) for heard in same}
    alike = len(same) == ALIKE and len(words) == 1 and "" not in words
    if alike and all(heard.within(ANSWERED) for heard in same):
        return f"its last {ALIKE} answers are the same words"
    prompt = last[:PROMPT]
    if len(prompt) == PROMPT and all(heard.within(AT_ONCE) for heard in prompt):
        return f"its last {PROMPT} answers came within {AT_ONCE.total_seconds():.0f} s each"
    return ""

"""Words of the dialplan that came before the call they are about: a waiting room, bounded.

A hook (AGI) can overtake the Newchannel of its call by milliseconds, and a leg's dialplan, or the
variables it inherits, the DialBegin that says whose leg it is. Each word waits, by Uniqueid, for a
call.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from textback.model import Hint

from .event_types import VarSet

#: Seconds a word waits while the link is up: Asterisk's events are a moment behind at most.
WAIT = 5.0
#: The same while it is down: for a call that is still there when it comes back.
WAIT_DOWN = 900.0
#: Uniqueids that are waited for, and words for each; the oldest gives way.
MOST_CALLS = 1_000
MOST_WORDS = 20

#: Names of their timers: no Uniqueid begins like this.
_TIMER = "hint "


@dataclass(frozen=True, slots=True)
class Waiting:
    """One word. `told`: intake knows of it already; it is only to be remembered with the call."""

    word: Hint | VarSet
    told: bool = False


class WaitingRoom:
    """By Uniqueid, in order of arrival."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[str, list[Waiting]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rooms)

    def put(self, uniqueid: str, waiting: Waiting) -> list[Waiting]:
        """Let it wait; what had to give way for it."""
        words = self._rooms.setdefault(uniqueid, [])
        if len(words) >= MOST_WORDS:
            return [waiting]
        words.append(waiting)
        if len(self._rooms) > MOST_CALLS:
            _, displaced = self._rooms.popitem(last=False)
            return displaced
        return []

    def waited_for(self) -> list[str]:
        """Uniqueids with words that wait."""
        return list(self._rooms)

    def take(self, uniqueid: str) -> list[Waiting]:
        return self._rooms.pop(uniqueid, [])

    def clear(self) -> None:
        self._rooms.clear()


def timer_of(uniqueid: str) -> str:
    """The name of the timer that ends the waiting for this call."""
    return _TIMER + uniqueid


def waited_for(timer: str) -> str:
    """The Uniqueid of `timer_of`; "" for a timer of another kind."""
    return timer.removeprefix(_TIMER) if timer.startswith(_TIMER) else ""

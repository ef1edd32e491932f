"""The feed: what changed, by topic, for every tab that listens.

Topics are few words, never a number or a text; a tab that hears one asks for what it shows again:

    inbox       a conversation changed: a text either way, a delivery state, read, waits for nobody
    thread:17   that one did
    calls       a call rings, is answered, has ended, is decided, or its text came further
    cases       a case was opened, taken, put off or closed
    numbers     another configuration is in force
    health      a link, a carrier or an alarm stands otherwise
    figures     figures were counted anew, and some are others now
    *           anything may have changed: another process wrote, or too much to tell

Who says something is in the middle of other work, often on the AMI path: `say` notes a word and at
most arms one timer. What was said goes out together; when the house is quiet at once, when it is
busy with growing gaps (GAP to MOST_GAP), so that fifty calls a second have a tab ask again every
other second and not fifty times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

#: Anything may have changed.
EVERYTHING = "*"
#: Seconds that words are gathered for when the house was quiet: one fact often brings several.
GATHER = 0.05
#: Seconds between two rounds: at first, and while it stays busy.
GAP, MOST_GAP = 0.3, 2.0
#: Different topics that are kept for a listener that does not come to take them.
MOST_TOPICS = 100


class Handle(Protocol):
    """A timer that can be stopped."""

    def cancel(self) -> None: ...


class Listener:
    """One tab. `next` waits for topics; what is said meanwhile is kept, each topic once."""

    def __init__(self, session: str = "") -> None:
        self.session = session
        self.closed = False
        self.crowded = False  #: a newer one of the session has taken its place
        self._topics: dict[str, None] = {}
        self._news = asyncio.Event()

    def put(self, topic: str) -> None:
        if len(self._topics) >= MOST_TOPICS and topic not in self._topics:
            self._topics = {EVERYTHING: None}
        if EVERYTHING not in self._topics:
            if topic == EVERYTHING:
                self._topics.clear()
            self._topics[topic] = None
        self._news.set()

    def close(self) -> None:
        self.closed = True
        self._news.set()

    async def next(self) -> tuple[str, ...]:
        """The topics said since the last time, in order; empty: the feed was closed."""
        await self._news.wait()
        if not self.closed:
            self._news.clear()
        topics = tuple(self._topics)
        self._topics.clear()
        return topics


def _steady() -> float:
    return asyncio.get_running_loop().time()


def _later(seconds: float, do: Callable[[], None]) -> Handle:
    return asyncio.get_running_loop().call_later(seconds, do)


class Feed:
    """Says topics to all who listen. Belongs to one event loop."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = _steady,
        later: Callable[[float, Callable[[], None]], Handle] = _later,
    ) -> None:
        """`clock` is steady, in seconds; `later(seconds, do)` does it then."""
        self._clock, self._later = clock, later
        self._listeners: dict[Listener, None] = {}  # the oldest first
        self._said: dict[str, None] = {}
        self._timer: Handle | None = None
        self._last = float("-inf")  # when the last round went out
        self._gap = GAP
        #: Counts what was said, from another number at each start: a page that was made at this
        #: tick has missed nothing if it is still the same.
        self.tick = time.time_ns() // 1000
        self._told = self.tick  # the tick before what is being gathered

    def say(self, *topics: str) -> None:
        """Never blocks, never raises, costs the same however many listen. On the event loop."""
        self.tick += 1
        if not self._listeners:
            return
        if len(self._said) < MOST_TOPICS:
            self._said.update(dict.fromkeys(topics))
        else:
            self._said = {EVERYTHING: None}
        if self._timer is None:
            self._told = self.tick - 1
            wait = max(GATHER, self._last + self._gap - self._clock())
            self._timer = self._later(wait, self._tell)

    @property
    def settled(self) -> int:
        """The tick up to which everything was told; who listens is still to be told of the rest."""
        return self.tick if self._timer is None else self._told

    def _tell(self) -> None:
        now, self._timer = self._clock(), None
        busy = now - self._last < 2 * self._gap
        self._gap = min(self._gap * 1.5, MOST_GAP) if busy else GAP
        self._last = now
        topics, self._said = self._said, {}
        for listener in self._listeners:
            for topic in topics:
                listener.put(topic)

    def listen(self, session: str = "", *, most: int = 0) -> Listener:
        """`session`: whose tab it is, so that it ends with that; of more than `most` of them (0: as
        many as there are) the oldest give way, since the newest is what is looked at."""
        mine = [one for one in self._listeners if one.session == session and not one.closed]
        for one in mine[: max(0, len(mine) - most + 1)] if most else ():
            one.crowded = True
            one.close()
        listener = Listener(session)
        self._listeners[listener] = None
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.pop(listener, None)
        if not self._listeners and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._said.clear()

    def count(self, session: str) -> int:
        """Tabs of one session."""
        return sum(listener.session == session for listener in self._listeners)

    def end(self, session: str) -> None:
        """Somebody signed out, or was shut out: their tabs come to their end."""
        for listener in self._listeners:
            if listener.session == session:
                listener.close()

    def close(self) -> None:
        """Every listener comes to its end."""
        for listener in self._listeners:
            listener.close()

    def __len__(self) -> int:
        return len(self._listeners)

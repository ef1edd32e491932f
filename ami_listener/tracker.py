"""The tracker: AMI events in, facts about calls out; no input or output, no clock of its own.

What counts as missed is decided here and nowhere else: see `rules_bridge` (answered), `outcome`
(what it was otherwise), `births` (whose call it is), `resync` (what a gap in the link may hide).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textback.model import Call, Moment

from .births import Inbound as Inbound
from .callbook import CallBook
from .event_types import AmiEvent, ChannelRow, Tainted
from .resync import resync
from .rules import RULES
from .torn import Torn

#: A channel costs about 1 KiB; a large PBX has a few thousand.
MAX_CHANNELS = 20_000
_EPSILON = 1e-6  # seconds; a deadline that went through a datetime comes back a hair off


class Tracker:
    """One Asterisk's calls.

    Each method that returns facts returns them in the order they became true; the caller hands
    every one of them on. After `feed`, ask `next_deadline` and call `expire` when it comes, but
    first feed what was received before it: an answer that is already here must win.
    """

    def __init__(
        self,
        *,
        pbx: str,
        boot: str,
        inbound: Inbound,
        watch: Callable[[str], float | None],
        max_channels: int = MAX_CHANNELS,
    ) -> None:
        """`watch` gives the ring_timeout (seconds) of a dialled number as received; None: none."""
        self._book = CallBook(
            pbx=pbx, boot=boot, inbound=inbound, watch=watch, max_channels=max_channels
        )
        self._torn = Torn()

    @property
    def boot(self) -> str:
        return self._book.boot

    @property
    def counters(self) -> dict[str, int]:
        """What was seen, counted since the start; names are stable."""
        return dict(self._book.counters)

    @property
    def sizes(self) -> dict[str, int]:
        """What is held now: channels, bridges, calls..."""
        return self._book.sizes()

    def feed(self, event: AmiEvent, now: Moment, *, timers: bool = True) -> list[Call]:
        """One event, in order of arrival. `timers=False`: `expire` is for the caller to call."""
        book = self._book
        book.counters["events"] += 1
        if isinstance(event, Tainted):
            book.counters["tainted"] += 1
            book.taint(event.uniqueids, event.reason, now)
            mended = event.event or self._torn.mend(event)
            if mended is None:
                return self.expire(now) if timers else book.take()
            event = mended
        else:
            self._torn.clear()
        rule = RULES.get(type(event))
        if rule is not None:
            rule(book, event, now)
        return self.expire(now) if timers else book.take()

    def expire(self, now: Moment) -> list[Call]:
        """Fire the timers that are due."""
        book = self._book
        for uniqueid in book.timers.due(now.steady + _EPSILON):
            book.time_is_up(uniqueid, now)
        return book.take()

    def next_deadline(self) -> float | None:
        """Steady seconds of the next timer, None when there is none."""
        return self._book.timers.next()

    def link_lost(self, now: Moment) -> None:
        """Events are missing from here on, until `resync`. Ring timers stand still meanwhile."""
        book = self._book
        book.epoch += 1
        book.counters["links_lost"] += 1
        for call in book.calls.values():
            call.suspect = True
            call.note(now, "the AMI link was lost")
            book.rearm(call)

    def resync(self, rows: Sequence[ChannelRow], now: Moment) -> list[Call]:
        """The channel list, after the events that came with it were fed."""
        book = self._book
        book.counters["resyncs"] += 1
        book.late = True
        try:
            resync(book, rows, now)
        finally:
            book.late = False
        for call in book.calls.values():
            book.rearm(call)
        return self.expire(now)

    def restarted(self, boot: str, now: Moment) -> list[Call]:
        """Asterisk was started anew: nothing of before lives on."""
        self._book.late = True
        self._book.clear(boot, "Asterisk was restarted", now)
        self._book.late = False
        return self._book.take()

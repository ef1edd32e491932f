"""The tracker: AMI events in, facts about calls out; no input or output, no clock of its own.

What counts as missed is decided here and nowhere else: see `rules_bridge` (answered), `outcome`
(what it was otherwise), `births` (whose call it is), `resync` (what a gap in the link may hide).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textback.model import Call, Hint, Moment, Phase

from .births import Inbound as Inbound
from .callbook import CallBook
from .event_types import AmiEvent, ChannelRow, DialBegin, NewChannel, NewState, Tainted
from .hints import waited_for
from .resync import resync
from .rules import RULES
from .rules_hints import catch_up, give_up, take
from .torn import Torn

#: A channel costs about 1 KiB; a large PBX has a few thousand.
MAX_CHANNELS = 20_000
#: After these a channel may belong to a call it did not belong to before.
_MAKES_CALLS = (NewChannel, NewState, DialBegin)
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
        on_hint: Callable[[Hint, Call | None], None] | None = None,
        not_human: Iterable[str] = (),
    ) -> None:
        """`watch` gives the ring_timeout (seconds) of a dialled number as received; None: none.

        `on_hint(hint, call)` is given what the dialplan says beyond one call's verdict (opt-outs,
        offers), with the call as it stands, and hooks' words for which there is no call (None).
        `not_human` names what answers by itself, see `machines`.
        """
        self._book = CallBook(
            pbx=pbx,
            boot=boot,
            inbound=inbound,
            watch=watch,
            max_channels=max_channels,
            on_hint=on_hint,
            not_human=not_human,
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
        if len(book.room) and isinstance(event, _MAKES_CALLS):
            catch_up(book, now)
        return self.expire(now) if timers else book.take()

    def expire(self, now: Moment) -> list[Call]:
        """Fire the timers that are due."""
        book = self._book
        for name in book.timers.due(now.steady + _EPSILON):
            uniqueid = waited_for(name)
            if uniqueid:
                give_up(book, uniqueid)
            else:
                book.time_is_up(name, now)
        return book.take()

    def next_deadline(self) -> float | None:
        """Steady seconds of the next timer, None when there is none."""
        return self._book.timers.next()

    def hint(self, hint: Hint, now: Moment, *, told: bool = False) -> list[Call]:
        """A word of the dialplan; facts (HINTED) at once, or when its call is born.

        `told`: intake knows of it already (the link was down); it is only remembered.
        """
        take(self._book, hint, now, told=told)
        return self._book.take()

    def placed(self, uniqueid: str, number: str) -> None:
        """A channel with this Uniqueid is about to be originated, to dial this number (E.164)."""
        self._book.placed.put(uniqueid, number)

    def call(self, uniqueid: str, now: Moment) -> Call | None:
        """The call this channel belongs to, as it stands (phase HINTED); None: not known."""
        call = self._book.call_at(uniqueid)
        return call.fact(Phase.HINTED, now) if call is not None else None

    def alive(self) -> frozenset[str]:
        """Uniqueids of the calls whose end is still to be told."""
        return self._book.alive()

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
        catch_up(book, now)
        return self.expire(now)

    def restarted(self, boot: str, now: Moment) -> list[Call]:
        """Asterisk was started anew: nothing of before lives on."""
        self._book.late = True
        self._book.clear(boot, "Asterisk was restarted", now)
        self._book.late = False
        return self._book.take()

"""Keeps the figures by number, day and hour right, in the background, so that no page counts calls.

Whatever changes a call, a text, a case or an opt-out marks its quarter of an hour, however old
(triggers of the schema); every ROUND seconds the days with marks are counted again. So a change is
seen ROUND seconds later, plus the time the counting takes: a tenth of a second for most days, and
the newest day comes first. What no trigger tells (a database that was restored or mended by hand)
is seen in the night after, when the last SWEEP days are counted again, one after the other.

A database that was never counted is counted from today backwards. Reading is done on a snapshot,
writing in small transactions with pauses: a verdict waits at most for one of them.

Advice (`recommend`) asks for a pass over a month of calls: it is asked for every few hours here,
and what it last said is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from textback.advice import Advice
from textback.config import Config
from textback.crew import apart
from textback.figures_time import begins, day_of
from textback.recommend import recommend
from textback.store.errors import StoreError
from textback.store.figures_keep import Filling
from textback.store.store import Store
from textback.store.survey import survey

log = structlog.get_logger(__name__)

#: Seconds between looks at what has changed, and after one that failed.
ROUND, AGAIN = 15.0, 60.0
#: What a write may take on the disk, seconds; the next ones are made smaller or larger by it.
AIM = 0.01
#: Rows of a write: to begin with, at least, at most.
FIRST, LEAST, MOST = 100, 20, 400
#: Pauses: after a write, as a part of what it took; after a day, of what all of it took.
PAUSE, REST = 2.0, 0.5
#: Days counted again each night.
SWEEP = 35
#: Advice is on this many days, asked for this often and this long after the start, seconds.
ADVICE_DAYS, ADVICE_EVERY, ADVICE_FIRST = 30, 6 * 3600.0, 120.0


@dataclass(frozen=True, slots=True)
class Advised:
    """What was recommended, on what."""

    at: datetime
    since: datetime
    advice: tuple[Advice, ...]


class FiguresKeeper:
    """The daemon's task."""

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        *,
        on_changed: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`on_changed` is told after a round that changed any figure."""
        self._store = store
        self._config = config
        self._on_changed = on_changed
        self._now = now
        self._sleep = sleep
        self._rows = FIRST
        self._failing = ""
        self._advise_at = time.monotonic() + ADVICE_FIRST
        #: None: nothing was asked for yet.
        self.advised: Advised | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Whose days and hours are counted."""
        return ZoneInfo(self._config().business.timezone)

    async def run(self) -> None:
        while True:
            # Apart: texts must not stop for a plot.
            task = await apart(self._round(), "round of figures")
            error = task.exception()
            if error is not None:
                self._failed(error)
            else:
                self._failing = ""
            await self._sleep(ROUND if error is None else AGAIN)

    async def _round(self) -> None:
        await self.turn()
        if time.monotonic() >= self._advise_at:
            self._advise_at = time.monotonic() + ADVICE_EVERY
            await self.advise()

    def _failed(self, error: BaseException) -> None:
        # Once for each cause: the store itself raises the alarm.
        why = str(error) or type(error).__name__
        if why != self._failing:
            self._failing = why
            trace = None if isinstance(error, StoreError) else error
            log.warning("figures_failed", error=why, exc_info=trace)

    async def turn(self) -> None:
        """All that has changed, then all that was never counted. Raises StoreError."""
        zone = self.zone
        state = await self._state(zone)
        changed = await self._changes(zone)
        while state is not None and not state.complete:
            began = time.monotonic()
            following = replace(state, next=state.next - 1)
            changed = await self._day(state.next, zone, following) or changed
            state = following
            if state.complete:
                log.info("figures_filled", days=state.newest - state.oldest + 1, zone=state.zone)
            await self._sleep((time.monotonic() - began) * REST)
            # Today's figures do not wait for those of last year; nor does another time zone.
            changed = await self._changes(zone) or changed
            if self.zone != zone:
                break
        if state is not None:
            await self._sweep(state, zone)
        if changed:
            self._on_changed()

    async def _state(self, zone: ZoneInfo) -> Filling | None:
        state = await self._store.figures_filling()
        if state is not None and state.zone == zone.key:
            return state
        oldest = await self._store.figures_first_day(zone)
        today = day_of(self._now(), zone)
        # A store without a call has nothing to fill: marks tell of all that comes.
        first = today + 1 if oldest is None else min(oldest, today + 1)
        # What was counted by another zone may be a day off, either way.
        off = 0 if state is None else 1
        state = Filling(
            zone=zone.key, newest=today + off, next=today + off, oldest=first - off, swept=today
        )
        await self._store.figures_note(state)
        log.info("figures_filling", days=state.newest - state.oldest + 1, zone=zone.key)
        return state

    async def _changes(self, zone: ZoneInfo) -> bool:
        changed = False
        for day in await self._store.figures_marked(zone):
            changed = await self._day(day, zone) or changed
        return changed

    async def _sweep(self, state: Filling, zone: ZoneInfo) -> None:
        today = day_of(self._now(), zone)
        # At night: three hours after midnight, or with the first round after that.
        if state.swept >= today or self._now() < begins(today, zone) + timedelta(hours=3):
            return
        for day in range(today, today - SWEEP, -1):
            began = time.monotonic()
            await self._day(day, zone)
            await self._sleep((time.monotonic() - began) * REST)
        await self._store.figures_note(replace(state, swept=today))

    async def _day(self, day: int, zone: ZoneInfo, state: Filling | None = None) -> bool:
        """Counts one day and writes what is not so yet; whether anything was not."""
        counted = await self._store.figures_look(day, zone, self._rows)
        for write in counted.writes:
            began = time.monotonic()
            await self._store.figures_write([write])
            took = time.monotonic() - began
            if took > AIM:
                self._rows = max(LEAST, self._rows // 2)
            elif took < AIM / 3:
                self._rows = min(MOST, self._rows * 2)
            await self._sleep(took * PAUSE)
        if counted.marks or state is not None:
            await self._store.figures_answer(counted, state)
        return bool(counted.writes)

    async def advise(self) -> Advised:
        """Asks for advice anew. Raises StoreError."""
        config, now = self._config(), self._now()
        since = now - timedelta(days=ADVICE_DAYS)
        counted = await survey(self._store, since, now, own=config.own_numbers)
        self.advised = Advised(now, since, tuple(recommend(counted, config)))
        return self.advised

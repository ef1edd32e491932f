"""The daemon's pulse: systemd's watchdog and status line, and an eye on the clock.

The watchdog is fed from the event loop and only while every task is alive: a loop that hangs, or a
part that is gone, both end in a restart by systemd.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from textback.notify import Notifier

log = structlog.get_logger(__name__)

#: Seconds between two beats at most; less when systemd wants to hear more often.
LONGEST = 10.0
#: A wall clock that moves by this many seconds against the steady one was set by somebody.
JUMP = 2.0


class Heartbeat:
    """Beats until cancelled."""

    def __init__(
        self,
        notifier: Notifier,
        *,
        dead: Callable[[], Sequence[str]],
        status: Callable[[], str],
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dead` names the parts that should be alive and are not; `status` is for `systemctl`."""
        self._notifier = notifier
        self._dead = dead
        self._status = status
        self._wall = wall
        self._steady = steady
        self._offset = wall() - steady()
        self.interval = min(notifier.watchdog_interval or LONGEST, LONGEST)

    async def run(self) -> None:
        while True:
            self.beat()
            await asyncio.sleep(self.interval)

    def beat(self) -> None:
        """One beat; a watchdog that gets none in time has systemd restart the service."""
        dead = self._dead()
        if dead:
            log.critical("watchdog_not_fed", dead=list(dead))
        else:
            self._notifier.alive()
        self._notifier.status(self._status())
        offset = self._wall() - self._steady()
        moved, self._offset = offset - self._offset, offset
        if abs(moved) >= JUMP:
            # Due times and expiries are on the wall clock; durations of calls are not.
            log.warning("clock_jumped", seconds=round(moved, 1))

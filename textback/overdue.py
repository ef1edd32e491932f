"""Cases that nobody called back in time: each is told of once, when its time comes; never polls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from textback.model import Moment
from textback.store.caseload import SWEEP
from textback.store.errors import StoreError
from textback.store.outage import Outage
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: The wall clock may be set while a due time is awaited: it is looked at again so often, seconds.
LONGEST_SLEEP = 900.0


class Overdue:
    """Puts `case.overdue`; `run` is its task, which sleeps until the next due time or `look`."""

    def __init__(self, store: Store, *, clock: Callable[[], Moment] = Moment.now) -> None:
        self._store = store
        self._clock = clock
        self._wake = asyncio.Event()
        self._outage = Outage("overdue")

    def look(self) -> None:
        """A case was opened, or its due time was changed."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            try:
                told = await self._store.tell_overdue_cases(self._clock().utc)
                due = await self._store.next_case_due()
            except StoreError as error:
                await asyncio.sleep(self._outage.failed(error, 0))
                continue
            self._outage.over()
            for case in told:
                log.info("case_overdue", case=case.id, owner=case.owner, caller=case.caller)
            if len(told) == SWEEP:
                continue
            seconds: float | None = None
            if due is not None:
                until = (due - self._clock().utc).total_seconds()
                seconds = min(max(until, 0.0), LONGEST_SLEEP)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()

"""Deletes what is too old, by the night and a batch at a time, so that no call waits for it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import structlog

from textback.config import Config
from textback.keeping import cutoffs, is_due
from textback.store.errors import StoreError
from textback.store.store import Store
from textback.store.suppression import KeyMissingError

log = structlog.get_logger(__name__)

#: What a batch may take on the disk, seconds; the next one is made smaller or larger by it.
AIM = 0.03
FIRST, LEAST, MOST = 50, 10, 1_000
#: Between batches, as a part of what the last one took: whoever waits to write goes first.
PAUSE = 2.0
#: Seconds after the start before the first look, between looks, and after one that failed.
START, LOOK, AGAIN = 60.0, 60.0, 900.0


async def purge(
    store: Store,
    config: Config,
    now: datetime,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> dict[str, int]:
    """Deletes all that is too old at `now`; returns the rows by table. Raises StoreError; what was
    deleted until then stays so, and the next purge goes on from there."""
    rows: Counter[str] = Counter()
    most = FIRST
    for kind, before in cutoffs(config, now).items():
        more = True
        while more:
            began = time.monotonic()
            batch = await store.purge_batch(kind, before, most)
            took = time.monotonic() - began
            rows.update(batch.rows)
            more = batch.more
            if more:
                most = resized(most, took)
                await sleep(took * PAUSE)
    if rows:
        await _give_back(store, sleep)
    await store.note_purge(now, rows)
    return dict(sorted(rows.items()))


def resized(most: int, took: float) -> int:
    """The rows of the next batch, when one of `most` rows took so many seconds."""
    if took > AIM:
        return max(LEAST, most // 2)
    return min(MOST, most * 2) if took < AIM / 3 else most


async def _give_back(store: Store, sleep: Callable[[float], Awaitable[None]]) -> None:
    left, before = await store.give_back(), -1
    while left and left != before:
        await sleep(AIM)
        left, before = await store.give_back(), left


async def count(store: Store, config: Config, now: datetime) -> dict[str, int]:
    """What a purge would delete, by table; what hangs on these rows is not counted."""
    rows: dict[str, int] = {}
    for kind, before in cutoffs(config, now).items():
        for name, found in (await store.count_old(kind, before)).items():
            rows[name] = rows.get(name, 0) + found
    return rows


class Keeper:
    """The daemon's task: looks once a minute whether it is time."""

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        *,
        on_purged: Callable[[datetime, Mapping[str, int]], None] = lambda _at, _rows: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`on_purged` is told of each purge that came to its end."""
        self._store = store
        self._config = config
        self._on_purged = on_purged
        self._now = now
        self._sleep = sleep

    async def run(self) -> None:
        await self._look_at_the_key()
        await self._sleep(START)
        while True:
            await self._sleep(LOOK if await self._turn() else AGAIN)

    async def _look_at_the_key(self) -> None:
        try:
            await self._store.require_suppression_key()
            if last := await self._store.last_purge():
                self._on_purged(last[0], {})
        except KeyMissingError as error:
            log.critical("suppression_key_missing", error=str(error))
        except StoreError as error:
            log.warning("purge_failed", error=str(error))

    async def _turn(self) -> bool:
        """False: it could not be done just now."""
        config, now = self._config(), self._now()
        if not config.retention.enabled:
            return True
        try:
            last = await self._store.last_purge()
            if is_due(config, now, last[0] if last else None):
                await self._purge(config, now)
        except StoreError as error:
            log.warning("purge_failed", error=str(error))
            return False
        return True

    async def _purge(self, config: Config, now: datetime) -> None:
        began = time.monotonic()
        rows = await purge(self._store, config, now, sleep=self._sleep)
        log.info("purged", rows=rows, seconds=round(time.monotonic() - began, 1))
        self._on_purged(now, rows)

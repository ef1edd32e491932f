"""Telling others: events become deliveries, each target has a lane of its own; nobody polls.

put        by whatever happens, in its transaction; the store wakes us when it is on the disk
fan out    after a moment, so that calls and texts go first: a delivery for each who is told
lane       one for each target (`tell_lane`): tells, records, tries again, gives up

An alarm happens outside of any transaction. It is put into the store; one that cannot be put there,
since the store may be what it is about, is told from memory, and kept in the store afterwards.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import uuid4

import structlog

from textback.config import Config
from textback.model import Event, Moment
from textback.store.errors import StoreError
from textback.store.outage import Outage
from textback.store.store import Store
from textback.store.telling import Addressee
from textback.tell_lane import Lane, Sender
from textback.tell_rules import Target, Told, addressees, rank, targets
from textback.tell_senders import sender, table_of

log = structlog.get_logger(__name__)

#: Seconds that new events wait for their deliveries: what made them has texts to send first.
SETTLE = 0.05
#: The same while there is nobody to tell.
NOBODY = 60.0
#: Events fanned out in one transaction.
AT_ONCE = 200
#: Seconds the store has for an alarm before it is told without it.
STORE_PATIENCE = 10.0
#: Alarms kept in memory while there is no store, and tries to tell each without it.
MOST_SPOKEN, TRIES = 200, 5
#: Seconds a stop waits for what is on its way.
DRAIN = 3.0


@dataclass
class _Spoken:
    """An event that is not in the store yet."""

    event: Event
    tries: int = 0
    told: set[tuple[str, str]] = field(default_factory=set)


class Teller:
    """Tells all targets of the configuration; `run` until `stop`."""

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        *,
        on_failing: Callable[[str], None] = lambda _: None,
        make: Callable[[Config, Target], Sender] = sender,
        clock: Callable[[], Moment] = Moment.now,
    ) -> None:
        """`on_failing(why)`: a target cannot be told."""
        self._store = store
        self._config = config
        self._on_failing = on_failing
        self._make = make
        self._clock = clock
        self._outage = Outage("telling")
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stir = asyncio.Event()  # ends a pause
        self._tidy = True
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._built: dict[tuple[str, str], Any] = {}
        self._spoken: deque[_Spoken] = deque(maxlen=MOST_SPOKEN)
        self._unspoken = 0  # times in a row that the store did not take them
        self._group: asyncio.TaskGroup | None = None
        #: What earlier lanes of the same name counted.
        self._counted: dict[tuple[str, str], dict[str, int]] = {}

    # --- what others do -----------------------------------------------------------------------

    def kick(self) -> None:
        """Events were written."""
        self._wake.set()

    def look_again(self) -> None:
        """The operator changed what waits."""
        self._wake.set()
        for lane in self._lanes.values():
            lane.wake(again=True)

    def happened(self, event: Event) -> None:
        """Something to tell of outside of any transaction."""
        self._spoken.append(_Spoken(replace(event, key=event.key or str(uuid4()))))
        self._wake.set()
        self._stir.set()

    @property
    def lanes(self) -> Mapping[tuple[str, str], Lane]:
        """By channel and name."""
        return self._lanes

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Deliveries since the start, by channel, target and result."""
        found: dict[tuple[str, str, str], int] = {}
        for key in {*self._lanes, *self._counted}:
            lane = self._lanes.get(key)
            now = dict(lane.counts) if lane is not None else {}
            for result in ("delivered", "retried", "failed"):
                before = self._counted.get(key, {}).get(result, 0)
                found[*key, result] = before + now.get(result, 0)
        return found

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._group:
            await self._exchange()
            self._wake.set()
            while not self._stopping.is_set():
                await self._wake.wait()
                self._wake.clear()
                self._stir.clear()
                if not self._stopping.is_set():
                    await self._turn()
            await self._keep_spoken()
            await self._end_lanes()

    async def reload(self) -> None:
        """Another configuration is in force."""
        if self._group is None:
            return
        await self._exchange()
        self._tidy = True
        self._wake.set()
        self._stir.set()

    async def stop(self) -> None:
        """Begin nothing more; what is on its way has `DRAIN` seconds."""
        self._stopping.set()
        self._stir.set()
        self._wake.set()
        for lane in self._lanes.values():
            lane.stop()

    # --- lanes --------------------------------------------------------------------------------

    async def _exchange(self) -> None:
        """A lane for each target; those whose tables changed begin anew."""
        assert self._group is not None
        config = self._config()
        wanted = {target.key: target for target in targets(config)}
        made = {
            key: (target, table_of(config, target), config.business)
            for key, target in wanted.items()
        }
        for key in [key for key in self._lanes if self._built[key] != made.get(key)]:
            await self._end(key)
        for key, target in wanted.items():
            if key in self._lanes:
                continue
            lane = self._lanes[key] = Lane(
                target,
                self._make(config, target),
                self._store,
                on_failing=partial(self._failing, key),
                clock=self._clock,
            )
            self._built[key] = made[key]
            self._tasks[key] = self._group.create_task(lane.run(), name=f"tell {' '.join(key)}")

    def _failing(self, key: tuple[str, str], why: str) -> None:
        self._on_failing(f"{' '.join(key)}: {why}")

    async def _end(self, key: tuple[str, str]) -> None:
        lane, task = self._lanes.pop(key), self._tasks.pop(key)
        del self._built[key]
        lane.stop()
        await asyncio.wait([task], timeout=DRAIN)
        task.cancel()
        await asyncio.wait([task])
        before = self._counted.setdefault(key, {})
        for result, count in lane.counts.items():
            before[result] = before.get(result, 0) + count

    async def _end_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.stop()
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=DRAIN)
        for task in tasks:
            task.cancel()

    # --- events -------------------------------------------------------------------------------

    async def _turn(self) -> None:
        """One look at what is new; a store that fails is waited for."""
        if self._spoken and not await self._speak():
            # Whoever met the trouble first has told the log of it; we were to tell of that.
            self._unspoken += 1
            wait = Outage.FIRST * 2.0 ** min(self._unspoken, 16)
            self._again_in(min(Outage.LONGEST, wait))
            return
        self._unspoken = 0
        await self._pause(SETTLE if targets(self._config()) else NOBODY)
        try:
            await self._fan_out()
        except StoreError as error:
            self._again_in(self._outage.failed(error, 0))
        else:
            self._outage.over()

    def _again_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake.set)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stir.wait()
        except TimeoutError:
            return

    async def _fan_out(self) -> None:
        now = self._clock().utc
        # Not those that have a lane: a reload ends one before it begins the next, and what happens
        # in between is to be told all the same.
        known = targets(self._config())
        if self._tidy:
            dropped = await self._store.drop_unknown_tellings({t.key for t in known}, now)
            if dropped:
                log.warning("tellings_dropped", count=dropped)
            await self._store.hurry_tellings(now)
            self._tidy = False
            for lane in self._lanes.values():
                lane.wake(again=True)
        if not known:
            await self._store.pass_over()
            return
        pages = {rule.name: frozenset(rule.notify) for rule in self._config().keyword}

        def pick(event: Event) -> list[Addressee]:
            return [
                Addressee(target.channel, target.name, rank(event))
                for target in addressees(event, known, pages)
                if now - event.at < target.max_age
            ]

        while not self._stopping.is_set():
            done = await self._store.fan_out(pick, now, AT_ONCE)
            if done.deliveries:
                for lane in self._lanes.values():
                    lane.wake(urgent=done.urgent)
            if done.events < AT_ONCE:
                return
            # Calls go first: the writer is theirs for a moment.
            await self._pause(SETTLE)

    # --- past the store -----------------------------------------------------------------------

    async def _speak(self) -> bool:
        """Put into the store what happened outside of it. False: it has to wait there."""
        while self._spoken:
            spoken = self._spoken[0]
            try:
                async with asyncio.timeout(STORE_PATIENCE):
                    await self._keep(spoken)
            except (StoreError, TimeoutError):
                await self._without_store()
                return False
            # Unless so many came meanwhile that it has fallen out at this end.
            if self._spoken and self._spoken[0] is spoken:
                self._spoken.popleft()
        return True

    async def _keep(self, spoken: _Spoken) -> None:
        everybody = {target.key for target in self._whose(spoken.event)}
        told = bool(spoken.told) and spoken.told >= everybody
        await self._store.put_event(spoken.event, told=told)

    async def _keep_spoken(self) -> None:
        """At the end: what nobody was told of yet is told after the next start."""
        try:
            async with asyncio.timeout(DRAIN):
                for spoken in list(self._spoken):
                    await self._keep(spoken)
        except (StoreError, TimeoutError) as error:
            log.warning("alarms_not_kept", count=len(self._spoken), error=str(error))
        else:
            self._spoken.clear()

    async def _without_store(self) -> None:
        """Tell everything that is not in the store from memory."""
        for spoken in list(self._spoken):
            if spoken.tries >= TRIES:
                continue
            spoken.tries += 1
            # All at once: one that hangs is not to keep it from the others.
            async with asyncio.TaskGroup() as group:
                for target in self._whose(spoken.event):
                    name = f"say {target.channel} {target.name}"
                    group.create_task(self._say(spoken, target), name=name)

    async def _say(self, spoken: _Spoken, target: Target) -> None:
        lane = self._lanes.get(target.key)
        if lane is None or target.key in spoken.told or lane.gone:
            return
        if isinstance(await lane.say(spoken.event), Told):
            spoken.told.add(target.key)
            log.info(
                "told_without_store",
                channel=target.channel,
                target=target.name,
                id=spoken.event.key,
            )

    def _whose(self, event: Event) -> list[Target]:
        return addressees(event, targets(self._config()), {})

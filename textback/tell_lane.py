"""One who is told: takes what waits for him in its order, tells it, records what came of it.

A lane sleeps until it is woken or its next try is due. Successes are recorded a few at a time: who
is killed between telling and recording tells those again, with the same keys.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from uuid import uuid4

import structlog

from textback.model import DeliveryState, Event, Moment, Telling
from textback.store.errors import StoreError
from textback.store.outage import Outage
from textback.store.store import Store
from textback.store.telling import Tried
from textback.tell_rules import (
    HEAD,
    PUT_OFF,
    WORTH_AN_ALARM,
    Again,
    Answer,
    Gone,
    Target,
    Told,
    delay,
)

log = structlog.get_logger(__name__)

#: Deliveries looked at in one go, and successes of which at most the record may wait.
BATCH, UNRECORDED = 100, 20
#: Seconds that a success waits for its record at most.
PROMPT = 0.25


class Sender(Protocol):
    """The way to one target."""

    takes: int  #: events it can tell in one message
    every: float  #: seconds from one message to the next, at least

    async def send(self, tellings: Sequence[Telling]) -> Answer: ...

    async def close(self) -> None: ...


class Lane:
    """One target's telling; `run` until `stop`."""

    def __init__(
        self,
        target: Target,
        sender: Sender,
        store: Store,
        *,
        on_failing: Callable[[str], None] = lambda _: None,
        clock: Callable[[], Moment] = Moment.now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`on_failing(why)`: somebody should look at this target."""
        self.target = target
        self._sender = sender
        self._store = store
        self._on_failing = on_failing
        self._clock = clock
        self._jitter = jitter
        self._outage = Outage(f"{target.channel} {target.name}")
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()
        self._stopping = False
        self._urgent = False
        self._tried: list[Tried] = []
        self._not_before = 0.0  # steady; what failed last is not tried before
        self._asked_until = 0.0  # steady; a Retry-After, which counts for urgent ones too
        self._last = float("-inf")  # steady, of the last message
        self.failures = 0  #: in a row
        self.why = ""  #: of the last failure, "" when it works
        self.gone = False  #: wants no more of it
        self.counts: Counter[str] = Counter()  #: "delivered", "retried", "failed"

    def wake(self, *, urgent: bool = False, again: bool = False) -> None:
        """There may be something to tell. `again`: try also a target that wanted no more."""
        self._urgent = self._urgent or urgent
        if again:
            self.gone = False
            self._not_before = 0.0
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more; `run` ends when what is on its way is recorded."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        try:
            while not self._stopping:
                self._wake.clear()
                try:
                    wait = await self._turn()
                except StoreError as error:
                    wait = self._outage.failed(error, len(self._tried))
                else:
                    self._outage.over()
                await self._sleep(wait)
        finally:
            await self._sender.close()

    async def say(self, event: Event) -> Answer:
        """Tell one event at once, past the store: it may be what there is to tell of."""
        async with self._sending:
            return await self.tell_now(self._sender, self.target, event)

    @staticmethod
    async def tell_now(sender: Sender, target: Target, event: Event) -> Answer:
        """One event that is in no store."""
        now = event.at
        telling = Telling(
            id=0,
            event_id=0,
            event=replace(event, key=event.key or str(uuid4())),
            channel=target.channel,
            target=target.name,
            state=DeliveryState.QUEUED,
            urgent=True,
            attempts=0,
            created=now,
            due=now,
            changed=now,
        )
        return await sender.send([telling])

    async def _sleep(self, wait: float | None) -> None:
        if self._stopping or wait == 0:
            return
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _turn(self) -> float | None:
        """Tell what may be told now. Seconds until it is worth another look; None: when woken."""
        await self._record()
        self._urgent = False
        now = self._clock()
        batch = await self._store.take_tellings(
            self.target.channel,
            self.target.name,
            now=now.utc,
            head=HEAD,
            longest=PUT_OFF,
            limit=BATCH,
        )
        if not batch.tellings:
            if batch.next_due is None:
                return None
            return max(0.001, (batch.next_due - now.utc).total_seconds())
        young = [t for t in batch.tellings if now.utc - t.created < self.target.max_age]
        if len(young) < len(batch.tellings):
            self._give_up([t for t in batch.tellings if t not in young])
        if young and (wait := self._waits(young[0], now)) > 0:
            await self._record()
            return wait
        await self._tell(young)
        await self._record()
        return 0.0

    def _waits(self, first: Telling, now: Moment) -> float:
        """Seconds for which nothing may be told, although something is due."""
        if self.gone:
            age = now.utc - first.created
            return max(1.0, (self.target.max_age - age).total_seconds())
        until = self._asked_until
        if not first.urgent:
            until = max(until, self._not_before, self._last + self._sender.every)
        return max(0.0, until - now.steady)

    async def _tell(self, tellings: Sequence[Telling]) -> None:
        begun = self._clock().steady
        for start in range(0, len(tellings), self._sender.takes):
            some = tellings[start : start + self._sender.takes]
            async with self._sending:
                answer = await self._sender.send(some)
            now = self._clock()
            self._last = now.steady
            if not isinstance(answer, Told):
                self._failed(some, answer, now)
                return
            self._succeeded(some, answer, now)
            if len(self._tried) >= UNRECORDED or now.steady - begun > PROMPT:
                await self._record()
                begun = now.steady
            if self._stopping or self._urgent or self._sender.every:
                return

    def _succeeded(self, some: Sequence[Telling], answer: Told, now: Moment) -> None:
        if self.failures:
            log.info("telling_works_again", **self._named(), failures=self.failures)
        self.failures, self.why, self._not_before = 0, "", 0.0
        self.counts["delivered"] += len(some)
        for one in some:
            log.info("told", **self._named(), kind=one.event.kind.value, id=one.event.key)
            self._tried.append(
                Tried(id=one.id, state=DeliveryState.DELIVERED, due=now.utc, status=answer.status)
            )

    def _failed(self, some: Sequence[Telling], answer: Again | Gone, now: Moment) -> None:
        self.failures += 1
        self.why = answer.why
        if isinstance(answer, Gone):
            self.gone = True
            self._give_up(some, answer.why, answer.status)
            return
        wait = delay(self.failures, self._jitter(), answer.after)
        self._not_before = now.steady + wait
        if answer.after is not None:
            self._asked_until = now.steady + wait
        self.counts["retried"] += len(some)
        log.warning(
            "telling_failed",
            **self._named(),
            why=answer.why,
            failures=self.failures,
            again_in=round(wait, 1),
        )
        if self.failures >= WORTH_AN_ALARM:
            self._on_failing(answer.why)
        due = now.utc + timedelta(seconds=wait)
        self._tried += [
            Tried(
                id=one.id,
                state=DeliveryState.QUEUED,
                due=due,
                status=answer.status,
                error=answer.why,
            )
            for one in some
        ]

    def _give_up(self, some: Sequence[Telling], why: str = "", status: int = 0) -> None:
        now = self._clock()
        self.counts["failed"] += len(some)
        last = why or f"too old; last: {some[-1].error or 'never tried'}"
        log.error("telling_given_up", **self._named(), count=len(some), why=last)
        self._on_failing(f"{len(some)} given up: {last}")
        self._tried += [
            Tried(
                id=one.id,
                state=DeliveryState.FAILED,
                due=now.utc,
                status=status or one.status,
                error=why or f"too old; last: {one.error or 'never tried'}",
            )
            for one in some
        ]

    async def _record(self) -> None:
        """Raises StoreError; what could not be recorded is recorded by the next turn."""
        if not self._tried:
            return
        tried = tuple(self._tried)
        await self._store.record_tellings(tried, self._clock().utc)
        del self._tried[: len(tried)]

    def _named(self) -> dict[str, str]:
        return {"channel": self.target.channel, "target": self.target.name}

"""Delivery: claim texts on the disk, submit them, record what came back; never polls.

One lane per route. A turn of a lane is one transaction that records every submission that came back
since the last turn and claims what there is room for, so that under load a commit carries many
texts and none waits for a commit of its own. Between turns a lane sleeps until a kick, an answer,
room at the gateway, or the next due time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import structlog

from textback.fleet import Fleet
from textback.lane import Gateway, Lane
from textback.model import (
    Moment,
    Submission,
)
from textback.observer import Observer
from textback.retry import RetryRules
from textback.store.errors import StoreError
from textback.store.outage import Outage
from textback.store.store import Store

__all__ = ["Delivery", "Gateway"]

log = structlog.get_logger(__name__)

#: Kicks whose text was not claimed yet; beyond this the time to submit is not measured.
_MOST_KICKS = 10_000


class Delivery:
    """The outbox's way to the carriers. The first gateway is the primary route."""

    def __init__(
        self,
        store: Store,
        gateways: Sequence[Gateway],
        *,
        segments: Callable[[str, str], int],
        rules: Callable[[str], RetryRules] | None = None,
        observer: Observer | None = None,
        clock: Callable[[], Moment] = Moment.now,
        jitter: Callable[[], float] = random.random,
        fleet: Fleet | None = None,
    ) -> None:
        """`segments(route, text)`: the parts a text takes there; `rules(route)`: how patient;
        `fleet`: which routes carry now (None: each its own, whatever happens to it)."""
        self._store = store
        self._started: dict[int, float] = {}
        self._rules = rules or (lambda _: RetryRules())
        self._clock = clock
        names = frozenset(g.name for g in gateways)
        self.lanes = [
            Lane(
                store,
                gateway,
                others=names - {gateway.name} if first else None,
                segments=partial(segments, gateway.name),
                rules=partial(self._rules, gateway.name),
                observer=observer or Observer(),
                clock=clock,
                jitter=jitter,
                started=self._started,
                fleet=fleet,
                wake_others=self._wake_lanes,
            )
            for first, gateway in ((n == 0, g) for n, g in enumerate(gateways))
        ]
        self._outage = Outage("delivery")
        self._running: asyncio.Task[Any] | None = None

    def kick(self, row_id: int | None = None, since: float | None = None) -> None:
        """There may be something to send. `since`: steady seconds of the event that decided it."""
        if row_id is not None and since is not None and len(self._started) < _MOST_KICKS:
            self._started[row_id] = since
        for lane in self.lanes:
            lane.wake()

    def _wake_lanes(self, names: Collection[str]) -> None:
        for lane in self.lanes:
            if lane.name in names:
                lane.wake()

    async def run(self) -> None:
        """Until `stop` has done its work, or cancelled.

        Begins by putting right what a crash left `sending`.
        """
        self._running = asyncio.current_task()
        await self._recover()
        async with asyncio.TaskGroup() as group:
            for lane in self.lanes:
                group.create_task(lane.run(), name=f"delivery {lane.name}")

    async def stop(self) -> None:
        """Claim nothing more, wait for the answers that are open, record them."""
        for lane in self.lanes:
            lane.stop()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def late(self, row_id: int, submission: Submission, route: str = "") -> None:
        """The answer of `route` to a submission that came back `Unsure`. Raises StoreError."""
        state = await self._store.record_late(row_id, submission, self._clock().utc, route)
        result = type(submission).__name__.lower()
        log.info("text_answered_late", row=row_id, result=result, state=state.value)
        self.kick()

    async def _recover(self) -> None:
        resend = [
            lane.name for lane in self.lanes if self._rules(lane.name).on_uncertain == "resend"
        ]
        while True:
            try:
                found = await self._store.recover(self._clock().utc, resend)
                # The configuration may be another than when these were written.
                await self._store.forget_routes()
            except StoreError as error:
                await asyncio.sleep(self._outage.failed(error, 0))
            else:
                break
        self._outage.over()
        if found.uncertain or found.resend or found.resolved:
            log.warning(
                "found_sending",
                uncertain=found.uncertain,
                resend=found.resend,
                resolved=found.resolved,
            )

"""A route on the bench: its handlers keep what they get, and a test can make them slow or fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sms_gateway.link import Route, RouteSettings, RouteState
from textback.model import Message, Receipt, Reply, Submission

HANDSET, DID = "+12125550123", "+12125550100"


def message(row_id: int = 1, text: str = "Sorry we missed your call.", **more: Any) -> Message:
    fields: dict[str, Any] = {
        "row_id": row_id,
        "to": HANDSET,
        "sender": DID,
        "text": text,
        "expires": datetime.now(UTC) + timedelta(minutes=15),
        "reference": 0x100 + row_id,
    }
    return Message(**{**fields, **more})


THREE_PARTS = "0123456789" * 40


@dataclass
class Bench:
    """What a route reported; `gate` closed keeps the handlers waiting."""

    receipts: asyncio.Queue[Receipt] = field(default_factory=asyncio.Queue)
    replies: asyncio.Queue[Reply] = field(default_factory=asyncio.Queue)
    late: asyncio.Queue[tuple[int, Submission]] = field(default_factory=asyncio.Queue)
    failures: list[Exception] = field(default_factory=list)  #: raised once each, in turn
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    states: list[RouteState] = field(default_factory=list)
    route: Route = field(init=False)
    task: asyncio.Task[None] = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def on_receipt(self, receipt: Receipt) -> None:
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.receipts.put_nowait(receipt)

    async def on_reply(self, reply: Reply) -> None:
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.replies.put_nowait(reply)

    async def on_late(self, row_id: int, submission: Submission) -> None:
        self.late.put_nowait((row_id, submission))

    def on_state(self, state: RouteState, detail: str) -> None:
        self.states.append(state)
        self._changed.set()

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for a change of state after which `wanted` holds."""
        while not wanted():
            self._changed.clear()
            await self._changed.wait()

    async def until_state(self, state: RouteState) -> None:
        await self.until(lambda: self.route.state is state)

    def submit(self, *messages: Message) -> list[asyncio.Task[Submission]]:
        return [
            asyncio.create_task(self.route.submit(each), name=f"submit-{each.row_id}")
            for each in messages
        ]


@asynccontextmanager
async def running_route(port: int, **more: Any) -> AsyncIterator[Bench]:
    """A route to a loopback port, quick to come back; stopped hard at the end."""
    settings: dict[str, Any] = {
        "name": "test",
        "host": "127.0.0.1",
        "port": port,
        "system_id": "acme",
        "password": "secret",
        "rate": 0.0,
        "backoff_first": 0.01,
        "backoff_max": 0.05,
    }
    bench = Bench()
    bench.gate.set()
    bench.route = Route(
        RouteSettings(**{**settings, **more}),
        on_receipt=bench.on_receipt,
        on_reply=bench.on_reply,
        on_late=bench.on_late,
        on_state=bench.on_state,
    )
    bench.task = asyncio.create_task(bench.route.run(), name="route")
    try:
        yield bench
    finally:
        bench.task.cancel()
        await asyncio.gather(bench.task, return_exceptions=True)

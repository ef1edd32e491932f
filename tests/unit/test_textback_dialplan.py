"""The FastAGI port as the daemon keeps it: opened, moved, tried again, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from structlog.testing import capture_logs

from textback.config import Config
from textback.config_load import loads
from textback.dialplan import Dialplan
from textback.hint_desk import HintDesk
from textback.model import Moment


def configuration(agi: str = "") -> Config:
    return loads(
        f'mode = "shadow"\n[business]\nname = "Acme"\n[agi]\n{agi}\n'
        '[[pbx]]\nsecret = "s"\n[[number]]\ndid = "+12125550100"\n'
    )


@dataclass
class FakeServer:
    settings: Any
    taken: Callable[[], bool]
    counters: dict[str, int] = field(default_factory=lambda: {"requests": 0})
    open_connections: int = 0
    last_request: Moment | None = None
    opened: int = 0
    closed: int = 0

    async def open(self) -> None:
        if self.taken():
            raise OSError(98, "Address already in use")
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1


class FakeDesk:
    waiting = 3


class Site:
    def __init__(self, agi: str = "") -> None:
        self.config = configuration(agi)
        self.servers: list[FakeServer] = []
        self.taken = False
        self.dialplan = Dialplan(
            cast(HintDesk, FakeDesk()), lambda: self.config, self._make, try_again=0.01
        )

    def _make(self, config: Config) -> FakeServer:
        settings = (config.agi.listen, config.agi.deadline)
        self.servers.append(FakeServer(settings, lambda: self.taken))
        return self.servers[-1]

    async def until(self, state: str) -> None:
        async with asyncio.timeout(20):
            while True:
                part = self.dialplan.health()
                if (part.state if part is not None else "off") == state:
                    return
                await asyncio.sleep(0.001)

    async def reload(self, agi: str) -> None:
        self.config = configuration(agi)
        self.dialplan.reload()


@asynccontextmanager
async def running(agi: str = "") -> AsyncIterator[Site]:
    site = Site(agi)
    task = asyncio.create_task(site.dialplan.run(), name="agi")
    try:
        yield site
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_port_is_open_while_it_runs_and_closed_after() -> None:
    async with running() as site:
        await site.until("listening")
        health = site.dialplan.health()

    assert health is not None
    assert health.ok
    assert health.detail["listen"] == "127.0.0.1:4574"
    assert health.detail["waiting_for_disk"] == 3
    assert [(s.opened, s.closed) for s in site.servers] == [(1, 1)]


async def test_a_reload_that_changes_nothing_leaves_the_port_alone() -> None:
    async with running() as site:
        await site.until("listening")
        await site.reload("")
        while len(site.servers) < 2:  # noqa: ASYNC110  it has looked
            await asyncio.sleep(0.001)
        assert site.servers[0].closed == 0
        assert site.servers[1].opened == 0


async def test_a_reload_moves_the_port_and_counts_on() -> None:
    async with running() as site:
        await site.until("listening")
        site.servers[0].counters["requests"] = 5
        await site.reload('listen = "127.0.0.1:4600"')
        async with asyncio.timeout(20):
            while True:
                if site.servers[-1].opened and len(site.servers) == 2:
                    break
                await asyncio.sleep(0.001)
        site.servers[1].counters["requests"] = 2

        assert site.servers[0].closed == 1
        assert site.dialplan.counters["requests"] == 7


async def test_switched_off_it_is_no_part_of_the_service() -> None:
    async with running() as site:
        await site.until("listening")
        await site.reload("enabled = false")
        await site.until("off")
        async with asyncio.timeout(20):
            while True:
                if site.servers[0].closed:
                    break
                await asyncio.sleep(0.001)


async def test_a_port_that_is_taken_is_told_once_and_had_when_it_is_free() -> None:
    with capture_logs() as logs:
        site = Site()
        site.taken = True
        task = asyncio.create_task(site.dialplan.run(), name="agi")
        await site.until("Address already in use")
        health = site.dialplan.health()
        async with asyncio.timeout(20):
            while True:  # tried again, more than once
                if len(site.servers) > 3:
                    break
                await asyncio.sleep(0.001)
        site.taken = False
        await site.until("listening")
        task.cancel()
        await asyncio.wait([task])

    assert health is not None
    assert not health.ok
    assert [(e["event"], e["log_level"]) for e in logs] == [
        ("agi_unavailable", "warning"),
        ("agi_listening", "info"),
    ]

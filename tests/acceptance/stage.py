"""A stage: one private Asterisk, all phones and the carrier's trunk, and one textback on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from tests.lab import ami
from tests.lab.agent import Agent, Leg
from tests.lab.asterisk import Asterisk, free_port
from tests.lab.row import Row, configuration
from tests.lab.service import Service
from tests.lab.versions import DEFAULT


@dataclass
class Stage:
    asterisk: Asterisk
    agent: Agent
    service: Service
    rows: Sequence[Row]

    async def ring(self, row: Row) -> Leg:
        """Place the row's call and wait until a phone rings for it."""
        for letter, behaviour in row.phones.items():
            self.agent.behaviours[row.phone(letter)] = behaviour
        leg = self.agent.call(row.number_outside, row.did, name=row.display)
        await asyncio.wait_for(leg.ringing.wait(), 10.0)
        return leg

    async def story(self, row: Row, *, within: float = 30.0) -> dict[str, Any]:
        """The row's call as `textback why` tells it, once it has a verdict.

        A verdict comes with the end of the call at the latest, and a moment after it.
        """
        async with asyncio.timeout(within):
            while True:
                stories = await self.service.stories("calls", "-n", "1000")
                told = next((s for s in stories if s["did"] == row.did), {})
                if told.get("verdict", "pending") != "pending":
                    return told
                await self.service.news()


@asynccontextmanager
async def stage(
    directory: Path,
    rows: Sequence[Row],
    smsc: Mapping[str, Any],
    *,
    version: str = DEFAULT,
    files: Callable[[Sequence[Row]], Mapping[str, str]] = configuration,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """Set it up; textback is configured and not started yet. All of it is gone at the end.

    `version` names the Asterisk ("22", "16"), `files` makes its dialplan and the rest of its
    configuration from the rows; `settings` go to `tests.lab.service.configuration`.
    """
    agent_port = free_port(socket.SOCK_DGRAM)
    asterisk = Asterisk(files=files(rows), version=version, agent_port=agent_port)
    try:
        await asyncio.to_thread(asterisk.start)
        async with AsyncExitStack() as stack:
            agent = await stack.enter_async_context(Agent(asterisk.sip_port))
            await agent.open(agent_port)
            service = Service.prepare(
                directory, rows, ami_port=asterisk.ami_port, smsc=smsc, **settings
            )
            await stack.enter_async_context(service)
            yield Stage(asterisk, agent, service, rows)
            if agent.errors:
                raise ExceptionGroup("a phone's script failed", list(agent.errors))
    finally:
        await asyncio.to_thread(asterisk.close)


@asynccontextmanager
async def admin(asterisk: Asterisk) -> AsyncIterator[ami.Recorder]:
    async with ami.session(asterisk.ami_port, events="system") as session:
        yield session


def renumbered(*rows: Row) -> tuple[Row, ...]:
    """Rows of a test's own, each with its numbers."""
    return tuple(replace(row, index=index) for index, row in enumerate(rows))


class Carrier:
    """The simulated carrier, and what it was given."""

    def __init__(self, simulator: Simulator, texts: list[SimulatedText]) -> None:
        self.simulator = simulator
        self.texts = texts
        self.took = asyncio.Event()

    @property
    def account(self) -> dict[str, Any]:
        """Its [[smsc]]."""
        port = self.simulator.port
        return {"host": "127.0.0.1", "port": port, "system_id": "a", "password": "b"}

    def take(self, text: SimulatedText) -> None:
        self.texts.append(text)
        self.took.set()


@asynccontextmanager
async def carrier() -> AsyncIterator[Carrier]:
    """A carrier of our own, bound to by nobody yet."""
    simulator = Simulator(
        SimulatorSettings(port=0, receipt_delay=0.1), on_message=lambda text: made.take(text)
    )
    made = Carrier(simulator, [])
    async with simulator:
        yield made


@asynccontextmanager
async def scene(
    directory: Path, rows: Sequence[Row], **settings: Any
) -> AsyncIterator[tuple[Stage, Carrier]]:
    async with (
        carrier() as sent,
        stage(directory, rows, sent.account, **settings) as ready,
    ):
        yield ready, sent

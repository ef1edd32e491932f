"""Several textbacks that watch one Asterisk, each with a store, a carrier and a source of its own.

So each tells what it learnt from that source alone, of calls that are placed once.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from tests.acceptance.stage import admin
from tests.lab.agent import Agent
from tests.lab.asterisk import Asterisk, free_port
from tests.lab.row import Row, configuration, play
from tests.lab.service import Service

#: What the example in conf/asterisk has the dialplan note of each call.
NOTE = "Gosub(textback-record,s,1(${EXTEN},${CONTEXT})) | "
RINGS = NOTE + "Dial(PJSIP/@a@,6) | Hangup()"
LONG = NOTE + "Dial(PJSIP/@a@,25) | Hangup()"
LOCAL = NOTE + "Dial(Local/@a@@from-queue/n&Local/@b@@from-queue/n,18) | Hangup()"
PATIENT = NOTE + "Dial(PJSIP/@a@,40) | Hangup()"
MISSED = "no_answer send"
BOX = NOTE + "Dial(PJSIP/@a@,3) | VoiceMail(@a@@default,s) | Hangup()"
QUEUE = NOTE + "Answer() | Queue(@name@,,,,60) | Hangup()"
PRIVATE = (("P-Asserted-Identity", "<sip:+16465550199@127.0.0.1>"), ("Privacy", "id"))
SOURCES: dict[str, dict[str, Any]] = {
    "cel_csv": {"cel_csv": "log/cel-custom/Master.csv"},
    "cel_sqlite": {"cel_sqlite": "log/master.db"},
    "cdr_csv": {"cdr_csv": "log/cdr-csv/Master.csv", "cdr_utc": True},
    "cdr_sqlite": {"cdr_sqlite": "log/master.db"},
}


@dataclass
class Watcher:
    """One textback, its carrier, and what it made of the calls."""

    service: Service
    texts: list[SimulatedText]
    stories: list[dict[str, Any]] = field(default_factory=list)

    def story(self, row: Row) -> dict[str, Any]:
        found = [s for s in self.stories if s["did"] == row.did]
        assert len(found) == 1, f"{len(found)} calls for {row.name}"
        return found[0]

    def texts_to(self, row: Row) -> list[SimulatedText]:
        return [text for text in self.texts if text.to == row.number_outside]

    async def tells(self, rows: Sequence[Row], *, within: float = 90.0) -> None:
        """Wait until it has a verdict on every row's call."""
        wanted = {row.did for row in rows}
        try:
            async with asyncio.timeout(within):
                while True:
                    self.stories = await self.service.stories("calls", "--all", "-n", "1000")
                    told = {s["did"] for s in self.stories if s["verdict"] != "pending"}
                    sent = [s["text"] for s in self.stories if s["text"]]
                    if wanted <= told and all(t["state"] == "delivered" for t in sent):
                        return
                    await asyncio.sleep(0.5)
        except TimeoutError:
            told = {s["did"]: (s["verdict"], s["reason"]) for s in self.stories}
            missing = [(row.name, told.get(row.did)) for row in rows]
            raise AssertionError(f"{missing}\n{self.service.log_tail()}") from None


@dataclass
class House:
    """One Asterisk, its people, and those who watch it."""

    asterisk: Asterisk
    agent: Agent
    rows: Sequence[Row]
    directory: Path
    stack: AsyncExitStack

    async def watcher(
        self, name: str, source: Mapping[str, Any], *, port: int = 0, **settings: Any
    ) -> Watcher:
        """A textback that reads `source`, whose paths are below Asterisk's own directory."""
        texts: list[SimulatedText] = []
        simulator = Simulator(SimulatorSettings(port=0, receipt_delay=0.1), on_message=texts.append)
        await self.stack.enter_async_context(simulator)
        place = self.directory / name
        place.mkdir()
        pbx = {
            key: str(self.asterisk.directory / value) if isinstance(value, str) else value
            for key, value in source.items()
        }
        service = Service.prepare(
            place,
            self.rows,
            ami_port=port or self.asterisk.ami_port,
            smsc={"host": "127.0.0.1", "port": simulator.port, "system_id": "a", "password": "b"},
            pbx=pbx,
            **settings,
        )
        await self.stack.enter_async_context(service)
        return Watcher(service, texts)

    async def place(self, rows: Sequence[Row]) -> None:
        async with admin(self.asterisk) as hand, asyncio.TaskGroup() as group:
            for each in rows:
                group.create_task(play(each, self.agent, hand), name=each.name)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def house(directory: Path, rows: Sequence[Row], version: str) -> AsyncIterator[House]:
    port = free_port(socket.SOCK_DGRAM)
    asterisk = Asterisk(files=configuration(rows), version=version, agent_port=port)
    try:
        async with AsyncExitStack() as stack:
            # CDR has local time: Asterisk's is its folder's, ours this machine's.
            stack.enter_context(mock.patch.dict(os.environ, {"TZ": "UTC"}))
            await asyncio.to_thread(asterisk.start)
            agent = await stack.enter_async_context(Agent(asterisk.sip_port))
            await agent.open(port)
            yield House(asterisk, agent, rows, directory, stack)
            if agent.errors:
                raise ExceptionGroup("a phone's script failed", list(agent.errors))
    finally:
        await asyncio.to_thread(asterisk.close)


@pytest.fixture(scope="class")
def watchers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Watcher]:
    version: str = request.cls.version
    return asyncio.run(request.cls.run(tmp_path_factory.mktemp(f"watch-{version}"), version))

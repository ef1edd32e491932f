"""Two PBXs in one textback, an Asterisk 22 and an Asterisk 16: neither is taken for the other.

Both have the same numbers, phones and dialplan. Calls enter through the context `from-NAME`; only
its own is on a PBX's list, though both PBXs have both.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Carrier, carrier, renumbered
from tests.lab.agent import Agent, Leg
from tests.lab.asterisk import AMI_SECRET, TEMPLATES, Asterisk, free_port
from tests.lab.people import hangs_up
from tests.lab.phones import answers, rings
from tests.lab.row import Row, configuration, row
from tests.lab.service import Service

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

OFFICES = {"north": "22", "south": "16"}  #: name of the PBX -> its Asterisk
LINE, DESK = renumbered(
    row("line", "Dial(PJSIP/@a@,28) | Hangup()", "no_answer send", a=rings()),
    row("desk", "Dial(PJSIP/@a@,28) | Hangup()", "answered skip answered", a=answers(2)),
)
ROWS = (LINE, DESK)
#: Callers of the line.
DIES, STAYS, NEXT = "+16465550116", "+16465550122", "+16465550123"
#: On every PBX it comes in through the context of the other one.
ASTRAY = "+16465550177"


def files(rows: Sequence[Row], name: str) -> dict[str, str]:
    """The laboratory's configuration, with the trunk in a context of its own."""
    other = next(office for office in OFFICES if office != name)
    made = configuration(rows)
    pjsip = (TEMPLATES / "pjsip.conf").read_text()
    dialplan = (TEMPLATES / "extensions.conf").read_text()
    rest, found, calls = dialplan.partition("[from-trunk]\n")
    assert "context = from-trunk\n" in pjsip
    assert found
    assert "\n[" not in calls
    return {
        **made,
        "pjsip.conf": pjsip.replace("context = from-trunk\n", f"context = from-{name}\n"),
        "pjsip_phones.conf": made["pjsip_phones.conf"]
        + f"\n[{ASTRAY}](phone)\ncontext = from-{other}\n",
        "extensions.conf": rest + "".join(f"[from-{office}]\n{calls}" for office in OFFICES),
    }


@dataclass
class Office:
    """One PBX and the people around it."""

    name: str
    asterisk: Asterisk
    agent: Agent

    def call(self, row: Row, caller: str = "") -> Leg:
        return self.agent.call(caller or row.number_outside, row.did)

    async def ring(self, row: Row, caller: str = "") -> Leg:
        """Place a call and wait until a phone rings for it."""
        leg = self.call(row, caller)
        await asyncio.wait_for(leg.ringing.wait(), 10.0)
        return leg

    @property
    def table(self) -> dict[str, Any]:
        """Its [[pbx]], but for what is the same for all."""
        return {
            "name": self.name,
            "host": "127.0.0.1",
            "port": self.asterisk.ami_port,
            "username": "textback",
            "secret": AMI_SECRET,
            "inbound_contexts": [f"from-{self.name}"],
        }


@dataclass
class Group:
    """Both PBXs, their textback and its carrier."""

    north: Office
    south: Office
    service: Service
    carrier: Carrier

    async def stories(self, count: int) -> list[dict[str, Any]]:
        """All calls, once that many have their verdict; the oldest first."""
        async with asyncio.timeout(30):
            while True:
                told = await self.service.stories("calls", "--all", "-n", "100")
                if sum(story["verdict"] != "pending" for story in told) >= count:
                    return told[::-1]
                await self.service.news()

    async def part(self, name: str, state: str) -> dict[str, Any]:
        """The part of /healthz, once it is in that state."""
        async with asyncio.timeout(30):
            while True:
                health = await self.service.health() or {"parts": {}}
                if (part := health["parts"].get(name, {})).get("state") == state:
                    return {**health, "part": part}
                await asyncio.sleep(0.1)

    async def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.service.console_port}/metrics"

        def read() -> str:
            with urllib.request.urlopen(url, timeout=5) as answer:
                text: str = answer.read().decode()
            return text

        return await asyncio.to_thread(read)


@asynccontextmanager
async def office(name: str, more: Mapping[str, str] | None = None) -> AsyncIterator[Office]:
    port = free_port(socket.SOCK_DGRAM)
    asterisk = Asterisk(
        files={**files(ROWS, name), **(more or {})}, version=OFFICES[name], agent_port=port
    )
    try:
        await asyncio.to_thread(asterisk.start)
        async with Agent(asterisk.sip_port) as agent:
            await agent.open(port)
            for made in ROWS:
                for letter, behaviour in made.phones.items():
                    agent.behaviours[made.phone(letter)] = behaviour
            yield Office(name, asterisk, agent)
            if agent.errors:
                raise ExceptionGroup("a phone's script failed", list(agent.errors))
    finally:
        await asyncio.to_thread(asterisk.close)


@asynccontextmanager
async def group(directory: Path, **changes: Mapping[str, Any]) -> AsyncIterator[Group]:
    """Both PBXs run, textback does not yet. `changes` are keys of a [[pbx]], by its name."""
    async with AsyncExitStack() as stack:
        sent = await stack.enter_async_context(carrier())
        north, south = [await stack.enter_async_context(office(name)) for name in OFFICES]
        service = Service.prepare(
            directory,
            ROWS,
            ami_port=north.asterisk.ami_port,
            smsc=sent.account,
            pbx={**north.table, **changes.get("north", {})},
            more=[("[[pbx]]", {**south.table, **changes.get("south", {})})],
        )
        await stack.enter_async_context(service)
        yield Group(north, south, service, sent)


async def same_uniqueid(
    lab: Group, one: tuple[Office, Row], other: tuple[Office, Row]
) -> tuple[str, list[Leg]]:
    """Place two calls on the two PBXs that have the same Uniqueid: second of birth, and counter.

    It takes a second that is not over between the two, and as many channels on both before them.
    """

    def begun() -> list[str]:
        events = lab.service.events()
        return [event["call"] for event in events if event["event"] == "call_started"]

    while True:
        before = len(begun())
        await asyncio.sleep(1.05 - time.time() % 1.0)
        legs = [pbx.call(made) for pbx, made in (one, other)]
        async with asyncio.timeout(10):
            while True:
                calls = begun()[before:]
                if len(calls) == 2:
                    break
                await asyncio.sleep(0.05)
        known = dict(call.split(":") for call in calls)
        if known["north"] == known["south"]:
            return known["north"], legs
        for leg in legs:
            leg.hang_up()
            await leg.over()


class TestBothWork:
    """Calls of two PBXs at a time."""

    async def test_two_calls_with_one_uniqueid_are_two_calls(self, tmp_path: Path) -> None:
        async with group(tmp_path) as lab:
            await lab.service.start()
            uniqueid, (leg, _) = await same_uniqueid(lab, (lab.north, LINE), (lab.south, DESK))
            await hangs_up(7.0)(leg)
            await asyncio.wait_for(lab.carrier.took.wait(), 20.0)
            told = await lab.stories(2)

            both = [story for story in told if story["uniqueid"] == uniqueid]
            assert sorted((s["pbx"], s["caller"], s["reason"]) for s in both) == [
                ("north", LINE.number_outside, "send"),
                ("south", DESK.number_outside, "answered"),
            ]
            assert [text.to for text in lab.carrier.texts] == [LINE.number_outside]
            by_uniqueid = await lab.service.command("why", "--all", uniqueid)
            assert f"north:{uniqueid}" in by_uniqueid
            assert f"south:{uniqueid}" in by_uniqueid
            for name, caller in (("north", LINE.number_outside), ("south", DESK.number_outside)):
                (story,) = await lab.service.stories("why", f"{name}:{uniqueid}")
                assert (story["pbx"], story["caller"]) == (name, caller)

    async def test_one_caller_on_both_is_texted_once(self, tmp_path: Path) -> None:
        async with group(tmp_path) as lab:
            await lab.service.start()
            for pbx in (lab.north, lab.south):
                leg = await pbx.ring(LINE)
                await hangs_up(7.0)(leg)
            first, second = await lab.stories(2)

            assert (first["pbx"], first["verdict"]) == ("north", "send")
            assert (second["pbx"], second["reason"]) == ("south", "cooldown")

    async def test_a_call_is_judged_by_its_own_pbxs_list_of_contexts(self, tmp_path: Path) -> None:
        async with group(tmp_path) as lab:
            await lab.service.start()
            legs = [await pbx.ring(LINE, ASTRAY) for pbx in (lab.north, lab.south)]
            known = [await lab.south.ring(LINE)]
            await asyncio.gather(*(hangs_up(7.0)(leg) for leg in (*legs, *known)))
            told = await lab.stories(3)
            doctor = await lab.service.command("doctor", code=1)

            assert sorted((s["pbx"], s["caller"], s["direction"], s["verdict"]) for s in told) == [
                ("north", ASTRAY, "outbound", "skip"),
                ("south", LINE.number_outside, "inbound", "send"),
                ("south", ASTRAY, "outbound", "skip"),
            ]
            assert [text.to for text in lab.carrier.texts] == [LINE.number_outside]
            # The one without an inbound call is told of the context it does not have on its list.
            assert re.search(r"warn +ami north +calls began in from-south \(1\)", doctor), doctor
            assert re.search(r"ok +ami south +calls came in by: from-south \(1\)", doctor), doctor


class TestOneFails:
    """The other one does not mind."""

    @pytest.mark.parametrize("name", OFFICES)
    async def test_one_restarts_while_the_other_works_on(self, tmp_path: Path, name: str) -> None:
        async with group(tmp_path) as lab:
            offices = (lab.north, lab.south)
            dead, alive = offices if name == "north" else offices[::-1]
            await lab.service.start()
            await dead.ring(LINE, DIES)
            leg = await alive.ring(LINE, STAYS)

            await asyncio.to_thread(dead.asterisk.kill)
            health = await lab.part(f"ami:{dead.name}", "waiting")
            assert health["failing"] == [f"ami:{dead.name}"]
            metrics = await lab.metrics()
            assert f'textback_ami_up{{pbx="{dead.name}"}} 0.0' in metrics
            assert f'textback_ami_up{{pbx="{alive.name}"}} 1.0' in metrics
            await hangs_up(7.0)(leg)
            await asyncio.wait_for(lab.carrier.took.wait(), 20.0)
            assert [text.to for text in lab.carrier.texts] == [STAYS]

            await asyncio.to_thread(dead.asterisk.start)
            await lab.service.well()
            leg = await dead.ring(LINE, NEXT)
            await hangs_up(7.0)(leg)
            told = {story["caller"]: story for story in await lab.stories(3)}

            assert {caller: (s["pbx"], s["reason"], s["gap"]) for caller, s in told.items()} == {
                DIES: (dead.name, "unknown_call", True),
                STAYS: (alive.name, "send", False),
                NEXT: (dead.name, "send", False),
            }
            assert told[DIES]["boot"] != told[NEXT]["boot"]

    async def test_one_refuses_the_login_while_the_other_texts(self, tmp_path: Path) -> None:
        async with group(tmp_path, north={"secret": "wrong"}) as lab:
            await lab.service.start(healthy=False)
            health = await lab.part("ami:north", "refused")
            assert health["failing"] == ["ami:north"]
            assert (await lab.part("ami:south", "up"))["part"]["ok"]

            leg = await lab.south.ring(LINE)
            await hangs_up(7.0)(leg)
            await asyncio.wait_for(lab.carrier.took.wait(), 20.0)
            doctor = await lab.service.command("doctor", code=2)
            (story,) = await lab.stories(1)

            assert (story["pbx"], story["verdict"]) == ("south", "send")
            north, south = (
                [line for line in doctor.splitlines() if f"ami {name}" in line] for name in OFFICES
            )
            assert any("refused" in line or "login" in line.lower() for line in north), doctor
            assert any("logged in as textback" in line for line in south), doctor
            log = (lab.north.asterisk.directory / "log" / "full").read_text()
            assert len(re.findall("failed to authenticate as 'textback'", log)) <= 2

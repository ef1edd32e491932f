"""A wall clock that jumps under the running parts: a day forward, an hour back.

The parts are wired as the daemon wires them, on a clock the test moves: the wall clock jumps, the
steady one never does. No test here sleeps; what is to happen is awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from ami_listener.link import PbxLink, PbxSettings
from ami_listener.tracker import Inbound
from sms_gateway.link import Route, RouteSettings
from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from tests.fakes.asterisk import FakeAsterisk, channel
from tests.integration.daemon_rig import free_port
from tests.unit.configs import BASE
from textback.config import Config
from textback.config_load import loads
from textback.delivery import Delivery
from textback.inbox import Inbox
from textback.intake import Intake
from textback.model import Call, Moment, OutboxRow, OutboxState, Phase
from textback.store.store import Store

CALLER, DID = "+12125550123", "+12125550100"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Clock:
    """Real time, with a wall clock that somebody sets."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> Moment:
        now = Moment.now()
        return Moment(now.utc + self.offset, now.steady)


class World:
    """Asterisk, parts, carrier."""

    def __init__(self, asterisk: FakeAsterisk, store: Store, clock: Clock) -> None:
        self.asterisk = asterisk
        settings = SimulatorSettings(port=free_port(), receipt_delay=0.01)
        self.simulator = Simulator(settings, on_message=lambda text: self.texts.put_nowait(text))
        self.store = store
        self.clock = clock
        self.facts: asyncio.Queue[Call] = asyncio.Queue()
        self.texts: asyncio.Queue[SimulatedText] = asyncio.Queue()
        self.rows: asyncio.Queue[OutboxRow] = asyncio.Queue()
        self.rules = {"ring_timeout": 1, "cooldown": "24h", "abandoned_after": 0}
        inbox = Inbox(store, lambda: "US")
        self.route = Route(
            RouteSettings(
                name="smsc",
                host="127.0.0.1",
                port=settings.port,
                system_id="acme",
                rate=0,
                enquire_link=0.2,
                backoff_first=0.01,
                backoff_max=0.05,
            ),
            on_receipt=inbox.receipt,
            on_reply=inbox.reply,
            clock=clock,
        )
        self.delivery = Delivery(store, [self.route], segments=lambda *_: 1, clock=clock)
        self.intake = Intake(store, self.config, on_queued=self._queued, clock=clock)
        self.link = PbxLink(
            PbxSettings(
                name="pbx",
                host=asterisk.host,
                port=asterisk.port,
                username="textback",
                secret="secret",
                inbound=Inbound(contexts=frozenset({"from-trunk"})),
                ping_interval=0.2,
            ),
            watch=lambda _: float(self.rules["ring_timeout"]),
            on_call=self._fact,
            clock=clock,
        )

    def config(self) -> Config:
        body = BASE.replace("secret =", 'unknown_presentation = "send"\nsecret =')
        keys = "\n".join(f"{key} = {value!r}" for key, value in self.rules.items())
        return loads(f"{body}{keys}\n")

    def _fact(self, call: Call) -> None:
        self.intake.put(call)
        self.facts.put_nowait(call)

    def _queued(self, row: OutboxRow, call: Call) -> None:
        self.rows.put_nowait(row)
        self.delivery.kick(row.id, since=call.at.steady)

    def ring(self, uniqueid: str, caller: str = CALLER) -> None:
        trunk = channel(uniqueid, f"PJSIP/trunk-{uniqueid}", caller=caller, exten=DID)
        phone = channel(
            f"{uniqueid}9", f"PJSIP/101-{uniqueid}", state=0, exten="s", linkedid=uniqueid
        )
        self.asterisk.channels[uniqueid] = trunk
        self.asterisk.event("Newchannel", trunk)
        self.asterisk.event("Newchannel", phone)
        self.asterisk.event(
            "DialBegin", {**trunk, **{f"Dest{k}": v for k, v in phone.items()}, "DialString": "1"}
        )
        self.asterisk.event("Newstate", {**phone, "ChannelState": "5"})

    async def fact(self, phase: Phase) -> Call:
        """The next fact of this kind."""
        async with asyncio.timeout(10):
            while True:
                call = await self.facts.get()
                if call.phase is phase:
                    return call

    async def text(self) -> SimulatedText:
        async with asyncio.timeout(10):
            return await self.texts.get()

    async def bound(self) -> None:
        async with asyncio.timeout(10):
            await self.route.wait_room()

    async def queued(self) -> OutboxRow:
        """The next text that was written into the outbox."""
        async with asyncio.timeout(10):
            return await self.rows.get()

    async def states(self) -> list[OutboxState]:
        return [row.state for row in await self.store.queue()]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await Store.open(tmp_path / "textback.db")
    clock = Clock()
    async with FakeAsterisk() as asterisk:
        made = World(asterisk, store, clock)
        async with made.simulator:
            parts = [made.route.run(), made.delivery.run(), made.intake.run(), made.link.run()]
            tasks = [asyncio.create_task(part, name=f"part {n}") for n, part in enumerate(parts)]
            await asterisk.wait_for("CoreShowChannels")
            await asterisk.wait_for("Ping", 2)
            await made.bound()
            try:
                yield made
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            # None: a part that the test itself has stopped.
            assert all(e is None or isinstance(e, asyncio.CancelledError) for e in ended), ended
    await store.close()


@pytest.mark.parametrize("jump", [DAY, -HOUR], ids=["forward", "back"])
async def test_a_ring_timeout_comes_when_the_caller_has_waited_so_long(
    world: World, jump: timedelta
) -> None:
    world.ring("1700000000.1")
    ringing = await world.fact(Phase.RINGING)
    world.clock.offset = jump
    told = await world.fact(Phase.RING_TIMEOUT)
    assert ringing.ringing is not None
    assert told.at.steady - ringing.ringing.steady == pytest.approx(1.0, abs=0.01)
    assert told.waited == pytest.approx(1.0, abs=0.01)
    assert (await world.text()).to.lstrip("+") == CALLER[1:]


@pytest.mark.parametrize("jump", [DAY, -HOUR], ids=["forward", "back"])
async def test_the_links_stay_up_and_go_on_asking(world: World, jump: timedelta) -> None:
    before = world.route.counters["enquire_links_sent"]
    pings = len(world.asterisk.actions("Ping"))
    world.clock.offset = jump
    await world.asterisk.wait_for("Ping", pings + 3)
    assert world.asterisk.connections == 1
    assert world.route.state == "bound"
    counted = world.route.counters
    assert counted["enquire_links_sent"] > before
    assert (counted["enquire_links_missed"], counted["disconnects"]) == (0, 0)


@pytest.mark.parametrize(("jump", "texted"), [(2 * DAY, True), (-HOUR, False), (-365 * DAY, True)])
async def test_a_cooldown_ends_by_the_wall_clock_and_is_never_stuck(
    world: World, jump: timedelta, texted: bool
) -> None:
    """A text from the future within the cooldown counts; one from next year was a wrong clock."""
    world.ring("1700000000.1")
    await world.text()
    world.clock.offset = jump
    world.ring("1700000000.2")
    told = await world.fact(Phase.RING_TIMEOUT)
    while told.key.uniqueid != "1700000000.2":
        told = await world.fact(Phase.RING_TIMEOUT)
    if texted:
        assert (await world.text()).to.lstrip("+") == CALLER[1:]
    else:
        await world.intake.stop()
        assert len(await world.states()) == 1


async def test_a_clock_that_was_years_ahead_once_does_not_fill_the_caps_for_ever(
    world: World,
) -> None:
    world.clock.offset = 3650 * DAY
    world.ring("1700000000.1")
    await world.text()
    world.clock.offset = timedelta()
    now = world.clock().utc
    found = await world.store.history("+12125550199", DID, now)
    assert (found.last_minute, found.last_hour, found.last_day) == (0, 0, 0)


async def test_a_text_that_waits_is_sent_at_once_though_the_clock_went_back(world: World) -> None:
    """Its due time lies in the future then; nobody may wait an hour for that."""
    await world.simulator.stop()
    world.ring("1700000000.1")
    await world.fact(Phase.RING_TIMEOUT)
    await world.queued()
    world.clock.offset = -HOUR
    await world.simulator.start()
    assert (await world.text()).to.lstrip("+") == CALLER[1:]


async def test_only_what_is_too_old_by_the_wall_clock_expires(world: World) -> None:
    await world.simulator.stop()
    world.ring("1700000000.1")
    await world.fact(Phase.RING_TIMEOUT)
    await world.queued()
    world.clock.offset = DAY
    # A call of the new day is texted; the one of yesterday is too old to be useful.
    world.ring("1700000000.2", "+12125550124")
    await world.queued()
    await world.simulator.start()
    assert (await world.text()).to.lstrip("+") == "12125550124"
    assert (await world.states())[0] is OutboxState.EXPIRED

"""The parts the daemon is made of: crew, heartbeat, switch, standing, wiring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from textback import wiring
from textback.alarms import Alarms
from textback.config import Config, ConfigError
from textback.config_load import loads
from textback.crew import Crew
from textback.heartbeat import Heartbeat
from textback.metrics import Metrics
from textback.model import Accepted, Message, Moment, Reason, Send, Submission
from textback.notify import Notifier
from textback.standing import Standing
from textback.store.store import Store
from textback.switch import Switch

CONFIG = """
[business]
name = "Acme"
[[pbx]]
secret = "a"
[[smsc]]
host = "127.0.0.1"
system_id = "acme"
password = "b"
on_uncertain = "resend"
[[number]]
did = "+12125550100"
"""


def config(text: str = CONFIG) -> Config:
    return loads(text)


# --- crew ---


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_task_that_dies_is_told_by_name_and_takes_nobody_with_it() -> None:
    died: list[str] = []
    gone = asyncio.Event()

    def on_death(name: str) -> None:
        died.append(name)
        gone.set()

    async def dies() -> None:
        raise RuntimeError("out of luck")

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            crew = Crew(group, on_death)
            crew.start("steady", forever())
            crew.start("unlucky", dies())
            await gone.wait()
            assert (died, crew.dead()) == (["unlucky"], ["unlucky"])
            await crew.end("steady")
    assert [(e["event"], e["task"], e["log_level"]) for e in logs] == [
        ("task_died", "unlucky", "critical")
    ]


async def test_a_task_that_ends_unasked_is_as_bad_as_dead() -> None:
    gone = asyncio.Event()

    async def ends() -> None:
        return

    async with asyncio.TaskGroup() as group:
        crew = Crew(group, lambda _: gone.set())
        with capture_logs() as logs:
            crew.start("short", ends())
            await gone.wait()
    assert [e["event"] for e in logs] == ["task_ended"]


async def test_a_task_that_was_asked_to_end_is_not_missed() -> None:
    died: list[str] = []
    stop = asyncio.Event()

    async def until_stopped() -> None:
        await stop.wait()

    async def gently() -> None:
        stop.set()

    async with asyncio.TaskGroup() as group:
        crew = Crew(group, died.append)
        crew.start("one", until_stopped())
        crew.start("two", forever())
        await crew.end("one", gently())
        await crew.end("two")
        await crew.end("never started")
        assert (crew.names, crew.dead(), died) == ([], [], [])
        crew.start("two", forever())
        with pytest.raises(ValueError, match="two is at work already"):
            crew.start("two", forever())
        crew.cancel_all()
    assert died == []


# --- heartbeat ---


class Recorded(Notifier):
    def __init__(self) -> None:
        super().__init__("")
        self.sent: list[str] = []

    def send(self, *lines: str) -> None:
        self.sent += lines


def test_the_watchdog_is_fed_while_everybody_lives_and_starves_when_one_is_gone() -> None:
    notifier, dead = Recorded(), [""][:0]
    heart = Heartbeat(notifier, dead=lambda: dead, status=lambda: "live")
    heart.beat()
    assert notifier.sent == ["WATCHDOG=1", "STATUS=live"]
    dead.append("ami pbx")
    with capture_logs() as logs:
        heart.beat()
    assert notifier.sent == ["WATCHDOG=1", "STATUS=live"]
    assert [(e["event"], e["dead"]) for e in logs] == [("watchdog_not_fed", ["ami pbx"])]


@pytest.mark.parametrize(("moved", "told"), [(0.5, []), (-3600.0, [-3600.0]), (7.25, [7.2])])
def test_a_clock_that_jumps_is_told_once(moved: float, told: list[float]) -> None:
    wall = [1_700_000_000.0]
    heart = Heartbeat(
        Recorded(), dead=list, status=lambda: "", wall=lambda: wall[0], steady=lambda: 50.0
    )
    heart.beat()
    wall[0] += moved
    with capture_logs() as logs:
        heart.beat()
        heart.beat()
    assert [e["seconds"] for e in logs] == told


# --- switch ---


@dataclass
class Gate:
    name: str = "smsc"
    free: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def submit(self, message: Message) -> Submission:
        return Accepted(parts=(), at=message.expires)

    def room(self) -> int:
        return self.free

    async def wait_room(self) -> None:
        await self.opened.wait()


async def test_who_waits_for_room_is_told_when_the_route_is_exchanged() -> None:
    old, new = Gate(), Gate(free=5)
    switch = Switch(old)
    waiter = asyncio.create_task(switch.wait_room(), name="waiter")
    await asyncio.sleep(0)
    switch.put(new)
    await asyncio.wait_for(waiter, 10)
    assert switch.room() == 5
    with pytest.raises(ValueError, match="other cannot stand for smsc"):
        switch.put(Gate(name="other"))


async def test_a_switch_passes_on_room_and_messages() -> None:
    gate = Gate()
    switch = Switch(gate)
    waiter = asyncio.create_task(switch.wait_room(), name="waiter")
    await asyncio.sleep(0)
    gate.free = 3
    gate.opened.set()
    await asyncio.wait_for(waiter, 10)
    message = Message(
        row_id=1, to="+1", sender="+1", text="x", expires=datetime.now(UTC), reference=1
    )
    assert isinstance(await switch.submit(message), Accepted)


async def test_a_waiter_that_gives_up_leaves_no_task_behind() -> None:
    waiter = asyncio.create_task(Switch(Gate()).wait_room(), name="waiter")
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    await asyncio.sleep(0)
    assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []


# --- standing ---


@dataclass
class Ami:
    state: str = "up"
    detail: str = "up; Asterisk 22"
    warnings: dict[str, str] = field(default_factory=dict)
    asterisk_version: str = "22"
    counters: dict[str, int] = field(default_factory=dict)
    last_event: Moment | None = None
    contexts_seen: dict[str, int] = field(default_factory=lambda: {"from-trunk": 3})
    contexts_unlisted: list[str] = field(default_factory=list)


@dataclass
class Smpp:
    state: str = "bound"
    detail: str = "bound to simulator"
    counters: dict[str, int] = field(default_factory=dict)


@dataclass
class Site:
    ami: Ami
    smpp: Smpp
    store: Store
    dead: list[str]
    facts: list[int]
    standing: Standing
    metrics: Metrics


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    store = await Store.open(tmp_path / "textback.db")
    ami, smpp, dead, metrics = Ami(), Smpp(), [""][:0], Metrics(mode="live")
    facts = [0]
    standing = Standing(
        config=config,
        pbxs={"pbx": ami},
        routes={"smsc": smpp},
        dead=lambda: dead,
        facts=lambda: (facts[0], 0),
        store=store,
        store_path=tmp_path / "textback.db",
        metrics=metrics,
        alarms=Alarms(),
    )
    yield Site(ami, smpp, store, dead, facts, standing, metrics)
    await store.close()


async def test_a_healthy_site_says_so_of_every_part(site: Site) -> None:
    told = (await site.standing.health()).as_dict()
    assert (told["status"], told["failing"]) == ("ok", [])
    parts = ["ami:pbx", "smpp:smsc", "store", "outbox", "intake", "tasks", "alarms"]
    assert list(told["parts"]) == parts
    assert told["parts"]["ami:pbx"]["contexts"] == {"from-trunk": 3}
    assert site.standing.status_line() == "live; AMI pbx up; SMPP smsc bound"


async def test_an_alarm_that_stands_makes_the_service_fail_and_says_why(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "textback.db")
    alarms, metrics = Alarms(), Metrics(mode="live")
    standing = Standing(
        config=config,
        pbxs={},
        routes={},
        dead=list,
        facts=lambda: (0, 0),
        store=store,
        store_path=tmp_path / "textback.db",
        metrics=metrics,
        alarms=alarms,
    )
    for _ in range(970):
        alarms.verdict(Reason.CAP_MINUTE)
    told = (await standing.health()).as_dict()
    assert told["failing"] == ["alarms"]
    stands = told["parts"]["alarms"]["standing"]["cap_reached"]
    assert (stands["because"], stands["count"]) == ("limits.per_minute", 970)
    assert standing.status_line() == "live; ALARM cap_reached"
    assert 'textback_alarm{alarm="cap_reached"} 1.0' in (await standing.exposition()).decode()
    await store.close()


async def test_each_part_that_fails_is_named(site: Site) -> None:
    site.ami.state, site.smpp.state = "refused", "waiting"
    site.dead.append("intake")
    site.facts[0] = 5000
    told = (await site.standing.health()).as_dict()
    assert told["failing"] == ["ami:pbx", "smpp:smsc", "intake", "tasks"]
    assert "textback_facts_waiting 5000.0" in (await site.standing.exposition()).decode()


async def test_a_text_that_waits_too_long_makes_the_outbox_stuck(site: Site) -> None:
    now = datetime.now(UTC)
    send = Send(to="+12125550190", sender="+12125550100", text="x", expires=now)
    await site.store.enqueue(send, by="test", now=now - timedelta(seconds=301))
    told = (await site.standing.health()).as_dict()
    assert told["failing"] == ["outbox"]
    assert told["parts"]["outbox"]["queued"] == 1
    text = (await site.standing.exposition()).decode()
    assert "textback_queue_depth 1.0" in text
    assert 'textback_texts{state="queued"} 1.0' in text


async def test_a_store_that_does_not_answer_is_told_and_the_rest_still_shown(
    site: Site, tmp_path: Path
) -> None:
    await site.store.close()
    for path in tmp_path.glob("textback.db*"):
        path.unlink()
    (tmp_path / "textback.db").write_bytes(b"no database" * 1000)
    told = (await site.standing.health()).as_dict()
    assert told["failing"] == ["store"]
    text = (await site.standing.exposition()).decode()
    assert "textback_store_up 0.0" in text
    assert 'textback_ami_up{pbx="pbx"} 1.0' in text


# --- wiring ---


def test_every_key_of_a_pbx_and_a_carrier_reaches_the_edge() -> None:
    made = config(
        CONFIG.replace('secret = "a"', 'secret = "a"\ninbound_endpoints = ["trunk"]').replace(
            'password = "b"',
            'password = "b"\nwindow = 3\ntlvs = { "0x1400" = "hex:0a" }\n'
            'enquire_timeout = "7s"\nreceipts_by_text = true',
        )
    )
    pbx = wiring.pbx_settings(made.pbx[0])
    assert (pbx.secret, pbx.inbound.endpoints) == ("a", frozenset({"trunk"}))
    assert "from-trunk" in pbx.inbound.contexts
    route = wiring.route_settings(made.smsc[0], "US")
    assert (route.password, route.window, route.country) == ("b", 3, "US")
    assert (route.enquire_timeout, route.receipts_by_text) == (7.0, True)
    assert route.tlvs == ((0x1400, b"\x0a"),)
    assert '"a"' not in repr(pbx)
    assert "'b'" not in repr(route)


def test_what_a_route_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    made = config()
    assert wiring.retry_rules(made, "smsc").on_uncertain == "resend"
    assert wiring.segments(made, "smsc", "x" * 161) == 2
    assert wiring.measure("x" * 160) == (1, "gsm", ())


@pytest.mark.parametrize(
    ("change", "key", "same"),
    [
        (("secret", '"a"', '"z"'), "pbx", False),
        (("secret", '"a"', '"a"\nunknown_presentation = "send"'), "pbx", True),
        (("password", '"b"', '"z"'), "smsc", False),
        (("on_uncertain", '"resend"', '"hold"'), "smsc", True),
    ],
)
def test_only_what_a_link_is_built_with_makes_a_new_one(
    change: tuple[str, str, str], key: str, same: bool
) -> None:
    name, old, new = change
    before, after = config(), config(CONFIG.replace(f"{name} = {old}", f"{name} = {new}"))
    keys: Any = {
        "pbx": lambda c: [wiring.pbx_key(p) for p in c.pbx],
        "smsc": wiring.smsc_keys,
    }[key]
    assert (keys(before) == keys(after)) is same


def test_a_file_that_became_unusable_since_it_was_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    pbx = config().pbx[0].model_copy(update={"tls": True, "tls_ca": f"{tmp_path}/ca.pem"})
    with pytest.raises(ConfigError) as caught:
        wiring.check(config().model_copy(update={"pbx": (pbx,)}))
    (said,) = caught.value.errors
    assert said.startswith(f"pbx 'pbx': tls_ca = {tmp_path}/ca.pem: not usable for TLS")

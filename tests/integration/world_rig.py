"""A daemon inside the test's own process, between two peers that may be as evil as a test wants.

As `daemon_rig`, without the seconds an interpreter takes to start: for tests that need the whole
service, and not its death. The log goes into a tap, where a test reads it or waits for a line.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from sms_gateway.link import Route
from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from tests.fakes.asterisk import FakeAsterisk, Fields, channel
from tests.integration.daemon_rig import free_port
from textback import log, wiring
from textback.config import PbxConfig, SmscConfig
from textback.config_load import load
from textback.daemon import Daemon
from textback.notify import Notifier

PATIENCE = 8.0
CALLER = "+12125550123"
DID = "+12125550100"

CONFIG = """
mode = "live"
[business]
name = "Acme Dental"
[log]
level = "debug"
[store]
path = "{store}"
[limits]
per_minute = 100000
per_hour = 100000
per_day = 100000
adjacent = 0
per_prefix = 0
[console]
enabled = false
[agi]
enabled = false
[[pbx]]
port = {ami}
secret = "secret"
unknown_presentation = "send"
[[smsc]]
host = "127.0.0.1"
port = {smpp}
system_id = "acme"
password = "pw"
rate = 0
[defaults]
ring_timeout = 1
abandoned_after = "0s"
cooldown = 0
[[number]]
did = "{did}"
label = "Front desk"
message = "Sorry we missed you."
"""


class Tap(io.TextIOBase):
    """The log as it is written, line by line; a test may wait for a line."""

    def __init__(self) -> None:
        self.raw = ""
        self.entries: deque[dict[str, Any]] = deque(maxlen=50_000)
        self._waiting: list[tuple[Callable[[], bool], asyncio.Event]] = []

    def write(self, text: str) -> int:
        self.raw += text
        while "\n" in self.raw:
            line, self.raw = self.raw.split("\n", 1)
            entry: dict[str, Any] = json.loads(line)
            self.entries.append(entry)
        for true, event in self._waiting:
            if true():
                event.set()
        return len(text)

    def found(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        wanted = {"event": event, **fields}
        return [entry for entry in self.entries if wanted.items() <= entry.items()]

    async def until(self, event: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """The `count`-th such line."""

        def true() -> bool:
            return len(self.found(event, **fields)) >= count

        here = asyncio.Event()
        self._waiting.append((true, here))
        try:
            if not true():
                async with asyncio.timeout(PATIENCE):
                    await here.wait()
        except TimeoutError:
            tail = "\n".join(map(str, list(self.entries)[-25:]))
            raise AssertionError(f"never: {event} {fields}\n{tail}") from None
        finally:
            self._waiting.remove((true, here))
        return self.found(event, **fields)[count - 1]

    def alarms(self) -> list[dict[str, Any]]:
        return [e for e in self.entries if e["level"] in ("error", "critical")]


@contextmanager
def tapped() -> Iterator[Tap]:
    """The log goes into a tap; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level, raised = list(root.handlers), root.level, logging.raiseExceptions
    tap = Tap()
    log.configure(style="json", level="debug", stream=tap)  # type: ignore[arg-type]
    # A format error must fail the test, not vanish as it does in the service.
    logging.raiseExceptions = True
    try:
        yield tap
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.raiseExceptions = raised
        logging.captureWarnings(False)
        structlog.reset_defaults()


class Service:
    """The daemon with its peers; `smpp` is a port somebody else listens on, or our simulator's."""

    def __init__(self, folder: Path, tap: Tap, asterisk: FakeAsterisk) -> None:
        self.folder = folder
        self.tap = tap
        self.asterisk = asterisk
        self.texts: asyncio.Queue[SimulatedText] = asyncio.Queue()
        self.path = folder / "textback.toml"
        self.store = folder / "textback.db"
        self.daemon: Daemon | None = None
        self._calls = 0
        self._task: asyncio.Task[int] | None = None

    def start(self, smpp: int) -> Daemon:
        body = CONFIG.format(store=self.store, ami=self.asterisk.port, smpp=smpp, did=DID)
        if not self.path.exists():
            self.path.write_text(body, encoding="utf-8")
        config = load(self.path, measure=wiring.measure)
        self.daemon = Daemon(config, self.path, notifier=Notifier(""))
        self._task = asyncio.create_task(self.daemon.run(), name="daemon")
        return self.daemon

    async def stop(self) -> int:
        assert self.daemon is not None
        assert self._task is not None
        self.daemon._asked_to_stop("test")
        async with asyncio.timeout(PATIENCE):
            code = await self._task
        self._task = None
        return code

    async def cleanup(self) -> None:
        if self._task is not None and not self._task.done():
            await self.stop()

    @property
    def alive(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def route(self) -> Route:
        assert self.daemon is not None
        return self.daemon.parts.routes["smsc"]

    @property
    def ami_counters(self) -> dict[str, int]:
        assert self.daemon is not None
        return self.daemon.parts.pbxs["pbx"].counters

    async def up(self, count: int = 1) -> None:
        """Both links are up, the AMI one for the `count`-th time."""
        await self.tap.until("ami_up", count)
        await self.tap.until("smpp_state", state="bound")

    def new_call(self) -> str:
        """A Uniqueid nobody has yet."""
        self._calls += 1
        return f"1700000000.{self._calls * 10}"

    def ring(self, uniqueid: str, caller: str = CALLER, name: str = "Ann") -> None:
        """A call comes in and one phone rings."""
        trunk, phone = self.legs(uniqueid, caller, name)
        self.asterisk.variables[trunk["Channel"], "CALLERID(num-pres)"] = "allowed_not_screened"
        self.asterisk.channels[uniqueid] = trunk
        self.asterisk.event("Newchannel", trunk)
        self.asterisk.event("Newchannel", phone)
        both = {**trunk, **{f"Dest{key}": value for key, value in phone.items()}}
        self.asterisk.event("DialBegin", {**both, "DialString": "101"})
        ringing = {**phone, "ChannelState": "5", "ChannelStateDesc": "Ringing"}
        self.asterisk.event("Newstate", ringing)

    def hang_up(self, uniqueid: str, caller: str = CALLER, name: str = "Ann") -> None:
        trunk, phone = self.legs(uniqueid, caller, name)
        for fields in (phone, trunk):
            self.asterisk.event("Hangup", {**fields, "Cause": "16", "Cause-txt": "Clearing"})
        self.asterisk.channels.pop(uniqueid, None)

    def legs(self, uniqueid: str, caller: str, name: str) -> tuple[Fields, Fields]:
        trunk = channel(
            uniqueid, f"PJSIP/trunk-{uniqueid}", caller=caller, caller_name=name, exten=DID
        )
        phone = channel(
            f"{uniqueid}9",
            f"PJSIP/101-{uniqueid}",
            state=0,
            caller="101",
            context="from-internal",
            exten="s",
            linkedid=uniqueid,
        )
        return trunk, phone

    async def text(self) -> SimulatedText:
        async with asyncio.timeout(PATIENCE):
            return await self.texts.get()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the store holds, read beside the daemon."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that come back within milliseconds, or a test of a hundred losses takes minutes."""
    route, pbx = wiring.route_settings, wiring.pbx_settings

    def fast_route(smsc: SmscConfig, country: str) -> Any:
        return replace(
            route(smsc, country),
            backoff_first=0.01,
            backoff_max=0.02,
            refused_delay=0.02,
            already_bound_delay=0.02,
        )

    def fast_pbx(table: PbxConfig) -> Any:
        return replace(pbx(table), backoff_first=0.01, backoff_max=0.02, refused_delay=0.02)

    monkeypatch.setattr(wiring, "route_settings", fast_route)
    monkeypatch.setattr(wiring, "pbx_settings", fast_pbx)


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[Service]:
    """Peers ready, nothing started; whatever runs at the end is stopped."""
    async with FakeAsterisk() as asterisk:
        with tapped() as tap:
            made = Service(folder, tap, asterisk)
            try:
                yield made
            finally:
                await made.cleanup()


@asynccontextmanager
async def simulated(made: Service, **settings: Any) -> AsyncIterator[Simulator]:
    """Our simulated SMSC, giving its texts to the service's queue."""
    chosen = SimulatorSettings(port=free_port(), receipt_delay=0.02, **settings)
    simulator = Simulator(chosen, on_message=made.texts.put_nowait)
    async with simulator:
        yield simulator


#: What may never stand in a line for people: controls, line separators, direction marks.
FORGERY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")

"""A daemon as a process of its own, between the fake Asterisk and our simulated SMSC."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from tests.fakes.asterisk import FakeAsterisk, Fields, channel

ROOT = Path(__file__).resolve().parents[2]
CALLER = "+12125550123"
DID = "+12125550100"
#: Nothing here takes a second; a test that waits longer has failed.
PATIENCE = 30.0

CONFIG = """
mode = "{mode}"
[business]
name = "Acme Dental"
[log]
level = "debug"
[store]
path = "{store}"
[console]
listen = "127.0.0.1:{console}"
[agi]
listen = "127.0.0.1:{agi}"
[[pbx]]
port = {ami}
secret = "secret"
[[smsc]]
host = "127.0.0.1"
port = {smpp}
system_id = "acme"
password = "pw"
on_uncertain = "hold"
[defaults]
ring_timeout = "1s"
abandoned_after = "0s"
[[number]]
did = "{did}"
label = "Front desk"
message = "{message}"
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Rig:
    """One installation: configuration, store, PBX, carrier, and the daemon when started."""

    flags: tuple[str, ...] = ("-X", "dev")

    def __init__(self, folder: Path, asterisk: FakeAsterisk) -> None:
        self.folder = folder
        self.asterisk = asterisk
        self.texts: asyncio.Queue[SimulatedText] = asyncio.Queue()
        self.simulator = Simulator(
            SimulatorSettings(port=free_port(), receipt_delay=0.05),
            on_message=self.texts.put_nowait,
        )
        self.path = folder / "textback.toml"
        self.values: dict[str, Any] = {
            "mode": "live",
            "store": folder / "textback.db",
            "console": free_port(),
            "agi": free_port(),
            "ami": asterisk.port,
            "smpp": 0,
            "did": DID,
            "message": "Sorry we missed you.",
        }
        self.process: asyncio.subprocess.Process | None = None
        self.logged: list[dict[str, Any]] = []
        self.told: list[str] = []
        self._news = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self._notify: socket.socket | None = None

    def configure(self, **changes: Any) -> None:
        self.values.update(changes)
        self.path.write_text(CONFIG.format(**self.values), encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.values['console']}"

    # --- the daemon ---

    async def start(self, *, ready: bool = True) -> Self:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TEXTBACK_")}
        environment["NOTIFY_SOCKET"] = self._listen()
        environment["WATCHDOG_USEC"] = "1000000"
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self.flags, "-m", "textback", "--config", str(self.path), "run"),
            cwd=ROOT,
            env=environment,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        self._reader = asyncio.create_task(self._read(), name="daemon log")
        if ready:
            await self.until_told("READY=1")
        return self

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def ended(self) -> int:
        """The exit code, once it has ended by itself."""
        assert self.process is not None
        assert self._reader is not None
        async with asyncio.timeout(PATIENCE):
            await self._reader
            return await self.process.wait()

    async def kill(self) -> None:
        """Whatever is left when a test is over."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        if self._reader is not None:
            await self._reader
        if self._notify is not None:
            asyncio.get_running_loop().remove_reader(self._notify)
            self._notify.close()
            self._notify = None

    def _listen(self) -> str:
        if self._notify is None:
            self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            # Abstract: a path under tmp_path may be longer than an address may be.
            self._notify.bind(f"\0textback-rig-{os.getpid()}-{id(self)}")
            self._notify.setblocking(False)
            asyncio.get_running_loop().add_reader(self._notify, self._notified)
        return f"@textback-rig-{os.getpid()}-{id(self)}"

    def _notified(self) -> None:
        assert self._notify is not None
        self.told += self._notify.recv(4096).decode().splitlines()
        task = asyncio.ensure_future(self._tell())
        task.add_done_callback(lambda done: done.result())

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"event": "not_json", "line": line.decode(errors="replace")}
            self.logged.append(entry)
            await self._tell()
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    # --- waiting ---

    async def until_told(self, line: str, count: int = 1) -> None:
        """Until systemd was told `line` so often."""
        await self._until(lambda: self.told.count(line) >= count, line)

    async def until_logged(self, event: str, **fields: Any) -> dict[str, Any]:
        """The first line of the log with this event and these fields."""
        await self._until(lambda: self.found(event, **fields) is not None, f"{event} {fields}")
        entry = self.found(event, **fields)
        assert entry is not None
        return entry

    async def until_delivered(self, row: int) -> None:
        """Until a receipt was matched with this text, or was there before the text's own answer."""
        said = ("receipt", "text_submitted")
        await self._until(
            lambda: any(self.found(event, row=row, state="delivered") for event in said),
            f"text {row} delivered",
        )

    def found(self, event: str, **fields: Any) -> dict[str, Any] | None:
        wanted = {"event": event, **fields}
        return next((e for e in self.logged if wanted.items() <= e.items()), None)

    async def _until(self, true: Any, what: str) -> None:
        async with self._news:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._news.wait_for(lambda: true() or self._gone())
            except TimeoutError:
                raise AssertionError(f"never: {what}\n{self._tail()}") from None
        assert true(), f"the daemon ended before: {what}\n{self._tail()}"

    def _gone(self) -> bool:
        return self._reader is not None and self._reader.done()

    def _tail(self) -> str:
        return "\n".join(str(entry) for entry in self.logged[-25:])

    # --- the outside ---

    def ring(self, uniqueid: str, caller: str = CALLER) -> None:
        """A call comes in and one phone rings."""
        trunk = channel(uniqueid, f"PJSIP/trunk-{uniqueid}", caller=caller, exten=DID)
        phone = channel(
            f"{uniqueid}9",
            f"PJSIP/101-{uniqueid}",
            state=0,
            caller="101",
            context="from-internal",
            exten="s",
            linkedid=uniqueid,
        )
        self.asterisk.variables[trunk["Channel"], "CALLERID(num-pres)"] = "allowed_not_screened"
        self.asterisk.channels[uniqueid] = trunk
        self.asterisk.event("Newchannel", trunk)
        self.asterisk.event("Newchannel", phone)
        legs = {**trunk, **{f"Dest{key}": value for key, value in phone.items()}}
        self.asterisk.event("DialBegin", {**legs, "DialString": "101"})
        self.asterisk.event(
            "Newstate", {**phone, "ChannelState": "5", "ChannelStateDesc": "Ringing"}
        )

    def hang_up(self, uniqueid: str, caller: str = CALLER) -> None:
        """The caller gives up."""
        ends: list[Fields] = [
            channel(f"{uniqueid}9", f"PJSIP/101-{uniqueid}", state=5, linkedid=uniqueid),
            channel(uniqueid, f"PJSIP/trunk-{uniqueid}", caller=caller, exten=DID),
        ]
        for fields in ends:
            self.asterisk.event("Hangup", {**fields, "Cause": "16", "Cause-txt": "Normal Clearing"})
        self.asterisk.channels.pop(uniqueid, None)

    async def text(self) -> SimulatedText:
        """The next text the carrier got."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.texts.get()
        except TimeoutError:
            raise AssertionError(f"no text came\n{self._tail()}") from None

    async def cli(self, *words: str) -> tuple[int, str, str]:
        """Another `textback` beside the daemon: exit code, stdout, stderr."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "textback", "--config", str(self.path), *words),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # asyncio's debug mode tells of every slow step there, which a busy machine has.
            env={k: v for k, v in os.environ.items() if k != "PYTHONASYNCIODEBUG"},
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    async with FakeAsterisk() as asterisk:
        made = Rig(folder, asterisk)
        async with made.simulator:
            made.configure(smpp=made.simulator.port)
            try:
                yield made
            finally:
                await made.kill()

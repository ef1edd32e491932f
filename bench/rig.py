"""The service as a process, between a scripted Asterisk and the sink, for latency and memory."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from bench.sink import Sink
from tests.fakes.asterisk import FakeAsterisk, Session, channel, event

DID = "+12125550100"

CONFIG = """
[business]
name = "Acme Dental"
[log]
level = "warning"
[store]
path = "{store}"
[console]
listen = "127.0.0.1:{console}"
[agi]
enabled = false
[limits]
per_minute = 100000
per_hour = 100000
per_day = 100000
adjacent = 0
per_prefix = 0
[[pbx]]
port = {ami}
secret = "secret"
[[smsc]]
host = "127.0.0.1"
port = {smpp}
system_id = "acme"
password = "pw"
window = 100
rate = 0
receipts = false
[[number]]
did = "{did}"
message = "Sorry we missed your call. Reply here and we will help you."
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Rig:
    def __init__(self, asterisk: FakeAsterisk, daemon: psutil.Process, config: Path) -> None:
        self.asterisk = asterisk
        self.daemon = daemon
        self.config = config
        self.calls = 0
        self.asked: dict[str, asyncio.Event] = {}  # by channel: its presentation was asked for
        asterisk.answers["Getvar"] = self._getvar

    def _getvar(self, session: Session, fields: dict[str, str]) -> None:
        session.reply(fields, f"Variable: {fields['Variable']}", "Value: allowed")
        self.asked.setdefault(fields["Channel"], asyncio.Event()).set()

    def begin(self) -> tuple[str, dict[str, str], dict[str, str]]:
        """A call that rings one phone: (caller, its channel's lines, the phone's lines)."""
        number = self.calls
        self.calls += 1
        caller = f"+1646{5550000 + number:07d}"  # none of them the DID
        uid = f"{1790000000 + number}.{2 * number}"
        trunk = channel(uid, f"PJSIP/trunk-{number:08x}", caller=caller, exten=DID)
        phone = channel(
            f"{1790000000 + number}.{2 * number + 1}",
            f"PJSIP/101-{number:08x}",
            state=0,
            caller="101",
            context="from-internal",
            exten="s",
            linkedid=uid,
        )
        self.asked[trunk["Channel"]] = asyncio.Event()
        dest = {f"Dest{key}": value for key, value in phone.items()}
        self.asterisk.send(
            event("Newchannel", trunk)
            + event("Newchannel", phone)
            + event("DialBegin", {**trunk, **dest, "DialString": "101"})
            + event("Newstate", {**phone, "ChannelState": "5", "ChannelStateDesc": "Ringing"})
        )
        return caller, trunk, phone

    def busy(self, trunk: dict[str, str], phone: dict[str, str]) -> float:
        """The phone is busy and the caller is gone; returns when the last event was written."""
        dest = {f"Dest{key}": value for key, value in phone.items()}
        self.asterisk.send(
            event("DialEnd", {**trunk, **dest, "DialStatus": "BUSY"})
            + event("Hangup", {**phone, "Cause": "17", "Cause-txt": "User busy"})
        )
        at = time.monotonic()
        self.asterisk.event("Hangup", {**trunk, "Cause": "17", "Cause-txt": "User busy"})
        return at


@asynccontextmanager
async def rig(fill: Callable[[Path], object] = lambda _: None) -> AsyncIterator[Rig]:
    """`fill` is given the path of the database before the service starts, in a thread."""
    loop = asyncio.get_running_loop()
    Sink.stamps = {}
    sink = await loop.create_server(Sink, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory(prefix="textback-bench-") as folder:
        async with FakeAsterisk() as asterisk:
            path = Path(folder) / "textback.toml"
            path.write_text(
                CONFIG.format(
                    store=Path(folder) / "textback.db",
                    console=free_port(),
                    ami=asterisk.port,
                    smpp=sink.sockets[0].getsockname()[1],
                    did=DID,
                )
            )
            path.chmod(0o600)
            await asyncio.to_thread(fill, Path(folder) / "textback.db")
            environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "textback", "--config", str(path), "run"),
                env=environment,
            )
            try:
                await asterisk.wait_for("CoreShowChannels")
                await asyncio.sleep(1.5)  # bound as well, and quiet
                yield Rig(asterisk, psutil.Process(process.pid), path)
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.wait()
    sink.close()

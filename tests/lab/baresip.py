"""A desk phone that is not ours: Debian's baresip, registered with a password, without sound.

    async with Baresip.running(folder, "101", "secret", sip_port=lab.sip_port) as phone:
        await phone.registered()
        text = await phone.message()
        await phone.write("+16465550100", "On our way")

It is told what to do on its ctrl_tcp port (JSON in netstrings). What it was sent, and took, is read
in its SIP trace: its console shows no text of more than 500 bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import sip
from tests.lab.asterisk import LabError, free_port

#: Debian's place of its modules, by architecture or without.
MODULES = ("/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules")
PATIENCE = 20.0
_PACKET = re.compile(rb"#\nUDP \S+ -> \S+\n(?=(SIP/2\.0 \d+|[A-Z]+ ))")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m|\x1b\[;m")


@dataclass(frozen=True)
class Shown:
    """A SIP MESSAGE that the phone took."""

    sender: str  #: URI
    name: str  #: for display
    text: str

    @property
    def number(self) -> str:
        """The user part: what an answer is addressed to."""
        return self.sender.partition(":")[2].partition("@")[0]


class Baresip:
    """One running phone."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, control: int) -> None:
        self._process = process
        self._folder = folder
        self._control = control
        self._news = asyncio.Condition()
        self._said = b""
        self._taken = 0
        self._contacts: list[str] = []
        self._reader = asyncio.create_task(self._read(), name="baresip console")

    @classmethod
    @asynccontextmanager
    async def running(
        cls, folder: Path, user: str, secret: str, *, sip_port: int, contacts: tuple[str, ...] = ()
    ) -> AsyncIterator[Baresip]:
        """A phone of endpoint `user`; `contacts` are the numbers it may write to."""
        phone = await cls._start(folder, user, secret, sip_port, contacts)
        try:
            yield phone
        finally:
            await phone.off()

    @classmethod
    async def _start(
        cls, folder: Path, user: str, secret: str, sip_port: int, contacts: tuple[str, ...]
    ) -> Baresip:
        program = shutil.which("baresip")
        found = [p for pattern in MODULES for p in Path("/").glob(pattern.lstrip("/"))]
        if program is None or not found:
            raise LabError("no baresip: apt-get install --no-install-recommends baresip-core")
        folder.mkdir(parents=True, exist_ok=True)
        control, server = free_port(), f"127.0.0.1:{sip_port}"
        modules = (
            "module stdio.so",
            "module g711.so",
            *(f"module_tmp {name}.so" for name in ("uuid", "account")),
            *(f"module_app {name}.so" for name in ("contact", "menu", "ctrl_tcp")),
        )
        (folder / "config").write_text(
            "\n".join(
                (
                    "sip_listen 127.0.0.1:0",
                    f"module_path {found[0]}",
                    *modules,
                    f"ctrl_tcp_listen 127.0.0.1:{control}",
                    "",
                )
            )
        )
        (folder / "accounts").write_text(
            f"<sip:{user}@{server}>;auth_user={user};auth_pass={secret};regint=120"
            f';outbound="sip:{server}"\n'
        )
        (folder / "contacts").write_text(
            "".join(f'"{number}" <sip:{number}@{server}>\n' for number in contacts)
        )
        if contacts:
            (folder / "current_contact").write_text(f"sip:{contacts[0]}@{server}")
        process = await asyncio.create_subprocess_exec(
            *("stdbuf", "-o0", program, "-f", str(folder), "-v", "-s"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return cls(process, folder, control)

    async def off(self) -> None:
        """Unregister and end, as a phone that is switched off in order."""
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(5.0):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        await self._reader

    async def registered(self) -> None:
        await self._until(lambda: "200 OK" in self.console, "200 OK")

    async def message(self) -> Shown:
        """The next message it took."""
        found: list[tuple[Shown, int]] = []

        def there() -> bool:
            new = self._message()
            found[:] = [new] if new is not None else []
            return new is not None

        await self._until(there, "a message")
        shown, self._taken = found[0]
        return shown

    def _message(self) -> tuple[Shown, int] | None:
        """The first message not seen yet that was answered 200, and where its packet ends."""
        packets = list(_PACKET.finditer(self._said))
        own = f"@127.0.0.1:{self._own_port()}".encode()
        for packet in packets:
            begin = packet.end()
            head, found, rest = self._said[begin:].partition(b"\r\n\r\n")
            if begin < self._taken or not found or not head.startswith(b"MESSAGE "):
                continue
            message = sip.parse(head + found)
            if own not in head.partition(b"\r\n")[0]:
                continue  # its own
            length = re.search(rb"\r\nContent-Length: *([0-9]+)", head)
            assert length is not None, head
            size = int(length[1])
            answered = rb"SIP/2\.0 200 OK\r\n(?:[^\r]+\r\n)*?Call-ID: "
            answered += re.escape(message.get("call-id").encode())
            if len(rest) < size or not re.search(answered, rest[size:]):
                continue
            sender = message.get("from")
            name = sender.partition("<")[0].strip().strip('"')
            text = rest[:size].decode("utf-8")
            return Shown(sip.uri_of(sender), name, text), begin + len(head) + len(found) + size
        return None

    def _own_port(self) -> str:
        contact = re.search(rb"\nContact: <sip:[^@>]+@127\.0\.0\.1:(\d+)>", self._said)
        return contact[1].decode() if contact else "none"

    async def write(self, text: str) -> None:
        """Write to its first contact."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._control)
        with contextlib.closing(writer):
            asked = json.dumps({"command": "message", "params": text}).encode()
            writer.write(b"%d:%s," % (len(asked), asked))
            async with asyncio.timeout(PATIENCE):
                size = int((await reader.readuntil(b":"))[:-1])
                answer = json.loads(await reader.readexactly(size))
        assert answer.get("ok"), answer

    @property
    def console(self) -> str:
        return _COLOUR.sub("", self._said.decode("utf-8", "replace"))

    async def _until(self, true: object, what: str) -> None:
        assert callable(true)
        async with self._news:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._news.wait_for(lambda: true() or self._reader.done())
            except TimeoutError:
                raise AssertionError(f"the phone never showed {what}:\n{self.console}") from None
        assert true(), f"the phone ended before {what}:\n{self.console}"

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(65536):
            async with self._news:
                self._said += data
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

"""A bare AMI client: logs in, keeps every byte it receives, and can place an action."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ami_listener.births import Inbound
from textback.config_pbx import INBOUND_CONTEXTS

#: What counts as inbound when nothing else is configured.
INBOUND = Inbound(frozenset(INBOUND_CONTEXTS))


class Recorder:
    """One AMI session whose every received byte is kept in `data`.

    It asks what `ami_listener.link` asks (CoreStatus, CoreShowChannels, the presentation of each
    inbound channel at its birth), so the bytes alone can be replayed.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inbound: Inbound
    ) -> None:
        self._inbound = inbound
        self.data = bytearray()
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self._reader = reader
        self._writer = writer
        self._pump: asyncio.Task[None] | None = None

    def act(self, name: str, **fields: str) -> None:
        lines = [f"Action: {name}", *(f"{key}: {value}" for key, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def until(self, pattern: bytes, within: float = 10.0) -> None:
        """Wait until what was received matches `pattern`."""
        async with asyncio.timeout(within):
            while not re.search(pattern, self.data):
                await self.messages.get()

    async def _run(self) -> None:
        seen = 0
        while chunk := await self._reader.read(65536):
            self.data += chunk
            while (end := self.data.find(b"\r\n\r\n", seen)) >= 0:
                self._ask(bytes(self.data[seen:end]))
                seen = end + 4
            self.messages.put_nowait(chunk)

    def _ask(self, message: bytes) -> None:
        """Whether the number may be shown is in no Newchannel: ask while the call is young."""
        if b"Event: Newchannel\r" in message and b"\nChannelState: 4\r" in message:
            # Its own is the last one: a hostile number may have put another before it.
            uniqueids = re.findall(rb"\nUniqueid: ([\w.-]+)\r", message)
            channel = re.search(rb"\nChannel: ([^\r]+)\r", message)
            context = re.search(rb"\nContext: ([^\r]+)\r", message)
            if not (uniqueids and channel and context):
                return
            if self._inbound.matches(context[1].decode(), ""):
                self.act(
                    "Getvar",
                    ActionID=f"textback-pres-{uniqueids[-1].decode()}",
                    Channel=channel[1].decode(),
                    Variable="CALLERID(num-pres)",
                )


@asynccontextmanager
async def session(
    port: int,
    user: str = "lab",
    secret: str = "lab",
    events: str = "on",
    *,
    inbound: Inbound = INBOUND,
) -> AsyncIterator[Recorder]:
    """A logged-in session, its snapshot taken as a fresh link would take it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    recorder = Recorder(reader, writer, inbound)
    recorder._pump = asyncio.create_task(recorder._run(), name=f"ami {user}")
    try:
        recorder.act("Login", Username=user, Secret=secret, Events=events)
        await recorder.until(rb"Event: FullyBooted|Response: Error")
        recorder.act("CoreStatus", ActionID="textback-corestatus")
        recorder.act("CoreShowChannels", ActionID="textback-channels")
        await recorder.until(rb"Event: CoreShowChannelsComplete|Permission denied")
        yield recorder
    finally:
        writer.close()
        await writer.wait_closed()
        await recorder._pump

"""A wire to Asterisk that can be cut: a TCP relay in between, which refuses while it is cut."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from tests.lab.asterisk import free_port


class Wire:
    """Use as a context manager; `port` stays the same over every cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        # Reserved: while the wire is cut nobody else may be given it.
        self.port = free_port()

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: object, _trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """At once, with a reset: what was under way is lost."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        if server is not None:
            await server.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            there = asyncio.create_task(_pump(reader, far_writer), name="to Asterisk")
            back = asyncio.create_task(_pump(far_reader, writer), name="from Asterisk")
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()
        await asyncio.wait([there, back])


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()

"""The console's port: TLS, and an end for connections that only hold on to it.

A browser that is slow is let be; whoever opens connections and sends a byte now and then
(slowloris) loses them: the service has calls to take beside this, and each is an open file.

    waits for its first request     FIRST seconds
    has sent part of a body         BODY seconds for all of it
    is kept alive between requests  IDLE seconds
    is one too many                 not taken at all
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from aiohttp import web

from textback.config_console import Console
from textback.console import tls

log = structlog.get_logger(__name__)

FIRST, BODY, IDLE = 20.0, 30.0, 75.0
#: How often it is looked after that, seconds.
EVERY = 5.0
#: Connections at once. A browser opens six, and one more for each tab that listens.
MOST = 400
#: Seconds for a TLS handshake, and for answers under way at the end.
HANDSHAKE, LAST = 10.0, 2.0


class Wires:
    """Which connection is at what, as far as the middleware can tell."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way: dict[asyncio.BaseTransport, tuple[web.BaseRequest, float]] = {}
        self._quiet: dict[asyncio.BaseTransport, tuple[float, bool]] = {}

    def begin(self, request: web.BaseRequest) -> None:
        if request.transport is not None:
            self._under_way[request.transport] = (request, self._clock())

    def end(self, request: web.BaseRequest, transport: asyncio.BaseTransport | None) -> None:
        if transport is not None:
            self._under_way.pop(transport, None)
            self._quiet[transport] = (self._clock(), True)

    def overdue(self, there: list[asyncio.Transport]) -> list[asyncio.Transport]:
        """Which of the connections that are there have had their time."""
        now = self._clock()
        self._quiet = {wire: self._quiet.get(wire, (now, False)) for wire in there}
        return [wire for wire in there if self._is_over(wire, now)]

    def _is_over(self, wire: asyncio.Transport, now: float) -> bool:
        if wire in self._under_way:
            request, since = self._under_way[wire]
            return not request.content.is_eof() and now - since >= BODY
        since, served = self._quiet[wire]
        return now - since >= (IDLE if served else FIRST)


WIRES = web.AppKey("wires", Wires)


class _Full(asyncio.Protocol):
    """Takes the place of a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class Listening:
    """The port, from `start` to `close`."""

    def __init__(self, app: web.Application, console: Console, *, most: int = MOST) -> None:
        self._app, self._console, self._most = app, console, most
        self._context: ssl.SSLContext | None = None
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=LAST)
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises OSError when the port cannot be had, or the certificate not be used."""
        self._context = await asyncio.to_thread(tls.context, self._console)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._protocol,
                self._console.address,
                int(self._console.listen.rpartition(":")[2]),
                backlog=128,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE if self._context else None,
            )
        except OSError:
            await self._runner.cleanup()
            raise
        self._sweeper = asyncio.create_task(self._sweep(), name="console connections")

    def _protocol(self) -> asyncio.Protocol:
        served = self._runner.server
        if served is None or len(served.connections) >= self._most:
            return _Full()
        return served()

    async def _sweep(self) -> None:
        wires = self._app[WIRES]
        while True:
            await asyncio.sleep(EVERY)
            self.sweep(wires)

    def sweep(self, wires: Wires) -> int:
        """Ends what has had its time; how many."""
        served = self._runner.server
        if served is None:
            return 0
        there = [one.transport for one in served.connections if one.transport is not None]
        over = wires.overdue([one for one in there if isinstance(one, asyncio.Transport)])
        for wire in over:
            wire.abort()
        return len(over)

    async def reload(self, console: Console) -> None:
        """Another certificate for connections from now on; the rest needs a restart."""
        if self._context is None or not console.tls:
            return
        try:
            await asyncio.to_thread(tls.load, self._context, console)
        except OSError as error:
            log.warning("console_certificate_unusable", error=str(error))

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()


def needs_restart(old: Console, new: Console) -> bool:
    """Whether a reload cannot have `new` in force."""
    return (old.enabled, old.listen, old.tls) != (new.enabled, new.listen, new.tls)

"""The console's port: TLS, and an end for connections that only hold on to it.

A browser that is slow is let be; whoever opens connections and sends a byte now and then
(slowloris) loses them: the service has calls to take beside this, and each is an open file.

    is in its TLS handshake         HANDSHAKE seconds
    waits for its first request     FIRST seconds
    has sent part of a body         BODY seconds for all of it
    is kept alive between requests  IDLE seconds
    is one too many                 not taken at all

Connections are taken here and not by asyncio's own server: that one tells nobody of a connection
before its handshake is over, so those that never finish theirs could not be counted.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable

import structlog
from aiohttp import web

from textback.config_console import Console
from textback.console import refusing, tls

log = structlog.get_logger(__name__)

FIRST, BODY, IDLE = 20.0, 30.0, 75.0
#: How often it is looked after that, seconds.
EVERY = 5.0
#: Connections at once. A browser opens six, and one more for each tab that listens.
MOST = 400
#: Seconds for a TLS handshake, and for answers under way at the end.
HANDSHAKE, LAST = 10.0, 2.0
#: Connections that wait to be taken, in the kernel.
BACKLOG = 128
#: Seconds until it is tried again after this machine had no room for a connection.
NO_ROOM = 1.0
_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: A name may have an IPv6 address where IPv6 is switched off.
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


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


class Listening:
    """The port, from `start` to `close`."""

    def __init__(self, app: web.Application, console: Console, *, most: int = MOST) -> None:
        self._app, self._console, self._most = app, console, most
        self._context: ssl.SSLContext | None = None
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=LAST)
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []
        #: Those in their handshake.
        self._arriving: dict[asyncio.Task[None], socket.socket] = {}

    async def start(self) -> None:
        """Raises OSError when the port cannot be had, or the certificate not be used."""
        self._context = await asyncio.to_thread(tls.context, self._console)
        await self._runner.setup()
        try:
            self._sockets = await self._bound()
        except OSError:
            await self._runner.cleanup()
            raise
        self._tasks = [
            asyncio.create_task(self._take(one), name="console port") for one in self._sockets
        ]
        self._tasks.append(asyncio.create_task(self._sweep(), name="console connections"))
        for task in self._tasks:
            task.add_done_callback(_told)

    async def _bound(self) -> list[socket.socket]:
        """Sockets that listen, one for each address the name in `listen` has. Raises OSError."""
        port = int(self._console.listen.rpartition(":")[2])
        found = await asyncio.get_running_loop().getaddrinfo(
            self._console.address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        made: list[socket.socket] = []
        failed: OSError | None = None
        for family, _type, _proto, _name, address in dict.fromkeys(found):
            try:
                one = socket.create_server(address, family=family, backlog=BACKLOG)
            except OSError as error:
                failed = error
                if family == socket.AF_INET6 and error.errno in _NO_IPV6:
                    continue
                break
            one.setblocking(False)
            made.append(one)
        else:
            if made or failed is None:
                return made
        for one in made:
            one.close()
        raise failed

    # --- connections that come ---

    @property
    def count(self) -> int:
        """Connections there are, whatever they are at."""
        served = self._runner.server
        return len(self._arriving) + (len(served.connections) if served is not None else 0)

    async def _take(self, port: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # Where one waits already, taking it lets nobody else run: whoever connects faster than
            # he is sent away would have the event loop, and the calls with it, to himself.
            await asyncio.sleep(0)
            try:
                wire, _address = await loop.sock_accept(port)
            except OSError as error:
                # Whoever came is gone again, or this machine has no file left for him.
                if error.errno in _ROOM:
                    log.warning("console_no_room", error=str(error))
                    await asyncio.sleep(NO_ROOM)
                continue
            if self.count >= self._most:
                wire.close()
                continue
            task = asyncio.create_task(self._begin(wire), name="console connection")
            self._arriving[task] = wire
            task.add_done_callback(self._arrived)

    def _arrived(self, task: asyncio.Task[None]) -> None:
        wire = self._arriving.pop(task)
        if task.cancelled():  # perhaps before it began, and then nobody else closes it
            wire.close()

    async def _begin(self, wire: socket.socket) -> None:
        """Until its handshake is over; without TLS at once."""
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._protocol,
                wire,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE if self._context else None,
            )
        except OSError as error:
            # No TLS, another one than ours, too slow, or gone: everybody's port has such guests.
            log.debug("console_handshake_failed", error=type(error).__name__)

    def _protocol(self) -> asyncio.Protocol:
        served = self._runner.server
        if served is None:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the console is closed")
        loop = asyncio.get_running_loop()
        return refusing.Serving(served, loop=loop, access_log=None)  # type: ignore[arg-type]

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
        for tasks in (self._tasks, list(self._arriving)):
            for task in tasks:
                task.cancel()
            # One that failed is told already, and keeps nothing below from being closed.
            await asyncio.gather(*tasks, return_exceptions=True)
        for one in self._sockets:
            one.close()
        await self._runner.cleanup()


def _told(task: asyncio.Task[None]) -> None:
    """None of them ends by itself; nobody waits for one, so nobody else would tell."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("console_port_failed", task=task.get_name(), exc_info=error)


def needs_restart(old: Console, new: Console) -> bool:
    """Whether a reload cannot have `new` in force."""
    return (old.enabled, old.listen, old.tls) != (new.enabled, new.listen, new.tls)

"""The dialplan's way to us as the daemon keeps it: the desk, and the FastAGI port in front of it.

The port follows the configuration. One that cannot be had (taken, no such address) is told, tried
again now and then, and holds nothing else up: calls are watched all the same, and hooks fail as
they do while the service is down, which is that the call goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from textback.config import Config
from textback.console.health import PartHealth
from textback.hint_desk import HintDesk
from textback.model import Moment

log = structlog.get_logger(__name__)

#: Seconds until a port that could not be had is tried again.
TRY_AGAIN = 30.0


class Server(Protocol):
    """`agi.server.AgiServer`."""

    @property
    def settings(self) -> Any: ...
    @property
    def counters(self) -> Mapping[str, int]: ...
    @property
    def open_connections(self) -> int: ...
    @property
    def last_request(self) -> Moment | None: ...
    async def open(self) -> None: ...
    async def close(self) -> None: ...


class Dialplan:
    """`run` is the port's task, `desk.run` the desk's."""

    def __init__(
        self,
        desk: HintDesk,
        rules: Callable[[], Config],
        make: Callable[[Config], Server],
        *,
        try_again: float = TRY_AGAIN,
    ) -> None:
        """`make` builds a server that is not open yet."""
        self.desk = desk
        self._rules = rules
        self._make = make
        self._try_again = try_again
        self._server: Server | None = None  #: open
        self._counted: dict[str, int] = {}  #: by servers before this one
        self._trouble = ""
        self._changed = asyncio.Event()

    def reload(self) -> None:
        """The configuration may have changed."""
        self._changed.set()

    async def run(self) -> None:
        """Keep the port open until cancelled."""
        try:
            while True:
                self._changed.clear()
                await self._follow()
                try:
                    async with asyncio.timeout(self._try_again if self._trouble else None):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            await self._close()

    async def _follow(self) -> None:
        """Have the server the configuration asks for, and no other."""
        config = self._rules()
        wanted = self._make(config) if config.agi.enabled else None
        if self._server is not None:
            if wanted is not None and wanted.settings == self._server.settings:
                return
            await self._close()
        if wanted is None:
            self._trouble = ""
            return
        try:
            await wanted.open()
        except OSError as error:
            said = error.strerror or str(error)
            if said != self._trouble:
                log.warning("agi_unavailable", listen=config.agi.listen, error=said)
            self._trouble = said
            return
        self._server, self._trouble = wanted, ""
        log.info("agi_listening", listen=config.agi.listen)

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            self._counted = self._counters(server)
            await server.close()

    # --- how it stands ------------------------------------------------------------------------

    def _counters(self, server: Server | None) -> dict[str, int]:
        now = server.counters if server is not None else {}
        names = {*self._counted, *now}
        return {name: self._counted.get(name, 0) + now.get(name, 0) for name in names}

    @property
    def counters(self) -> dict[str, int]:
        """What the port counted since the start, by kind."""
        return self._counters(self._server)

    def health(self) -> PartHealth | None:
        """None: switched off."""
        agi = self._rules().agi
        if not agi.enabled:
            return None
        server = self._server
        last = server.last_request if server is not None else None
        detail = {
            "listen": agi.listen,
            "open_connections": server.open_connections if server is not None else 0,
            "last_request": last.utc.isoformat(timespec="seconds") if last else None,
            "waiting_for_disk": self.desk.waiting,
        }
        if server is None:
            return PartHealth("agi", False, self._trouble or "not open yet", detail)
        return PartHealth("agi", True, "listening", detail)

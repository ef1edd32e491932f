"""The daemon: one process from its lock to its end; `textback.parts` is what works in it.

open        lock, store, parts, console
run         a task that dies stops the daemon, and systemd starts a fresh one: it never limps
reload      SIGHUP: a wrong configuration is refused whole; of a right one numbers, limits and
            messages count at once, and only those links that changed are made anew
stop        SIGTERM, SIGINT: no more events, what came is recorded, what was submitted is
            answered, unbind, close. A second signal does not wait.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from textback import __version__, console_wiring, parts_life, wiring
from textback import log as logging
from textback.config import Config, ConfigError
from textback.config_load import load
from textback.console.app import build_app
from textback.console.listening import Listening, needs_restart
from textback.control import Control
from textback.crew import Crew
from textback.notify import Notifier
from textback.parts import Parts
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: Seconds a stop may take: below TimeoutStopSec of the unit.
DRAIN = 20.0


class Daemon:
    """One service process; `run` is its whole life."""

    def __init__(
        self,
        config: Config,
        path: Path,
        *,
        log_style: str | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """`path` is read again on SIGHUP; `log_style` overrules log.format."""
        self._config = config  # as it was at the start
        self._path = path
        self._log_style = log_style
        self._notifier = notifier or Notifier()
        self._store_path = Path(config.store.path)
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._hangup = asyncio.Event()
        self._reloading = asyncio.Lock()  # by signal and by the console: one after the other
        self._died: list[str] = []
        self._listening: Listening | None = None

    # --- life ---------------------------------------------------------------------------------

    async def run(self) -> int:
        """The exit code: 0 stopped on request, 1 a part died.

        Raises AlreadyRunningError, StoreError and OSError for what prevents a start.
        """
        log.info("starting", version=__version__, mode=self._config.mode, config=str(self._path))
        async with AsyncExitStack() as stack:
            control = Control(self._store_path, lambda: self.parts.woken())
            stack.callback(control.close)
            store = await Store.open(self._store_path, id_forms=wiring.stored_forms)
            stack.push_async_callback(store.close)
            stack.callback(self._signals())
            async with asyncio.TaskGroup() as group:
                self.crew = Crew(group, self._death)
                self.parts = Parts(
                    self._config, store, self._store_path, self.crew, self._notifier, self._path
                )
                parts_life.start(self.parts)
                self.crew.start("reload", self._reloads())
                control.listen()
                await self._open_console(stack)
                self._notifier.ready()
                log.info("started", **self.parts.size())
                await self._stop.wait()
                await self._end()
        log.info("stopped", died=self._died or None)
        return 1 if self._died else 0

    def _signals(self) -> Callable[[], None]:
        """Listen to the signals; the result undoes it."""
        loop = asyncio.get_running_loop()
        heard = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        for number in heard[:2]:
            loop.add_signal_handler(number, self._asked_to_stop, number.name)
        loop.add_signal_handler(signal.SIGHUP, self._hangup.set)

        def undo() -> None:
            for number in heard:
                loop.remove_signal_handler(number)

        return undo

    def _asked_to_stop(self, by: str) -> None:
        if self._stop.is_set():
            self._hurry.set()
        log.info("stop_requested", by=by, hurry=self._hurry.is_set())
        self._stop.set()

    def _death(self, name: str) -> None:
        self._died.append(name)
        self._stop.set()

    async def _open_console(self, stack: AsyncExitStack) -> None:
        """Texts matter more than the page that shows them: a taken port is told, no more."""
        console = self.parts.config.console
        if not console.enabled:
            return
        app = build_app(console_wiring.backend(self.parts, self._path, self._reload))
        listening = Listening(app, console)
        try:
            await listening.start()
        except OSError as error:
            log.warning("console_unavailable", listen=console.listen, error=str(error))
            return
        self._listening = listening
        stack.push_async_callback(listening.close)

    # --- reload -------------------------------------------------------------------------------

    async def _reloads(self) -> None:
        while True:
            await self._hangup.wait()
            self._hangup.clear()
            self._notifier.reloading()
            try:
                await self._reload()
            finally:
                self._notifier.ready()

    async def _reload(self) -> list[str]:
        """The mistakes for which the new configuration was refused; none: it is in force."""
        async with self._reloading:
            if self._stop.is_set():
                return ["the service is stopping"]
            return await self._load_and_take_over()

    async def _load_and_take_over(self) -> list[str]:
        try:
            new = await asyncio.to_thread(load, self._path, measure=wiring.measure)
            await asyncio.to_thread(wiring.check, new)
        except ConfigError as error:
            self.parts.metrics.reload_ok.set(0)
            for said in error.errors:
                log.warning("reload_refused", error=said)
            return error.errors
        if self.parts.config.store != new.store:
            log.warning("restart_needed", table="store")
        if needs_restart(self.parts.config.console, new.console):
            log.warning("restart_needed", table="console")
        elif self._listening is not None:
            await self._listening.reload(new.console)
        logging.configure(
            style=self._log_style or new.log.format, level=new.log.level, mask=new.log.mask
        )
        new_links = await self.parts.take_over(new)
        self.parts.metrics.reload_ok.set(1)
        log.info("reloaded", **self.parts.size(), new_links=new_links or None)
        return []

    # --- the end ------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Everything in its order, within DRAIN seconds, or at once on a second signal."""
        self._notifier.stopping()
        self._notifier.status("stopping")
        drain = asyncio.create_task(self._drain(), name="drain")
        hurry = asyncio.create_task(self._hurry.wait(), name="hurry")
        await asyncio.wait([drain, hurry], timeout=DRAIN, return_when=asyncio.FIRST_COMPLETED)
        if not drain.done():
            log.warning("stopped_early", note="what was open is found uncertain at the next start")
        self.crew.cancel_all()
        for task in (drain, hurry):
            task.cancel()
        await asyncio.wait([drain, hurry])
        if not drain.cancelled() and (error := drain.exception()) is not None:
            log.error("drain_failed", exc_info=error)
            self._died.append("drain")

    async def _drain(self) -> None:
        await self.crew.end("reload")
        await parts_life.drain(self.parts, DRAIN - 5)

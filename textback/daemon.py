"""The daemon: what is built, in which order, what runs, and how all of it ends.

open        lock, store, routes, delivery, inbox, intake, AMI links, console
run         one task each, every one by name; a task that dies stops the daemon, and systemd
            starts a fresh one: it never limps
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
from typing import Any

import structlog

from ami_listener.link import PbxLink
from sms_gateway.link import Route
from textback import __version__, wiring
from textback import log as logging
from textback.config import Config, ConfigError, PbxConfig, SmscConfig
from textback.config_load import load
from textback.console.health import build_app, serve
from textback.control import Control
from textback.crew import Crew
from textback.delivery import Delivery
from textback.heartbeat import Heartbeat
from textback.inbox import Inbox
from textback.intake import Intake
from textback.metrics import Metrics
from textback.model import Call, Direction, OutboxRow, Phase
from textback.notify import Notifier
from textback.standing import Standing
from textback.store.store import Store
from textback.switch import Switch

log = structlog.get_logger(__name__)

#: Seconds a stop may take: below TimeoutStopSec of the unit.
DRAIN = 20.0
#: Seconds one route may take to be exchanged at a reload.
EXCHANGE = 10.0


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
        self.config = config
        self._path = path
        self._log_style = log_style
        self._notifier = notifier or Notifier()
        self._store_path = Path(config.store.path)
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._hangup = asyncio.Event()
        self._died: list[str] = []
        self.metrics = Metrics(mode=config.mode)
        self.pbxs: dict[str, PbxLink] = {}
        self.routes: dict[str, Route] = {}
        self.switches: dict[str, Switch] = {}

    # --- life ---------------------------------------------------------------------------------

    async def run(self) -> int:
        """The exit code: 0 stopped on request, 1 a part died.

        Raises AlreadyRunningError, StoreError and OSError for what prevents a start.
        """
        log.info("starting", version=__version__, mode=self.config.mode, config=str(self._path))
        async with AsyncExitStack() as stack:
            control = Control(self._store_path, self._kicked)
            stack.callback(control.close)
            self.store = await Store.open(self._store_path, id_forms=wiring.stored_forms)
            stack.push_async_callback(self.store.close)
            stack.callback(self._signals())
            async with asyncio.TaskGroup() as group:
                self.crew = Crew(group, self._death)
                self._build()
                self._start()
                control.listen()
                await self._open_console(stack)
                self._notifier.ready()
                log.info("started", **self._size())
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

    def _kicked(self) -> None:
        log.debug("kicked")
        self.delivery.kick()

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        self.inbox = Inbox(self.store, lambda: self.config.business.country, observer=self.metrics)
        self.intake = Intake(
            self.store,
            lambda: self.config,
            on_queued=self._queued,
            kick=self._kicked,
            observer=self.metrics,
        )
        for smsc in self.config.smsc:
            self.routes[smsc.name] = self._route(smsc)
        self._build_delivery()
        for pbx in self.config.pbx:
            self.pbxs[pbx.name] = self._link(pbx)
        self.standing = Standing(
            config=lambda: self.config,
            pbxs=self.pbxs,
            routes=self.routes,
            dead=self.crew.dead,
            facts=lambda: (self.intake.waiting, self.intake.dropped),
            store=self.store,
            store_path=self._store_path,
            metrics=self.metrics,
        )

    def _build_delivery(self) -> None:
        self.switches = {name: Switch(route) for name, route in self.routes.items()}
        self.delivery = Delivery(
            self.store,
            list(self.switches.values()),
            segments=lambda route, text: wiring.segments(self.config, route, text),
            rules=lambda route: wiring.retry_rules(self.config, route),
            observer=self.metrics,
        )

    def _route(self, smsc: SmscConfig) -> Route:
        return Route(
            wiring.route_settings(smsc, self.config.business.country),
            on_receipt=wiring.or_not_now(self.inbox.receipt),
            on_reply=wiring.or_not_now(self.inbox.reply),
            on_late=lambda row_id, submission: self.delivery.late(row_id, submission),
            on_state=self._say_status,
        )

    def _link(self, pbx: PbxConfig) -> PbxLink:
        return PbxLink(
            wiring.pbx_settings(pbx),
            watch=self._watch,
            on_call=self._call,
            on_state=self._say_status,
        )

    def _start(self) -> None:
        for name, route in self.routes.items():
            self.crew.start(f"smpp {name}", route.run())
        if self.routes:
            self.crew.start("delivery", self.delivery.run())
        self.crew.start("intake", self.intake.run())
        for name, link in self.pbxs.items():
            self.crew.start(f"ami {name}", link.run())
        heartbeat = Heartbeat(self._notifier, dead=self.crew.dead, status=self.standing.status_line)
        self.crew.start("heartbeat", heartbeat.run())
        self.crew.start("reload", self._reloads())

    async def _open_console(self, stack: AsyncExitStack) -> None:
        """Texts matter more than the page that shows them: a taken port is told, no more."""
        console = self.config.console
        if not console.enabled:
            return
        app = build_app(self.standing.health, self.standing.exposition)
        try:
            stack.push_async_callback(await serve(app, console.listen))
        except OSError as error:
            log.warning("console_unavailable", listen=console.listen, error=str(error))

    def _size(self) -> dict[str, Any]:
        return {
            "mode": self.config.mode,
            "pbx": list(self.pbxs),
            "smsc": list(self.routes),
            "numbers": len(self.config.number),
        }

    # --- what the parts report ----------------------------------------------------------------

    def _watch(self, did: str) -> float | None:
        """The ring timeout of the number that was dialled; None: it is not watched."""
        number = self.config.number_for(did)
        return number.ring_timeout if number is not None else None

    def _call(self, call: Call) -> None:
        """On the AMI read path: count, say, hand on."""
        if call.direction is Direction.INBOUND and call.phase in (Phase.STARTED, Phase.ANSWERED):
            event = "call_started" if call.phase is Phase.STARTED else "call_answered"
            log.info(event, call=str(call.key), caller=call.caller, did=call.did)
        self.intake.put(call)

    def _queued(self, row: OutboxRow, call: Call) -> None:
        logging.remember(row.id, str(call.key))
        log.info("text_queued", row=row.id, to=row.to, sender=row.sender, state=row.state.value)
        self.delivery.kick(row.id, since=call.at.steady)

    def _say_status(self, *_: object) -> None:
        if self.pbxs or self.routes:
            self._notifier.status(self.standing.status_line())

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

    async def _reload(self) -> None:
        try:
            new = await asyncio.to_thread(load, self._path, measure=wiring.measure)
            await asyncio.to_thread(wiring.check, new)
        except ConfigError as error:
            self.metrics.reload_ok.set(0)
            for said in error.errors:
                log.warning("reload_refused", error=said)
            return
        old, self.config = self.config, new
        for table in ("store", "console"):
            if getattr(old, table) != getattr(new, table):
                log.warning("restart_needed", table=table)
        logging.configure(
            style=self._log_style or new.log.format, level=new.log.level, mask=new.log.mask
        )
        self.metrics.mode(new.mode)
        pbxs = await self._reload_pbxs(old)
        smscs = await self._reload_smscs(old)
        self.metrics.reload_ok.set(1)
        log.info("reloaded", **self._size(), new_links=[*pbxs, *smscs] or None)
        self.delivery.kick()

    async def _reload_pbxs(self, old: Config) -> list[str]:
        """Names of the links that were ended or made anew."""
        before = {p.name: wiring.pbx_key(p) for p in old.pbx}
        after = {p.name: wiring.pbx_key(p) for p in self.config.pbx}
        changed = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
        for name in changed:
            await self.crew.end(f"ami {name}")
            self.pbxs.pop(name, None)
        for pbx in self.config.pbx:
            if pbx.name in changed:
                link = self.pbxs[pbx.name] = self._link(pbx)
                self.crew.start(f"ami {pbx.name}", link.run())
            else:
                # A reload often follows a repair of manager.conf: do not wait out the long delay.
                self.pbxs[pbx.name].retry_now()
        return changed

    async def _reload_smscs(self, old: Config) -> list[str]:
        """Names of the routes that were ended or made anew."""
        before, after = wiring.smsc_keys(old), wiring.smsc_keys(self.config)
        changed = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
        same_lanes = list(before) == list(after)
        if not same_lanes:
            # Other routes or another primary: delivery begins anew, with nothing in flight.
            await self.crew.end("delivery", self.delivery.stop())
        for name in changed:
            route = self.routes.pop(name, None)
            if route is not None:
                # The old bind first: many carriers allow one.
                await self.crew.end(f"smpp {name}", route.stop(EXCHANGE))
        kept, routes = dict(self.routes), self.routes
        routes.clear()
        for smsc in self.config.smsc:
            routes[smsc.name] = kept.get(smsc.name) or self._route(smsc)
        if same_lanes:
            for name in changed:
                self.switches[name].put(routes[name])
        else:
            self._build_delivery()
        for name, route in routes.items():
            if name in changed:
                self.crew.start(f"smpp {name}", route.run())
            else:
                # As for the PBX: the carrier may have unlocked the account.
                route.retry_now()
        if not same_lanes and routes:
            self.crew.start("delivery", self.delivery.run())
        return changed

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
        for name in list(self.pbxs):
            await self.crew.end(f"ami {name}")
        await self.crew.end("intake", self.intake.stop())
        routes = [self.crew.end(f"smpp {n}", r.stop(DRAIN - 5)) for n, r in self.routes.items()]
        await asyncio.gather(self.crew.end("delivery", self.delivery.stop()), *routes)

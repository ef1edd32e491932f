"""How the daemon stands: for /healthz, /metrics and the line `systemctl status` shows."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from textback import __version__, tell_health
from textback.alarms import Alarms
from textback.catchup import Caught
from textback.config import Config
from textback.console.health import Health, PartHealth
from textback.dialplan import Dialplan
from textback.fleet import Fleet
from textback.metrics import Metrics
from textback.metrics_parts import CaughtUp, Part
from textback.metrics_tell import TellMetrics
from textback.model import Moment, OutboxState
from textback.store import queue_lists
from textback.store.errors import StoreError
from textback.store.store import Store
from textback.tell import Teller

#: Seconds the store has to answer a monitor.
STORE_PATIENCE = 5.0
#: Bytes below which a commit may fail any moment.
NO_SPACE = 20 * 2**20
#: Seconds a text may wait before the outbox counts as stuck; at most half of limits.max_age.
STUCK = 300.0
#: Facts about calls in memory from which on the store is too slow, or gone.
BACKLOG = 1_000


class AmiView(Protocol):
    """What is shown of a PBX link."""

    @property
    def state(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def warnings(self) -> Mapping[str, str]: ...
    @property
    def asterisk_version(self) -> str: ...
    @property
    def counters(self) -> dict[str, int]: ...
    @property
    def last_event(self) -> Moment | None: ...
    @property
    def contexts_seen(self) -> Mapping[str, int]: ...
    @property
    def contexts_unlisted(self) -> list[str]: ...


class SmppView(Protocol):
    """What is shown of a route."""

    @property
    def state(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def counters(self) -> Mapping[str, int]: ...


class Standing:
    """Looks at the parts when asked; keeps nothing."""

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        pbxs: Mapping[str, AmiView],
        routes: Mapping[str, SmppView],
        dead: Callable[[], list[str]],
        facts: Callable[[], tuple[int, int]],
        store: Store,
        store_path: Path,
        metrics: Metrics,
        alarms: Alarms,
        dialplan: Dialplan | None = None,
        caught: Callable[[], Mapping[str, Caught]] = dict,
        fleet: Fleet | None = None,
        teller: Teller | None = None,
    ) -> None:
        """`dead` names parts that should be alive; `facts` are (waiting, lost) of intake."""
        self._config = config
        self._pbxs = pbxs
        self._routes = routes
        self._dead = dead
        self._fleet = fleet
        self._facts = facts
        self._store = store
        self._path = store_path
        self._metrics = metrics
        self._alarms = alarms
        self._dialplan = dialplan
        if dialplan is not None:
            metrics.watch_agi(lambda: dialplan.counters)
        metrics.watch_alarms(alarms.table)
        self._teller = teller
        self._tellings = TellMetrics(teller.counts if teller is not None else dict)
        metrics.registry.register(self._tellings)
        self._caught = caught
        metrics.watch_records(self.caught_up)
        metrics.watch(self.ami_parts, self.smpp_parts)

    def ami_parts(self) -> Iterable[Part]:
        return [
            Part(name, link.state == "up", str(link.state), link.counters)
            for name, link in self._pbxs.items()
        ]

    def smpp_parts(self) -> Iterable[Part]:
        return [
            Part(name, route.state == "bound", str(route.state), route.counters)
            for name, route in self._routes.items()
        ]

    def caught_up(self) -> Iterable[CaughtUp]:
        return [
            CaughtUp(name, caught.calls, tuple(caught.unreadable))
            for name, caught in self._caught().items()
        ]

    def status_line(self) -> str:
        """One line for `systemctl status`."""
        told: list[str] = [self._config().mode]
        told += [f"AMI {part.name} {part.state}" for part in self.ami_parts()]
        told += [f"SMPP {p.name} {p.state}{self._carried(p.name)}" for p in self.smpp_parts()]
        told += [f"ALARM {raised.alarm.value}" for raised in self._alarms.standing]
        return "; ".join(told)

    def _carried(self, name: str) -> str:
        """Who carries for this route while it is down; "" while it does itself."""
        others = self._fleet.instead(name) if self._fleet is not None else ()
        return f" (carried by {', '.join(others)})" if others else ""

    async def exposition(self) -> bytes:
        """The body of /metrics; without the store's part when the store does not answer."""
        stock = await self._stock()
        self._metrics.facts(*self._facts())
        self._metrics.store_up.set(0 if isinstance(stock, str) else 1)
        if not isinstance(stock, str):
            self._metrics.stock(*stock)
            await self._count_cases()
        self._tellings.untold(await self._untold())
        return self._metrics.expose()

    async def _count_cases(self) -> None:
        try:
            async with asyncio.timeout(STORE_PATIENCE):
                counted = await self._store.case_counts(datetime.now(UTC))
                opted = await self._store.optout_counts()
        except (StoreError, TimeoutError):
            self._metrics.store_up.set(0)
        else:
            self._metrics.cases.stock(*counted)
            self._metrics.optouts.stock(*opted)

    async def health(self) -> Health:
        parts = [self._ami(name, link) for name, link in self._pbxs.items()]
        parts += [self._smpp(name, route) for name, route in self._routes.items()]
        parts += [_records(name, caught) for name, caught in self._caught().items()]
        parts += await self._store_parts()
        if self._dialplan is not None and (agi := self._dialplan.health()) is not None:
            parts.append(agi)
        if self._teller is not None:
            telling = tell_health.part(self._teller, await self._untold())
            parts += [telling] if telling is not None else []
        waiting, lost = self._facts()
        parts.append(
            PartHealth(
                "intake",
                waiting < BACKLOG,
                "keeping up" if waiting < BACKLOG else "behind",
                {"facts_waiting": waiting, "facts_lost": lost},
            )
        )
        dead = self._dead()
        state = f"dead: {', '.join(dead)}" if dead else "alive"
        parts.append(PartHealth("tasks", not dead, state))
        parts.append(self._alarm_part())
        return Health(self._config().mode, __version__, tuple(parts))

    def _alarm_part(self) -> PartHealth:
        standing = self._alarms.standing
        detail = {
            raised.alarm.value: {
                "because": raised.detail,
                "since": raised.since.utc.isoformat(timespec="seconds"),
                "last": raised.last.utc.isoformat(timespec="seconds"),
                "count": raised.count,
            }
            for raised in standing
        }
        return PartHealth("alarms", not standing, ", ".join(detail) or "none", {"standing": detail})

    def _ami(self, name: str, link: AmiView) -> PartHealth:
        heard = link.last_event
        detail: dict[str, Any] = {
            "says": link.detail,
            "asterisk": link.asterisk_version,
            "last_event_age": round(_age(heard.utc), 1) if heard else None,
            "contexts": dict(link.contexts_seen),
            "contexts_unlisted": link.contexts_unlisted,
            "warnings": list(link.warnings.values()),
        }
        return PartHealth(f"ami:{name}", link.state == "up", str(link.state), detail)

    def _smpp(self, name: str, route: SmppView) -> PartHealth:
        bound = route.state == "bound"
        detail: dict[str, Any] = {"says": route.detail}
        if self._fleet is not None:
            detail |= self._fleet.told(name)
        return PartHealth(f"smpp:{name}", bound, str(route.state), detail)

    async def _stock(self, *, every: bool = True) -> tuple[Mapping[OutboxState, int], float] | str:
        """Texts by state and the age of the oldest waiting, in seconds; or why it is not known.

        Not `every`: the open states, which are few; a million texts that have left take 50 ms.
        """
        try:
            async with asyncio.timeout(STORE_PATIENCE):
                counts: Mapping[OutboxState, int]
                if every:
                    counts = await self._store.counts()
                else:
                    counts = await self._store.read(queue_lists.open_counts)
                oldest = await self._store.oldest_queued()
        except StoreError as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {STORE_PATIENCE:g} s"
        return counts, max(0.0, _age(oldest)) if oldest else 0.0

    async def _untold(self) -> tell_health.Untold:
        """What others have still to be told; nothing when the store does not answer."""
        if self._teller is None:
            return {}
        try:
            async with asyncio.timeout(STORE_PATIENCE):
                return await tell_health.untold(self._store, self._teller)
        except (StoreError, TimeoutError):
            return {}

    async def _store_parts(self) -> list[PartHealth]:
        stock = await self._stock(every=False)
        if isinstance(stock, str):
            return [PartHealth("store", False, stock)]
        try:
            free = (await asyncio.to_thread(shutil.disk_usage, self._path.parent)).free
        except OSError as error:  # its folder is gone, or is not ours any more
            return [PartHealth("store", False, f"{self._path.parent}: {error.strerror}")]
        state, ok = "writable", True
        if trouble := self._store.trouble:
            # What a write met is the truth; the rest is only what may be foreseen.
            state, ok = trouble, False
        elif not await asyncio.to_thread(os.access, self._path, os.W_OK):
            state, ok = "read-only", False
        elif free < NO_SPACE:
            state, ok = "disk full", False
        counts, oldest = stock
        stuck = min(STUCK, self._config().limits.max_age / 2)
        waiting = counts[OutboxState.QUEUED]
        return [
            PartHealth("store", ok, state, {"free_bytes": free}),
            PartHealth(
                "outbox",
                oldest <= stuck,
                "moving" if oldest <= stuck else "stuck",
                {
                    "queued": waiting,
                    "oldest_queued_age": round(oldest, 1),
                    "uncertain": counts[OutboxState.UNCERTAIN],
                    "held": counts[OutboxState.HELD],
                },
            ),
        ]


def _records(name: str, caught: Caught) -> PartHealth:
    """Texts do not hang on it, so it is never the reason for not being well."""
    state = "readable" if caught.configured else "not configured"
    if caught.unreadable:
        state = "unreadable"
    detail: dict[str, Any] = {
        "says": "; ".join(caught.unreadable.values()),
        "last_read": caught.last_run.isoformat(timespec="seconds") if caught.last_run else None,
        "rows_damaged": caught.malformed,
    }
    return PartHealth(f"records:{name}", True, state, detail)


def _age(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()

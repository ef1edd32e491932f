"""The doctor at work inside the service: what `textback doctor` says, for the console.

    looked at          how, and when
    -----------------  --------------------------------------------------------------------------
    AMI, SMPP          by what their own links say, whenever the page is asked: a second login
                       or bind might disturb what works
    texts              the outbox as it is, whenever the page is asked
    config, contacts,  as from the command line, in the background: 20 s after the start, after
    records, hooks,    every reload, every 10 minutes, and when somebody asks for it; at most every
    store, clock,      30 s. Webhooks are connected to, and told nothing.
    webhooks, calls

Nobody waits for an examination: what is known is shown, with the time at which it was found. One
that fails is told as a finding; it never ends the service.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from textback import (
    doctor,
    doctor_agi,
    doctor_console,
    doctor_contacts,
    doctor_keeping,
    doctor_links,
    doctor_numbers,
    doctor_records,
    doctor_smsc,
    doctor_tell,
    doctor_users,
)
from textback.config import Config
from textback.console.findings import Finding, Findings
from textback.console.health import Health
from textback.crew import apart
from textback.doctor import Check

log = structlog.get_logger(__name__)

#: Seconds until the first examination, between two of them, and at least between two.
FIRST, EVERY, LEAST = 20.0, 600.0, 30.0
#: Seconds after which an examination is given up.
LONGEST = 120.0

Examine = Callable[[Config, Path, Mapping[str, Any]], AsyncIterator[Check]]


class Examiner:
    """Examines in the background; `run` is its life, `look` what the console asks."""

    def __init__(
        self,
        config: Callable[[], Config],
        path: Path,
        health: Callable[[], Awaitable[Health]],
        *,
        on_change: Callable[[], None] = lambda: None,
        examine: Examine | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`path` is textback.toml's; `on_change()` when an examination begins and ends; `clock`
        counts seconds."""
        self._config = config
        self._path = path
        self._health = health
        self._on_change = on_change
        self._examine = examine or background
        self._clock = clock
        self._wake = asyncio.Event()
        self._found = Findings()
        self._began: float | None = None

    # --- what the console asks ------------------------------------------------------------------

    async def look(self) -> Findings:
        """Links as they are now, and what the last examination found."""
        now = [_finding(check) for check in live(self._config(), await self._parts())]
        return replace(self._found, items=(*now, *self._found.items))

    def ask(self) -> float:
        """Have it examine again. 0: it does; else seconds until it may be asked."""
        if self._found.running:
            return 0.0
        if self._began is not None and (left := self._began + LEAST - self._clock()) > 0:
            return left
        self._wake.set()
        return 0.0

    def reload(self) -> None:
        """The configuration has changed: what was found of the old one says little."""
        self._wake.set()

    # --- in the daemon --------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            if self._began is not None and (left := self._began + LEAST - self._clock()) > 0:
                await asyncio.sleep(left)
            self._wake.clear()
            await self.examine()
            pause = EVERY

    async def examine(self) -> Findings:
        """Once through everything; what is known afterwards."""
        self._began = self._clock()
        self._found = replace(self._found, running=True)
        self._on_change()
        task = await apart(self._through(), "examination")
        error = task.exception()
        if error is None:
            self._found = Findings(task.result(), datetime.now(UTC))
        else:
            said = str(error) or type(error).__name__
            log.error("examination_failed", error=said, exc_info=error)
            self._found = replace(self._found, running=False, trouble=said)
        self._on_change()
        return self._found

    async def _through(self) -> tuple[Finding, ...]:
        parts = await self._parts()
        async with asyncio.timeout(LONGEST):
            return tuple(
                [
                    _finding(check)
                    async for check in self._examine(self._config(), self._path, parts)
                ]
            )

    async def _parts(self) -> Mapping[str, Any]:
        """As /healthz shows them."""
        told: Mapping[str, Any] = (await self._health()).as_dict()["parts"]
        return told


def live(config: Config, parts: Mapping[str, Any]) -> list[Check]:
    """What the service's own links say; asks nobody."""
    found: list[Check] = []
    for pbx in config.pbx:
        found += doctor_links.pbx_by_daemon(pbx, parts)
        if not doctor_links.hidden(pbx):  # else it has said these itself
            said = (parts.get(f"ami:{pbx.name}") or {}).get("warnings") or ()
            area = f"ami {pbx.name}"
            found += [doctor.warn(area, str(one), doctor_links.MANAGER_FIX) for one in said]
    return found + [doctor_smsc.smsc_by_daemon(smsc, parts) for smsc in config.smsc]


async def background(config: Config, path: Path, parts: Mapping[str, Any]) -> AsyncIterator[Check]:
    """What can be looked at beside the links, without disturbing anybody."""
    for check in doctor.check_config(config, path):
        yield check
    for check in await doctor_console.check_console(config, path):
        yield check
    for check in await doctor.check_store(config, waiting=False):
        yield check
    for check in await doctor_keeping.check_keeping(config):
        yield check
    for check in await doctor_users.check_users(config):
        yield check
    for check in await doctor.check_clock():
        yield check
    for pbx in config.pbx:
        for check in await doctor_records.check(config, pbx, parts):
            yield check
    for smsc in config.smsc:
        for check in doctor_smsc.check_receipts(smsc):
            yield check
    for check in await doctor_agi.check_agi(config, parts):
        yield check
    for check in await doctor_contacts.check_contacts(config):
        yield check
    # Who fails and what waits is told as it is now, by the health of the parts.
    for hook in config.webhook:
        yield await doctor_tell.check_webhook(hook)
    # Alarms too.
    others = {name: part for name, part in parts.items() if name != "alarms"}
    for check in await doctor_numbers.check_calls(config, others):
        yield check


def _finding(check: Check) -> Finding:
    return Finding(check.area, check.level.value, check.found, check.fix)

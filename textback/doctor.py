"""`textback doctor`: what stands between this host and a text, item by item, each with its cure.

    ok     it works, seen just now
    warn   it works, and something about it will bite
    fail   no text will be sent until this is put right

The exit code is 2 when anything failed, 1 when anything was warned of, else 0.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from textback import __version__, control
from textback.config import Config
from textback.model import OutboxState
from textback.store.errors import StoreError, StoreTooNewError
from textback.store.store import Store

#: Bytes on the store's file system below which it is a warning, and below which nothing is safe.
LOW_SPACE, NO_SPACE = 500 * 2**20, 20 * 2**20
CLOCK_SLACK = 5.0
CLOCK_FIX = "let one program keep the time (chrony or systemd-timesyncd)"
#: No host runs textback with a clock before its release.
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One item: what was looked at, how it stands, and what to do when it does not stand well."""

    area: str  #: config | daemon | store | clock | ami <name> | smpp <name> | texts
    level: Level
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        return {
            "area": self.area,
            "level": self.level.value,
            "found": self.found,
            "fix": self.fix,
        }


def ok(area: str, found: str) -> Check:
    return Check(area, Level.OK, found)


def warn(area: str, found: str, fix: str) -> Check:
    return Check(area, Level.WARN, found, fix)


def fail(area: str, found: str, fix: str) -> Check:
    return Check(area, Level.FAIL, found, fix)


def exit_code(checks: Iterable[Check]) -> int:
    """2: something failed; 1: something was warned of; 0: all is well."""
    levels = {check.level for check in checks}
    return 2 if Level.FAIL in levels else 1 if Level.WARN in levels else 0


def check_config(config: Config, path: Path) -> list[Check]:
    """What is allowed in the file and still means that nobody is texted."""
    found = [ok("config", f"{path} is valid; this is textback {__version__}")]
    for said in config.warnings:
        what, _, cure = said.rpartition("; ")
        found.append(warn("config", what or cure, cure if what else "see textback.toml(5)"))
    if not config.number:
        found.append(
            fail("config", "no [[number]]: no call is watched", "name the numbers you want watched")
        )
    elif not any(number.enabled for number in config.number):
        found.append(
            fail("config", "every [[number]] has enabled = false", "set enabled = true on one")
        )
    else:
        watched = sum(number.enabled for number in config.number)
        found.append(ok("config", f"{watched} of {len(config.number)} numbers watched"))
    if not config.pbx:
        found.append(fail("config", "no [[pbx]]: no call is seen", "name your Asterisk"))
    if not config.smsc and config.mode == "live":
        found.append(
            fail("config", "no [[smsc]]: nothing carries a text", "name your SMPP account")
        )
    if not config.smsc and config.mode == "shadow":
        found.append(
            warn(
                "config",
                "no [[smsc]]: calls are decided and recorded, and nothing could carry a text",
                'name your SMPP account before you set mode = "live"',
            )
        )
    if config.mode == "shadow":
        found.append(
            warn(
                "config",
                'mode = "shadow": everything is decided and recorded, nothing is sent',
                'set mode = "live" when `textback calls` shows what you want',
            )
        )
    return found


def store_path(config: Config) -> Path:
    return Path(config.store.path)


def check_daemon(config: Config) -> Check:
    if control.running(store_path(config)):
        return ok("daemon", "running")
    return warn(
        "daemon", "not running (or not visible to this user)", "systemctl enable --now textback"
    )


async def check_store(config: Config, *, waiting: bool = True) -> list[Check]:
    """Whether it can be written, has this textback's schema, and how much room is left; with
    `waiting` also which texts wait for somebody."""
    path = store_path(config)
    found: list[Check] = []
    there = await asyncio.to_thread(path.exists)
    if not there:
        folder = path.parent
        if not await asyncio.to_thread(os.access, folder, os.W_OK | os.X_OK):
            return [
                fail(
                    "store",
                    f"{path} is not there, and {folder} cannot be written",
                    f"install -d -o textback -g textback -m 0750 {folder}",
                )
            ]
        found.append(
            warn("store", f"{path} is not there yet", "it is made when `textback run` starts")
        )
    else:
        try:
            store = await Store.open(path, migrate=False)
        except StoreTooNewError as error:
            return [fail("store", str(error), "install the newer textback again")]
        except StoreError as error:
            return [fail("store", str(error), "put that right, then start the service once")]
        try:
            found += await _check_content(store, path, waiting)
        finally:
            await store.close()
    free = (await asyncio.to_thread(shutil.disk_usage, path.parent)).free
    if free < LOW_SPACE:
        level = fail if free < NO_SPACE else warn
        found.append(
            level("store", f"{free // 2**20} MiB left for {path.parent}", "make room on that disk")
        )
    return found


async def _check_content(store: Store, path: Path, waiting: bool) -> list[Check]:
    writable = await asyncio.to_thread(os.access, path, os.W_OK)
    if not writable:
        return [fail("store", f"{path} cannot be written", f"chown textback:textback {path}*")]
    found = [ok("store", f"{path} opens, its schema is this textback's")]
    states = await store.counts()
    if waiting:
        found += await _check_waiting(store, states)
    found += _receipts(states)
    return found


async def _check_waiting(store: Store, states: Mapping[OutboxState, int]) -> list[Check]:
    """Texts that wait for the operator, or for the carrier."""
    found: list[Check] = []
    if states[OutboxState.UNCERTAIN]:
        found.append(
            warn(
                "texts",
                f"{states[OutboxState.UNCERTAIN]} uncertain: they may or may not have been sent",
                "textback queue --state uncertain; then textback release or textback drop",
            )
        )
    if states[OutboxState.HELD]:
        found.append(
            warn(
                "texts",
                f"{states[OutboxState.HELD]} held, by an operator or by the breaker",
                "textback queue --state held; then textback release or textback drop",
            )
        )
    oldest = await store.oldest_queued()
    if oldest is not None:
        waits = (datetime.now(UTC) - oldest).total_seconds()
        if waits < -CLOCK_SLACK:
            found.append(
                fail("clock", "a text was written in the future: the clock went back", CLOCK_FIX)
            )
        elif waits > 60:
            told = f"{states[OutboxState.QUEUED]} waiting, the oldest for {waits:.0f} s"
            found.append(warn("texts", told, "is the carrier bound? see smpp below"))
    return found


def _receipts(states: Mapping[OutboxState, int]) -> list[Check]:
    """Texts that the carrier took and never spoke of again."""
    silent = states[OutboxState.ACCEPTED]
    told = states[OutboxState.DELIVERED] + states[OutboxState.UNDELIVERED]
    if silent + told < 5:
        return []
    if told == 0:
        return [
            warn(
                "texts",
                f"{silent} accepted by the carrier and not one receipt came",
                "receipts = true in [[smsc]]? does the account get receipts on this bind?",
            )
        ]
    return [ok("texts", f"receipts came for {told} of {silent + told} texts")]


async def check_clock() -> list[Check]:
    """Opening hours, cooldowns and max_age all hang on it."""
    now = datetime.now(UTC)
    if now < RELEASED:
        return [
            fail("clock", f"it is said to be {now:%Y-%m-%d %H:%M} UTC", "set the clock; enable NTP")
        ]
    before = time.time() - time.monotonic()
    await asyncio.sleep(0.2)
    moved = time.time() - time.monotonic() - before
    if abs(moved) > 0.1:
        return [
            warn(
                "clock",
                f"it was moved by {moved:+.1f} s while we looked",
                CLOCK_FIX,
            )
        ]
    synchronized = await _synchronized()
    if synchronized == "yes":
        return [ok("clock", "kept by NTP")]
    if synchronized == "no":
        return [
            warn("clock", "not kept by NTP", "timedatectl set-ntp true (or install chrony)"),
        ]
    return [ok("clock", f"{now:%Y-%m-%d %H:%M} UTC; whether NTP keeps it cannot be asked here")]


async def _synchronized() -> str:
    """`timedatectl`'s NTPSynchronized: "yes", "no", or "" where it cannot be asked."""
    program = shutil.which("timedatectl")
    if program is None:
        return ""
    process = await asyncio.create_subprocess_exec(
        program,
        "show",
        "--property=NTPSynchronized",
        "--value",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(5):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return out.decode("ascii", "replace").strip() if process.returncode == 0 else ""

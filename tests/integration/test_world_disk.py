"""A store that cannot be written while texts are queued and in flight: the real daemon lives on.

Three ways to lose the disk: a small file system that is full (in a mount namespace of its own, as
root), a limit on the process's writes (everywhere), another process that holds the database.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from tests.integration.daemon_rig import Rig, rig
from tests.integration.world_rig import CALLER

NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def may_mount() -> bool:
    """Whether a file system of our own may be mounted where nobody else sees it."""
    if os.geteuid() != 0:
        return False
    words = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


def trusting(site: Rig) -> None:
    """A caller who is gone before Asterisk told the presentation is texted all the same."""
    body = site.path.read_text()
    site.path.write_text(body.replace("[[pbx]]", '[[pbx]]\nunknown_presentation = "send"'))


async def working(site: Rig) -> None:
    trusting(site)
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")


async def health(site: Rig) -> tuple[int, dict[str, object], list[str]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{site.url}/healthz") as answer,
    ):
        told = await answer.json()
        return answer.status, told["parts"]["store"], told["failing"]


def writes(site: Rig, allowed: bool) -> None:
    """Whether the daemon's process may write to any file; pipes and sockets are no files."""
    assert site.process is not None
    limit = NO_LIMIT if allowed else (0, resource.RLIM_INFINITY)
    resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, limit)


def rows(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute("SELECT recipient, state FROM outbox ORDER BY id").fetchall()


async def the_outage(site: Rig, break_it: object, mend_it: object) -> None:
    """Calls before, during and after; one text in flight over the beginning of it."""
    assert callable(break_it)
    assert callable(mend_it)
    object.__setattr__(site.simulator.settings, "answer_delay", 1.0)
    site.ring("1700000000.1")
    await site.until_logged("text_claimed")
    break_it()
    # The answer of the first text, and two whole calls, come while nothing can be written.
    assert (await site.text()).to.lstrip("+") == CALLER[1:]
    for number in (2, 3):
        site.ring(f"1700000000.{number}", f"+1212555010{number}")
        site.hang_up(f"1700000000.{number}", f"+1212555010{number}")
    await site.until_logged("store_failed", part="intake")
    await site.until_logged("store_failed", part="delivery smsc")
    status, store, failing = await health(site)
    assert (status, store["ok"], "store" in failing) == (503, False, True), store
    assert site.texts.empty()
    mend_it()
    await site.until_logged("store_works_again", part="intake")
    await site.until_logged("store_works_again", part="delivery smsc")
    late = {(await site.text()).to.lstrip("+") for _ in (2, 3)}
    assert late == {"12125550102", "12125550103"}
    site.ring("1700000000.4", "+12125550104")
    assert (await site.text()).to.lstrip("+") == "12125550104"
    status, store, failing = await health(site)
    assert ("store" in failing, store["ok"]) == (False, True), store
    site.signal(signal.SIGTERM)
    assert await site.ended() == 0
    assert site.texts.empty()
    for part in ("intake", "delivery smsc"):
        said = [e for e in site.logged if (e["event"], e.get("part")) == ("store_failed", part)]
        assert len(said) == 1, "the alarm sounds once"
    assert not [e for e in site.logged if e["level"] == "critical" or e["event"] == "not_json"]
    assert not [e for e in site.logged if "exception" in e]


FOUR = [CALLER, "+12125550102", "+12125550103", "+12125550104"]


async def test_a_disk_that_takes_no_write_loses_and_doubles_nothing(site: Rig) -> None:
    await working(site)
    await the_outage(site, lambda: writes(site, False), lambda: writes(site, True))
    found = rows(site.values["store"])
    assert [to for to, _ in found] == FOUR
    assert {state for _, state in found} <= {"accepted", "delivered"}


@pytest.mark.skipif(not may_mount(), reason="needs root and mount namespaces")
async def test_a_full_disk_loses_and_doubles_nothing(site: Rig, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    site.configure(store=disk / "textback.db")
    trusting(site)
    # The daemon's own view: the tmpfs is there, and gone with the process.
    script = 'mount -t tmpfs -o size=64m none "$1" && shift && exec "$@"'
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\nexec unshare -m sh -c '{script}' sh {disk} {sys.executable} \"$@\"\n"
    )
    python.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    assert site.process is not None
    inside = Path(f"/proc/{site.process.pid}/root{disk}")
    ballast = inside / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    found: list[tuple[str, str]] = []

    def free() -> None:
        ballast.unlink()

    keeper = os.open(inside, os.O_RDONLY | os.O_DIRECTORY)  # outlives the daemon's namespace
    try:
        await the_outage(site, fill, free)
        for name in ("textback.db", "textback.db-wal"):
            kept = Path(f"/proc/self/fd/{keeper}/{name}")
            if kept.exists():
                shutil.copy(kept, tmp_path / name)
        found = rows(tmp_path / "textback.db")
    finally:
        os.close(keeper)
    assert [to for to, _ in found] == FOUR
    assert {state for _, state in found} <= {"accepted", "delivered"}


async def test_a_database_somebody_else_holds_is_waited_for(site: Rig) -> None:
    """As an operator's `sqlite3` with an open transaction does."""
    await working(site)
    with closing(sqlite3.connect(site.values["store"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        site.ring("1700000000.1")
        failed = await site.until_logged("store_failed", part="intake")
        assert "another process holds it" in failed["error"]
        other.execute("ROLLBACK")
    assert (await site.text()).to.lstrip("+") == CALLER[1:]
    site.hang_up("1700000000.1")
    await site.until_logged("call_ended")
    site.signal(signal.SIGTERM)
    assert await site.ended() == 0
    assert [to for to, _ in rows(site.values["store"])] == [CALLER]


async def test_receipts_and_replies_wait_at_the_carrier_while_nothing_can_be_written(
    site: Rig,
) -> None:
    object.__setattr__(site.simulator.settings, "retry_delay", 0.2)
    await working(site)
    site.ring("1700000000.1")
    await site.text()
    await site.until_logged("receipt", says="DELIVRD")
    writes(site, False)
    site.simulator.reply(CALLER, "+12125550100", "Please call me")
    await site.until_logged("store_failed", part="inbox")
    # Sent again and again meanwhile; the alarm is one, and no traceback is written for each.
    await asyncio.sleep(1.0)
    assert len([e for e in site.logged if e["event"] == "store_failed"]) == 1
    assert len([e for e in site.logged if "exception" in e]) == 0
    writes(site, True)
    await site.until_logged("reply", length=14)
    site.signal(signal.SIGTERM)
    assert await site.ended() == 0
    with closing(sqlite3.connect(site.values["store"])) as db:
        assert db.execute("SELECT count(*) FROM replies").fetchall() == [(1,)]


async def test_a_start_on_a_disk_that_cannot_be_written_says_so_and_ends(
    site: Rig, tmp_path: Path
) -> None:
    """Exit code 1: systemd tries again, as it must when the disk comes back."""
    site.configure(store=tmp_path / "nowhere" / "textback.db")
    await site.start(ready=False)
    assert await site.ended() == 1
    assert "nowhere" in site.logged[-1]["error"]
    assert not [e for e in site.logged if "exception" in e or e["event"] == "not_json"]

"""What a kill -9 and a cut connection cost: nothing lost, and at most a window in doubt.

The worker (store, delivery, inbox, route) is killed under load, again and again, against npm's
SMSC; each time it must be in the middle of its work, which the test knows from the SMSC's count of
submits. What the SMSC saw is then held against what the outbox says.

    lost       a text that is settled in the outbox and never reached the SMSC, or is in no state
               from which an operator would see it
    doubled    submits beyond the first for one destination
    uncertain  rows whose bytes may have left; with `hold` they stay, visible, until a receipt

The figures are printed, and kept in the file $TEXTBACK_CRASH_REPORT names. TEXTBACK_KILLS changes
the number of kills (200).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select

from tests.smscs.peers import ForeignSmsc, node_smsc
from textback.model import OutboxState, TextKind
from textback.store.store import Store
from textback.store.tables import outbox

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("TEXTBACK_KILLS", "200"))
DROPS = 20
WINDOW = 10
PATIENCE = 60.0
#: A submit is answered after this long, so that a window is always open when the kill comes.
RESPONSE_MS = 4

pytestmark = [pytest.mark.crash, pytest.mark.smsc, pytest.mark.timeout(900)]


class Zygote:
    """The process that forks workers; see worker.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        assert line, "the zygote ended"
        told: dict[str, Any] = json.loads(line)
        return told

    async def fork(self, **order: Any) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        return int((await self._line())["pid"])

    async def ended(self) -> int:
        """How the worker ended: its exit code, or minus the signal."""
        return int((await self._line())["status"])


@asynccontextmanager
async def zygote() -> AsyncIterator[Zygote]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.worker"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if k != "PYTHONASYNCIODEBUG"},
    )
    try:
        yield Zygote(process)
    finally:
        # It may be waiting for a worker that a failed test left; the worker dies with it.
        process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def make_outbox(path: Path, count: int) -> None:
    """An outbox of `count` queued texts, each to a handset of its own."""
    store = await Store.open(path)
    await store.close()
    now = datetime.now(UTC)
    row = {
        "kind": TextKind.TEST,
        "state": OutboxState.QUEUED,
        "sender": "+12125550100",
        "number": "+12125550100",
        "text": "Sorry we missed you.",
        "route": "",
        "attempts": 0,
        "tries": 0,
        "segments": 0,
        "maybe_sent": False,
        "created_at": now,
        "due_at": now,
        "expires_at": now + timedelta(hours=2),
        "changed_at": now,
        "reason": "",
    }
    rows = [{**row, "recipient": f"+1646{n:07d}"} for n in range(count)]
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as db:
        db.execute(insert(outbox), rows)
    engine.dispose()


def states(path: Path) -> dict[str, OutboxState]:
    """What the outbox says of every handset, the + left out as on the wire."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as db:
        found = db.execute(select(outbox.c.recipient, outbox.c.state)).all()
    engine.dispose()
    return {recipient.removeprefix("+"): OutboxState(state) for recipient, state in found}


async def submits(smsc: ForeignSmsc) -> int:
    return int((await smsc.stats())["submits"])


async def until(smsc: ForeignSmsc, count: int) -> None:
    """Until the SMSC has seen this many submits."""
    await smsc.do("wait", submits=count)
    await smsc.event("reached")


async def settle(path: Path, done: set[OutboxState]) -> None:
    """Until every row is in one of these states."""
    async with asyncio.timeout(PATIENCE):
        # Another process writes it: there is nothing to await.
        while not set((await asyncio.to_thread(states, path)).values()) <= done:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def report(name: str, figures: dict[str, int]) -> None:
    line = f"{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items())
    print(line)
    if kept := os.environ.get("TEXTBACK_CRASH_REPORT"):
        with Path(kept).open("a") as file:
            file.write(line + "\n")


async def account(smsc: ForeignSmsc, path: Path) -> dict[str, int]:
    """Hold what the SMSC saw against what the outbox says."""
    await smsc.do("seen")
    times = Counter((await smsc.event("seen"))["times"])
    said = states(path)
    assert not times.keys() - said.keys(), "the SMSC got a text that is not in the outbox"
    doubled = sum(count - 1 for count in times.values())
    claimed_sent = {OutboxState.ACCEPTED, OutboxState.DELIVERED}
    return {
        "texts": len(said),
        "sent": len(times),
        "doubled": doubled,
        "uncertain": sum(state is OutboxState.UNCERTAIN for state in said.values()),
        "lost": sum(1 for to, state in said.items() if state in claimed_sent and to not in times),
        "astray": sum(
            1
            for state in said.values()
            if state not in {*claimed_sent, OutboxState.UNCERTAIN, OutboxState.QUEUED}
        ),
        "queued": sum(state is OutboxState.QUEUED for state in said.values()),
        "queued_yet_sent": sum(
            1 for to, state in said.items() if state is OutboxState.QUEUED and to in times
        ),
    }


@pytest.mark.parametrize("policy", ["hold", "resend"])
async def test_two_hundred_kills_under_load_lose_nothing(policy: str, tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    dice = random.Random(policy)
    await make_outbox(path, KILLS * 45 + 300)
    worst = 0
    async with (
        node_smsc(quiet=True, receipt=False, respDelay=RESPONSE_MS) as smsc,
        zygote() as nursery,
    ):
        order = {"db": str(path), "port": smsc.port, "window": WINDOW, "policy": policy}
        for _ in range(KILLS):
            before = await submits(smsc)
            pid = await nursery.fork(**order)
            await until(smsc, before + dice.randrange(1, 40))
            os.kill(pid, signal.SIGKILL)
            assert await nursery.ended() == -signal.SIGKILL
            open_now = Counter(states(path).values())[OutboxState.SENDING]
            assert open_now <= WINDOW, "more rows in doubt than one window"
            worst = max(worst, open_now)
        killed = await account(smsc, path)
        pid = await nursery.fork(**order)
        calm = {OutboxState.ACCEPTED, OutboxState.DELIVERED, OutboxState.UNCERTAIN}
        await settle(path, calm)
        os.kill(pid, signal.SIGTERM)
        assert await nursery.ended() == 0, "a stop in good order ends with 0"
        figures = await account(smsc, path)
    report(f"kill -9, {policy}, window {WINDOW}", {"kills": KILLS, "worst": worst, **figures})
    assert killed["queued"] > 0, "the load ran out before the kills did"
    assert figures["lost"] == 0
    assert figures["astray"] == 0
    assert figures["queued"] == 0
    assert worst > 0, "no kill came in the middle of the work"
    if policy == "hold":
        assert figures["doubled"] == 0
        assert 0 < figures["uncertain"] <= WINDOW * KILLS
        assert figures["sent"] + figures["uncertain"] >= figures["texts"]
    else:
        assert figures["uncertain"] == 0
        assert figures["sent"] == figures["texts"]
        assert figures["doubled"] <= WINDOW * KILLS


@pytest.mark.parametrize("policy", ["hold", "resend"])
async def test_twenty_cut_connections_lose_nothing(policy: str, tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    every = 250
    await make_outbox(path, every * DROPS + 100)
    async with (
        node_smsc(quiet=True, receipt=False, respDelay=RESPONSE_MS, dropEvery=every) as smsc,
        zygote() as nursery,
    ):
        pid = await nursery.fork(db=str(path), port=smsc.port, window=WINDOW, policy=policy)
        await settle(path, {OutboxState.ACCEPTED, OutboxState.DELIVERED, OutboxState.UNCERTAIN})
        os.kill(pid, signal.SIGTERM)
        assert await nursery.ended() == 0
        drops = int((await smsc.stats())["drops"])
        figures = await account(smsc, path)
    report(f"TCP cut, {policy}, window {WINDOW}", {"drops": drops, **figures})
    assert drops >= DROPS
    assert figures["lost"] == 0
    assert figures["astray"] == 0
    if policy == "hold":
        assert figures["doubled"] == 0
        assert 0 < figures["uncertain"] <= WINDOW * drops
    else:
        assert figures["uncertain"] == 0
        assert figures["sent"] == figures["texts"]
        assert figures["doubled"] <= WINDOW * drops


async def test_a_late_receipt_resolves_what_a_kill_left_uncertain(tmp_path: Path) -> None:
    """With `hold`: the SMSC took the text, the answer was lost with the process, and the receipt
    comes to the next one."""
    path = tmp_path / "textback.db"
    await make_outbox(path, WINDOW)
    async with (
        node_smsc(respDelay=400, receiptHold=True) as smsc,
        zygote() as nursery,
    ):
        order = {"db": str(path), "port": smsc.port, "window": WINDOW, "policy": "hold"}
        pid = await nursery.fork(**order)
        await smsc.collect("submit", WINDOW)
        os.kill(pid, signal.SIGKILL)
        assert await nursery.ended() == -signal.SIGKILL
        await smsc.event("closed")
        await smsc.event("bind")
        pid = await nursery.fork(**order)
        await smsc.event("bind")
        await smsc.collect("held", WINDOW)
        await smsc.do("receipts")
        await smsc.collect("receipt_resp", WINDOW)
        os.kill(pid, signal.SIGTERM)
        assert await nursery.ended() == 0
    assert set(states(path).values()) == {OutboxState.DELIVERED}

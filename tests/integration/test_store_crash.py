"""What a killed process leaves in the store: all of a transaction or nothing, and no text twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from tests.fakes.killed_delivery import WINDOW
from tests.fakes.store import send
from textback.model import Moment, OutboxState
from textback.store.calls import new_text
from textback.store.store import Store
from textback.store.tables import outbox

ROOT = Path(__file__).resolve().parents[2]

DIES_IN_A_TRANSACTION = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.fakes.store import NOW, fact, queued
from textback.store import judging
from textback.store.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]))
    await queued(store)
    def work(db):
        judging.judge(db, fact(calls_fact()), NOW)
        os.kill(os.getpid(), signal.SIGKILL)
    await store._db.write(work)

def calls_fact():
    from tests.fakes.store import call
    return call("9.9")

asyncio.run(main())
"""


async def python(*arguments: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    return await process.wait()


def integrity(path: Path) -> Any:
    raw = sqlite3.connect(path)
    found = raw.execute("PRAGMA integrity_check").fetchone()[0]
    raw.close()
    return found


async def test_a_process_killed_in_a_transaction_leaves_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    assert await python("-c", DIES_IN_A_TRANSACTION, str(path)) == -signal.SIGKILL
    store = await Store.open(path)
    calls = await store.calls()
    await store.close()
    # The one before it is whole; of the one that was being written there is no trace.
    assert [(c.key.uniqueid, c.outbox is not None) for c in calls] == [("1700000000.1", True)]
    assert integrity(path) == "ok"


@pytest.mark.parametrize("policy", ["hold", "resend"])
async def test_kills_under_load_lose_nothing_and_double_no_more_than_a_window(
    tmp_path: Path, policy: str
) -> None:
    texts, kills = 150, 4
    path, log = tmp_path / "textback.db", tmp_path / "taken"
    store = await Store.open(path)
    now = Moment.now().utc
    rows = [
        new_text(None, send(expires=now + timedelta(hours=1)), "", now, now) for _ in range(texts)
    ]
    await store._db.write(lambda db: db.execute(insert(outbox), rows))
    await store.close()

    for kill in range(kills):
        status = await python(
            "-m", "tests.fakes.killed_delivery", str(path), str(log), str(13 + 3 * kill), policy
        )
        assert status == -signal.SIGKILL
    assert await python("-m", "tests.fakes.killed_delivery", str(path), str(log), "0", policy) == 0

    taken = Counter(int(line) for line in log.read_text().split())
    doubled = sum(count - 1 for count in taken.values())
    store = await Store.open(path)
    counts = {state: n for state, n in (await store.counts()).items() if n}
    uncertain = await store.queue(limit=texts)
    await store.close()
    held = {row.id for row in uncertain if row.state is OutboxState.UNCERTAIN}

    assert integrity(path) == "ok"
    # Lost: neither with the carrier nor before the operator's eyes.
    assert set(range(1, texts + 1)) - set(taken) - held == set()
    if policy == "hold":
        assert doubled == 0
        assert sum(counts.values()) == texts
        assert 0 < counts[OutboxState.UNCERTAIN] <= kills * WINDOW
    else:
        assert 0 < doubled <= kills * WINDOW
        assert counts == {OutboxState.ACCEPTED: texts}

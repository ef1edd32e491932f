"""Durable texts a second through outbox and gateway, beside smpplib's own client on the same sink.

Every text is claimed on the disk before its first byte and its message id is on the disk after the
answer (SQLite, WAL, synchronous=FULL). smpplib's client keeps nothing: it is the peer for the wire.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import create_engine, insert

from bench.clients import TEXT
from bench.processes import measured, server

MESSAGES = 10_000
RUNS = 3
WINDOWS = (10, 100)


def fill(path: Path, count: int) -> None:
    """`count` queued texts, written at once: filling is not what is measured."""
    from textback.model import OutboxState, TextKind
    from textback.store.tables import outbox

    now = datetime.now(UTC)
    row = {
        "kind": TextKind.TEST,
        "state": OutboxState.QUEUED,
        "sender": "+12125550100",
        "number": "+12125550100",
        "text": TEXT,
        "route": "",
        "attempts": 0,
        "tries": 0,
        "segments": 0,
        "maybe_sent": False,
        "created_at": now,
        "due_at": now,
        "expires_at": now + timedelta(hours=1),
        "changed_at": now,
        "reason": "",
    }
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as db:
        db.execute(insert(outbox), [{**row, "recipient": f"+1212{n:07d}"} for n in range(count)])
    engine.dispose()


async def drain(port: int, window: int) -> dict[str, Any]:
    """Fill an outbox, send all of it, and tell how long that took."""
    from sms_gateway.encoding import measure
    from sms_gateway.link import Route, RouteSettings
    from sms_gateway.receipts import stored_forms
    from textback.delivery import Delivery
    from textback.inbox import Inbox
    from textback.log import configure
    from textback.model import OutboxState
    from textback.observer import Observer
    from textback.store.store import Store

    class Counter(Observer):
        def __init__(self) -> None:
            self.accepted = 0
            self.all_accepted = asyncio.Event()

        def state(self, state: OutboxState) -> None:
            self.accepted += state is OutboxState.ACCEPTED
            if self.accepted == MESSAGES:
                self.all_accepted.set()

    configure(level="warning")
    with tempfile.TemporaryDirectory(prefix="textback-bench-") as folder:
        path = Path(folder) / "bench.db"
        store = await Store.open(path, id_forms=lambda _, one: stored_forms(one))
        await asyncio.to_thread(fill, path, MESSAGES)
        inbox = Inbox(store, lambda: "US")
        settings = RouteSettings(
            name="smsc",
            host="127.0.0.1",
            port=port,
            system_id="x",
            password="y",
            window=window,
            rate=0.0,
            receipts=False,
        )
        route = Route(settings, on_receipt=inbox.receipt, on_reply=inbox.reply)
        counter = Counter()
        delivery = Delivery(
            store, [route], segments=lambda _, text: measure(text).parts, observer=counter
        )
        started, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        tasks = [
            asyncio.create_task(route.run(), name="route"),
            asyncio.create_task(delivery.run(), name="delivery"),
        ]
        await counter.all_accepted.wait()
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.gather(delivery.stop(), route.stop())
        await asyncio.gather(*tasks)
        await store.close()
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return {"wall": wall, "cpu": cpu}


def run(step: Any) -> list[dict[str, Any]]:
    rows = []
    with server("bench.sink") as told:
        for window in WINDOWS:
            runs = []
            for _ in range(RUNS):
                runs.append(measured("bench.outbox", told["port"], window))
                step()
            rows.append(row(f"textback, durable, window {window}", runs))
        runs = []
        for _ in range(RUNS):
            runs.append(measured("bench.clients", "smpplib", told["port"], MESSAGES))
            step()
        rows.append(row("smpplib's client, nothing kept, one at a time", runs))
    return rows


def row(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "client": name,
        "messages_per_s": round(MESSAGES / median(r["wall"] for r in runs)),
        "cpu_us_per_message": round(median(r["cpu"] for r in runs) / MESSAGES * 1e6),
    }


STEPS = (len(WINDOWS) + 1) * RUNS

if __name__ == "__main__":
    print(json.dumps(asyncio.run(drain(int(sys.argv[1]), int(sys.argv[2])))))

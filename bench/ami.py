"""AMI events a second, and CPU for 100,000 events: floor, ours and stock panoramisk, one stream."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

CALLS = 1600  #: 99,200 events, 43 MB
RUNS = 3


@contextmanager
def server(module: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """A bench server in a process of its own, stopped by closing its stdin."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def client(name: str, port: int, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.clients", name, str(port), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run(step: Any) -> list[dict[str, Any]]:
    """One row a client; `step()` is called after each run."""
    rows = []
    with server("bench.ami_server", str(CALLS)) as told:
        events = told["events"]
        for name in ("floor", "parser", "link", "panoramisk"):
            runs = []
            for _ in range(RUNS):
                runs.append(client(name, told["port"], str(CALLS)))
                step()
            cpu = median(r["cpu"] for r in runs)
            rows.append(
                {
                    "client": name,
                    "events_per_s": round(events / median(r["wall"] for r in runs)),
                    "cpu_s_per_100k": round(cpu / events * 100_000, 3),
                    "rss_mb": round(median(r["rss_mb"] for r in runs), 1),
                }
            )
    peer = next(r for r in rows if r["client"] == "panoramisk")
    for row in rows:
        row["cpu_vs_panoramisk"] = round(row["cpu_s_per_100k"] / peer["cpu_s_per_100k"], 3)
    return rows


STEPS = 4 * RUNS

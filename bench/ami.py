"""AMI events a second, and CPU for 100,000 events: floor, ours and stock panoramisk, one stream."""

from __future__ import annotations

from statistics import median
from typing import Any

from bench.processes import measured, server

CALLS = 1600  #: 99,200 events, 43 MB
RUNS = 3


def run(step: Any) -> list[dict[str, Any]]:
    """One row a client; `step()` is called after each run."""
    rows = []
    with server("bench.ami_server", str(CALLS)) as told:
        events = told["events"]
        for name in ("floor", "parser", "link", "panoramisk"):
            runs = []
            for _ in range(RUNS):
                runs.append(measured("bench.clients", name, told["port"], CALLS))
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

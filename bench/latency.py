"""From the deciding AMI event on the socket to submit_sm on the wire, durable commits included."""

from __future__ import annotations

import asyncio
import json
import random
from statistics import median
from typing import Any

from bench.processes import measured
from bench.rig import Rig, rig
from bench.sink import Sink

IDLE_CALLS = 300
BUSY_RATE = 50.0  #: calls a second
BUSY_CALLS = 1500


async def measure(one: Rig, calls: int, gap: float, *, random_gaps: bool) -> list[float]:
    """Milliseconds for each call; `gap` seconds between calls."""
    dice = random.Random(1)
    written: dict[str, float] = {}
    tasks: set[asyncio.Task[None]] = set()

    async def call() -> None:
        caller, trunk, phone = one.begin()
        await asyncio.sleep(0.2)  # the caller hears it ring
        await one.asked[trunk["Channel"]].wait()
        written[caller.removeprefix("+")] = one.busy(trunk, phone)

    for _ in range(calls):
        task = asyncio.create_task(call(), name="bench call")
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(dice.expovariate(1 / gap) if random_gaps else gap)
    await asyncio.gather(*tasks)
    assert Sink.stamps is not None
    async with asyncio.timeout(30):
        while not written.keys() <= Sink.stamps.keys():
            Sink.arrival.clear()
            await Sink.arrival.wait()
    return [(Sink.stamps[to] - at) * 1000 for to, at in written.items()]


async def main() -> dict[str, Any]:
    async with rig() as one:
        await measure(one, 20, 0.05, random_gaps=False)  # warm: compiled statements, caches
        idle = await measure(one, IDLE_CALLS, 0.05, random_gaps=False)
        busy = await measure(one, BUSY_CALLS, 1 / BUSY_RATE, random_gaps=True)
    return {"idle": idle, "busy": busy}


def row(name: str, values: list[float]) -> dict[str, Any]:
    values = sorted(values)
    return {
        "load": name,
        "texts": len(values),
        "p50_ms": round(median(values), 1),
        "p99_ms": round(values[int(len(values) * 0.99)], 1),
        "max_ms": round(values[-1], 1),
    }


def run(step: Any) -> list[dict[str, Any]]:
    result = measured("bench.latency")
    step()
    return [
        row("idle: one call at a time", result["idle"]),
        row(f"{BUSY_RATE:.0f} calls/s at random", result["busy"]),
    ]


STEPS = 1

if __name__ == "__main__":
    print(json.dumps(asyncio.run(main())))

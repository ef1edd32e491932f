"""Memory of the whole service: idle, and for each thousand calls that ring at the same time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bench.processes import measured
from bench.rig import rig

CALLS = 2000
#: Seconds after which the console has made its templates and languages (`console.ready`).
SETTLED = 3.0


async def main() -> dict[str, float]:
    async with rig() as one:
        await asyncio.sleep(SETTLED)
        idle = one.daemon.memory_info().rss
        for _ in range(CALLS):
            one.begin()
            if one.calls % 100 == 0:
                await asyncio.sleep(0.1)
        await one.asterisk.wait_for("Getvar", CALLS)
        await asyncio.sleep(3.0)
        live = one.daemon.memory_info().rss
    mb = 1024 * 1024
    return {"idle_mb": idle / mb, "mb_per_1000_calls": (live - idle) / mb * 1000 / CALLS}


def run(step: Any) -> list[dict[str, Any]]:
    result = measured("bench.memory")
    step()
    return [
        {"memory": "service idle", "rss_mb": round(result["idle_mb"], 1)},
        {"memory": "each 1,000 live calls", "rss_mb": round(result["mb_per_1000_calls"], 1)},
    ]


STEPS = 1

if __name__ == "__main__":
    print(json.dumps(asyncio.run(main())))

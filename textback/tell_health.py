"""How telling others stands, for /healthz and /metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from textback.console.health import PartHealth
from textback.store.store import Store
from textback.tell import Teller

#: What waits, by channel and target: how many events, and since how many seconds.
Untold = Mapping[tuple[str, str], tuple[int, float]]


async def untold(store: Store, teller: Teller) -> Untold:
    """What each target has still to be told; those without anything too. Raises StoreError."""
    now = datetime.now(UTC)
    waiting = {
        (one.channel, one.target): (one.queued, max(0.0, (now - one.oldest).total_seconds()))
        for one in await store.tellings_waiting()
    }
    return {**dict.fromkeys(teller.lanes, (0, 0.0)), **waiting}


def part(teller: Teller, waiting: Untold) -> PartHealth | None:
    """None: nobody is told. Texts do not hang on it, so it is never the reason for not being well;
    a target that fails for long raises an alarm, which is."""
    if not teller.lanes:
        return None
    detail: dict[str, Any] = {}
    for key, lane in teller.lanes.items():
        queued, age = waiting.get(key, (0, 0.0))
        detail[" ".join(key)] = {
            "queued": queued,
            "oldest_queued_age": round(age, 1),
            "failures": lane.failures,
            "says": lane.why,
        }
    failing = [" ".join(key) for key, lane in teller.lanes.items() if lane.failures]
    state = f"failing: {', '.join(failing)}" if failing else "telling"
    return PartHealth("tell", True, state, {"targets": detail})

"""The queue between the read path and the tracker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog.testing

from ami_listener.pump import Pump
from ami_listener.stream import Stream
from tests.fakes.asterisk import channel, event
from textback.model import (
    Call,
    CallKey,
    Direction,
    Moment,
    Outcome,
    Phase,
    Presentation,
)

NOW = Moment(datetime(2026, 11, 23, 12, tzinfo=UTC), 1000.0)


def fact(uniqueid: str, phase: Phase = Phase.STARTED, at: Moment = NOW) -> Call:
    return Call(
        key=CallKey(pbx="pbx", boot="", uniqueid=uniqueid),
        phase=phase,
        at=at,
        direction=Direction.INBOUND,
        linkedid=uniqueid,
        channel="PJSIP/trunk-1",
        context="from-trunk",
        caller="+12125550123",
        caller_name="",
        caller_final="+12125550123",
        did="+12125550100",
        presentation=Presentation.UNKNOWN,
        started=NOW,
        ringing=None,
        answered=None,
        outcome=Outcome.IVR_ABANDONED,
        waited=0.0,
        may_become=frozenset(),
    )


class ScriptedTracker:
    """One STARTED for each Newchannel; a ring timer when told; a bug when told."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.log: list[str] = []
        self.due: float | None = None
        self.fails_on = ""

    def feed(self, item: Any, now: Moment, *, timers: bool = True) -> list[Call]:
        uniqueid = item.chan.uniqueid
        if uniqueid == self.fails_on:
            raise LookupError("a bug of ours")
        self.log.append(f"feed {uniqueid}")
        return [fact(uniqueid, at=now)]

    def expire(self, now: Moment) -> list[Call]:
        self.log.append(f"expire {now.steady:g}")
        self.due = None
        return [fact("timer", Phase.RING_TIMEOUT, now)]

    def next_deadline(self) -> float | None:
        return self.due

    def link_lost(self, now: Moment) -> None:
        self.log.append("lost")

    def resync(self, rows: Sequence[Any], now: Moment) -> list[Call]:
        self.log.append(f"resync {len(rows)}")
        return []


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Moment:
        return self.now


class Bench:
    """A pump on a scripted tracker; `calls` is what came out."""

    def __init__(self, size: int = 100, on_call: Callable[[Call], None] | None = None) -> None:
        self.tracker = ScriptedTracker()
        self.calls: list[Call] = []
        self.resyncs = 0
        self.clock = Clock()
        self.pump = Pump(
            Stream(lambda boot: self.tracker),  # type: ignore[arg-type,return-value]
            pbx="pbx",
            size=size,
            clock=self.clock,
            on_call=on_call or self.calls.append,
            on_overflow=self.overflowed,
        )

    def overflowed(self) -> None:
        self.resyncs += 1

    def birth(self, uniqueid: str) -> None:
        self.pump.put(event("Newchannel", channel(uniqueid)).removesuffix("\r\n\r\n").encode())

    @asynccontextmanager
    async def running(self):  # type: ignore[no-untyped-def]
        task = asyncio.create_task(self.pump.run(), name="pump under test")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_messages_come_out_in_order_each_with_its_moment_of_arrival() -> None:
    bench = Bench()
    bench.birth("1.1")
    bench.clock.now = NOW.plus(3.0)
    bench.birth("1.2")
    bench.clock.now = NOW.plus(9.0)  # handled only later
    async with bench.running():
        await bench.pump.reached()
    assert [(c.key.uniqueid, c.at.steady) for c in bench.calls] == [
        ("1.1", 1000.0),
        ("1.2", 1003.0),
    ]
    assert bench.pump.last_event == NOW.plus(3.0)


async def test_a_callback_that_raises_costs_its_own_fact_only() -> None:
    """With panoramisk 1.4 it closed the connection and lost the rest of the chunk."""
    seen: list[str] = []

    def on_call(call: Call) -> None:
        if call.key.uniqueid == "1.2":
            raise RuntimeError("a bug in whoever listens")
        seen.append(call.key.uniqueid)

    bench = Bench(on_call=on_call)
    for uniqueid in ("1.1", "1.2", "1.3"):
        bench.birth(uniqueid)
    with structlog.testing.capture_logs() as logs:
        async with bench.running():
            await bench.pump.reached()
    assert seen == ["1.1", "1.3"]
    assert bench.pump.call_errors == 1
    assert [entry["event"] for entry in logs] == ["ami_call_handler_failed"]


async def test_a_message_the_tracker_cannot_take_makes_a_gap_and_asks_for_a_resync() -> None:
    bench = Bench()
    bench.tracker.fails_on = "1.2"
    for uniqueid in ("1.1", "1.2", "1.3"):
        bench.birth(uniqueid)
    with structlog.testing.capture_logs() as logs:
        async with bench.running():
            await bench.pump.reached()
    assert bench.tracker.log == ["feed 1.1", "lost", "feed 1.3"]
    assert (bench.pump.feed_errors, bench.resyncs) == (1, 1)
    assert logs[0]["event"] == "ami_feed_failed"


async def test_a_full_queue_drops_counts_tells_of_the_gap_and_then_goes_on() -> None:
    bench = Bench(size=3)
    for number in range(10):
        bench.birth(f"1.{number}")
    assert len(bench.pump) == 4  # three messages and the note of the gap
    with structlog.testing.capture_logs() as logs:
        async with bench.running():
            await bench.pump.reached()
            bench.birth("2.1")
            await bench.pump.reached()
    assert bench.tracker.log == ["feed 1.0", "feed 1.1", "feed 1.2", "lost", "feed 2.1"]
    assert (bench.pump.dropped, bench.pump.overflows, bench.resyncs) == (7, 1, 1)
    assert logs[0]["event"] == "ami_queue_overflow"


async def test_a_control_is_never_dropped_by_a_full_queue() -> None:
    bench = Bench(size=1)
    bench.birth("1.1")
    bench.birth("1.2")
    asked: list[float] = []
    bench.pump.call(lambda now: asked.append(now.steady) or [])
    async with bench.running():
        await bench.pump.reached()
    assert asked == [1000.0]


async def test_a_ring_timer_fires_between_two_late_messages_at_its_own_moment() -> None:
    """The queue was slow: the timer was due before the second message arrived."""
    bench = Bench()
    bench.birth("1.1")
    bench.tracker.due = 1015.0
    bench.clock.now = NOW.plus(16.0)
    bench.birth("1.2")
    async with bench.running():
        await bench.pump.reached()
    assert bench.tracker.log == ["feed 1.1", "expire 1015", "feed 1.2"]
    timeout = next(c for c in bench.calls if c.phase is Phase.RING_TIMEOUT)
    assert timeout.at == NOW.plus(15.0)


async def test_a_ring_timer_fires_without_any_message() -> None:
    fired = asyncio.Event()
    bench = Bench(on_call=lambda call: fired.set())
    bench.clock.now = Moment.now()
    bench.pump._clock = Moment.now
    bench.tracker.due = Moment.now().steady + 0.02
    bench.pump.call(lambda now: bench.pump._stream.identify("", now))
    async with bench.running():
        await fired.wait()
    assert len(bench.tracker.log) == 1


async def test_a_flood_leaves_the_event_loop_its_turn() -> None:
    bench = Bench(size=5000)
    for number in range(2000):
        bench.birth(f"1.{number}")
    turns = 0
    async with bench.running():
        while len(bench.pump):
            turns += 1
            await asyncio.sleep(0)
    assert turns >= 5
    assert bench.pump.longest == 2000


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Bench(size=0)

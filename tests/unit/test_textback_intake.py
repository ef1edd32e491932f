"""Intake against a real store: what is written, when, and what is not lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.fakes.store import CALLER, NUMBER, at, call, late
from textback import intake as module
from textback.config import Config
from textback.intake import Intake
from textback.model import (
    Call,
    Direction,
    Moment,
    OutboxRow,
    OutboxState,
    Outcome,
    Phase,
    Reason,
    Source,
)
from textback.observer import Observer
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.outage import Outage
from textback.store.rows import CallFact, Judged
from textback.store.store import Store

LATER = Moment(at(21), 1021.0)


def config(mode: str = "live", **number: Any) -> Config:
    return Config.model_validate(
        {
            "mode": mode,
            "business": {"name": "Acme Dental"},
            "pbx": [{"secret": "x"}],
            "smsc": [{"host": "127.0.0.1", "system_id": "acme", "password": "x"}],
            "number": [{"did": NUMBER, "label": "Main line", **number}],
        }
    )


class Watcher(Observer):
    """Lets a test wait for facts to be on the disk."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.verdicts: list[Reason] = []
        self._changed = asyncio.Event()

    def call(self, call: Call) -> None:
        self.calls.append(call)
        self._changed.set()

    def verdict(self, reason: Reason) -> None:
        self.verdicts.append(reason)

    async def saw(self, count: int) -> None:
        while len(self.calls) < count:
            self._changed.clear()
            await self._changed.wait()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


Running = Callable[..., Any]


@pytest.fixture
def running(store: Store, watcher: Watcher) -> Running:
    @asynccontextmanager
    async def run(rules: Config | None = None, **options: Any) -> AsyncIterator[Intake]:
        found = rules or config()
        options = {"clock": lambda: LATER} | options
        intake = Intake(store, lambda: found, observer=watcher, **options)
        task = asyncio.create_task(intake.run(), name="intake")
        try:
            yield intake
            await intake.stop()
            await task
        finally:
            task.cancel()
            await asyncio.wait([task])

    return run


async def test_a_missed_call_becomes_a_text_and_delivery_is_told(
    store: Store, running: Running, watcher: Watcher
) -> None:
    told: list[tuple[OutboxRow, Call]] = []
    async with running(on_queued=lambda row, call: told.append((row, call))) as intake:
        intake.put(call())
        await watcher.saw(1)
    (story,) = await store.calls()
    assert (story.verdict, story.caller, story.did) == ("send", CALLER, NUMBER)
    assert story.number_label == "Main line"
    assert told == [(story.outbox, call())]
    assert watcher.verdicts == [Reason.SEND]


async def test_an_internal_call_is_kept_with_its_reason(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running() as intake:
        intake.put(call(direction=Direction.INTERNAL, caller="101", did="102"))
        await watcher.saw(1)
    (story,) = await store.calls()
    assert (story.verdict, story.reason) == ("skip", "internal")


async def test_the_text_at_ring_timeout_is_cancelled_by_an_answer(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running() as intake:
        may = frozenset({Outcome.NO_ANSWER, Outcome.ANSWERED})
        intake.put(call(phase=Phase.RING_TIMEOUT, may_become=may))
        await watcher.saw(1)
        assert (await store.counts())[OutboxState.QUEUED] == 1
        intake.put(call(phase=Phase.ANSWERED, answered=LATER, outcome=Outcome.ANSWERED))
        await watcher.saw(2)
        intake.put(call(answered=LATER, outcome=Outcome.ANSWERED))
    (story,) = await store.calls()
    assert story.outbox is not None
    assert story.outbox.state is OutboxState.CANCELLED
    assert story.outcome is Outcome.ANSWERED
    assert watcher.verdicts == [Reason.SEND]


async def test_a_second_call_within_the_cooldown_is_skipped(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running() as intake:
        for n in range(3):
            intake.put(call(f"1.{n}"))
        await watcher.saw(3)
    assert watcher.verdicts == [Reason.SEND, Reason.COOLDOWN, Reason.COOLDOWN]


async def test_calling_back_cancels_what_is_queued(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running() as intake:
        intake.put(call())
        intake.put(
            call(
                "1.9",
                direction=Direction.OUTBOUND,
                caller="101",
                did="2125550123",
                answered=LATER,
                outcome=Outcome.ANSWERED,
            )
        )
        await watcher.saw(2)
    assert (await store.counts())[OutboxState.CANCELLED] == 1


async def test_shadow_mode_writes_the_text_and_does_not_queue_it(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running(config("shadow")) as intake:
        intake.put(call())
        intake.put(call("1.9"))
        await watcher.saw(2)
    assert (await store.counts())[OutboxState.SHADOW] == 1
    assert watcher.verdicts == [Reason.SEND, Reason.COOLDOWN]


async def test_a_number_in_shadow_keeps_its_cooldown_while_the_others_are_live(
    store: Store, running: Running, watcher: Watcher
) -> None:
    plain = config()
    quiet = tuple(n.model_copy(update={"mode": "shadow"}) for n in plain.number)
    async with running(plain.model_copy(update={"number": quiet})) as intake:
        intake.put(call())
        intake.put(call("1.9"))
        await watcher.saw(2)
    assert (await store.counts())[OutboxState.SHADOW] == 1
    assert watcher.verdicts == [Reason.SEND, Reason.COOLDOWN]


async def test_a_living_call_is_to_be_seen_soon(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.GATHER <= 1.0
    monkeypatch.setattr(module, "GATHER", 0.0)
    async with running() as intake:
        intake.put(call(phase=Phase.RINGING))
        await watcher.saw(1)
        (story,) = await store.calls(living=True)
    assert story.verdict == "pending"


async def test_facts_that_decide_nothing_are_overtaken_by_the_next_of_their_call(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running() as intake:
        intake.put(call(phase=Phase.STARTED))
        intake.put(call("1.9", phase=Phase.STARTED))
        intake.put(call(phase=Phase.RINGING))
        intake.put(call())
        await watcher.saw(2)
    told = [(c.key.uniqueid, c.phase) for c in watcher.calls]
    assert told == [("1.9", Phase.STARTED), ("1700000000.1", Phase.ENDED)]


async def test_facts_that_pile_up_share_a_transaction(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    record = store.record_calls

    async def counting(facts: list[CallFact], now: Any) -> list[Judged]:
        sizes.append(len(facts))
        return await record(facts, now)

    monkeypatch.setattr(store, "record_calls", counting)
    async with running() as intake:
        for n in range(100):
            intake.put(call(f"1.{n}"))
        await watcher.saw(100)
    assert sizes == [64, 36]
    assert [c.key.uniqueid for c in watcher.calls] == [f"1.{n}" for n in range(100)]


async def test_stopping_puts_everything_on_the_disk(store: Store, running: Running) -> None:
    async with running() as intake:
        for n in range(10):
            intake.put(call(f"1.{n}", phase=Phase.RINGING))
    assert len(await store.calls(living=True)) == 10


# --- a store that fails -----------------------------------------------------------------------


async def test_an_outage_is_said_once_and_no_fact_is_lost(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, left = store.record_calls, [4]
    monkeypatch.setattr(Outage, "FIRST", 0.0)

    async def failing(facts: list[CallFact], now: Any) -> list[Judged]:
        if left[0]:
            left[0] -= 1
            raise StoreUnavailableError("disk full")
        return await record(facts, now)

    monkeypatch.setattr(store, "record_calls", failing)
    kicked: list[bool] = []
    with capture_logs() as logs:
        async with running(kick=lambda: kicked.append(True)) as intake:
            intake.put(call())
            intake.put(call("1.9", caller="+12125550124"))
            await watcher.saw(2)
    assert watcher.verdicts == [Reason.SEND, Reason.SEND]
    events = [entry["event"] for entry in logs if entry["event"].startswith("store_")]
    assert events == ["store_failed", "store_works_again"]
    # A commit that failed may have been made all the same: delivery is to look.
    assert kicked == [True]


async def test_a_fact_that_cannot_be_stored_does_not_stop_the_others(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = store.record_calls

    async def picky(facts: list[CallFact], now: Any) -> list[Judged]:
        if any(f.call.key.uniqueid == "1.1" for f in facts):
            raise StoreError("this one not")
        return await record(facts, now)

    monkeypatch.setattr(store, "record_calls", picky)
    with capture_logs() as logs:
        async with running() as intake:
            for n in range(3):
                intake.put(call(f"1.{n}"))
            await watcher.saw(2)
    assert [c.key.uniqueid for c in watcher.calls] == ["1.0", "1.2"]
    assert [e["call"] for e in logs if e["event"] == "fact_not_stored"] == ["pbx:1.1"]
    assert intake.dropped == 1


async def test_memory_is_bounded_and_what_decides_nothing_goes_first(store: Store) -> None:
    intake = Intake(store, config, limit=3)
    with capture_logs() as logs:
        intake.put(call("1.1"))
        intake.put(call("1.2", phase=Phase.RINGING))
        for n in (3, 4, 5):
            intake.put(call(f"1.{n}"))
    assert (intake.waiting, intake.dropped) == (3, 2)
    assert [e["event"] for e in logs] == ["facts_dropped"]
    task = asyncio.create_task(intake.run(), name="intake")
    await asyncio.sleep(0)
    await intake.stop()
    await task
    kept = sorted(story.key.uniqueid for story in await store.calls())
    assert kept == ["1.3", "1.4", "1.5"]


# --- the dialplan, delays, and calls learnt late ----------------------------------------------


async def test_the_dialplans_handled_takes_back_the_text_that_waits(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running(config(delay="5m")) as intake:
        may = frozenset({Outcome.NO_ANSWER, Outcome.ANSWERED})
        intake.put(call(phase=Phase.RING_TIMEOUT, may_become=may))
        await watcher.saw(1)
        intake.put(call(phase=Phase.HINTED, handled="agi", may_become=may))
        await watcher.saw(2)
    (story,) = await store.calls()
    assert story.outbox is not None
    assert story.outbox.state is OutboxState.CANCELLED
    assert story.outbox.due > story.outbox.created


async def test_a_call_the_dialplan_calls_missed_is_texted_at_once(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running() as intake:
        may = frozenset({Outcome.NO_ANSWER, Outcome.ANSWERED})
        told = call(phase=Phase.HINTED, told_missed="agi", told_at=LATER, may_become=may)
        intake.put(told)
        await watcher.saw(1)
        assert watcher.verdicts == [Reason.SEND]


async def test_a_late_call_is_told_once(store: Store, running: Running, watcher: Watcher) -> None:
    told: list[OutboxRow] = []
    with capture_logs() as logs:
        async with running(on_queued=lambda row, call: told.append(row)) as intake:
            intake.put(late())
            await watcher.saw(1)
            intake.put(late(source=Source.CDR))
    assert watcher.verdicts == [Reason.SEND]
    assert len(watcher.calls) == len(told) == 1
    ends = [e["source"] for e in logs if e["event"] == "call_ended"]
    assert ends == ["cel"]
    assert [e["source"] for e in logs if e["event"] == "call_known_already"] == ["cdr"]


async def test_delivery_is_not_told_of_a_late_text_that_was_cancelled_at_birth(
    store: Store, running: Running, watcher: Watcher
) -> None:
    told: list[OutboxRow] = []
    spoke = Moment(at(300), 1300.0)
    async with running(on_queued=lambda row, call: told.append(row)) as intake:
        intake.put(call("1.9", started=spoke, answered=spoke, outcome=Outcome.ANSWERED))
        await watcher.saw(1)
        intake.put(late())
        await watcher.saw(2)
    assert told == []
    assert (await store.counts())[OutboxState.CANCELLED] == 1


async def test_a_late_outgoing_call_takes_back_the_text_to_whom_it_reached(
    store: Store, running: Running, watcher: Watcher
) -> None:
    async with running(config(delay="10m")) as intake:
        intake.put(call())
        await watcher.saw(1)
        back = late(
            "1.9",
            direction=Direction.OUTBOUND,
            caller="101",
            did="2125550123",
            answered=LATER,
            outcome=Outcome.ANSWERED,
        )
        intake.put(back)
        await watcher.saw(2)
    assert (await store.counts())[OutboxState.CANCELLED] == 1

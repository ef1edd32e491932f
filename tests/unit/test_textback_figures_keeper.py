"""The task that keeps the figures: it goes on through failures, and asks for advice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from tests.fakes.store import NOW, NUMBER, Moment, call, fact
from tests.unit.console_rig import CONFIG, config_of
from textback import figures_keeper
from textback.figures_keeper import AGAIN, ROUND, FiguresKeeper
from textback.figures_time import day_of
from textback.model import Outcome, Reason, Skip
from textback.store import figures_read
from textback.store.errors import StoreUnavailableError
from textback.store.store import Store

ZONE = ZoneInfo("America/New_York")


class Sleeper:
    """Sleeps for no time; ends the task when it has gone round so many times."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        if seconds not in (ROUND, AGAIN):
            return
        self.slept.append(seconds)
        if len(self.slept) == self.rounds:
            raise asyncio.CancelledError


def keeper(store: Store, sleeper: Sleeper) -> FiguresKeeper:
    config = config_of()
    return FiguresKeeper(store, lambda: config, now=lambda: NOW, sleep=sleeper)


async def test_a_store_that_fails_is_told_of_once_and_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.judge(fact(), NOW)
    sleeper = Sleeper(4)
    one = keeper(store, sleeper)
    look, tries = store.figures_look, list[int]()

    async def failing(day: int, zone: ZoneInfo, most: int) -> object:
        tries.append(day)
        if len(tries) <= 2:
            raise StoreUnavailableError("disk full")
        return await look(day, zone, most)

    monkeypatch.setattr(store, "figures_look", failing)
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await one.run()
    assert sleeper.slept == [AGAIN, AGAIN, ROUND, ROUND]
    failed = [entry for entry in logs if entry["event"] == "figures_failed"]
    assert [entry["error"] for entry in failed] == ["disk full"]
    day = day_of(NOW, ZONE)
    found = await store.read(lambda db: figures_read.sums(db, NUMBER, day, day))
    assert found["calls"] == 1


async def test_a_mistake_in_the_counting_is_told_of_and_ends_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.judge(fact(), NOW)
    sleeper = Sleeper(3)
    one = keeper(store, sleeper)
    look, tries = store.figures_look, list[int]()

    async def wrong(day: int, zone: ZoneInfo, most: int) -> object:
        tries.append(day)
        if len(tries) == 1:
            raise OverflowError("date value out of range")
        return await look(day, zone, most)

    monkeypatch.setattr(store, "figures_look", wrong)
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await one.run()
    assert sleeper.slept == [AGAIN, ROUND, ROUND]
    (failed,) = [entry for entry in logs if entry["event"] == "figures_failed"]
    assert failed["error"] == "date value out of range"
    assert isinstance(failed["exc_info"], OverflowError)


async def test_advice_is_asked_for_when_its_time_has_come(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_keeper, "ADVICE_FIRST", 0.0)
    for n in range(60):
        start = Moment(NOW - timedelta(hours=n), 1000.0)
        made = call(
            f"1700000000.{n}",
            started=start,
            ringing=start,
            outcome=Outcome.ANSWERED,
            answered=start.plus(40),
            waited=40.0,
            at=start.plus(60),
        )
        await store.judge(replace(fact(made, Skip(reason=Reason.ANSWERED, gates=()))), NOW)
    one = keeper(store, Sleeper(2))
    assert one.advised is None
    with pytest.raises(asyncio.CancelledError):
        await one.run()
    assert one.advised is not None
    assert one.advised.at == NOW
    assert [advice.number for advice in one.advised.advice if advice.serious] == [NUMBER]


async def test_writes_grow_and_shrink_with_what_they_take(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(float(n) for n in range(10_000))
    monkeypatch.setattr(figures_keeper.time, "monotonic", lambda: next(clock))
    await store.judge(fact(), NOW)
    one = keeper(store, Sleeper(1))
    before = one._rows
    await one.turn()
    assert one._rows < before, "each write took a second"


async def test_a_store_without_a_call_is_complete_at_once(store: Store) -> None:
    config = config_of(CONFIG)
    one = FiguresKeeper(store, lambda: config, now=lambda: NOW, sleep=Sleeper(9))
    await one.turn()
    state = await store.figures_filling()
    assert state is not None
    assert (state.complete, state.share, state.zone) == (True, 1.0, "America/New_York")

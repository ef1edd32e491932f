"""Cases past their due time are told of as it comes, and what of cases is counted for /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.fakes.store import NOW, EveryMiss, at
from tests.unit.test_textback_store_cases import called_back, missed
from textback.config import Config
from textback.intake import Intake
from textback.metrics_cases import CaseMetrics
from textback.model import CallbackCase, CaseStage, Moment
from textback.overdue import Overdue
from textback.store.errors import StoreUnavailableError
from textback.store.rows import CaseChange
from textback.store.store import Store


class Watched(Store):
    """A store of which a test hears what was told, and when somebody sleeps until a due time."""

    failures = 0

    async def tell_overdue_cases(self, now: datetime) -> list[CallbackCase]:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("the disk is full")
        found = await super().tell_overdue_cases(now)
        for case in found:
            self.told.put_nowait(case.id)
        return found

    async def next_case_due(self) -> datetime | None:
        found = await super().next_case_due()
        self.asleep.put_nowait(found)
        return found

    told: asyncio.Queue[int]
    asleep: asyncio.Queue[datetime | None]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Watched]:
    opened = await Watched.open(tmp_path / "textback.db")
    opened.told, opened.asleep = asyncio.Queue(), asyncio.Queue()
    yield opened
    await opened.close()


class Clock:
    """Real time, from a moment of the test's choice on."""

    def __init__(self, start: datetime) -> None:
        self.begun, self.start = Moment.now(), start

    def __call__(self) -> Moment:
        now = Moment.now()
        return Moment(self.start + (now.utc - self.begun.utc), now.steady)


@pytest.fixture
async def clock() -> Clock:
    return Clock(at(100))


@pytest.fixture
async def overdue(store: Watched, clock: Clock) -> AsyncIterator[Overdue]:
    made = Overdue(store, clock=clock)
    task = asyncio.create_task(made.run(), name="overdue")
    yield made
    task.cancel()
    await asyncio.wait([task])


async def test_it_sleeps_until_a_case_is_due_and_tells_of_it_then(
    store: Watched, overdue: Overdue
) -> None:
    async with asyncio.timeout(10):
        assert await store.asleep.get() is None
        within = timedelta(seconds=100.2)
        await store.judge(replace(missed("1.1", 0), cases=EveryMiss(within)), at(20))
        overdue.look()
        assert await store.asleep.get() == NOW + within
        assert await store.told.get() == 1
        assert await store.asleep.get() is None


async def test_what_was_overdue_at_the_start_is_told_of_at_once(store: Watched) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(missed("1.2", 0, number="+12125550101"), at(20))
    task = asyncio.create_task(
        Overdue(store, clock=Clock(NOW + timedelta(hours=3))).run(), name="overdue"
    )
    async with asyncio.timeout(10):
        assert {await store.told.get(), await store.told.get()} == {1, 2}
        assert await store.asleep.get() is None
    task.cancel()
    await asyncio.wait([task])


async def test_a_store_that_fails_is_waited_out(store: Watched, clock: Clock) -> None:
    store.failures = 1
    await store.judge(missed("1.1", -9000), at(-8980))
    task = asyncio.create_task(Overdue(store, clock=clock).run(), name="overdue")
    async with asyncio.timeout(10):
        assert await store.told.get() == 1
    task.cancel()
    await asyncio.wait([task])


# --- what is counted ------------------------------------------------------------------------------


def exposed(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#") and "_created" not in line]


def test_openings_and_recoveries_are_counted_and_how_long_they_took() -> None:
    registry = CollectorRegistry()
    metrics = CaseMetrics(registry)
    metrics.changed(
        [
            CaseChange(1, CaseStage.MISSED, opened=True),
            CaseChange(1, CaseStage.CALLED_BACK, took=600.0, texted=True),
            CaseChange(2, CaseStage.DISMISSED),
        ]
    )
    metrics.stock({CaseStage.MISSED: 3, CaseStage.TEXTED: 0, CaseStage.REPLIED: 1}, 2)
    lines = exposed(registry)
    assert 'textback_cases_recovered_total{stage="called_back",texted="yes"} 1.0' in lines
    assert [line for line in lines if "recovered_total" in line] == [
        'textback_cases_recovered_total{stage="called_back",texted="yes"} 1.0'
    ]
    assert 'textback_recovery_seconds_bucket{le="300.0",texted="yes"} 0.0' in lines
    assert 'textback_recovery_seconds_bucket{le="900.0",texted="yes"} 1.0' in lines
    assert "textback_cases_opened_total 1.0" in lines
    assert 'textback_cases{stage="missed"} 3.0' in lines
    assert "textback_cases_overdue 2.0" in lines


async def test_intake_tells_of_the_cases_its_calls_open_and_close(store: Watched) -> None:
    heard: list[CaseChange] = []
    config = Config.model_validate(
        {
            "business": {"name": "Acme Dental"},
            "pbx": [{"secret": "x"}],
            "number": [{"did": "+12125550100", "callback_within": "2h", "owner": "101"}],
        }
    )
    intake = Intake(store, lambda: config, on_cases=heard.extend)
    task = asyncio.create_task(intake.run(), name="intake")
    intake.put(missed("1.1", 0).call)
    intake.put(called_back("1.2", 600).call)
    await intake.stop()
    await task
    assert [(change.opened, change.stage) for change in heard] == [
        (True, CaseStage.MISSED),
        (False, CaseStage.CALLED_BACK),
    ]
    assert heard[0].due == NOW + timedelta(hours=2)
    case = await store.case(1)
    assert (case.owner, case.closed_by) == ("101", "PJSIP/102")

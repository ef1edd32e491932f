"""Retention: how long what is kept, when a purge is due, and the task that does it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, insert, select, update

from tests.fakes.person import put_everywhere
from tests.fakes.store import NOW
from tests.unit.configs import BASE, errors
from textback.config import Config
from textback.config_load import loads
from textback.keeping import KINDS, cutoffs, is_due, kept_for, last_turn
from textback.keeping_run import AIM, LEAST, MOST, Keeper, count, purge, resized
from textback.store import retention
from textback.store.errors import StoreUnavailableError
from textback.store.holdings import HOLDINGS
from textback.store.schema import metadata
from textback.store.store import Store
from textback.store.tables import calls, operator_log, outbox
from textback.store.tables_figures import figures_days, figures_delays, figures_hours
from textback.store.tables_people import cases, opt_outs
from textback.store.tables_tell import events

DAY = 86_400.0
OLD = NOW - timedelta(days=4_000)


def config(text: str = "") -> Config:
    return loads(BASE + text)


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0)


async def fill(store: Store, at: datetime = OLD) -> None:
    """One person in every table, all from `at`, and done with."""

    def work(db: Connection) -> None:
        put_everywhere(db, "+12125550123", "Anna", "a text of hers", at)
        db.execute(update(calls).values(ended_at=at))
        db.execute(update(cases).values(closed_at=at))
        db.execute(update(events).values(fanned_out=True))
        db.execute(update(opt_outs).values(lifted_at=at))
        for table in (figures_hours, figures_days, figures_delays):
            db.execute(update(table).values(day=at.toordinal()))

    await store._db.write(work)


async def rows(store: Store) -> dict[str, int]:
    def work(db: Connection) -> dict[str, int]:
        return {
            t.name: db.execute(select(func.count()).select_from(t)).scalar_one()
            for t in metadata.sorted_tables
        }

    return await store.read(work)


# --- how long ------------------------------------------------------------------------------------


def test_every_kind_of_data_has_a_key_and_rules_for_its_rows() -> None:
    assert set(KINDS) == set(retention.KINDS)
    assert all(kept_for(config(), kind) > 0 for kind in KINDS)
    told = {h.keep for h in HOLDINGS if not h.keep.startswith(("with ", "never"))}
    assert told == set(KINDS)


def test_every_table_that_is_kept_by_itself_is_purged_by_its_kind() -> None:
    purged = {one.table.name for kinds in retention.KINDS.values() for one in kinds}
    for holding in HOLDINGS:
        if holding.keep in KINDS:
            assert holding.name in purged or holding.via, holding.name


def test_years_are_long_ones_and_zero_is_for_ever() -> None:
    found = config('[retention]\ncalls = "3y"\ntexts = 0\n')
    assert kept_for(found, "calls") == 3 * 366 * DAY
    assert "texts" not in cutoffs(found, NOW)
    assert cutoffs(found, NOW)["calls"] == NOW - timedelta(days=3 * 366)


def test_texts_are_kept_as_long_as_a_gate_looks_at_them() -> None:
    found = loads(BASE + 'cooldown = "30d"\nonce_per = "365d"\n[retention]\ntexts = "1d"\n')
    assert kept_for(found, "texts") == 366 * DAY
    found = loads(BASE + '[limits]\nauto_window = "30d"\n[retention]\ntexts = "1d"\n')
    assert kept_for(found, "texts") == 31 * DAY


def test_a_mistake_in_retention_is_said_clearly() -> None:
    assert "at least 4y" in errors(BASE + '[retention]\nconsents = "1y"\n')[0]
    assert 'as in "03:30"' in errors(BASE + '[retention]\nat = "25:00"\n')[0]
    assert "duration" in errors(BASE + '[retention]\ncalls = "long"\n')[0]


# --- when ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "turn"),
    [
        ("2026-11-23T14:00", "2026-11-23T08:30"),  # 03:30 in New York
        ("2026-11-23T08:29", "2026-11-22T08:30"),
        ("2026-07-01T07:30", "2026-07-01T07:30"),  # daylight saving
    ],
)
def test_the_turn_is_at_its_hour_of_the_business(now: str, turn: str) -> None:
    found = last_turn(config(), datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(turn).replace(tzinfo=UTC)


def test_a_purge_is_due_when_none_ended_since_its_hour() -> None:
    turn = last_turn(config(), NOW)
    assert is_due(config(), NOW, None)
    assert is_due(config(), NOW, turn - timedelta(seconds=1))
    assert not is_due(config(), NOW, turn)
    assert is_due(config(), NOW, NOW + timedelta(days=300)), "the clock was set back"


# --- what ----------------------------------------------------------------------------------------


async def test_a_purge_leaves_no_row_that_is_too_old_but_contacts(store: Store) -> None:
    await fill(store)
    done = await purge(store, config(), NOW, sleep=no_sleep)
    staff = {"users", "sessions", "tokens", "login_tries", "config_changes", "figures_marks"}
    assert {name for name, n in (await rows(store)).items() if n} == {"contacts", "meta"} | staff
    assert done["calls"] == done["outbox"] == done["consents"] == 1


async def test_a_purge_takes_nothing_that_is_young_enough(store: Store) -> None:
    await fill(store, NOW - timedelta(days=5))
    before = await rows(store)
    assert await purge(store, config(), NOW, sleep=no_sleep) == {}
    assert await rows(store) == before | {"meta": before["meta"] + 2}


async def test_what_is_still_somebodys_business_stays_however_old(store: Store) -> None:
    await fill(store)

    def open_again(db: Connection) -> None:
        db.execute(update(outbox).values(state="held"))
        db.execute(update(cases).values(closed_at=None))
        db.execute(update(events).values(fanned_out=False))
        db.execute(update(opt_outs).values(lifted_at=None))

    await store._db.write(open_again)
    await purge(store, config(), NOW, sleep=no_sleep)
    left = await rows(store)
    assert all(left[name] == 1 for name in ("outbox", "cases", "events", "opt_outs"))
    assert left["calls"] == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_goes_by_its_own_key_alone(store: Store, kind: str) -> None:
    await fill(store)
    every = "\n".join(f"{k} = 0" for k in KINDS if k != kind)
    before = await rows(store)
    await purge(store, config(f"[retention]\n{every}\n"), NOW, sleep=no_sleep)
    gone = {name for name, n in (await rows(store)).items() if n < before[name]}
    names = {h.name: h.keep for h in HOLDINGS}
    for name in gone - {"receipts", "receipt_forms", "opt_outs"}:
        keep = names[name]
        while keep.startswith("with "):
            parent = keep.removeprefix("with ")
            keep = parent if parent in KINDS else names[parent]
        assert keep == kind, name
    assert gone


async def test_a_dry_run_counts_and_deletes_nothing(store: Store) -> None:
    await fill(store)
    before = await rows(store)
    found = await count(store, config(), NOW)
    assert found["calls"] == found["replies"] == found["operator_log"] == 1
    assert await rows(store) == before


async def test_nothing_is_left_that_points_at_a_row_that_went(store: Store) -> None:
    await fill(store)
    every = "\n".join(f"{k} = 0" for k in KINDS if k not in {"replies", "cases"})
    await purge(store, config(f"[retention]\n{every}\n"), NOW, sleep=no_sleep)

    def work(db: Connection) -> list[Any]:
        return [
            db.execute(select(outbox.c.thread_id)).scalar_one(),
            db.execute(select(calls.c.case_id)).scalar_one(),
            db.execute(select(operator_log.c.case_id)).scalar_one(),
        ]

    assert await store.read(work) == [None, None, None]


async def test_a_batch_takes_no_more_than_it_may(store: Store) -> None:
    def work(db: Connection) -> None:
        some = [
            {"at": OLD, "by": "kim", "verb": "hold", "row_id": None, "detail": str(n)}
            for n in range(25)
        ]
        db.execute(insert(operator_log), some)

    await store._db.write(work)
    first = await store.purge_batch("operator_log", NOW, 10)
    assert (first.rows, first.more) == ({"operator_log": 10}, True)
    await store.purge_batch("operator_log", NOW, 10)
    last = await store.purge_batch("operator_log", NOW, 10)
    assert (last.rows, last.more) == ({"operator_log": 5}, False)


def test_batches_follow_what_they_take() -> None:
    assert resized(100, AIM * 2) == 50
    assert resized(100, AIM / 10) == 200
    assert resized(100, AIM * 0.9) == 100
    assert resized(LEAST, 9.0) == LEAST
    assert resized(MOST, 0.0) == MOST


async def test_old_rows_are_found_by_an_index(store: Store) -> None:
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cur: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith(("EXPLAIN", "BEGIN")):
            statements.append((statement, parameters))

    def work(db: Connection) -> list[str]:
        event.listen(db.engine, "before_cursor_execute", note)
        for kind in KINDS:
            retention.purge_batch(db, kind, NOW, 10)
        event.remove(db.engine, "before_cursor_execute", note)
        found: list[str] = []
        for statement, parameters in statements:
            plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found += [f"{row[3]} <- {statement}" for row in plan]
        return found

    await fill(store)
    plans = await store._db.write(work)
    scans = [
        p
        for p in plans
        if p.startswith("SCAN")
        and not p.startswith(("SCAN opt_outs", "SCAN operator_log", "SCAN anon", "SCAN (sub"))
    ]
    assert len(plans) > 20
    assert scans == []
    assert not [p for p in plans if "USE TEMP B-TREE" in p and "opt_outs" not in p]


async def test_the_file_gives_its_room_back(store: Store, tmp_path: Path) -> None:
    def work(db: Connection) -> None:
        some = [
            {"at": OLD, "by": "kim", "verb": "hold", "row_id": None, "detail": "x" * 2_000}
            for _ in range(1_000)
        ]
        db.execute(insert(operator_log), some)

    await store._db.write(work)
    await store.take_over_log()
    file = tmp_path / "textback.db"
    before = file.stat().st_size
    await purge(store, config(), NOW, sleep=no_sleep)
    await store.take_over_log()
    assert before > 2_000_000
    assert file.stat().st_size < before - 1_500_000


async def test_a_file_of_an_older_textback_does_so_once_it_was_rebuilt(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE old (words TEXT)")
        db.execute("DROP TABLE old")
        db.commit()
    store = await Store.open(file)
    try:
        assert await store.give_back() == 0
        await store.rebuild_file()
    finally:
        await store.close()
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)


# --- the task ----------------------------------------------------------------------------------


class Clock:
    """A time that goes on by what is slept, and ends the task after so much of it."""

    def __init__(self, now: datetime, until: datetime) -> None:
        self.now, self.until = now, until

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if self.now > self.until:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


async def keep(store: Store, clock: Clock, found: Callable[[], Config]) -> list[datetime]:
    told: list[datetime] = []
    keeper = Keeper(
        store,
        found,
        on_purged=lambda at, _rows: told.append(at),
        now=lambda: clock.now,
        sleep=clock.sleep,
    )
    with pytest.raises(asyncio.CancelledError):
        await keeper.run()
    return told


async def test_the_task_purges_after_the_start_and_then_every_night(store: Store) -> None:
    await fill(store)
    times = await keep(store, Clock(NOW, NOW + timedelta(days=2)), config)
    assert len(times) == 3
    assert times[0] - NOW <= timedelta(minutes=3)
    assert [f"{at:%d %H:%M}" for at in times[1:]] == ["24 08:30", "25 08:30"]
    assert (await rows(store))["calls"] == 0


async def test_the_task_does_nothing_while_it_is_switched_off(store: Store) -> None:
    await fill(store)
    off = config("[retention]\nenabled = false\n")
    assert await keep(store, Clock(NOW, NOW + timedelta(days=1)), lambda: off) == []
    assert (await rows(store))["calls"] == 1


async def test_the_task_lives_on_when_the_store_does_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls_of: list[int] = []
    real: Callable[..., Awaitable[Any]] = store.purge_batch

    async def sick(*args: Any) -> Any:
        calls_of.append(1)
        if len(calls_of) == 1:
            raise StoreUnavailableError("database is locked")
        return await real(*args)

    monkeypatch.setattr(store, "purge_batch", sick)
    times = await keep(store, Clock(NOW, NOW + timedelta(hours=1)), config)
    assert len(times) == 1
    assert times[0] - NOW > timedelta(minutes=15)

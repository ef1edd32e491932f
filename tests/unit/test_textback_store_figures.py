"""The figures by number, day and hour: the same as counting everything, whatever came late."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, delete, event, func, select, update

from tests.fakes.busy_days import NUMBERS, BusyDays
from tests.fakes.store import (
    NOW,
    NUMBER,
    accepted,
    at,
    call,
    claim,
    fact,
    finished,
    receipt,
    reply,
)
from tests.unit.console_rig import CONFIG, config_of
from textback.config import Config
from textback.figures import figures
from textback.figures_keeper import FiguresKeeper
from textback.figures_time import begins, day_of
from textback.model import Moment, Outcome, Phase
from textback.store import figures_keep, figures_read
from textback.store.errors import StoreUnavailableError
from textback.store.figures_count import count_day, step
from textback.store.recovery import recovery
from textback.store.store import Store
from textback.store.survey import survey
from textback.store.tables import calls as calls_table
from textback.store.tables_figures import OUTCOMES, figures_marks


async def no_sleep(_: float) -> None:
    return


def configured(zone: str = "America/New_York") -> Config:
    return config_of(CONFIG.replace("America/New_York", zone))


def keeper(store: Store, now: datetime = NOW, zone: str = "America/New_York") -> FiguresKeeper:
    config = configured(zone)
    return FiguresKeeper(store, lambda: config, now=lambda: now, sleep=no_sleep)


async def sums(store: Store, number: str, first: int, last: int) -> dict[str, int]:
    return await store.read(lambda db: figures_read.sums(db, number, first, last))


async def today(store: Store, number: str = NUMBER, day: datetime = NOW) -> dict[str, int]:
    """What there is of the day, counts of nothing left out."""
    ordinal = day_of(day, ZoneInfo("America/New_York"))
    return {name: n for name, n in (await sums(store, number, ordinal, ordinal)).items() if n}


async def marks(store: Store) -> int:
    return await store.read(
        lambda db: db.execute(select(func.count()).select_from(figures_marks)).scalar_one()
    )


# --- the oracle ---------------------------------------------------------------------------------


async def held_against_everything(store: Store, zone: str, first: int, last: int) -> None:
    """Every figure of these days against `survey`, `figures` and `recovery`."""
    place = ZoneInfo(zone)
    begin, end = begins(first, place), begins(last + 1, place)
    counted = await survey(store, begin, end)
    cases = await recovery(store, begin, end)
    whole: Counter[str] = Counter()
    for number in NUMBERS:
        f = figures(counted, number, place)
        got = await sums(store, number, first, last)
        whole.update(got)
        missed = sum(f.missed.values())
        assert (got["calls"], got["answered"], got["unknown"], got["missed"]) == (
            *(f.calls, f.answered, f.unknown),
            missed,
        )
        assert {o: got[o] for o in OUTCOMES if got[o]} == {o.value: n for o, n in f.missed.items()}
        assert got["recovered"] + got["taken"] <= missed
        assert [got[n] for n in ("texted", "delivered", "failed", "open_texts", "given")] == [
            *(f.texted, f.delivered, f.failed, f.open, f.given)
        ]
        week = await store.read(lambda db, n=number: figures_read.week(db, n, begin, end))
        assert week == f.week
        delays = await store.read(
            lambda db, n=number: figures_read.delays(db, [n], first, last).get(n, {})
        )
        stepped: Counter[int] = Counter()
        for tenths, texts in counted.delays.get(number, {}).items():
            stepped[step(tenths)] += texts
        assert delays == stepped
        if number not in cases:
            assert not got["cases"]
            continue
        r = cases[number]
        names = ("cases", "misses", "replied", "called_back", "came_back", "dismissed")
        assert [got[n] for n in names] == [
            *(r.all.cases, r.misses, r.replied, r.all.called_back, r.all.came_back),
            r.all.dismissed,
        ]
        assert (got["with_text"], got["with_text_spoken"]) == (r.texted.cases, r.texted.spoken)
    together = await sums(store, "", first, last)
    assert {**whole, "opt_outs": 0} == {**together, "opt_outs": 0}
    assert together["opt_outs"] >= whole["opt_outs"]


@pytest.mark.parametrize(
    ("zone", "begin", "seed"),
    [
        ("America/New_York", datetime(2026, 10, 30, 3, tzinfo=UTC), 1),  # clocks go back
        ("America/New_York", datetime(2026, 3, 6, 3, tzinfo=UTC), 2),  # clocks go forward
        ("Asia/Kathmandu", datetime(2026, 11, 20, 12, tzinfo=UTC), 3),  # 5:45
        ("Australia/Lord_Howe", datetime(2026, 4, 3, 3, tzinfo=UTC), 4),  # half an hour back
        ("America/Havana", datetime(2026, 3, 6, 12, tzinfo=UTC), 5),  # midnight is skipped
        ("UTC", datetime(2026, 2, 26, tzinfo=UTC), 6),
    ],
)
async def test_the_figures_are_those_of_counting_everything(
    store: Store, zone: str, begin: datetime, seed: int
) -> None:
    days = BusyDays(store, random.Random(seed), begin)
    first = day_of(begin, ZoneInfo(zone))
    for _ in range(6):
        for _ in range(30):
            await days.step()
        # Now and then what there is so far is counted: all that follows is a late change.
        await keeper(store, days.now, zone).turn()
    last = day_of(days.now, ZoneInfo(zone))
    assert await marks(store) == 0
    await held_against_everything(store, zone, first, last)
    await held_against_everything(store, zone, first + 2, first + 3)


async def test_a_database_that_was_never_counted_is_filled_backwards(store: Store) -> None:
    days = BusyDays(store, random.Random(9), NOW - timedelta(days=12))
    for _ in range(150):
        await days.step()
    await store._db.write(lambda db: db.execute(delete(figures_marks)))
    seen: list[float] = []
    one = keeper(store, days.now)
    look = store.figures_look

    async def looking(day: int, zone: ZoneInfo, most: int) -> figures_keep.Counted:
        state = await store.figures_filling()
        assert state is not None
        seen.append(state.share)
        return await look(day, zone, most)

    store.figures_look = looking  # type: ignore[method-assign]
    await one.turn()
    state = await store.figures_filling()
    assert state is not None
    assert (state.complete, state.share) == (True, 1.0)
    assert seen[0] == 0.0
    assert seen == sorted(seen)
    assert len(seen) == state.newest - state.oldest + 1
    zone = ZoneInfo("America/New_York")
    first = day_of(NOW - timedelta(days=12), zone)
    await held_against_everything(store, zone.key, first, day_of(days.now, zone))


async def test_a_filling_that_was_cut_short_goes_on_where_it_was(store: Store) -> None:
    for back in range(6):
        start = Moment(NOW - timedelta(days=back), 1000.0)
        told = call(f"1.{back}", started=start, at=start.plus(20))
        await store.judge(fact(told), NOW)
    await store._db.write(lambda db: db.execute(delete(figures_marks)))
    write, counted = store.figures_write, list[int]()

    async def failing(some: list[figures_keep.Write]) -> None:
        if len(counted) == 7:
            raise StoreUnavailableError("disk full")
        counted.append(1)
        await write(some)

    store.figures_write = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreUnavailableError):
        await keeper(store).turn()
    state = await store.figures_filling()
    assert state is not None
    assert 0 < state.share < 1
    store.figures_write = write  # type: ignore[method-assign]
    await keeper(store).turn()
    day = day_of(NOW, ZoneInfo("America/New_York"))
    assert (await sums(store, NUMBER, day - 9, day))["calls"] == 6


async def test_another_time_zone_has_everything_counted_again(store: Store) -> None:
    late = Moment(datetime(2026, 11, 23, 3, tzinfo=UTC), 1000.0)
    await store.judge(fact(call(started=late, at=late.plus(20))), NOW)
    await keeper(store).turn()
    day = date(2026, 11, 22).toordinal()
    assert (await sums(store, "", day, day))["calls"] == 1
    await keeper(store, zone="Europe/Berlin").turn()
    assert (await sums(store, "", day, day))["calls"] == 0
    assert (await sums(store, "", day + 1, day + 1))["calls"] == 1


# --- what changes late --------------------------------------------------------------------------


async def test_a_call_that_goes_on_is_not_counted_and_a_text_counts_with_its_receipt(
    store: Store,
) -> None:
    one = keeper(store)
    await one.turn()
    await store.judge(fact(), at(20))
    await one.turn()
    assert (await today(store)) == {
        "calls": 1,
        "missed": 1,
        "no_answer": 1,
        "texted": 1,
        "open_texts": 1,
        "cases": 1,
        "misses": 1,
    }
    (row,) = (await store.turn((), claim(), at(21))).claimed
    await store.turn([finished(row, accepted("id1"))], None, at(22))
    await store.record_receipt(receipt("id1", at=at(60)))
    await store.record_reply(reply("Call me", at=at(90)))
    await one.turn()
    found = await today(store)
    assert found["taken"] == found["given"] == found["delivered"] == 1
    assert found["with_text"] == found["replied"] == found["with_text_replied"] == 1
    assert "open_texts" not in found


async def test_a_missed_call_is_recovered_days_later(store: Store) -> None:
    one = keeper(store)
    await store.judge(fact(), at(20))
    await one.turn()
    assert "recovered" not in await today(store)
    start = Moment(NOW + timedelta(days=2), 1000.0)
    answered = call("2.2", started=start, outcome=Outcome.ANSWERED, answered=start, at=start)
    await store.judge(fact(answered), start.utc)
    await one.turn()
    found = await today(store)
    assert (found["recovered"], found["came_back"]) == (1, 1)


async def test_a_stop_counts_for_the_number_it_was_written_to(store: Store) -> None:
    await store.judge(fact(), at(20))
    await store.record_reply(reply("STOP", at=at(60)))
    await keeper(store).turn()
    assert (await today(store))["opt_outs"] == 1
    assert (await today(store, ""))["opt_outs"] == 1


async def test_who_wants_texts_again_is_no_second_opt_out(store: Store) -> None:
    await store.judge(fact(), at(20))
    await store.record_reply(reply("STOP", at=at(60)))
    await store.record_reply(reply("START", at=at(120)))
    await keeper(store).turn()
    assert (await today(store))["opt_outs"] == 1


async def test_what_begins_at_midnight_is_of_the_new_day_alone(store: Store) -> None:
    """The call of this test begins when the day does, in Brisbane."""
    zone = ZoneInfo("Australia/Brisbane")
    day = day_of(NOW, zone)
    assert begins(day, zone) == NOW
    await store.judge(fact(), at(20))
    await keeper(store, NOW, zone.key).turn()

    async def week(one: int) -> dict[tuple[int, int], tuple[int, int]]:
        span = begins(one, zone), begins(one + 1, zone)
        return await store.read(lambda db: figures_read.week(db, NUMBER, *span))

    assert [await week(one) for one in (day - 1, day)] == [{}, {(1, 0): (1, 1)}]
    found = [(await sums(store, NUMBER, one, one))["calls"] for one in (day - 1, day, day + 1)]
    assert found == [0, 1, 0]
    counted = [await store.read(lambda db, n=n: count_day(db, n, zone)) for n in (day - 1, day)]
    assert [len(one.hours) for one in counted] == [0, 2], "of the number, and all together"


async def test_a_living_call_is_counted_when_it_is_over_and_not_before(store: Store) -> None:
    """How it will have ended nobody knows; the figures must not take it back."""
    living = call("7.1", phase=Phase.RINGING, outcome=Outcome.NO_ANSWER)
    await store.record_calls([fact(living)], NOW)
    (one,) = await store.living_calls(at(5))
    assert one.ended is None
    await keeper(store).turn()
    assert (await today(store)).get("calls", 0) == 0
    await store.record_calls([fact(call("7.1"))], at(30))
    assert await store.living_calls(at(30)) == []
    await keeper(store).turn()
    assert (await today(store))["calls"] == 1


async def test_a_mark_made_while_its_day_is_counted_is_not_lost(store: Store) -> None:
    await store.judge(fact(), at(20))
    day = day_of(NOW, ZoneInfo("America/New_York"))
    counted = await store.figures_look(day, ZoneInfo("America/New_York"), 100)
    await store.judge(fact(call("2.2", caller="+12125550177"), caller="+12125550177"), at(20))
    await store.figures_write(counted.writes)
    await store.figures_answer(counted)
    assert await marks(store) == 1
    await keeper(store).turn()
    assert await marks(store) == 0
    assert (await today(store))["calls"] == 2


async def test_a_day_on_which_nothing_changed_is_not_written_again(store: Store) -> None:
    await store.judge(fact(), at(20))
    await keeper(store).turn()
    day, zone = day_of(NOW, ZoneInfo("America/New_York")), ZoneInfo("America/New_York")
    assert (await store.figures_look(day, zone, 100)).writes == ()
    told: list[int] = []
    config = configured()
    one = FiguresKeeper(
        store, lambda: config, now=lambda: NOW, sleep=no_sleep, on_changed=lambda: told.append(1)
    )
    await one.turn()
    assert told == []
    await store.judge(fact(call("2.2")), at(20))
    await one.turn()
    assert told == [1]


async def test_what_no_trigger_tells_is_seen_the_night_after(store: Store) -> None:
    await store.judge(fact(), at(20))
    await keeper(store).turn()

    def mended_by_hand(db: Connection) -> None:
        db.exec_driver_sql("DROP TRIGGER tr_figures_calls_changed")
        db.execute(update(calls_table).values(outcome=Outcome.BUSY))

    await store._db.write(mended_by_hand)
    await keeper(store).turn()
    assert (await today(store))["no_answer"] == 1
    await keeper(store, NOW + timedelta(days=1)).turn()
    assert (await today(store))["busy"] == 1


# --- what is deleted ----------------------------------------------------------------------------


async def test_figures_stay_when_the_calls_they_were_counted_from_go(store: Store) -> None:
    await store.judge(fact(), at(20))
    await keeper(store).turn()
    before = await today(store)
    for kind in ("texts", "cases", "calls"):
        await store._db.write(
            lambda db, k=kind: figures_keep.raise_floor(db, NOW + timedelta(days=1))
        )
        await store.purge_batch(kind, NOW + timedelta(days=1), 100)
    gone = await store.read(lambda db: db.execute(select(func.count(calls_table.c.id))).scalar())
    assert gone == 0
    await keeper(store, NOW + timedelta(days=1)).turn()
    await keeper(store, zone="Europe/Berlin").turn()
    assert await today(store) == before
    assert await marks(store) == 0


async def test_a_purge_says_before_when_nothing_may_be_counted_again(store: Store) -> None:
    await store.judge(fact(), at(20))
    before = NOW - timedelta(days=1)
    await store.purge_batch("calls", before, 100)
    assert await store.read(figures_keep.floor) is None, "nothing was deleted"
    await store.purge_batch("calls", NOW + timedelta(days=1), 100)
    assert await store.read(figures_keep.floor) == NOW + timedelta(days=1)


async def test_old_figures_go_when_their_own_time_has_come(store: Store) -> None:
    await store.judge(fact(), at(20))
    await keeper(store).turn()
    batch = await store.purge_batch("figures", NOW + timedelta(days=2), 100)
    assert batch.rows == {"figures_hours": 2, "figures_days": 2}
    assert await today(store) == {}


# --- reading ------------------------------------------------------------------------------------


async def test_numbers_of_which_there_are_figures_are_known(store: Store) -> None:
    assert await store.read(figures_read.known) == []
    await store.judge(fact(), at(20))
    other = fact(call("2.2", did=NUMBERS[2], caller="+12125550177"), caller="+12125550177")
    await store.judge(replace(other, number=NUMBERS[2]), at(20))
    await keeper(store).turn()
    assert await store.read(figures_read.known) == [NUMBER, NUMBERS[2]]
    day = day_of(NOW, ZoneInfo("America/New_York"))
    assert await store.read(figures_read.first_day) == day
    found = await store.read(
        lambda db: figures_read.sparks(db, [NUMBER, NUMBERS[2]], day - 6, day, 2)
    )
    assert found == {NUMBER: [0, 0, 0, 1], NUMBERS[2]: [0, 0, 0, 1]}


def plans(db: Connection, work: Callable[[], object]) -> list[str]:
    """How each statement of `work` is answered."""
    asked: list[tuple[str, Any]] = []

    def noted(_c: Any, _cursor: Any, sql: str, given: Any, _context: Any, _many: bool) -> None:
        asked.append((sql, given))

    event.listen(db, "before_cursor_execute", noted)
    work()
    event.remove(db, "before_cursor_execute", noted)
    return [
        row[-1]
        for sql, given in asked
        for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given).fetchall()
    ]


async def test_everything_is_read_by_the_primary_keys(store: Store) -> None:
    def work(db: Connection) -> None:
        figures_read.sums(db, "", 1, 9)
        figures_read.series(db, "", 1, 9)
        figures_read.hours(db, "", NOW, NOW, 5)
        figures_read.week(db, "", NOW, NOW)
        figures_read.by_number(db, NUMBERS, 1, 9)
        figures_read.sparks(db, NUMBERS, 1, 9, 7)
        figures_read.delays(db, NUMBERS, 1, 9)
        figures_read.first_day(db)

    found = await store.read(lambda db: plans(db, lambda: work(db)))
    assert len(found) >= 8
    assert [plan for plan in found if "SCAN" in plan or "PRIMARY KEY" not in plan] == [
        plan for plan in found if "TEMP B-TREE" in plan
    ]


async def test_a_day_is_counted_by_indexes(store: Store) -> None:
    zone = ZoneInfo("Asia/Kathmandu")

    def work(db: Connection) -> list[str]:
        return plans(db, lambda: figures_keep.look(db, day_of(NOW, zone), zone, 100))

    found = await store.read(work)
    assert len(found) > 10
    assert [plan for plan in found if plan.startswith("SCAN")] == []

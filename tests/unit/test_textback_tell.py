"""Lanes and the teller: order, patience, urgency, a store that fails, a target that is gone."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.unit.configs import BASE
from textback.config import Config
from textback.config_load import loads
from textback.model import DeliveryState, Event, EventKind, Moment, Telling
from textback.store.errors import StoreUnavailableError
from textback.store.store import Store
from textback.store.tables_tell import events
from textback.store.telling import Addressee, Tried
from textback.tell import Teller
from textback.tell_lane import Lane
from textback.tell_rules import HEAD, WORTH_AN_ALARM, Again, Answer, Gone, Target, Told, kinds_of

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
PATIENCE = 10.0
CRM = Target(channel="webhook", name="crm", kinds=kinds_of(()), max_age=timedelta(days=3))


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> Moment:
        return Moment(NOW + timedelta(seconds=self.seconds), 1000.0 + self.seconds)


class Way:
    """A sender that answers as told: the answers are used up, the last stays."""

    def __init__(self, *answers: Answer, takes: int = 1, every: float = 0.0) -> None:
        self.answers = deque(answers or (Told(200),))
        self.takes = takes
        self.every = every
        self.told: list[list[Telling]] = []
        self.closed = False
        self._news = asyncio.Condition()
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, tellings: Sequence[Telling]) -> Answer:
        self.told.append(list(tellings))
        async with self._news:
            self._news.notify_all()
        await self.gate.wait()
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]

    async def close(self) -> None:
        self.closed = True

    async def until(self, count: int) -> list[list[Telling]]:
        async with self._news, asyncio.timeout(PATIENCE):
            await self._news.wait_for(lambda: len(self.told) >= count)
        return self.told

    def heard(self) -> list[str]:
        return [one.event.payload["because"] for some in self.told for one in some]


def alarm(because: str, kind: EventKind = EventKind.ALARM_RAISED, at: datetime = NOW) -> Event:
    payload: dict[str, Any] = {"alarm": "cap_reached", "because": because, "count": 1}
    return Event(kind=kind, at=at, payload=payload)


class Watched:
    """A store that says when it was written, and when somebody looked for what waits."""

    def __init__(self, store: Store, patch: pytest.MonkeyPatch) -> None:
        self.looks = 0
        self._news = asyncio.Condition()
        write, take = store._db.write, store.take_tellings

        async def written(work: Any) -> Any:
            done = await write(work)
            async with self._news:
                self._news.notify_all()
            return done

        async def looked(*args: Any, **kwargs: Any) -> Any:
            found = await take(*args, **kwargs)
            self.looks += 1
            async with self._news:
                self._news.notify_all()
            return found

        patch.setattr(store._db, "write", written)
        patch.setattr(store, "take_tellings", looked)

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            while not await true():
                await self._news.wait()

    async def look(self, made: Lane) -> None:
        """The lane is woken, and has looked."""
        wanted = self.looks + 1
        made.wake()
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.looks >= wanted)


_WATCHED: dict[int, Watched] = {}


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "textback.db")
    _WATCHED[id(opened)] = Watched(opened, monkeypatch)
    yield opened
    del _WATCHED[id(opened)]
    await opened.close()


async def queue(store: Store, *because: str, rank: int = 1) -> None:
    for one in because:
        await store.put_event(alarm(one))
    await store.fan_out(lambda _: [Addressee("webhook", "crm", rank)], NOW)


async def states(store: Store) -> list[str]:
    return [one.state.value for one in reversed(await store.tellings())]


async def until(store: Store, true: Callable[[], Awaitable[bool]]) -> None:
    await _WATCHED[id(store)].until(true)


async def look(store: Store, made: Lane) -> None:
    await _WATCHED[id(store)].look(made)


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    """A lane or a teller at work; ended in its own way."""
    task = asyncio.create_task(work.run(), name="under test")
    try:
        yield
    finally:
        ended = work.stop()
        if ended is not None:
            await ended
        async with asyncio.timeout(PATIENCE):
            await task


def lane(store: Store, way: Way, clock: Clock, **kwargs: Any) -> Lane:
    return Lane(kwargs.pop("target", CRM), way, store, clock=clock, jitter=lambda: 0.5, **kwargs)


# --- lanes ------------------------------------------------------------------------------------


async def test_a_lane_tells_what_waits_in_its_order_and_records_it(store: Store) -> None:
    await queue(store, "a", "b", "c")
    way = Way()
    made = lane(store, way, Clock())
    async with running(made):
        await way.until(3)
    assert way.heard() == ["a", "b", "c"]
    assert await states(store) == ["delivered"] * 3
    assert way.closed
    assert made.counts["delivered"] == 3


async def test_a_lane_without_work_sleeps_until_it_is_woken(store: Store) -> None:
    way = Way()
    made = lane(store, way, Clock())
    async with running(made):
        await queue(store, "a")
        made.wake()
        await way.until(1)


async def test_a_failure_is_tried_again_when_due_and_none_overtakes(store: Store) -> None:
    await queue(store, "a", "b")
    way, clock = Way(Again("answered 500", 500), Told(200)), Clock()
    made = lane(store, way, clock)
    async with running(made):
        await way.until(1)
        await until(store, lambda: _tried(store, 1))
        (first, _) = reversed(await store.tellings())
        assert (first.due - NOW).total_seconds() == 5.0
        assert (first.status, first.error) == (500, "answered 500")
        made.wake()
        clock.seconds = 6
        made.wake()
        await way.until(3)
    assert way.heard() == ["a", "a", "b"]
    assert await states(store) == ["delivered"] * 2


async def _tried(store: Store, attempts: int) -> bool:
    return max(one.attempts for one in await store.tellings()) >= attempts


async def test_a_poison_event_steps_aside_and_the_others_go_on(store: Store) -> None:
    await queue(store, "poison", "b")
    way, clock = Way(*[Again("answered 500", 500)] * HEAD, Told(200)), Clock()
    made = lane(store, way, clock)
    async with running(made):
        for n in range(1, HEAD + 1):
            await way.until(n)
            await until(store, lambda n=n: _tried(store, n))  # type: ignore[misc]
            clock.seconds += 100
            made.wake()
        await way.until(HEAD + 2)
    # When it is due at the same moment, it comes in its place.
    assert sorted(way.heard()) == ["b"] + ["poison"] * (HEAD + 1)
    assert await states(store) == ["delivered"] * 2


async def test_a_retry_after_is_kept_by_urgent_ones_too(store: Store) -> None:
    await queue(store, "a")
    way, clock = Way(Again("answered 429", 429, after=600.0), Told(200)), Clock()
    made = lane(store, way, clock)
    async with running(made):
        await way.until(1)
        await until(store, lambda: _tried(store, 1))
        await queue(store, "urgent", rank=0)
        clock.seconds = 500
        await look(store, made)
        assert way.heard() == ["a"]
        clock.seconds = 601
        made.wake()
        await way.until(3)
    assert way.heard() == ["a", "urgent", "a"]


async def test_an_urgent_one_does_not_wait_for_a_target_that_failed(store: Store) -> None:
    await queue(store, "a")
    way, clock = Way(Again("no connection"), Told(200)), Clock()
    made = lane(store, way, clock)
    async with running(made):
        await way.until(1)
        await until(store, lambda: _tried(store, 1))
        await queue(store, "urgent", rank=0)
        made.wake(urgent=True)
        await way.until(2)
    assert way.heard()[:2] == ["a", "urgent"]


async def test_an_urgent_one_goes_before_the_rest_of_what_a_lane_has_taken(store: Store) -> None:
    await queue(store, "a", "b", "c")
    way = Way()
    way.gate.clear()
    made = lane(store, way, Clock())
    async with running(made):
        await way.until(1)
        await queue(store, "urgent", rank=0)
        made.wake(urgent=True)
        way.gate.set()
        await way.until(4)
    assert way.heard() == ["a", "urgent", "b", "c"]


async def test_too_old_is_given_up_with_an_alarm(store: Store) -> None:
    await queue(store, "a", "b")
    clock, failing = Clock(), []
    clock.seconds = 3 * 86_400 + 1
    way = Way()
    made = lane(store, way, clock, on_failing=failing.append)
    async with running(made):
        await until(store, lambda: _all(store, "failed"))
    assert way.told == []
    assert failing == ["2 given up: too old; last: never tried"]


async def _all(store: Store, state: str) -> bool:
    return set(await states(store)) == {state}


async def test_gone_stops_the_target_until_it_is_looked_at_again(store: Store) -> None:
    await queue(store, "a", "b")
    failing: list[str] = []
    way, clock = Way(Gone("410: wants no more of it"), Told(200)), Clock()
    made = lane(store, way, clock, on_failing=failing.append)
    async with running(made):
        await until(store, lambda: _has(store, ["failed", "queued"]))
        assert made.gone
        assert failing == ["1 given up: 410: wants no more of it"]
        await look(store, made)
        assert way.heard() == ["a"]
        made.wake(again=True)
        await way.until(2)
    assert await states(store) == ["failed", "delivered"]


async def _has(store: Store, wanted: list[str]) -> bool:
    return await states(store) == wanted


async def test_somebody_is_told_of_a_target_that_fails_again_and_again(store: Store) -> None:
    await queue(store, "a")
    failing: list[str] = []
    way, clock = Way(Again("answered 500", 500)), Clock()
    made = lane(store, way, clock, on_failing=failing.append)
    async with running(made):
        for n in range(1, WORTH_AN_ALARM + 1):
            await way.until(n)
            await until(store, lambda n=n: _tried(store, n))  # type: ignore[misc]
            assert bool(failing) == (n >= WORTH_AN_ALARM)
            clock.seconds += 2_000
            made.wake()


async def test_people_get_what_waits_in_one_message_and_not_too_often(store: Store) -> None:
    await queue(store, "a", "b", "c")
    way, clock = Way(takes=100, every=10.0), Clock()
    made = lane(store, way, clock)
    async with running(made):
        await way.until(1)
        await until(store, lambda: _all(store, "delivered"))
        await queue(store, "d")
        made.wake()
        await queue(store, "e")
        await look(store, made)
        assert len(way.told) == 1
        clock.seconds = 11
        made.wake()
        await way.until(2)
    assert [len(some) for some in way.told] == [3, 2]


async def test_what_could_not_be_recorded_is_recorded_later_and_not_told_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "a")
    record, broken = store.record_tellings, [True]

    async def fails(*args: Any) -> None:
        if broken:
            broken.clear()
            raise StoreUnavailableError("disk I/O error")
        await record(*args)

    monkeypatch.setattr(store, "record_tellings", fails)
    way = Way()
    async with running(lane(store, way, Clock())):
        await until(store, lambda: _all(store, "delivered"))
    assert way.heard() == ["a"]


# --- the teller -------------------------------------------------------------------------------

HOOK = '[[webhook]]\nname = "{}"\nurl = "https://{}.example.net"\nsecret = "0123456789abcdef"\n'


class World:
    """A teller whose targets are `Way`s."""

    def __init__(self, store: Store, *names: str, more: str = "") -> None:
        self.store = store
        self.ways: defaultdict[str, Way] = defaultdict(Way)
        self.failing: list[str] = []
        self.config = self.of(*names, more=more)
        self.teller = Teller(
            store, lambda: self.config, on_failing=self.failing.append, make=self._make
        )
        store.watch(on_events=self.teller.kick)

    def of(self, *names: str, more: str = "") -> Config:
        return loads(BASE + "".join(HOOK.format(n, n) for n in names) + more)

    def _make(self, _: Config, target: Target) -> Way:
        return self.ways[target.name]


def fresh(because: str, kind: EventKind = EventKind.ALARM_RAISED) -> Event:
    return alarm(because, kind, datetime.now(UTC))


async def test_an_event_goes_to_everybody_who_subscribed(store: Store) -> None:
    world = World(store, "one", "two")
    async with running(world.teller):
        await store.put_event(fresh("a"))
        for name in ("one", "two"):
            await world.ways[name].until(1)
    counts = world.teller.counts()
    assert counts["webhook", "one", "delivered"] == counts["webhook", "two", "delivered"] == 1


async def test_nobody_is_told_of_what_is_older_than_he_is_told_of_anything(store: Store) -> None:
    world = World(store, "one")
    async with running(world.teller):
        await store.put_event(alarm("a", at=datetime.now(UTC) - timedelta(days=3, seconds=1)))
        await store.put_event(fresh("b"))
        await world.ways["one"].until(1)
    assert world.ways["one"].heard() == ["b"]


async def test_a_reload_keeps_what_is_the_same_and_exchanges_what_is_not(store: Store) -> None:
    world = World(store, "one", "two")
    async with running(world.teller):
        await store.put_event(fresh("a"))
        await world.ways["two"].until(1)
        await until(store, lambda: _all(store, "delivered"))
        before = dict(world.ways)
        world.config = world.of("one", "three")
        await world.teller.reload()
        assert world.ways["one"] is before["one"]
        assert before["two"].closed
        await store.put_event(fresh("b"))
        await world.ways["three"].until(1)
        await world.ways["one"].until(2)
    assert before["two"].heard() == ["a"]


async def test_what_happens_while_a_target_is_exchanged_is_told_by_the_new_one(
    store: Store,
) -> None:
    """Its old lane ends its last request first, and the other target does not wait for that."""
    world = World(store, "two", "one")
    async with running(world.teller):
        before = world.ways["one"]
        before.gate.clear()
        await store.put_event(fresh("a"))
        await before.until(1)
        world.ways["one"] = Way()
        world.config = world.of("two", "one", more="timeout = 20")
        ending = asyncio.Event()
        closes = world.teller.lanes["webhook", "one"].stop

        def stop() -> None:
            closes()
            ending.set()

        world.teller.lanes["webhook", "one"].stop = stop  # type: ignore[method-assign]
        reload = asyncio.create_task(world.teller.reload(), name="reload")
        await ending.wait()
        await store.put_event(fresh("b"))
        await until(store, lambda: _fanned_out(store))
        before.gate.set()
        await reload
        await world.ways["one"].until(1)
        await world.ways["two"].until(2)
    assert before.heard() == ["a"]
    assert world.ways["one"].heard() == ["b"]
    assert world.ways["two"].heard() == ["a", "b"]


async def _fanned_out(store: Store) -> bool:
    query = select(func.count()).select_from(events).where(events.c.fanned_out.is_(False))
    left = await store._db.read(lambda db: db.execute(query).scalar_one())
    return not left


async def test_what_waits_for_a_target_that_is_taken_out_is_dropped(store: Store) -> None:
    world = World(store, "one", "two")
    async with running(world.teller):
        world.ways["two"].answers = deque([Again("answered 500", 500)])
        await store.put_event(fresh("a"))
        await world.ways["two"].until(1)
        await until(store, lambda: _tried(store, 1))
        world.config = world.of("one")
        await world.teller.reload()
        await until(store, lambda: _dropped(store))


async def _dropped(store: Store) -> bool:
    found = await store.tellings([DeliveryState.DROPPED])
    return [one.target for one in found] == ["two"]


async def test_with_nobody_to_tell_nothing_is_kept_to_be_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textback.tell.NOBODY", 0.01)
    world = World(store)
    passed = asyncio.Event()
    original = store.pass_over

    async def pass_over() -> int:
        done = await original()
        if done:
            passed.set()
        return done

    monkeypatch.setattr(store, "pass_over", pass_over)
    async with running(world.teller):
        await store.put_event(fresh("a"))
        async with asyncio.timeout(PATIENCE):
            await passed.wait()
        world.config = world.of("one")
        await world.teller.reload()
        await store.put_event(fresh("b"))
        await world.ways["one"].until(1)
    assert world.ways["one"].heard() == ["b"]


async def test_an_alarm_is_put_into_the_store_and_told_from_there(store: Store) -> None:
    world = World(store, "one")
    async with running(world.teller):
        world.teller.happened(fresh("a"))
        await world.ways["one"].until(1)
        await until(store, lambda: _all(store, "delivered"))


async def test_an_alarm_about_a_broken_store_is_told_without_it_and_kept_afterwards(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, "one", "two")
    put, works = store.put_event, asyncio.Event()

    async def put_event(event: Event, *, told: bool = False) -> None:
        if not works.is_set():
            raise StoreUnavailableError("disk I/O error")
        await put(event, told=told)

    monkeypatch.setattr(store, "put_event", put_event)
    async with running(world.teller):
        world.teller.happened(fresh("the store fails"))
        for name in ("one", "two"):
            (told,) = await world.ways[name].until(1)
        works.set()
        world.teller.kick()
        await until(store, lambda: _kept(store, told[0].event.key))
        await store.put_event(fresh("b"))
        await world.ways["one"].until(2)
    assert world.ways["one"].heard() == ["the store fails", "b"]


async def test_a_target_that_hangs_keeps_no_alarm_about_the_store_from_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put_event(*_: object, **__: object) -> None:
        raise StoreUnavailableError("disk I/O error")

    world = World(store, "one", "two")
    monkeypatch.setattr(store, "put_event", put_event)
    world.ways["one"].gate.clear()
    async with running(world.teller):
        world.teller.happened(fresh("the store fails"))
        await world.ways["two"].until(1)
        world.ways["one"].gate.set()


async def test_an_alarm_of_the_last_moment_is_told_after_the_next_start(store: Store) -> None:
    world = World(store, "one")
    async with running(world.teller):
        await store.put_event(fresh("a"))
        await world.ways["one"].until(1)
        world.teller.happened(fresh("b"))
        await world.teller.stop()
    again = World(store, "one")
    async with running(again.teller):
        await again.ways["one"].until(1)
    assert (world.ways["one"].heard(), again.ways["one"].heard()) == (["a"], ["b"])


async def _kept(store: Store, key: str) -> bool:
    return key in await store.read(lambda db: db.execute(select(events.c.key)).scalars().all())


async def test_a_target_that_was_not_reached_without_the_store_is_told_with_the_same_key(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, "one", "two")
    put, works = store.put_event, asyncio.Event()

    async def put_event(event: Event, *, told: bool = False) -> None:
        if not works.is_set():
            raise StoreUnavailableError("disk I/O error")
        await put(event, told=told)

    monkeypatch.setattr(store, "put_event", put_event)
    async with running(world.teller):
        world.ways["two"].answers = deque([Again("no connection"), Told(200)])
        world.teller.happened(fresh("a"))
        await world.ways["two"].until(1)
        works.set()
        world.teller.kick()
        await world.ways["two"].until(2)
        await until(store, lambda: _all(store, "delivered"))
    keys = {one.event.key for some in world.ways["two"].told for one in some}
    assert len(keys) == 1


async def test_a_lane_that_breaks_ends_the_teller(store: Store) -> None:
    world = World(store, "one")

    async def breaks(_: Sequence[Telling]) -> Answer:
        raise RuntimeError("a defect")

    task = asyncio.create_task(world.teller.run(), name="under test")
    world.ways["one"].send = breaks  # type: ignore[method-assign]
    await store.put_event(fresh("a"))
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(PATIENCE):
            await task


async def test_at_a_start_what_waits_for_its_next_try_goes_at_once(store: Store) -> None:
    await queue(store, "a")
    (row,) = await store.tellings()
    later = Tried(id=row.id, state=DeliveryState.QUEUED, due=datetime.now(UTC) + timedelta(hours=1))
    await store.record_tellings([later], NOW)
    world = World(store, "crm")
    async with running(world.teller):
        await world.ways["crm"].until(1)

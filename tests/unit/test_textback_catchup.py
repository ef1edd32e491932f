"""Which calls of the records are news, when they are read, and that each is handed on once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from textback.catchup import NOTE, CatchUp, Nothing
from textback.catchup_choice import Deaf, choose
from textback.model import (
    Call,
    CallKey,
    Direction,
    Moment,
    Outcome,
    Phase,
    Presentation,
    Source,
)
from textback.store.errors import StoreUnavailableError
from textback.store.late import lost
from textback.store.rows import KnownCall

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOW = Moment(NOON, 5000.0)
DEAF = Deaf(since=NOON - timedelta(minutes=10), until=NOON - timedelta(seconds=5))


def at(minutes: float) -> Moment:
    """So many minutes before noon, as the records tell it: one clock."""
    return Moment.at((NOON - timedelta(minutes=minutes)).timestamp())


def call(uniqueid: str = "1", **change: object) -> Call:
    values: dict[str, object] = {
        "key": CallKey(pbx="pbx", boot="now", uniqueid=uniqueid),
        "phase": Phase.ENDED,
        "at": at(4),
        "direction": Direction.INBOUND,
        "linkedid": uniqueid,
        "channel": "PJSIP/trunk-1",
        "context": "from-trunk",
        "caller": "+16465550100",
        "caller_name": "",
        "caller_final": "+16465550100",
        "did": "+12125550100",
        "presentation": Presentation.ALLOWED,
        "started": at(5),
        "ringing": at(5),
        "answered": None,
        "outcome": Outcome.NO_ANSWER,
        "waited": 18.0,
        "may_become": frozenset({Outcome.NO_ANSWER}),
        "late": True,
        "source": Source.CEL,
        **change,
    }
    return Call(**values)  # type: ignore[arg-type]


UNKNOWN = {"outcome": Outcome.UNKNOWN, "may_become": frozenset({Outcome.UNKNOWN}), "gap": True}
ANSWERED = {"outcome": Outcome.ANSWERED, "answered": at(4.5)}


@dataclass
class Found:
    calls: dict[str, Call] = field(default_factory=dict)
    open: dict[str, Call] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    malformed: int = 0


def records(*calls: Call, opened: tuple[Call, ...] = ()) -> Found:
    return Found(
        {one.key.uniqueid: one for one in calls}, {one.key.uniqueid: one for one in opened}
    )


def chosen(found: Found, **more: object) -> list[Call]:
    values: dict[str, object] = {
        "known": {},
        "told": {},
        "alive": (),
        "without_end": (),
        "deaf": DEAF,
        "now": NOW,
        "lose": lost,
        **more,
    }
    return choose(found, **values)  # type: ignore[arg-type]


# --- which ---------------------------------------------------------------------------------------


def known(outcome: Outcome, *, ended: bool = True, boot: str = "before") -> KnownCall:
    return KnownCall(boot, outcome, NOON if ended else None)


@pytest.mark.parametrize(
    ("one", "more", "taken"),
    [
        (call(), {}, True),
        (call(), {"alive": {"1"}}, False),
        (call(), {"known": {"1": known(Outcome.NO_ANSWER)}}, False),
        (call(), {"known": {"1": known(Outcome.ANSWERED)}}, False),
        (call(), {"known": {"1": known(Outcome.UNKNOWN)}}, True),
        (call(**UNKNOWN), {"known": {"1": known(Outcome.UNKNOWN)}}, False),
        (call(), {"known": {"1": known(Outcome.NO_ANSWER, ended=False)}}, True),
        # told by the link a moment ago, and not on the disk yet
        (call(), {"told": {"1": Outcome.NO_ANSWER}}, False),
        (call(), {"told": {"1": None}}, False),
        (call(), {"told": {"1": Outcome.UNKNOWN}}, True),
        (call(**UNKNOWN), {"told": {"1": Outcome.UNKNOWN}}, False),
        # of a time in which the link was up
        (call(at=at(30), started=at(31)), {}, False),
        (call(at=at(0), started=at(0.01)), {}, False),
        (call(at=at(10.5), started=at(11)), {}, True),
        # others
        (call(direction=Direction.INTERNAL), {}, False),
        (call(direction=Direction.OUTBOUND), {}, False),
        (call(direction=Direction.OUTBOUND, **ANSWERED), {}, True),
        (call(**UNKNOWN), {}, True),
    ],
)
def test_call_is_taken_where_it_is_news(one: Call, more: dict[str, object], taken: bool) -> None:
    assert len(chosen(records(one), **more)) == taken


def test_live_key_of_a_known_call_stays() -> None:
    (one,) = chosen(records(call()), known={"1": known(Outcome.UNKNOWN, boot="before")})

    assert one.key.boot == "before"


def test_answered_calls_come_first_and_the_others_in_their_order() -> None:
    found = records(
        call("1", at=at(3)), call("2", at=at(9), started=at(9)), call("3", at=at(1), **ANSWERED)
    )

    assert [one.key.uniqueid for one in chosen(found)] == ["3", "2", "1"]


def test_steady_clock_is_put_as_this_process_counts() -> None:
    (one,) = chosen(records(call()))

    assert (one.at.utc, one.at.steady) == (NOON - timedelta(minutes=4), 5000.0 - 240)
    assert one.started.steady == 5000.0 - 300


def test_call_that_was_begun_and_never_ended_is_unknown_once_nothing_is_heard_of_it() -> None:
    silent, fresh = call("1", at=at(4), **UNKNOWN), call("2", at=at(0.2), **UNKNOWN)

    (one,) = chosen(records(opened=(silent, fresh)))
    assert (one.key.uniqueid, one.outcome) == ("1", Outcome.UNKNOWN)
    assert chosen(records(opened=(silent,)), alive={"1"}) == []


def test_call_of_which_no_record_tells_is_lost_and_an_answer_that_was_seen_stays() -> None:
    missed = call("1", phase=Phase.RINGING, source=Source.AMI)
    spoken = call("2", phase=Phase.ANSWERED, source=Source.AMI, answered=at(4))

    found = {one.key.uniqueid: one for one in chosen(records(), without_end=[missed, spoken])}

    assert (found["1"].outcome, found["1"].phase) == (Outcome.UNKNOWN, Phase.ENDED)
    assert found["2"].outcome is Outcome.ANSWERED
    assert chosen(records(), without_end=[missed], alive={"1"}) == []
    assert chosen(records(), without_end=[missed], told={"1": None}) == []


# --- when ----------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Moment:
        return self.now


class Memory:
    """The store's part that catch-up uses."""

    def __init__(self) -> None:
        self.seen: datetime | None = NOON - timedelta(minutes=10)
        self.notes: list[datetime] = []
        self.noted = asyncio.Event()
        self.known: dict[str, KnownCall] = {}
        self.open: list[Call] = []
        self.fails = 0

    async def last_seen(self, _pbx: str) -> datetime | None:
        if self.fails:
            self.fails -= 1
            raise StoreUnavailableError("disk full")
        return self.seen

    async def set_last_seen(self, _pbx: str, at: datetime) -> None:
        self.notes.append(at)
        self.noted.set()

    async def known_calls(self, _pbx: str, _since: datetime) -> dict[str, KnownCall]:
        return self.known

    async def open_calls(self, _pbx: str) -> list[Call]:
        return self.open


class Link:
    boot = "now"
    state = "up"

    def __init__(self) -> None:
        self.living: set[str] = set()
        self.counters = {"queue_overflows": 0}

    def alive(self) -> set[str]:
        return self.living


class Reader:
    configured = True

    def __init__(self) -> None:
        self.found: Found | Nothing = records(call())
        self.since: list[float] = []
        self.error: Exception | None = None

    def read(self, since: float, _boot: str) -> Found | Nothing:
        self.since.append(since)
        if self.error is not None:
            raise self.error
        return self.found


@dataclass
class Rig:
    catch_up: CatchUp
    memory: Memory
    link: Link
    reader: Reader
    clock: Clock
    taken: list[Call]
    took: asyncio.Event
    ran: asyncio.Event = field(default_factory=asyncio.Event)
    runs: int = 0

    async def reads(self, count: int) -> None:
        """Let it read so many times, moving the clock on for each."""
        while self.runs < count:
            self.ran.clear()
            if self.runs:  # the first is due at once
                self.tick(70.0)
            await self.ran.wait()

    def tick(self, seconds: float) -> None:
        self.clock.now = self.clock.now.plus(seconds)
        self.catch_up._wake.set()

    def read(self) -> None:
        self.runs += 1
        self.ran.set()


@pytest.fixture
async def rig() -> Rig:
    taken: list[Call] = []
    took = asyncio.Event()
    memory, link, reader, clock = Memory(), Link(), Reader(), Clock()

    def take(one: Call) -> None:
        taken.append(one)
        took.set()

    catch_up = CatchUp(
        "pbx",
        memory,  # type: ignore[arg-type]
        link=lambda: link,
        reader=reader,
        hand_on=take,
        clock=clock,
        runs=(0.0, 60.0),
        on_run=lambda: made.read(),
    )
    made = Rig(catch_up, memory, link, reader, clock, taken, took)
    return made


async def running(rig: Rig, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(rig.catch_up.run(), name="catch-up")
    try:
        async with asyncio.timeout(20):
            await work()
            await rig.catch_up.stop()
            await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_missed_call_is_handed_on_once_however_often_records_are_read(rig: Rig) -> None:
    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.took.wait()
        await rig.reads(2)

    await running(rig, work)

    assert [one.key.uniqueid for one in rig.taken] == ["1"]
    assert rig.catch_up.standing.calls[("cel", "no_answer")] == 1
    # An hour before the outage: the call may have begun then.
    assert rig.reader.since[0] == (NOON - timedelta(minutes=70)).timestamp()


async def test_nothing_is_read_before_the_link_is_up(rig: Rig) -> None:
    async def work() -> None:
        rig.catch_up.link_is("connecting")
        rig.catch_up.told(call(**UNKNOWN, source=Source.AMI))
        for _ in range(20):
            await asyncio.sleep(0)

    await running(rig, work)

    assert rig.reader.since == []
    assert rig.memory.notes == []


async def test_textback_that_never_ran_before_takes_up_nothing_of_yesterday(rig: Rig) -> None:
    rig.memory.seen = None

    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.reads(2)

    await running(rig, work)

    assert rig.taken == []
    assert rig.memory.notes


async def test_time_is_noted_while_the_link_is_up_and_at_the_end(rig: Rig) -> None:
    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.reads(1)
        rig.memory.noted.clear()
        rig.tick(NOTE + 1)
        await rig.memory.noted.wait()
        rig.clock.now = rig.clock.now.plus(3)

    await running(rig, work)

    assert rig.memory.notes[-1] == rig.clock.now.utc
    assert len(set(rig.memory.notes)) == len(rig.memory.notes) == 3


async def test_call_that_ends_half_seen_has_the_records_read_again(rig: Rig) -> None:
    rig.reader.found = records()

    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.reads(2)
        rig.reader.found = records(call("9", at=at(-2), started=at(-1)))
        rig.catch_up.told(call("9", **UNKNOWN, source=Source.AMI))
        await rig.reads(3)
        await rig.took.wait()

    await running(rig, work)

    assert [(one.key.uniqueid, one.outcome) for one in rig.taken] == [("9", Outcome.NO_ANSWER)]


async def test_call_told_unknown_by_a_record_is_told_again_when_another_knows(rig: Rig) -> None:
    rig.reader.found = records(call(**UNKNOWN))

    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.reads(1)
        rig.reader.found = records(call())
        await rig.reads(2)

    await running(rig, work)

    assert [one.outcome for one in rig.taken] == [Outcome.UNKNOWN, Outcome.NO_ANSWER]


async def test_dropped_events_count_as_a_time_unheard(rig: Rig) -> None:
    rig.memory.seen = None
    rig.reader.found = records(call(at=at(-1.1), started=at(-1.05)))

    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.reads(2)
        assert rig.taken == []
        rig.link.counters["queue_overflows"] = 1
        rig.reader.found = records(
            replace(
                call("2"),
                at=Moment.at(rig.clock.now.utc.timestamp()),
                started=Moment.at(rig.clock.now.utc.timestamp() - 5),
            )
        )
        await rig.reads(3)
        await rig.took.wait()

    await running(rig, work)

    assert [one.key.uniqueid for one in rig.taken] == ["2"]


async def test_fault_in_reading_is_told_and_kills_nothing(
    rig: Rig,
) -> None:
    rig.reader.error = RuntimeError("a row nobody thought of")

    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.reads(2)

    await running(rig, work)

    assert len(rig.reader.since) == 2
    assert rig.taken == []


async def test_store_that_fails_is_waited_for(rig: Rig) -> None:
    rig.memory.fails = 1

    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.took.wait()

    await running(rig, work)

    assert [one.key.uniqueid for one in rig.taken] == ["1"]


async def test_source_that_cannot_be_read_is_part_of_how_it_stands(rig: Rig) -> None:
    rig.reader.found = Found(unreadable={"cel_csv": "/x: No such file"})

    async def work() -> None:
        rig.catch_up.link_is("up")
        await rig.reads(1)
        assert rig.catch_up.standing.unreadable == {"cel_csv": "/x: No such file"}
        rig.reader.found = Found()
        await rig.reads(2)

    await running(rig, work)

    assert rig.catch_up.standing.unreadable == {}

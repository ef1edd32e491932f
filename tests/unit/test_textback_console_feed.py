"""The feed: many words are few rounds, however busy the house is and however slow a tab."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from textback.console.feed import EVERYTHING, GAP, GATHER, MOST_GAP, MOST_TOPICS, Feed


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.armed = 0

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float, do: Callable[[], None]) -> Timer:
        timer = (self.now + seconds, do)
        self.timers.append(timer)
        self.armed += 1
        return Timer(self, timer)

    def pass_(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now = first[0]
            first[1]()
        self.now = end


class Timer:
    def __init__(self, clock: Clock, timer: tuple[float, Callable[[], None]]) -> None:
        self._clock, self._timer = clock, timer

    def cancel(self) -> None:
        self._clock.timers.remove(self._timer)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def feed(clock: Clock) -> Feed:
    return Feed(clock=clock, later=clock.later)


async def taken(feed_listener: object) -> tuple[str, ...]:
    """What is there now; () when nothing is."""
    from textback.console.feed import Listener

    assert isinstance(feed_listener, Listener)
    task = asyncio.ensure_future(feed_listener.next())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if not task.done():
        task.cancel()
        return ()
    return task.result()


async def test_what_is_said_together_is_heard_together_and_each_topic_once(
    feed: Feed, clock: Clock
) -> None:
    listener = feed.listen()
    feed.say("calls", "inbox")
    feed.say("calls")
    assert await taken(listener) == ()
    clock.pass_(GATHER)
    assert await taken(listener) == ("calls", "inbox")


async def test_fifty_calls_a_second_are_one_round_in_two_seconds(feed: Feed, clock: Clock) -> None:
    listener = feed.listen()
    rounds = 0
    for _ in range(60 * 50):
        feed.say("calls")
        clock.pass_(1 / 50)
        rounds += await taken(listener) == ("calls",)
    # The first come quickly, then every MOST_GAP.
    assert 60 / MOST_GAP <= rounds <= 60 / MOST_GAP + 5
    assert clock.armed <= rounds + 1


async def test_a_quiet_house_is_heard_at_once_again_after_a_busy_time(
    feed: Feed, clock: Clock
) -> None:
    listener = feed.listen()
    for _ in range(500):
        feed.say("calls")
        clock.pass_(1 / 50)
    clock.pass_(3 * MOST_GAP)
    await taken(listener)
    feed.say("inbox")
    clock.pass_(GATHER)
    assert await taken(listener) == ("inbox",)
    feed.say("inbox")
    clock.pass_(GAP)
    assert await taken(listener) == ("inbox",)


async def test_a_slow_tab_keeps_each_topic_once_and_in_the_end_only_that_all_is_new(
    feed: Feed, clock: Clock
) -> None:
    listener = feed.listen()
    for _ in range(1000):
        feed.say("calls")
        clock.pass_(MOST_GAP)
    for number in range(3 * MOST_TOPICS):
        feed.say(f"thread:{number}")
        clock.pass_(MOST_GAP)
    assert await taken(listener) == (EVERYTHING,)
    feed.say("calls")
    clock.pass_(MOST_GAP)
    assert await taken(listener) == ("calls",)


async def test_too_many_topics_at_once_are_everything(feed: Feed, clock: Clock) -> None:
    listener = feed.listen()
    feed.say(*(f"thread:{number}" for number in range(MOST_TOPICS)))
    feed.say("calls")
    feed.say("inbox")
    clock.pass_(GATHER)
    assert EVERYTHING in await taken(listener)


async def test_everything_is_enough_said(feed: Feed, clock: Clock) -> None:
    listener = feed.listen()
    feed.say("calls", EVERYTHING, "inbox")
    clock.pass_(GATHER)
    assert await taken(listener) == (EVERYTHING,)


def test_nobody_listening_costs_no_timer_and_no_loop(feed: Feed, clock: Clock) -> None:
    for _ in range(1000):
        feed.say("calls")
    assert clock.armed == 0
    Feed().say("calls")  # without a running loop


async def test_the_last_to_leave_stops_the_timer(feed: Feed, clock: Clock) -> None:
    listener = feed.listen()
    feed.say("calls")
    feed.leave(listener)
    assert clock.timers == []
    again = feed.listen()
    feed.say("inbox")
    clock.pass_(GAP)
    assert await taken(again) == ("inbox",)


async def test_a_page_made_at_a_tick_knows_whether_it_missed_anything(
    feed: Feed, clock: Clock
) -> None:
    made = feed.tick
    assert feed.settled == made
    feed.say("calls")  # before anybody listened
    assert feed.settled != made
    feed.listen()
    told = feed.settled
    feed.say("calls")
    assert feed.settled == told  # not told yet, and will be
    clock.pass_(GAP)
    assert feed.settled == feed.tick > told


async def test_a_session_that_ends_ends_its_tabs_and_no_others(feed: Feed) -> None:
    mine, other = feed.listen("a"), feed.listen("b")
    assert (feed.count("a"), len(feed)) == (1, 2)
    feed.end("a")
    assert await mine.next() == ()
    assert (mine.closed, other.closed) == (True, False)
    feed.close()
    assert other.closed


async def test_the_loops_own_clock_does_as_well() -> None:
    feed = Feed()
    listener = feed.listen()
    feed.say("calls")
    async with asyncio.timeout(10):
        assert await listener.next() == ("calls",)

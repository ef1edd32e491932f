"""The pace of a route: the contract in any second, and what throttling does to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_gateway.pace import FIRST_PAUSE, FLOOR, MAX_PAUSE, SECOND, UNLIMITED, Pace


def send(pace: Pace, now: float, count: int) -> None:
    for _ in range(count):
        assert pace.room(now) > 0
        pace.sent(now)


def test_a_burst_up_to_the_rate_leaves_at_once() -> None:
    pace = Pace(10)
    send(pace, 5.0, 10)
    assert pace.room(5.0) == 0
    assert pace.ready_at(5.0) == 5.0 + SECOND
    assert pace.room(5.0 + SECOND) == 10


def test_room_comes_back_segment_by_segment() -> None:
    pace = Pace(2)
    send(pace, 0.0, 1)
    send(pace, 0.6, 1)
    assert pace.room(SECOND) == 1
    assert pace.room(0.6 + SECOND) == 2


def test_a_payload_costs_as_many_segments_as_it_becomes() -> None:
    pace = Pace(10)
    pace.sent(0.0, 3)
    assert pace.room(0.0) == 7


def test_less_than_one_a_second_is_one_in_more_seconds() -> None:
    pace = Pace(0.5)
    send(pace, 0.0, 1)
    assert pace.room(1.5) == 0
    assert pace.ready_at(1.5) == pytest.approx(2 * SECOND)
    assert pace.room(2 * SECOND) == 1


def test_no_rate_is_no_limit() -> None:
    pace = Pace(0)
    pace.sent(0.0, 100_000)
    assert pace.room(0.0) == UNLIMITED
    assert pace.ready_at(0.0) == 0.0
    assert pace.limit(0.0) == 0


def test_throttling_pauses_the_route_and_halves_its_rate() -> None:
    pace = Pace(10)
    send(pace, 0.0, 4)
    assert pace.throttled(0.0, 0.1) == FIRST_PAUSE
    assert pace.room(0.5) == 0
    assert pace.ready_at(0.5) == 0.1 + FIRST_PAUSE
    assert pace.limit(0.1) == 5
    assert pace.room(0.1 + FIRST_PAUSE) == 5


def test_a_window_of_refusals_is_one_message() -> None:
    pace = Pace(16)
    send(pace, 0.0, 8)
    for _ in range(8):
        pace.throttled(0.0, 0.2)
    assert pace.limit(0.2) == 8
    assert pace.throttles == 1


def test_the_pause_doubles_while_it_does_not_help_and_is_forgotten_when_it_did() -> None:
    pace = Pace(10)
    now, pauses = 0.0, []
    for _ in range(8):
        now += 0.5
        pauses.append(pace.throttled(now, now))
        now += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, MAX_PAUSE, MAX_PAUSE]
    pace.eased(now + 1.0)
    assert pace.throttled(now + 2.0, now + 2.0) == FIRST_PAUSE


def test_an_answer_to_what_was_sent_before_the_halving_eases_nothing() -> None:
    pace = Pace(10)
    pace.throttled(1.0, 1.5)
    pace.eased(1.2)
    assert pace.throttled(3.0, 3.0) == 2 * FIRST_PAUSE


def test_the_rate_climbs_back_to_the_contract_and_no_further() -> None:
    pace = Pace(10)
    pace.throttled(0.0, 0.0)
    assert [round(pace.limit(float(now)), 1) for now in (0, 2, 4, 10, 100)] == [5, 6, 7, 10, 10]


def test_the_rate_never_falls_below_the_floor() -> None:
    pace = Pace(1)
    for now in range(10):
        pace.throttled(float(now), float(now))
    assert pace.limit(9.0) == pytest.approx(FLOOR, abs=0.05)


def test_without_a_contract_the_measured_speed_is_halved() -> None:
    pace = Pace(0)
    for at in range(40):
        pace.sent(10 + at / 40)
    pace.throttled(10.9, 10.9)
    assert pace.limit(10.9) == 20
    assert pace.limit(14.9) == 28


def test_without_a_contract_a_quiet_route_is_not_slow_for_long() -> None:
    pace = Pace(0)
    pace.sent(10.0)
    pace.throttled(10.0, 10.1)
    assert pace.limit(10.1) == pytest.approx(0.5)
    assert pace.limit(19.1) == pytest.approx(5.0)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(0.2, 40, allow_nan=False),
    st.lists(st.tuples(st.floats(0, 0.7), st.integers(1, 12)), max_size=40),
)
def test_no_second_ever_sees_more_than_the_contract(
    rate: float, bursts: list[tuple[float, int]]
) -> None:
    pace = Pace(rate)
    sent: list[float] = []
    now = 100.0
    for wait, wanted in bursts:
        now += wait
        for _ in range(min(wanted, pace.room(now))):
            pace.sent(now)
            sent.append(now)
    for start in sent:
        assert sum(start <= at < start + 1.0 for at in sent) <= max(1, rate)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.2, 40), st.lists(st.booleans(), max_size=40))
def test_ready_at_is_when_there_is_room(rate: float, throttles: list[bool]) -> None:
    pace = Pace(rate)
    now = 0.0
    for throttled in throttles:
        now = pace.ready_at(now) + 1e-6
        assert pace.room(now) > 0
        pace.sent(now)
        if throttled:
            pace.throttled(now, now)

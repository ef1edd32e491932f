"""Alarms: raised once however often it happens, cleared after quiet, counted, told by log."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from textback.alarms import RULES, Alarm, Alarms, Board, Rule
from textback.model import Moment, OutboxState, Reason
from textback.observer import Both, Observer

START = Moment.at(1_795_000_000)


@dataclass
class Clock:
    now: Moment = START

    def __call__(self) -> Moment:
        return self.now

    def on(self, seconds: float) -> None:
        self.now = self.now.plus(seconds)


def heard(logs: list[dict[str, object]], event: str) -> list[dict[str, object]]:
    return [line for line in logs if line["event"] == event]


# --- the board ----------------------------------------------------------------------------------


def test_a_thousand_times_the_same_is_one_alarm() -> None:
    board = Board()
    raised = [board.happened(Alarm.CAP_REACHED, "limits", START.plus(n / 20)) for n in range(1000)]
    assert [r for r in raised if r] == raised[:1]
    assert board.standing[Alarm.CAP_REACHED].count == 1000


def test_it_is_cleared_after_quiet_and_not_a_moment_before() -> None:
    board = Board()
    board.happened(Alarm.CAP_REACHED, "limits", START)
    board.happened(Alarm.CAP_REACHED, "limits", START.plus(50))
    assert board.next_end() == START.steady + 110
    assert board.tidy(START.plus(109.9)) == []
    assert [r.count for r in board.tidy(START.plus(110))] == [2]
    assert (board.standing, board.next_end()) == ({}, None)


def test_after_quiet_the_next_one_is_a_new_alarm_even_if_nobody_tidied() -> None:
    board = Board()
    assert board.happened(Alarm.BREAKER_OPEN, "a block", START)
    assert board.happened(Alarm.BREAKER_OPEN, "another", START.plus(3601))
    assert board.standing[Alarm.BREAKER_OPEN].detail == "another"


def test_an_alarm_with_a_threshold_waits_for_it() -> None:
    board = Board({Alarm.TAINTED_CALLS: Rule(quiet=900, least=3, within=60)})
    told = [
        board.happened(Alarm.TAINTED_CALLS, "", START.plus(at)) for at in (0, 50, 100, 105, 109)
    ]
    assert [bool(r) for r in told] == [False, False, False, True, False]
    assert board.standing[Alarm.TAINTED_CALLS].count == 4


def test_a_cap_over_a_longer_time_keeps_the_alarm_longer() -> None:
    board = Board()
    board.happened(Alarm.CAP_REACHED, "limits.per_hour", START, quiet=900)
    board.happened(Alarm.CAP_REACHED, "limits.per_minute", START.plus(10), quiet=60)
    assert board.tidy(START.plus(600)) == []
    assert board.tidy(START.plus(910))


@pytest.mark.parametrize("alarm", Alarm)
def test_every_rule_can_be_met(alarm: Alarm) -> None:
    rule = RULES[alarm]
    assert rule.quiet >= 60
    assert rule.within or rule.least == 1


# --- in the daemon ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "alarm"),
    [
        (Reason.CAP_MINUTE, Alarm.CAP_REACHED),
        (Reason.CAP_HOUR, Alarm.CAP_REACHED),
        (Reason.CAP_DAY, Alarm.CAP_REACHED),
        (Reason.TAINTED, Alarm.TAINTED_CALLS),
        (Reason.TEMPLATE_ERROR, Alarm.BAD_MESSAGE),
    ],
)
def test_verdicts_raise_their_alarm_in_one_log_line(reason: Reason, alarm: Alarm) -> None:
    alarms = Alarms(clock=Clock())
    with capture_logs() as logs:
        for _ in range(100):
            alarms.verdict(reason)
    lines = heard(list(map(dict, logs)), "alarm_raised")
    assert [(line["alarm"], line["log_level"]) for line in lines] == [(alarm.value, "error")]
    assert [r.alarm for r in alarms.standing] == [alarm]
    assert (alarm.value, True, 1) in alarms.table()


def test_ordinary_verdicts_and_states_raise_nothing() -> None:
    alarms = Alarms(clock=Clock())
    for reason in (Reason.SEND, Reason.ANSWERED, Reason.COOLDOWN, Reason.NOT_WATCHED):
        alarms.verdict(reason)
    for state in OutboxState:
        alarms.state(state)
    assert alarms.standing == []


def test_a_text_held_by_the_breaker_says_which_block() -> None:
    alarms = Alarms(clock=Clock())
    alarms.held("5 other callers of +16465550xx")
    assert alarms.standing[0].detail == "5 other callers of +16465550xx"


def test_five_refusals_within_ten_minutes_are_an_alarm_and_five_in_an_hour_none() -> None:
    clock = Clock()
    alarms = Alarms(clock=clock)
    for _ in range(5):
        alarms.state(OutboxState.REFUSED)
        clock.on(700)
    assert alarms.standing == []
    for _ in range(5):
        alarms.state(OutboxState.REFUSED)
        clock.on(1)
    assert [r.alarm for r in alarms.standing] == [Alarm.TEXTS_REFUSED]


def test_looking_clears_what_is_over_and_tells_how_often_it_was() -> None:
    clock, changes = Clock(), []
    alarms = Alarms(clock=clock, on_change=lambda: changes.append(1))
    alarms.verdict(Reason.CAP_MINUTE)
    clock.on(30)
    alarms.verdict(Reason.CAP_MINUTE)
    clock.on(60)
    with capture_logs() as logs:
        assert alarms.standing == []
    (line,) = heard(list(map(dict, logs)), "alarm_cleared")
    assert (line["count"], line["lasted"]) == (2, 30.0)
    assert len(changes) == 2
    alarms.verdict(Reason.CAP_MINUTE)
    assert alarms.raised[Alarm.CAP_REACHED] == 2


async def test_the_task_clears_an_alarm_at_its_time_without_being_asked() -> None:
    cleared = asyncio.Event()
    seen: list[int] = []

    def changed() -> None:
        seen.append(1)
        if len(seen) == 2:
            cleared.set()

    alarms = Alarms(rules={**RULES, Alarm.BREAKER_OPEN: Rule(quiet=0.05)}, on_change=changed)
    task = asyncio.create_task(alarms.run(), name="alarms")
    alarms.held("a block")
    await asyncio.wait_for(cleared.wait(), 10)
    assert alarms.standing == []
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


def test_both_observers_are_told_everything() -> None:
    told: list[tuple[str, str]] = []

    class Ear(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def __getattribute__(self, verb: str) -> object:
            if verb.startswith("_") or verb == "name":
                return object.__getattribute__(self, verb)
            return lambda *_: told.append((self.name, verb))

    both = Both(Ear("a"), Ear("b"))
    verbs = [v for v in vars(Observer) if not v.startswith("_")]
    for verb in verbs:
        arguments = inspect.signature(getattr(both, verb)).parameters
        getattr(both, verb)(*[None] * len(arguments))
    assert told == [(name, verb) for verb in verbs for name in ("a", "b")]

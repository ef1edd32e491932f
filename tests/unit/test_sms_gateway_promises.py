"""What is known of answers on their way: which the SMSC has, and which it may have lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sms_gateway.promises import OVERDUE, Overdue, Promises
from sms_gateway.session_states import Closing, Ending


class Line:
    """As much of a connection as is asked."""

    def __init__(self) -> None:
        self.closed: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()

    def end(self, ending: Ending, detail: str) -> None:
        self.closed.set_result(Closing(ending, detail))


def promises(settled: float = 3600.0) -> tuple[Promises, list[int]]:
    known: list[int] = []
    return Promises(known.extend, settled), known


async def test_an_answer_that_its_connection_outlives_has_arrived() -> None:
    made, known = promises(settled=0.0)
    line: Any = Line()
    made.gave(line, 1)
    await asyncio.sleep(0.01)
    assert known == [1]


@pytest.mark.parametrize(
    ("ending", "detail", "arrived"),
    [
        (Ending.STOPPED, "unbound", True),
        (Ending.STOPPED, "the SMSC did not answer our unbind", False),
        (Ending.STOPPED, "aborted", False),
        (Ending.LOST, "the SMSC closed the connection", False),
        (Ending.DEAD, "no sign of life", False),
        (Ending.UNBOUND, "the SMSC unbound", False),
    ],
)
async def test_when_a_connection_ends_only_an_answered_unbind_proves_it(
    ending: Ending, detail: str, arrived: bool
) -> None:
    made, known = promises()
    line: Any = Line()
    for number in (1, 2):
        made.gave(line, number)
    line.end(ending, detail)
    await asyncio.sleep(0)
    assert known == ([1, 2] if arrived else [])


async def test_each_connection_has_a_name_of_its_own_as_long_as_it_lives() -> None:
    made, _ = promises()
    one: Any = Line()
    other: Any = Line()
    assert made.name(one) == made.name(one) != made.name(other)


async def test_an_answer_on_a_connection_that_is_gone_proves_nothing() -> None:
    made, known = promises(settled=0.0)
    line: Any = Line()
    line.end(Ending.LOST, "")
    made.gave(line, 1)
    for _ in range(5):
        await asyncio.sleep(0)
    assert known == []


def test_what_comes_while_its_like_is_overdue_is_a_repeat() -> None:
    overdue = Overdue()
    overdue.answered("like", came=100.0, answered=100.0 + OVERDUE + 2)
    assert not overdue.repeats("like", 100.0 + OVERDUE - 1)  # before the SMSC lost patience
    assert overdue.repeats("like", 100.0 + OVERDUE + 1)
    assert not overdue.repeats("like", 100.0 + OVERDUE + 3)  # after our answer
    assert not overdue.repeats("another", 100.0 + OVERDUE + 1)


def test_an_answer_in_time_makes_nothing_a_repeat_and_memory_is_bounded() -> None:
    overdue = Overdue()
    overdue.answered("like", came=100.0, answered=100.1)
    assert not overdue.repeats("like", 100.05)
    for number in range(1000):
        overdue.answered(number, came=0.0, answered=10.0)
    assert not overdue.repeats(0, 6.0)
    assert overdue.repeats(999, 6.0)

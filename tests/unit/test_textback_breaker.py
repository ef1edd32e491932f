"""The breaker against SMS pumping: for which block it closes, and what the operator reads."""

from __future__ import annotations

import pytest

from textback.breaker import adjacent, per_prefix
from textback.case import History
from textback.config import Limits


@pytest.mark.parametrize(("others", "held"), [(0, False), (4, False), (5, True), (90, True)])
def test_it_closes_with_the_number_of_other_callers_in_the_block(others: int, held: bool) -> None:
    block = adjacent("+12125550123", History(adjacent=others), Limits())
    assert bool(block.hold) == held
    assert str(others) in block.value


def test_a_block_is_known_by_the_digits_its_numbers_share() -> None:
    assert adjacent("+12125550123", History(), Limits()).shown == "+121255501xx"
    assert per_prefix("+12125550123", History(), Limits()).shown == "+1212555xxxx"


def test_the_two_blocks_do_not_close_for_each_other() -> None:
    history = History(adjacent=5, same_prefix=5)
    assert adjacent("+12125550123", history, Limits()).hold
    assert not per_prefix("+12125550123", history, Limits()).hold


def test_switched_off_nothing_is_counted() -> None:
    block = adjacent("+12125550123", History(adjacent=70), Limits(adjacent=0))
    assert not block.hold
    assert block.value == "the callers of +121255501xx are not counted"
    assert block.rule == "adjacent = 0, off"

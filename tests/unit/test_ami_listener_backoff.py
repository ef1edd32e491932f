"""The waits between two connection attempts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener import backoff


@pytest.mark.parametrize(
    ("attempt", "dice", "expected"),
    [
        (0, 0.0, 0.0),
        (0, 1.0, 0.5),
        (1, 1.0, 1.0),
        (2, 0.5, 1.0),
        (6, 1.0, 32.0),
        (7, 1.0, 60.0),  # 64 is above the cap
        (8, 0.25, 15.0),
        (10**9, 1.0, 60.0),
    ],
)
def test_delay_doubles_up_to_the_cap_and_is_jittered_in_full(
    attempt: int, dice: float, expected: float
) -> None:
    assert backoff.delay(attempt, first=0.5, maximum=60.0, dice=dice) == expected


@given(st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_delay_never_leaves_its_bounds(attempt: int, dice: float) -> None:
    waited = backoff.delay(attempt, first=0.5, maximum=60.0, dice=dice)
    assert 0.0 <= waited <= backoff.ceiling(attempt, first=0.5, maximum=60.0) <= 60.0


@pytest.mark.parametrize(("dice", "expected"), [(0.0, 270.0), (0.5, 300.0), (1.0, 330.0)])
def test_a_fixed_wait_moves_by_a_tenth_at_most(dice: float, expected: float) -> None:
    assert backoff.around(300.0, dice=dice) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("attempt", "first", "maximum", "dice"),
    [(-1, 0.5, 60, 0.5), (0, 0, 60, 0.5), (0, 0.5, 0, 0.5), (0, 0.5, 60, 1.5)],
)
def test_nonsense_is_refused(attempt: int, first: float, maximum: float, dice: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        backoff.delay(attempt, first=first, maximum=maximum, dice=dice)

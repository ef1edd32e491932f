"""Who is a machine, by its sender and by its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from textback.robots import Heard, found, sender

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def heard(*answers: tuple[float | None, str]) -> list[Heard]:
    """Texts so many seconds after ours, newest first; None: none of ours was before it."""
    made = []
    for minutes, (after, text) in enumerate(answers):
        at = NOW - timedelta(minutes=5 * minutes)
        made.append(Heard(text, at, None if after is None else at - timedelta(seconds=after)))
    return made


@pytest.mark.parametrize("handset", ["ACME", "Your Bank", "72345", "12345678", "AB12"])
def test_names_and_short_codes_are_no_persons(handset: str) -> None:
    assert sender(handset)


@pytest.mark.parametrize("handset", ["+12125550123", "2125550123", "+4915112345678"])
def test_a_telephone_number_may_be_a_persons(handset: str) -> None:
    assert sender(handset) == ""


@pytest.mark.parametrize(
    ("answers", "machine"),
    [
        ([], False),
        ([(60, "Away"), (60, "away "), (60, "AWAY")], True),
        ([(60, "Away"), (60, "Away"), (180, "Away")], False),
        ([(60, "Away"), (60, "Away"), (None, "Away")], False),
        ([(60, ""), (60, ""), (60, "")], False),
        ([(2, "a"), (3, "b")], True),
        ([(2, "a"), (9, "b")], False),
        ([(-5, "a"), (-5, "b")], False),
        ([(2, "a")], False),
    ],
)
def test_answers_tell(answers: list[tuple[float | None, str]], machine: bool) -> None:
    assert bool(found("+12125550123", heard(*answers))) == machine

"""The times in Asterisk's records: an hour that comes twice is not guessed at."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ami_listener.records.times import Clock

NEW_YORK = ZoneInfo("America/New_York")


def epoch(*when: int) -> float:
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1795448055.775253", 1795448055.775253),
        ("1795448055", 1795448055.0),
        ("2026-11-23T15:34:15Z", 1795448055.0),
        ("2026-11-23 10:34:15-05:00", 1795448055.0),
        ("2026-11-23 10:34:15-0500", 1795448055.0),
        ("2026-11-23 10:34:15.5", 1795448055.5),
        ("2026-11-23 10:34:15.1234567", 1795448055.123456),
    ],
)
def test_what_says_which_instant_it_means_is_read(text: str, at: float) -> None:
    assert Clock(zone=NEW_YORK).read(text) == pytest.approx(at, abs=1e-6)


def test_text_is_local_time_or_utc_as_the_source_is_said_to_be() -> None:
    text = "2026-11-23 15:34:15"

    assert Clock(utc=True, zone=NEW_YORK).read(text) == 1795448055.0
    assert Clock(zone=NEW_YORK).read(text) == 1795448055.0 + 5 * 3600


def test_hour_that_comes_twice_is_read_only_where_something_says_which() -> None:
    clock, text = Clock(zone=NEW_YORK), "2026-11-01 01:30:00"
    first, second = epoch(2026, 11, 1, 5, 30), epoch(2026, 11, 1, 6, 30)

    assert clock.readings(text) == (first, second)
    assert clock.read(text) is None
    assert clock.read(text, near=first + 3) == first
    assert clock.read(text, near=second - 3) == second
    assert clock.read(text, near=first - 7200) is None


def test_time_that_was_skipped_is_no_time() -> None:
    assert Clock(zone=NEW_YORK).readings("2026-03-08 02:30:00") == ()


@pytest.mark.parametrize(
    "text",
    ["", "0", "yesterday", "2026-13-01 00:00:00", "2026-11-23", "99999999999999", "-1795448055"],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert Clock(zone=NEW_YORK).read(text) is None

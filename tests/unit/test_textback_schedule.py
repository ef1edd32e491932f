"""Opening hours over midnights, holidays and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textback.config import Hours
from textback.schedule import (
    ALWAYS,
    Span,
    Week,
    parse_days,
    parse_holiday,
    parse_quiet,
    parse_spans,
)

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    """A wall-clock time in New York, as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("09:00-17:00", [(540, 1020)]),
        ("9:00 - 17:00", [(540, 1020)]),
        ("09:00-12:00, 13:00-17:00", [(540, 720), (780, 1020)]),
        ("22:00-06:00", [(1320, 1800)]),
        ("00:00-24:00", [(0, 1440)]),
        ("24h", [(0, 1440)]),
        ("closed", []),
    ],
)
def test_spans_are_read(text: str, spans: list[tuple[int, int]]) -> None:
    assert parse_spans(text) == tuple(Span(*s) for s in spans)


@pytest.mark.parametrize(
    "text",
    [
        "9-17",
        "09:00",
        "25:00-26:00",
        "09:60-10:00",
        "24:00-25:00",
        "09:00-09:00",
        "",
        "x",
        "٠٩:00-1",
        "09:00-13:00,12:00-14:00",
        "09:00-17:00-18:00",
    ],
)
def test_a_wrong_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"span|time|overlap|once"):
        parse_spans(text)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", []),
        ("21:00-08:00", [(1260, 1920)]),
        ("12:00-13:00, 20:00-9:00", [(720, 780), (1200, 1980)]),
        ("00:01-24:00", [(1, 1440)]),
    ],
)
def test_quiet_hours_are_read(text: str, spans: list[tuple[int, int]]) -> None:
    assert parse_quiet(text) == tuple(Span(*s) for s in spans)


@pytest.mark.parametrize(
    "text", ["24h", "closed", "open", "9pm-8am", "00:00-24:00", "21:00-21:00", "20:00-09:00, x"]
)
def test_quiet_hours_that_are_none_or_all_day_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"span|whole day|once"):
        parse_quiet(text)


@pytest.mark.parametrize("text", ["00:00-12:00, 12:00-24:00", "18:00-06:00, 06:00-18:00"])
def test_quiet_hours_that_fill_the_day_in_parts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole day"):
        parse_quiet(text)


def test_days_are_read_in_ranges_lists_and_round_the_week() -> None:
    assert parse_days("mon-fri") == (0, 1, 2, 3, 4)
    assert parse_days("Sat, sun") == (5, 6)
    assert parse_days("fri-mon") == (0, 4, 5, 6)
    assert parse_days("wednesday") == (2,)
    for wrong in ("", "m", "mon-", "someday", "mon/fri"):
        with pytest.raises(ValueError, match="is not a day"):
            parse_days(wrong)


def test_holidays_are_once_or_every_year() -> None:
    assert parse_holiday("2026-12-25") == date(2026, 12, 25)
    assert parse_holiday("12-25") == (12, 25)
    assert parse_holiday("02-29") == (2, 29)
    for wrong in ("2026-02-30", "13-01", "25 December", ""):
        with pytest.raises(ValueError, match="is not a date"):
            parse_holiday(wrong)


OFFICE = Hours(
    days="mon-fri", open="09:00-12:00, 13:00-17:00", sat="22:00-02:00", holidays=("12-25",)
).week


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-11-23T08:59:59", False),  # a Monday
        ("2026-11-23T09:00:00", True),
        ("2026-11-23T11:59:59", True),
        ("2026-11-23T12:00:00", False),
        ("2026-11-23T16:59:59", True),
        ("2026-11-23T17:00:00", False),
        ("2026-11-28T21:59:59", False),  # Saturday
        ("2026-11-28T23:00:00", True),
        ("2026-11-29T01:59:59", True),  # Sunday, still Saturday's span
        ("2026-11-29T02:00:00", False),
        ("2026-12-25T10:00:00", False),  # Friday, a holiday
        ("2027-12-25T23:00:00", False),  # Saturday, a holiday
        ("2027-12-26T01:00:00", False),  # and nothing runs over from it
    ],
)
def test_open_and_closed_by_the_wall_clock(when: str, is_open: bool) -> None:
    assert OFFICE.is_open(at(when), NEW_YORK) is is_open


def test_hours_follow_the_wall_clock_over_a_change_to_summer_time() -> None:
    week = Hours(days="mon-sun", open="09:00-17:00").week
    assert week.is_open(datetime(2026, 3, 7, 14, 0, tzinfo=UTC), NEW_YORK)  # 09:00 EST
    assert week.is_open(datetime(2026, 3, 8, 13, 0, tzinfo=UTC), NEW_YORK)  # 09:00 EDT
    assert not week.is_open(datetime(2026, 3, 7, 13, 0, tzinfo=UTC), NEW_YORK)


def test_hours_with_nothing_but_holidays_are_open_on_all_other_days() -> None:
    week = Hours(holidays=("2026-12-24",)).week
    assert not week.is_open(at("2026-12-24T12:00:00"), NEW_YORK)
    assert week.is_open(at("2026-12-23T03:00:00"), NEW_YORK)


def test_a_named_day_takes_the_place_of_open() -> None:
    week = Hours(days="mon-fri", open="09:00-17:00", wed="closed", fri="09:00-12:00").week
    assert not week.is_open(at("2026-11-25T10:00:00"), NEW_YORK)
    assert week.is_open(at("2026-11-27T10:00:00"), NEW_YORK)
    assert not week.is_open(at("2026-11-27T13:00:00"), NEW_YORK)


@given(st.datetimes(timezones=st.just(UTC)))
@settings(max_examples=100, deadline=None)
def test_always_open_is_open_at_any_moment_of_the_calendar(moment: datetime) -> None:
    assert ALWAYS.is_open(moment, UTC)
    assert not Week(days=((),) * 7).is_open(moment, UTC)

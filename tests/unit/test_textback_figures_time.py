"""Days and hours of the business as instants: in every zone, through every change of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textback.figures_time import (
    QUARTER,
    begins,
    day_of,
    from_quarter,
    grain,
    hour_of,
    quarter_of,
    span,
)

ZONES = (
    *("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "America/St_Johns", "America/Havana", "Asia/Beirut"),
    *("Pacific/Chatham", "Pacific/Apia", "Africa/Cairo", "America/Santiago"),
)
INSTANTS = st.datetimes(datetime(2005, 1, 1), datetime(2035, 12, 31)).map(  # noqa: DTZ001
    lambda at: at.replace(tzinfo=UTC)
)


@settings(max_examples=300, deadline=None)
@given(at=INSTANTS, zone=st.sampled_from(ZONES))
def test_every_instant_is_in_one_day_and_one_hour_of_it(at: datetime, zone: str) -> None:
    place = ZoneInfo(zone)
    day = day_of(at, place)
    begin, end = span(day, place)
    assert begin <= at < end
    hour = hour_of(at, place)
    assert (hour.day, hour.hour) == (day, at.astimezone(place).hour)
    assert timedelta(0) <= at - hour.at < timedelta(hours=2)
    assert begin <= hour.at < end
    assert from_quarter(quarter_of(at)) <= at < from_quarter(quarter_of(at) + 1)


@settings(max_examples=100, deadline=None)
@given(day=st.integers(date(2005, 1, 1).toordinal(), date(2035, 1, 1).toordinal()))
def test_days_follow_each_other_without_a_gap_and_each_step_is_in_one_hour(day: int) -> None:
    for zone in map(ZoneInfo, ZONES):
        begin, end = span(day, zone)
        assert span(day + 1, zone)[0] == end
        if begin == end:
            continue  # Samoa went over the date line
        step = timedelta(seconds=grain(begin, end, zone))
        assert day_of(begin, zone) == day == day_of(end - timedelta(seconds=QUARTER), zone)
        at = begin
        while at < end:
            assert hour_of(at, zone) == hour_of(at + step - timedelta(seconds=1), zone)
            at += step
        assert at == end


def test_a_day_on_which_clocks_go_back_has_one_hour_twice() -> None:
    zone = ZoneInfo("America/New_York")
    begin, end = span(date(2026, 11, 1).toordinal(), zone)
    assert end - begin == timedelta(hours=25)
    first, again = (hour_of(begin + timedelta(hours=h, minutes=59), zone) for h in (1, 2))
    assert (first.hour, again.hour) == (1, 1)
    assert again.at - first.at == timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "seconds"), [("Europe/Berlin", 3_600), ("Asia/Kathmandu", 900), ("UTC", 3_600)]
)
def test_quarters_are_only_counted_where_they_are_needed(zone: str, seconds: int) -> None:
    place = ZoneInfo(zone)
    assert grain(*span(date(2026, 6, 1).toordinal(), place), place) == seconds


def test_a_midnight_that_is_skipped_begins_where_the_clock_goes_on() -> None:
    zone = ZoneInfo("America/Havana")
    begin = begins(date(2026, 3, 8).toordinal(), zone)
    assert begin.astimezone(zone).isoformat() == "2026-03-08T01:00:00-04:00"

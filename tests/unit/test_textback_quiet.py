"""Quiet hours: whose clock counts, when they end, and that a deferred text never lands in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verdicts import config
from textback import phone
from textback.model import TextKind
from textback.quiet import Found, QuietRules, caller_zones, free_from, look, rules_for
from textback.schedule import DAY_MINUTES, Span, parse_quiet

NEW_YORK = ZoneInfo("America/New_York")
#: Of 212, 310, 208 (two zones), and one the plan does not know.
EAST, WEST, BORDER, NOBODY = "+12125550123", "+13105550123", "+12085550123", "+19995550123"


def rules(spans: str = "21:00-08:00", zone: str = "caller", policy: str = "defer") -> QuietRules:
    made = rules_for(
        config(quiet_hours=spans, quiet=policy, quiet_zone=zone).number[0], TextKind.MISSED
    )
    assert made is not None
    return made


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def found(at: str, caller: str = EAST, asked: QuietRules | None = None) -> Found:
    return look(asked or rules(), caller, NEW_YORK, utc(at))


# --- whose quiet hours ------------------------------------------------------------------------


def test_a_number_without_quiet_hours_keeps_none() -> None:
    assert rules_for(config().number[0], TextKind.MISSED) is None


def test_a_text_the_caller_asked_for_keeps_none() -> None:
    number = config(quiet_hours="21:00-08:00").number[0]
    assert rules_for(number, TextKind.OFFER) is None
    assert rules_for(number, TextKind.TEST) is None


@pytest.mark.parametrize(
    ("caller", "value", "until"),
    [
        (EAST, "06:12 in America/New_York, until 08:00", "2026-11-23T13:00"),
        (WEST, "03:12 in America/Los_Angeles, until 08:00", "2026-11-23T16:00"),
        # 04:12 in Boise; the last to wake is the rest of Idaho.
        (
            BORDER,
            "04:12 in America/Boise, until 08:00 in America/Los_Angeles",
            "2026-11-23T16:00",
        ),
        (
            NOBODY,
            "06:12 in America/New_York, until 08:00 "
            "(the business's: the caller's time zones are not known)",
            "2026-11-23T13:00",
        ),
    ],
)
def test_the_callers_clock_counts_where_the_number_tells_it(
    caller: str, value: str, until: str
) -> None:
    assert found("2026-11-23T11:12", caller) == Found(utc(until), value)


def test_the_businesss_clock_counts_where_that_is_wanted() -> None:
    asked = rules(zone="business")
    assert found("2026-11-23T14:00", WEST, asked) == Found(None, "09:00 in America/New_York")
    assert found("2026-11-23T11:12", WEST, asked).until == utc("2026-11-23T13:00")


def test_of_two_zones_one_that_sleeps_is_enough() -> None:
    # 21:30 in Boise, 20:30 in Los Angeles.
    evening = found("2026-11-24T04:30", BORDER)
    assert evening.until == utc("2026-11-24T16:00")
    assert evening.value == "21:30 in America/Boise, until 08:00 in America/Los_Angeles"
    # 08:30 in Boise, 07:30 in Los Angeles.
    morning = found("2026-11-23T15:30", BORDER)
    assert morning == Found(utc("2026-11-23T16:00"), "07:30 in America/Los_Angeles, until 08:00")
    day = found("2026-11-23T16:00", BORDER)
    assert day == Found(None, "09:00 in America/Boise, 08:00 in America/Los_Angeles")


def test_two_zones_that_leave_no_common_hour_give_way_to_the_business() -> None:
    asked = rules("09:00-08:30")
    there = look(asked, BORDER, NEW_YORK, utc("2026-11-23T15:30"))
    assert there.until == utc("2026-11-24T13:30")
    assert there.value.endswith(
        "(the business's: the caller's time zones leave no hour of the day)"
    )


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        (EAST, ["America/New_York"]),
        (BORDER, ["America/Boise", "America/Los_Angeles"]),
        ("+4915112345678", ["Europe/Berlin"]),
        ("+34600123456", ["Atlantic/Canary", "Europe/Madrid"]),
        ("+447400123456", ["Europe/London"]),  # and Guernsey, Jersey, the Isle of Man: one clock
        ("+79161234567", []),  # eleven clocks
        ("+18005550123", []),
        ("+881612345678", []),  # a satellite
        ("no number", []),
        ("", []),
    ],
)
def test_the_zones_of_a_number_are_counted_by_their_clocks(number: str, zones: list[str]) -> None:
    names = [z.key for z in caller_zones(number, utc("2026-11-23T12:00"))]
    if number.startswith("+44"):
        assert len(names) == 1
    else:
        assert names == zones


def test_a_zone_this_host_does_not_know_is_no_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone, "time_zones", lambda _: ("America/New_York", "Mars/Olympus"))
    assert caller_zones(EAST, utc("2026-11-23T12:00")) == ()


# --- when they end ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spans", "at", "until"),
    [
        ("21:00-08:00", "2026-11-23T20:59:59", "2026-11-23T20:59:59"),
        ("21:00-08:00", "2026-11-23T21:00", "2026-11-24T08:00"),
        ("21:00-08:00", "2026-11-24T07:59:59.999999", "2026-11-24T08:00"),
        ("21:00-08:00", "2026-11-24T08:00", "2026-11-24T08:00"),
        ("12:00-13:00", "2026-11-23T12:30", "2026-11-23T13:00"),
        ("21:00-24:00, 00:00-08:00", "2026-11-23T22:00", "2026-11-24T08:00"),
        ("12:00-14:00, 20:00-09:00", "2026-11-23T23:00", "2026-11-24T09:00"),
        # The clock goes forward (8 March, 02:00 to 03:00) and back (1 November, 02:00 to 01:00).
        ("21:00-08:00", "2026-03-07T22:00", "2026-03-08T08:00"),
        ("21:00-08:00", "2026-10-31T22:00", "2026-11-01T08:00"),
        ("21:00-02:30", "2026-03-07T22:00", "2026-03-08T03:30"),
        ("21:00-01:30", "2026-10-31T22:00", "2026-11-01T01:30"),
    ],
)
def test_they_end_by_the_clock_on_the_wall(spans: str, at: str, until: str) -> None:
    local = datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)
    free = free_from(parse_quiet(spans), (NEW_YORK,), local)
    assert free is not None
    assert free.astimezone(NEW_YORK).replace(tzinfo=None) == datetime.fromisoformat(until)


def test_in_the_hour_that_comes_twice_the_second_one_ends_as_well() -> None:
    second = datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK, fold=1)
    free = free_from(parse_quiet("21:00-01:30"), (NEW_YORK,), second)
    assert free == utc("2026-11-01T06:30")


#: Clocks that change at night, at midnight, by half an hour, on the southern half, or never.
ZONES = [
    ZoneInfo(name)
    for name in (
        "America/New_York",
        "America/Los_Angeles",
        "America/Santiago",
        "America/Phoenix",
        "America/Havana",
        "Asia/Beirut",
        "Australia/Lord_Howe",
        "Europe/London",
        "Pacific/Chatham",
        "Asia/Kathmandu",
    )
]


@st.composite
def around_a_change(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone and a moment, more often than not within a day of a change of its clock."""
    zone = draw(st.sampled_from(ZONES))
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=draw(st.integers(0, 365)))
    days = (day + timedelta(days=n) for n in range(370))
    changes = (
        d
        for d in days
        if d.astimezone(zone).utcoffset() != (d + timedelta(days=1)).astimezone(zone).utcoffset()
    )
    base = next(changes, day) if draw(st.booleans()) else day
    return zone, base + timedelta(seconds=draw(st.integers(-86_400, 2 * 86_400)))


MINUTES = st.integers(0, DAY_MINUTES - 1)


@given(where=around_a_change(), opens=MINUTES, length=st.integers(1, DAY_MINUTES - 1))
@settings(max_examples=400, deadline=None)
def test_a_deferred_text_never_lands_in_quiet_hours(
    where: tuple[ZoneInfo, datetime], opens: int, length: int
) -> None:
    zone, at = where
    spans = (Span(opens, opens + length),)
    free = free_from(spans, (zone,), at)
    assert free is not None
    assert free >= at
    assert free_from(spans, (zone,), free) == free
    local = free.astimezone(zone)
    minute = local.hour * 60 + local.minute
    assert not any(opens <= m < opens + length for m in (minute, minute + DAY_MINUTES))
    # The clock moves by no more than an hour; what is free for longer is there within a day.
    most = timedelta(minutes=length) + timedelta(hours=1)
    free_hours = DAY_MINUTES - length
    assert free - at <= (most if free_hours > 60 else most + timedelta(days=1))


@given(
    where=around_a_change(),
    other=st.sampled_from(ZONES),
    opens=MINUTES,
    length=st.integers(1, DAY_MINUTES // 2),
)
@settings(max_examples=200, deadline=None)
def test_with_two_zones_it_is_free_in_both_or_found_to_be_never(
    where: tuple[ZoneInfo, datetime], other: ZoneInfo, opens: int, length: int
) -> None:
    zone, at = where
    spans = (Span(opens, opens + length),)
    free = free_from(spans, (zone, other), at)
    if free is None:
        # Asleep in turns, the one half a day after the other.
        assert length > DAY_MINUTES // 4
    else:
        assert free_from(spans, (zone,), free) == free_from(spans, (other,), free) == free
        assert free - at <= timedelta(days=2)

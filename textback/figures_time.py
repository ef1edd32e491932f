"""Days and hours of the business as instants, through daylight saving time and odd zones; pure.

A day is known by its ordinal (`date.toordinal`). An hour is a local one: where clocks are set back
there are two of the same number, told apart by when they began.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

#: Seconds; every time zone in use is a multiple of it from UTC, so no quarter is in two days.
QUARTER = 900
_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Hour:
    """A local hour."""

    at: datetime  #: when it began, UTC
    day: int  #: ordinal
    hour: int  #: 0 to 23


def day_of(at: datetime, zone: ZoneInfo) -> int:
    """The day an instant (aware) is in."""
    return at.astimezone(zone).toordinal()


def begins(day: int, zone: ZoneInfo) -> datetime:
    """When a day begins, UTC. Where midnight is skipped by daylight saving time: when the clock
    is set forward."""
    midnight = datetime.combine(date.fromordinal(day), datetime.min.time(), zone)
    found = midnight.astimezone(UTC)
    # A midnight that does not exist is read with the offset before: one step too late, or none.
    while day_of(found, zone) < day:
        found += timedelta(seconds=QUARTER)
    while day_of(found - timedelta(seconds=QUARTER), zone) >= day:
        found -= timedelta(seconds=QUARTER)
    return found


def span(day: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Begin and end of a day, UTC; its end is the begin of the next."""
    return begins(day, zone), begins(day + 1, zone)


def hour_of(at: datetime, zone: ZoneInfo) -> Hour:
    """The local hour an instant is in."""
    local = at.astimezone(zone)
    whole = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    if whole.astimezone(zone).hour != local.hour:
        # Its first part was skipped: it began where the clock was set forward.
        whole = at - timedelta(seconds=at.timestamp() % QUARTER)
    return Hour(whole, local.toordinal(), local.hour)


def grain(begin: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Seconds of the steps in which a span (UTC) may be counted so that each is in one local hour:
    an hour where the zone is whole hours from UTC all that time, else a quarter."""
    offsets = {at.astimezone(zone).utcoffset() for at in (begin, end)}
    whole = all(offset is not None and not offset.total_seconds() % _HOUR for offset in offsets)
    return _HOUR if whole else QUARTER


def quarter_of(at: datetime) -> int:
    """Quarters of an hour since 1970."""
    return int(at.timestamp() // QUARTER)


def from_quarter(quarter: int) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER, UTC)

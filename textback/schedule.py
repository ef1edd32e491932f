"""Opening hours and holidays: whether a business is open at a moment, in its own time zone; pure.

A span belongs to the day it opens on, so "22:00-06:00" on Friday runs into Saturday morning even
when Saturday is closed or a holiday. A holiday opens no span of its own.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60

_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)", re.ASCII)
_YEARLY = re.compile(r"(\d\d)-(\d\d)", re.ASCII)
_DAY_WORD = re.compile(r"[a-z]{3,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Open from `opens` to `closes`, minutes after midnight; past 1,440 is the next day."""

    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Week:
    """Spans for Monday to Sunday, and the days on which none of them opens."""

    days: tuple[tuple[Span, ...], ...]
    holidays: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()  #: (month, day)

    def is_holiday(self, day: date) -> bool:
        return day in self.holidays or (day.month, day.day) in self.yearly

    def is_open(self, at: datetime, zone: tzinfo) -> bool:
        """Whether it is open at `at` (aware). The wall clock of `zone` counts, over DST too."""
        local = at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        today = local.date()
        yesterday = today - timedelta(days=1) if today > date.min else today
        return self._opened_on(today, minute) or self._opened_on(yesterday, minute + DAY_MINUTES)

    def _opened_on(self, day: date, minute: int) -> bool:
        if self.is_holiday(day):
            return False
        return any(s.opens <= minute < s.closes for s in self.days[day.weekday()])

    def opened(self, day: date, zone: tzinfo) -> list[tuple[datetime, datetime]]:
        """The spans that open on this day, as instants (UTC), in their order."""
        if self.is_holiday(day):
            return []
        midnight = datetime.combine(day, time(), zone)
        return [
            (_on_the_wall(midnight, s.opens), _on_the_wall(midnight, s.closes))
            for s in sorted(self.days[day.weekday()], key=lambda s: s.opens)
        ]


def _on_the_wall(midnight: datetime, minutes: int) -> datetime:
    # Arithmetic within one zone is that of the clock on the wall, DST or not.
    return (midnight + timedelta(minutes=minutes)).astimezone(UTC)


#: Opening hours are looked for so far ahead.
HORIZON = timedelta(days=366)


def open_time_later(week: Week, zone: tzinfo, start: datetime, wait: timedelta) -> datetime | None:
    """When `wait` of opening hours will have passed since `start` (aware), in UTC.

    A wait that ends exactly at closing time ends then, not at the next opening. None: the hours do
    not come together within `HORIZON`.
    """
    moment, left = start.astimezone(UTC), wait
    day, last = moment.astimezone(zone).date() - timedelta(days=1), moment + HORIZON
    while left > timedelta(0):
        # A span of yesterday may run into today.
        for opens, closes in week.opened(day, zone):
            begin = max(moment, opens)
            if closes - begin >= left:
                return begin + left
            if closes > begin:
                moment, left = closes, left - (closes - begin)
        day += timedelta(days=1)
        if datetime.combine(day, time(), zone) > last:
            return None
    return moment


ALWAYS = Week(days=((Span(0, DAY_MINUTES),),) * 7)


def parse_spans(text: str) -> tuple[Span, ...]:
    """Reads "09:00-12:00, 13:00-17:00", "22:00-06:00", "24h", "closed"; ValueError says why not."""
    word = text.strip().casefold()
    if word == "closed":
        return ()
    if word in {"24h", "open"}:
        return ALWAYS.days[0]
    spans = tuple(_parse_span(part.strip()) for part in word.split(","))
    ordered = sorted(spans, key=lambda s: s.opens)
    for earlier, later in itertools.pairwise(ordered):
        if later.opens < earlier.closes:
            raise ValueError(f"{text!r} has spans that overlap")
    return spans


def parse_quiet(text: str) -> tuple[Span, ...]:
    """Reads quiet hours, the same every day: "21:00-08:00", several with commas; "" is none.

    ValueError says what is wrong; hours that leave no minute of the day are.
    """
    word = text.strip().casefold()
    if not word:
        return ()
    if not all(_SPAN.fullmatch(part.strip()) for part in word.split(",")):
        hint = 'write "21:00-08:00", several with commas, or "" for none'
        raise ValueError(f"{text!r} is not a span of hours; {hint}")
    spans = parse_spans(word)
    quiet = {minute % DAY_MINUTES for s in spans for minute in range(s.opens, s.closes)}
    if len(quiet) == DAY_MINUTES:
        raise ValueError(f"{text!r} is the whole day: nothing could ever be sent; leave some of it")
    return spans


def parse_days(text: str) -> tuple[int, ...]:
    """Reads "mon-fri", "sat, sun", "fri-mon"; 0 is Monday. ValueError says what is wrong."""
    found: list[int] = []
    for part in text.casefold().split(","):
        first, dash, last = part.partition("-")
        start = _day(first)
        end = _day(last) if dash else start
        found += [(start + i) % 7 for i in range((end - start) % 7 + 1)]
    return tuple(sorted(set(found)))


def parse_holiday(text: str) -> date | tuple[int, int]:
    """Reads "2026-12-25" once, or "12-25" every year; ValueError says what is wrong."""
    value = text.strip()
    yearly = _YEARLY.fullmatch(value)
    try:
        if yearly is None:
            return date.fromisoformat(value)
        # 2024 is a leap year: 02-29 is a day that exists.
        return date(2024, int(yearly[1]), int(yearly[2])).timetuple()[1:3]
    except ValueError as error:
        wanted = '"2026-12-25", or "12-25" for every year'
        raise ValueError(f"{value!r} is not a date ({error}); write {wanted}") from error


def _parse_span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(
            f'{text!r} is not a span of hours; write "09:00-17:00", several with commas, '
            '"24h" or "closed"'
        )
    open_hour, open_minute, close_hour, close_minute = (int(g) for g in found.groups())
    opens, closes = open_hour * 60 + open_minute, close_hour * 60 + close_minute
    if max(open_minute, close_minute) > 59 or opens >= DAY_MINUTES or closes > DAY_MINUTES:
        raise ValueError(f"{text!r} has a time that does not exist; a day is 00:00 to 24:00")
    if opens == closes:
        raise ValueError(f'{text!r} opens and closes at once; write "24h" or "closed"')
    return Span(opens, closes if closes > opens else closes + DAY_MINUTES)


def _day(text: str) -> int:
    word = text.strip()
    full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    for number, name in enumerate(full):
        if _DAY_WORD.fullmatch(word) and name.startswith(word):
            return number
    raise ValueError(f"{word!r} is not a day; days are {', '.join(DAYS)}")

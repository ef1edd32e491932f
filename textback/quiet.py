"""Quiet hours: whether a text would wake its reader, and when it would not any more; pure.

Whose clock counts is `quiet_zone`. A caller's time zone is read from the number. Where the plan
names more than one (an area code over a state line), it is quiet while it is in any of them; where
it names more than three, or none, or no moment of the day is free in all of them, the business's
clock counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from textback import phone
from textback.config import NumberConfig
from textback.model import TextKind
from textback.schedule import DAY_MINUTES, Span

#: A country that names more time zones than this for a number does not tell where the caller is.
MOST_ZONES = 3
#: A free moment is looked for no further ahead: two days of 23 hours and a change of the clock.
HORIZON = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class QuietRules:
    """The quiet hours of one kind of text."""

    spans: tuple[Span, ...]
    policy: Literal["defer", "send", "skip"]
    zone: Literal["caller", "business"]
    rule: str  #: for people: 'quiet_hours = 21:00-08:00, quiet = defer'


@dataclass(frozen=True, slots=True)
class Found:
    """What the clocks say at one moment."""

    until: datetime | None  #: UTC; None: it is not quiet
    value: str  #: for people: "03:12 in America/Los_Angeles, until 08:00"


def rules_for(number: NumberConfig, kind: TextKind) -> QuietRules | None:
    """The quiet hours a text of this kind keeps; None: it keeps none.

    A text the caller has just asked for by pressing a key wakes nobody.
    """
    if not number.quiet_spans:
        return None
    match kind:
        case TextKind.MISSED:
            key, policy = "quiet", number.quiet
        case TextKind.FOLLOW_UP:
            key, policy = "quiet_follow_up", number.quiet_follow_up
        case TextKind.OFFER | TextKind.TEST:
            return None
    rule = f"quiet_hours = {number.quiet_hours}, {key} = {policy}"
    return QuietRules(number.quiet_spans, policy, number.quiet_zone, rule)


def look(rules: QuietRules, caller: str, business: ZoneInfo, at: datetime) -> Found:
    """Whether it is quiet at `at` (aware) for the caller (E.164), and until when."""
    zones = caller_zones(caller, at) if rules.zone == "caller" else ()
    until = free_from(rules.spans, zones, at) if zones else None
    note = ""
    if until is None:
        if rules.zone == "caller":
            why = "leave no hour of the day" if zones else "are not known"
            note = f" (the business's: the caller's time zones {why})"
        zones = (business,)
        until = free_from(rules.spans, zones, at)
    if until is None or until <= at:
        return Found(None, _spoken(zones, at) + note)
    # The zone that is quiet now, and the one that is quiet longest.
    now = next(z for z in zones if _left(rules.spans, at.astimezone(z)))
    last = next(
        (z for z in zones if _left(rules.spans, (until - _INSTANT).astimezone(z))), zones[-1]
    )
    end = f"{until.astimezone(last):%H:%M}" + ("" if last is now else f" in {last.key}")
    return Found(until, f"{_spoken((now,), at)}, until {end}{note}")


def caller_zones(e164: str, at: datetime) -> tuple[ZoneInfo, ...]:
    """The one to three time zones a number may be in, by their clocks at `at`; () when the plan
    does not tell. Zones with the same clock today and tomorrow are one."""
    clocks: dict[tuple[timedelta | None, timedelta | None], ZoneInfo] = {}
    for name in phone.time_zones(e164):
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ()  # a zone this host does not know: no better than none
        today = at.astimezone(zone).utcoffset()
        tomorrow = (at + timedelta(days=1)).astimezone(zone).utcoffset()
        clocks.setdefault((today, tomorrow), zone)
    return tuple(clocks.values()) if len(clocks) <= MOST_ZONES else ()


def free_from(spans: Sequence[Span], zones: Sequence[ZoneInfo], at: datetime) -> datetime | None:
    """The first moment from `at` on (UTC) that is quiet in none of the zones; None: there is none
    within `HORIZON`."""
    start = moment = at.astimezone(UTC)
    while moment - start < HORIZON:
        busy = [z for z in zones if _left(spans, moment.astimezone(z))]
        if not busy:
            return moment
        moment = max(_end(spans, zone, moment) for zone in busy)
    return None


_INSTANT = timedelta(microseconds=1)
_DAY = timedelta(minutes=DAY_MINUTES)


def _left(spans: Sequence[Span], local: datetime) -> timedelta:
    """What is left of the span that holds this time of day, by the clock on the wall; 0: none."""
    time = timedelta(
        hours=local.hour,
        minutes=local.minute,
        seconds=local.second,
        microseconds=local.microsecond,
    )
    left = timedelta(0)
    for span in spans:
        for now in (time, time + _DAY):  # a span past midnight holds the morning as well
            opens, closes = timedelta(minutes=span.opens), timedelta(minutes=span.closes)
            if opens <= now < closes:
                left = max(left, closes - now)
    return left


def _end(spans: Sequence[Span], zone: ZoneInfo, at: datetime) -> datetime:
    """When the span that holds `at` ends in this zone, later than `at` in any case.

    The end is a time on the wall. Where the clock goes forward over it, it is the same distance
    behind the change; where the clock goes back over it, it is the first of the two.
    """
    local = at.astimezone(zone)
    wall = local.replace(tzinfo=None, fold=0) + _left(spans, local)
    for fold in (0, 1):
        end = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if end > at:
            return end
    return at + timedelta(minutes=1)  # the clock was changed oddly: look again


def _spoken(zones: Sequence[ZoneInfo], at: datetime) -> str:
    return ", ".join(f"{at.astimezone(zone):%H:%M} in {zone.key}" for zone in zones)

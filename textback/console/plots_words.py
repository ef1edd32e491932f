"""How plots say days, hours and numbers, in the language of who looks; and how they compare.

A page says a thousand of them, and Babel takes a tenth of a millisecond for each: what was said
once is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_day_names
from babel.numbers import format_decimal, format_percent

from textback.console.i18n import _, ngettext
from textback.console.render import duration

#: Words kept of each kind; all days of ten years fit, and all numbers that are small.
_KEPT = 8_192
#: A time is one word.
_BLANKS = {0x20: 0xA0, 0x202F: 0xA0}


@lru_cache(_KEPT)
def _number(language: str, value: float) -> str:
    return format_decimal(value, locale=language)


@lru_cache(_KEPT)
def _percent(language: str, value: float) -> str:
    return format_percent(value, locale=language)


@lru_cache(_KEPT)
def _day(language: str, skeleton: str, day: date) -> str:
    return format_skeleton(skeleton, day, locale=language)


@lru_cache(_KEPT)
def _whole_day(language: str, day: date) -> str:
    return format_date(day, "full", locale=language)


@lru_cache(_KEPT)
def _weekday(language: str, weekday: int, short: bool) -> str:
    names = get_day_names("abbreviated" if short else "wide", locale=language)
    return str(names[weekday])


@lru_cache(_KEPT)
def _hour(language: str, hour: int) -> str:
    pattern = Locale.parse(language).time_formats["short"].pattern
    skeleton = "h" if "a" in pattern else "HH"
    at = datetime(2026, 1, 1, hour)  # noqa: DTZ001 - the hour alone is shown
    said = format_skeleton(skeleton, at, locale=language)
    return said.removesuffix(" Uhr").translate(_BLANKS)


@lru_cache(_KEPT)
def _clock(language: str, hour: int) -> str:
    at = datetime(2026, 1, 1, hour)  # noqa: DTZ001 - the hour alone is shown
    return format_time(at.time(), "short", locale=language).translate(_BLANKS)


@dataclass(frozen=True, slots=True)
class Words:
    """Speaks a language."""

    language: str

    def number(self, value: float) -> str:
        return _number(self.language, value)

    def percent(self, part: int, whole: int) -> str:
        """ "12%"; "–" of nothing; never 0 of something."""
        if not whole:
            return "–"
        if 0 < part / whole < 0.01:
            return "< " + _percent(self.language, 0.01)
        return _percent(self.language, round(part / whole, 2))

    def day(self, day: date, *, weekday: bool = True) -> str:
        """ "Mon, Nov 23"."""
        return _day(self.language, "MMMEd" if weekday else "MMMd", day)

    def whole_day(self, day: date) -> str:
        """ "Monday, November 23, 2026"."""
        return _whole_day(self.language, day)

    def long_day(self, day: date | None) -> str:
        """ "November 23, 2026"; "" for none."""
        return "" if day is None else format_date(day, "long", locale=self.language)

    def month(self, day: date) -> str:
        return _day(self.language, "MMM", day)

    def weekday(self, weekday: int, *, short: bool = False) -> str:
        return _weekday(self.language, weekday, short)

    def hour(self, hour: int) -> str:
        """ "5 PM", "17"."""
        return _hour(self.language, hour % 24)

    def clock(self, hour: int) -> str:
        """ "5:00 PM", "17:00"."""
        return _clock(self.language, hour % 24)

    def hours(self, first: int, count: int = 1) -> str:
        """ "5:00 PM to 7:00 PM", "17:00 to 19:00"."""
        both = {"from": self.clock(first), "to": self.clock(first + count)}
        return _("%(from)s to %(to)s") % both

    def seconds(self, value: float | None) -> str:
        """ "1.2 s", "4 min"; "–" for none."""
        if value is None:
            return "–"
        if value >= 10:
            return duration(value).replace(" ", "\u00a0")
        return (_("%(s)s s") % {"s": self.number(round(value, 1))}).replace(" ", "\u00a0")


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure stands to that of the span before."""

    text: str  #: "+12%", "−3 points", "as before"
    way: str  #: "up", "down", "same"
    good: str  #: "good", "bad", "" where it is neither


def change(
    words: Words, now: float | None, before: float | None, *, better: str = "", points: bool = False
) -> Change | None:
    """`better`: "up" or "down", where one of them is. `points`: both are shares (0 to 1), and the
    difference is said in points. None: there is nothing to compare with."""
    if now is None or before is None or (not points and before <= 0):
        return None
    if points:
        moved = round((now - before) * 100)
        said = ngettext("%(points)s point", "%(points)s points", abs(moved))
        size = {"points": words.number(abs(moved))}
    else:
        moved = round((now - before) / before * 100)
        said = _("%(percent)s%%")
        size = {"percent": words.number(abs(moved))}
    if not moved:
        return Change(_("as before"), "same", "")
    way = "up" if moved > 0 else "down"
    sign = "+" if moved > 0 else "\u2212"
    good = "" if not better else "good" if way == better else "bad"
    return Change(sign + said % size, way, good)

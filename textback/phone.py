"""Telephone numbers: what a PBX shows, read as E.164 or refused with a reason; pure.

A caller's number is hostile input. Only ASCII digits, a leading plus and the usual separators are
read at all; whatever else is in it, the answer is a `Phone` that says why it cannot be texted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import (
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberType,
    ValidationResult,
    shortnumberinfo,
    timezone,
)


class Kind(StrEnum):
    """What sort of thing stood where a caller's number was expected."""

    DIALABLE = "dialable"  #: a handset may be behind it
    LANDLINE = "landline"  #: the numbering plan says fixed line, and nothing else
    PREMIUM = "premium"  #: premium rate or shared cost
    SERVICE = "service"  #: toll-free, company-wide, pager or voicemail-access number
    SHORT = "short"  #: an extension, short code or emergency number
    WITHHELD = "withheld"  #: a word such as "anonymous" instead of a number
    NONE = "none"  #: nothing at all
    INVALID = "invalid"  #: not a telephone number


@dataclass(frozen=True, slots=True)
class Phone:
    """One number as read; `e164` is empty unless it can be dialled from anywhere."""

    kind: Kind
    e164: str  #: "+12125550123", or ""
    country: str  #: ISO 3166 ("US"); "001" for worldwide networks; "" if the plan does not say
    calling_code: int  #: 1, 44...; 0 if unknown
    assigned: bool  #: False: the length fits, but the plan knows no such block (it may be new)
    shown: str  #: the number for people: E.164, or what came in, printable and cut
    why: str  #: for kinds that cannot be texted: the reason, else ""


#: Words seen in place of a number when the caller withheld it. Compared case-folded.
WITHHELD_WORDS = frozenset(
    {"anonymous", "anonym", "restricted", "private", "withheld", "blocked", "unavailable"}
    | {"unlisted", "hidden", "caller-id-blocked", "private-number", "no-caller-id"}
    | {"blocked-number", "number-withheld"}
)
#: The same words spelt on a telephone keypad by gateways that must send digits.
WITHHELD_DIGITS = frozenset({"266696687", "7378742833", "86282452253"})
#: Values Asterisk and trunks show when there is no number.
ABSENT_WORDS = frozenset({"", "unknown", "<unknown>", "asterisk", "s", "-", "none", "null"})

#: E.164 allows 15 digits; an international prefix, separators and a plus come on top.
MAX_LENGTH = 40
#: Internal extensions and most short codes. Longer ones are known from the numbering plan.
MAX_SHORT_DIGITS = 6

#: What may stand before a number dialled inside: a feature code, then one digit for a line.
_OUTSIDE_LINE = re.compile(r"([*#][0-9]{2}#?)?[089]?", re.ASCII)
_READABLE = re.compile(r"\+?[(]?[0-9][0-9 ().\-/]*", re.ASCII)
#: The shape of a North American number; it does not age as the list of assigned codes does.
#: Area codes: not N11, not the reserved N9X, 37X and 96X. Exchanges: not N11.
_NANP = re.compile(r"(?!37|96)[2-9](?!11|9)\d\d[2-9](?!11)\d{6}", re.ASCII)
_SERVICE_TYPES = {
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.UAN: "a company-wide number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}
_PREMIUM_TYPES = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
#: Members of the North American plan that a US or Canadian business deals with. The rest of +1 is
#: the Caribbean, priced as international and the classic target of call-back fraud.
_NANP_DOMESTIC = frozenset({"US", "CA", "PR", "VI", "GU", "MP", "AS"})


def read(raw: str, country: str) -> Phone:
    """Read `raw` as shown by a PBX in `country` (ISO 3166). Never raises.

    Understood: E.164, national with or without trunk prefix, 10 digits and 1+10 in North America,
    `011` and `00` in front of a foreign number (FreePBX rewrites +44... to 01144...), and a number,
    of this country or a foreign one, whose plus the carrier left out.
    """
    if len(raw) > MAX_LENGTH:
        return _refuse(Kind.INVALID, printable(raw), f"longer than {MAX_LENGTH} characters")
    return _read(raw, country)


#: One call reads the same two numbers a dozen times, at 100 us each. Bounded in count and, by
#: MAX_LENGTH, in size.
@lru_cache(maxsize=2048)
def _read(raw: str, country: str) -> Phone:
    text = raw.strip()
    shown = printable(raw)
    word = re.sub(r"[\s_]+", "-", text.casefold())
    if word in ABSENT_WORDS:
        return _refuse(Kind.NONE, shown, "no number was sent")
    if word in WITHHELD_WORDS:
        return _refuse(Kind.WITHHELD, shown, f"the trunk sent the word {shown!r}")
    if not _READABLE.fullmatch(text):
        return _refuse(Kind.INVALID, shown, "it has characters that are not part of a number")
    digits = re.sub(r"[^0-9]", "", text)
    if digits in WITHHELD_DIGITS:
        return _refuse(Kind.WITHHELD, shown, "the keypad spelling of a withheld number")
    plus = text.startswith("+") and not digits.startswith("0")
    short = len(digits) <= MAX_SHORT_DIGITS
    number = None if short and not _has_short_numbers(country) else _parse(digits, plus, country)
    if number is not None:
        return _classify(number, shown)
    if short:
        return _refuse(Kind.SHORT, shown, f"only {len(digits)} digits: an extension or short code")
    if not plus and _is_short_code(digits, country):
        return _refuse(Kind.SHORT, shown, f"a short code in {country}")
    return _refuse(Kind.INVALID, shown, f"not a complete telephone number as seen from {country}")


def read_any(raw: str, countries: Sequence[str]) -> Phone:
    """Read `raw` as in the first of these countries, or, where it is no number there, as in the
    next: a PBX writes the callers of its London number as in London, or as where it stands."""
    first = read(raw, countries[0])
    if first.kind is not Kind.INVALID:
        return first
    others = (read(raw, country) for country in countries[1:])
    return next((other for other in others if other.e164), first)


def read_dialled(raw: str, country: str) -> Phone:
    """Read what somebody inside dialled: as `read`, but maybe behind a code for an outside line
    (9, 8, 0) or a feature (*67), and never a foreign number without 00, 011 or a plus."""
    text = raw.strip()
    found = read(text, country)
    digits = re.sub(r"[^0-9]", "", text)
    if found.e164 == "+" + digits and not text.startswith("+") and found.country != country:
        found = _refuse(Kind.INVALID, found.shown, f"not a telephone number in {country}")
    if found.assigned or (found.e164 and text.startswith(("+", "00", "011"))):
        return found
    behind = _OUTSIDE_LINE.sub("", text, count=1)
    other = read(behind, country) if behind != text else found
    return other if other.assigned or (other.e164 and not found.e164) else found


def to_e164(raw: str, country: str) -> str | None:
    """The E.164 form of `raw`, or None; for numbers in a config, a SMPP address, a command line."""
    return read(raw, country).e164 or None


def same(left: str, right: str, country: str) -> bool:
    """Whether two spellings mean one number; for unreadable ones, whether they are equal."""
    a, b = read(left, country), read(right, country)
    return a.e164 == b.e164 if a.e164 and b.e164 else left.strip() == right.strip()


def national(e164: str) -> str:
    """The number as people of its country write it, e.g. "(212) 555-0123"."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)


def country_of(e164: str) -> str:
    """The country (ISO 3166) of a number in full; "" if it is none, worldwide or not known."""
    country = read(e164, "").country if e164.startswith("+") else ""
    return country if known_country(country) else ""


def time_zones(e164: str) -> tuple[str, ...]:
    """Names of the time zones the number may be in ("America/Boise"); () when the plan does not
    tell. Never raises."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return ()
    names = timezone.time_zones_for_number(number)
    return tuple(name for name in names if name != timezone.UNKNOWN_TIMEZONE)


def mask(number: str) -> str:
    """The number with its middle hidden: "+1212***0123". For logs; words are hidden wholly."""
    if not re.fullmatch(r"\+?[0-9]+", number, re.ASCII):
        return "***" if number else ""
    if len(number) <= MAX_SHORT_DIGITS:
        return number  # an extension or a short code is nobody's private number
    if len(number) < 9:
        return "***" + number[-2:]
    return number[: min(5, len(number) - 7)] + "***" + number[-4:]


def printable(text: str, limit: int = MAX_LENGTH) -> str:
    """`text` cut and stripped of everything a terminal or a log could take as an order."""
    cut = text[:limit] + ("..." if len(text) > limit else "")
    return "".join(c if c.isprintable() else "?" for c in cut)


def known_country(code: str) -> bool:
    """Whether the numbering plans know this ISO 3166 code."""
    return code in phonenumbers.SUPPORTED_REGIONS


def home_countries(country: str) -> frozenset[str]:
    """Countries dialled like home: all under the same calling code, the Caribbean left out."""
    code = phonenumbers.country_code_for_region(country)
    shared = frozenset(phonenumbers.region_codes_for_country_code(code))
    if code == 1:
        shared = _NANP_DOMESTIC
    return shared | {country}


def calling_codes(countries: Iterable[str]) -> frozenset[int]:
    """The calling codes of these countries (ISO 3166)."""
    return frozenset(phonenumbers.country_code_for_region(c) for c in countries)


class NumberList:
    """A list of numbers and prefixes ("+1900*"), asked by E.164."""

    def __init__(self, entries: Iterable[str]) -> None:
        given = frozenset(entries)
        self._exact = frozenset(e for e in given if not e.endswith("*"))
        self._prefixes = tuple(sorted(e[:-1] for e in given if e.endswith("*")))

    def match(self, e164: str) -> str | None:
        """The entry that covers this number, or None."""
        if e164 in self._exact:
            return e164
        found = (p for p in self._prefixes if e164.startswith(p))
        prefix = next(found, None)
        return None if prefix is None else prefix + "*"

    def __len__(self) -> int:
        return len(self._exact) + len(self._prefixes)

    def __iter__(self) -> Iterator[str]:
        yield from sorted(self._exact)
        yield from (p + "*" for p in self._prefixes)


def list_entry(raw: str, country: str) -> str:
    """A block-list entry in its stored form; ValueError says what is wrong with it."""
    text = raw.strip()
    if text.endswith("*"):
        digits = re.sub(r"[ ().\-]", "", text[:-1])
        if not re.fullmatch(r"\+[0-9]{1,14}", digits, re.ASCII):
            raise ValueError('write a prefix in full, as in "+1900*"')
        return digits + "*"
    phone = read(text, country)
    if not phone.e164:
        raise ValueError(f"not a telephone number ({phone.why}); write it in full, as +12125550190")
    return phone.e164


def _refuse(kind: Kind, shown: str, why: str) -> Phone:
    return Phone(kind, "", "", 0, False, shown, why)


@cache
def _has_short_numbers(country: str) -> bool:
    """Whether mobiles of this country have as few digits as an extension (Greenland, Niue).

    Elsewhere a few digits are an extension, whatever else the plan may know by them: in Germany
    1640 would be a pager.
    """
    example = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    if example is None:
        return False
    return len(phonenumbers.national_significant_number(example)) <= MAX_SHORT_DIGITS


def _parse(digits: str, plus: bool, country: str) -> PhoneNumber | None:
    """The first spelling the plan knows, else the first whose length and shape fit."""
    spellings = ["+" + digits] if plus else [digits]
    if not plus:
        spellings += ["+" + digits[len(p) :] for p in ("011", "00") if digits.startswith(p)]
        code = _code_without_plus(country)
        if code and digits.startswith(code):
            spellings.insert(0, "+" + digits)
    fitting = [n for s in spellings if (n := _complete(s, country)) is not None]
    if not fitting and not plus and len(digits) > 10:
        # Some carriers leave the plus out. Believed only for a block the plan really has.
        bare = _complete("+" + digits, country)
        return bare if bare is not None and phonenumbers.is_valid_number(bare) else None
    return next((n for n in fitting if phonenumbers.is_valid_number(n)), next(iter(fitting), None))


@cache
def _code_without_plus(country: str) -> str:
    """The calling code, where national numbers begin with a trunk prefix that is not part of it.

    There a number that begins with the code has lost its plus: in Germany 49171... is 0171..., and
    not a subscriber of 0491, a place as well. Elsewhere "", as in Italy, where 39 also begins
    mobiles.
    """
    plan = PhoneMetadata.metadata_for_region(country, None)
    code = str(plan.country_code) if plan is not None else ""
    return code if plan is not None and plan.national_prefix not in (None, code) else ""


def _complete(text: str, country: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_valid_number(number):
        return number
    possible = phonenumbers.is_possible_number_with_reason(number)
    national_digits = phonenumbers.national_significant_number(number)
    if possible != ValidationResult.IS_POSSIBLE or len(national_digits) <= MAX_SHORT_DIGITS:
        return None
    if number.italian_leading_zero:  # one zero too many: where numbers begin with it, it is known
        return None
    if number.country_code == 1 and not _NANP.fullmatch(national_digits):
        return None
    # All one digit: what dialplans and spoofers put where a number is required.
    return None if len(set(national_digits)) == 1 else number


def _is_short_code(digits: str, country: str) -> bool:
    if shortnumberinfo.is_emergency_number(digits, country):
        return True
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return False
    return shortnumberinfo.is_valid_short_number_for_region(number, country)


def _classify(number: PhoneNumber, shown: str) -> Phone:
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    country = phonenumbers.region_code_for_number(number) or ""
    code = int(number.country_code or 0)
    assigned = phonenumbers.is_valid_number(number)
    sort = phonenumbers.number_type(number)
    kind, why = Kind.DIALABLE, ""
    if sort in _PREMIUM_TYPES:
        kind, why = Kind.PREMIUM, "a premium-rate or shared-cost number"
    elif sort in _SERVICE_TYPES:
        kind, why = Kind.SERVICE, _SERVICE_TYPES[sort]
    elif sort == PhoneNumberType.FIXED_LINE:
        kind = Kind.LANDLINE
    return Phone(kind, e164, country, code, assigned, e164 or shown, why)

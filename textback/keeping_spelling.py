"""Every spelling of one telephone number that may stand somewhere in the store; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import phonenumbers

#: What stands between the digits as people and carriers write them; typographic ones too.
_BETWEEN = r"[ \u00a0\u2009\u202f().\-\u2010-\u2015/]{0,3}"
#: What is dialled before a number within the house: a feature (*67), an outside line (9).
_CODE = r"(?:\*\d{2}[ ,]?)?[089]?[ ,]?"
#: What carriers and PBXs put before a number.
_INTERNATIONAL = ("+", "00", "011", "0011", "")
#: Digits by which a number without its country's code can be told from others.
_LEAST = 7
#: What stands in place of an erased number.
ERASED = "[erased]"


@dataclass(frozen=True)
class Spelling:
    """One number; `e164` with its plus.

    `home`: it is of a country whose numbers the business dials without a code. Of another country
    "020 7946 0100" is somebody else's number, so there only spellings with the code count.
    """

    e164: str
    home: bool = True
    #: Also behind a code for an outside line: in what was dialled, and nowhere else, since there
    #: "92125550123" may be a number of another country without its plus.
    dialled: bool = False

    @cached_property
    def digits(self) -> str:
        return self.e164.lstrip("+")

    @cached_property
    def national(self) -> str:
        """Without the country's code and without the trunk's 0; all digits where it is no number
        of any plan."""
        parsed = self._parsed
        if parsed is None:
            return self.digits
        return phonenumbers.national_significant_number(parsed)

    @cached_property
    def _parsed(self) -> phonenumbers.PhoneNumber | None:
        try:
            return phonenumbers.parse(self.e164, None)
        except phonenumbers.NumberParseException:
            return None

    @cached_property
    def exact(self) -> tuple[str, ...]:
        """Whole values that are this number: what columns of numbers are asked for."""
        found = [f"{before}{self.digits}" for before in _INTERNATIONAL]
        if self._local:
            found += [self.national, f"{self._trunk}{self.national}"]
        return tuple(dict.fromkeys(found))

    @property
    def _local(self) -> bool:
        """Whether it is known by its national digits alone: a few digits are in everything."""
        return self.home and len(self.national) >= _LEAST

    @property
    def _trunk(self) -> str:
        """What is dialled before a number within its country."""
        return {"1": "1", "7": "8"}.get(self.digits.removesuffix(self.national), "0")

    @cached_property
    def needles(self) -> tuple[str, ...]:
        """Pieces of which every usual spelling contains one: what a search begins with."""
        found = [self.national]
        if self._parsed is not None:
            for form in (
                phonenumbers.PhoneNumberFormat.NATIONAL,
                phonenumbers.PhoneNumberFormat.INTERNATIONAL,
            ):
                shown = phonenumbers.format_number(self._parsed, form)
                found.append(shown.removeprefix(f"+{self._parsed.country_code} "))
        national = self.national
        if len(national) == 10:
            a, b, c = national[:3], national[3:6], national[6:]
            found += [f"{a}{m}{b}{m}{c}" for m in " .-/"] + [f"{a}) {b}-{c}", f"{a}){b}-{c}"]
        return tuple(dict.fromkeys(found))

    @cached_property
    def hints(self) -> tuple[str, ...]:
        """As `needles`, with the digits that stand together whatever is between the others: what
        has one of them may have the number."""
        last = self.national[-4:]
        return (*self.needles, last) if len(self.national) >= _LEAST else self.needles

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds the number in a text, whole: not within a longer row of digits."""
        number = rf"\(?{_BETWEEN.join(self.national)}(?!\d)"
        code = self.digits.removesuffix(self.national)
        abroad = rf"(?:\+|00|011|0011)?{code}{_BETWEEN}0?{_BETWEEN}" if code else r"\+?"
        before = rf"(?:{abroad}|{self._trunk}{_BETWEEN})?" if self._local else abroad
        house = _CODE if self.dialled else ""
        # What begins with another country's code is somebody else's, and is passed by.
        begins = rf"(?:\+|(?<!\d)(?:00|0?011)){_BETWEEN}(?!{code})"
        other = rf"{begins}\d{{1,3}}{_BETWEEN}0?{_BETWEEN}{number}"
        mine = rf"(?<![\d+]){house}{before}{number}"
        return re.compile(rf"(?P<other>{other})|{mine}" if code else mine)

    @cached_property
    def as_dialled(self) -> Spelling:
        """The same number for what somebody in the house dialled."""
        return Spelling(self.e164, home=self.home, dialled=True)

    def found_in(self, text: str) -> bool:
        found = self.pattern.finditer(text)
        return any(not match.groupdict().get("other") for match in found)

    def without(self, text: str) -> str:
        """The text with every spelling of the number replaced."""
        return self.pattern.sub(lambda m: m.groupdict().get("other") or ERASED, text)

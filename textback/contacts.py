"""Contacts as files and phonebooks tell them: what all readers share; pure.

A reader takes what a source holds and gives the contacts in it, one for each number, and every row
that could not be used, with its line. It never raises for what is in a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from textback import phone
from textback.model import Contact
from textback.phone import Kind

#: Octets of one file, contacts of one source, and problems of it that are kept.
MAX_FILE = 128 * 1024 * 1024
MAX_CONTACTS = 500_000
MAX_PROBLEMS = 1_000
#: Characters of a name, an organization, a tag; numbers and tags of one contact.
MAX_NAME, MAX_TAG, MAX_NUMBERS, MAX_TAGS = 120, 40, 20, 20

_EXTENSION = re.compile(
    r"(?:;?\s*(?:ext|extn|extension|durchwahl|poste)\b\.?=?|\s+x|,+|#)\s*\d*$", re.I
)
_EXPONENT = re.compile(r"\d[.,]\d+E\+?\d+", re.IGNORECASE)
_BETWEEN_NUMBERS = re.compile(r":::|[;|\n\r\t]|,\s*(?=[+(]?\d[\d ().-]{6})| / ")
_BETWEEN_TAGS = re.compile(r":::|[;,|\n\r]")
_YES = frozenset(["1", "y", "yes", "true", "t", "x", "on", "ja", "si", "sí", "oui", "vip"])
_NO = frozenset(["0", "n", "no", "false", "f", "off", "nein", "non", "-"]) | {""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How numbers and tags are read."""

    countries: tuple[str, ...]  #: ISO 3166: in which numbers without + are read, likeliest first
    vip_tags: frozenset[str] = frozenset({"vip"})  #: as `plain_tag` gives them
    no_text_tags: frozenset[str] = frozenset({"no text", "do not text"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row, or a value in it, could not be used."""

    line: int  #: of the file, 1-based; of a phonebook the number of the entry
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@dataclass(slots=True)
class Found:
    """What a source tells."""

    contacts: list[Contact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    without_number: int = 0  #: entries that have none at all: nothing is wrong with them
    more_problems: int = 0  #: beyond MAX_PROBLEMS
    #: The source cannot be used as a whole (not a file of its kind, too large); "": it can.
    refused: str = ""

    def problem(self, line: int, text: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(line, phone.printable(text, 200)))
        else:
            self.more_problems += 1

    @property
    def full(self) -> bool:
        return len(self.contacts) >= MAX_CONTACTS


@dataclass(slots=True)
class Entry:
    """One row or card, before its numbers are read."""

    name: str = ""
    organization: str = ""
    numbers: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    vip: bool = False
    no_text: bool = False


def plain_tag(tag: str) -> str:
    """A tag as tags are compared: Do_Not-Text is "do not text"."""
    return " ".join(re.sub(r"[_\-\s]+", " ", tag.casefold()).split())[:MAX_TAG]


def tags_in(text: str) -> list[str]:
    """The tags in a cell or property. Google's own begin with an asterisk, and say nothing."""
    found = (tag.strip().casefold() for tag in _BETWEEN_TAGS.split(text[:4000]))
    return [tag[:MAX_TAG] for tag in found if tag and not tag.startswith("*")]


def numbers_in(text: str) -> Iterator[str]:
    """The numbers in a cell, without what stands behind them for an extension."""
    for part in _BETWEEN_NUMBERS.split(text[:1000]):
        number = part.strip().strip("'\u200e\u202a\u202c\u00a0").removeprefix("tel:")
        number = _EXTENSION.sub("", number).strip().replace("\u00a0", " ")
        if number.endswith(".0") and number[:-2].lstrip("+").isdigit():
            number = number[:-2]  # a spreadsheet took it for a quantity
        if number:
            yield number


def is_yes(text: str) -> bool | None:
    """A cell of a yes-or-no column; None: it is neither."""
    word = text.strip().casefold()
    return True if word in _YES else False if word in _NO else None


def add(found: Found, entry: Entry, line: int, rules: Rules, source: str) -> None:
    """Reads the entry's numbers: one contact for each of them that is a telephone number."""
    spelt = list(dict.fromkeys(entry.numbers))
    if not spelt:
        found.without_number += 1
        return
    if len(spelt) > MAX_NUMBERS:
        found.problem(line, f"has {len(spelt)} numbers; the first {MAX_NUMBERS} are read")
    plain = {plain_tag(tag) for tag in entry.tags}
    tags = tuple(dict.fromkeys(_kept_tags(entry.tags)))
    seen: set[str] = set()
    for text in spelt[:MAX_NUMBERS]:
        number, why = _number(text, rules.countries)
        if not number:
            found.problem(line, f"{text!r} is not a telephone number: {why}")
        elif number not in seen and not found.full:
            seen.add(number)
            found.contacts.append(
                Contact(
                    number=number,
                    name=_words(entry.name),
                    organization=_words(entry.organization),
                    tags=tags,
                    vip=entry.vip or bool(plain & rules.vip_tags),
                    no_text=entry.no_text or bool(plain & rules.no_text_tags),
                    source=source,
                )
            )


def _kept_tags(tags: Sequence[str]) -> Iterable[str]:
    kept = (" ".join(phone.printable(tag, MAX_TAG).replace(",", " ").split()) for tag in tags)
    return [tag for tag in kept if tag][:MAX_TAGS]


def _number(text: str, countries: tuple[str, ...]) -> tuple[str, str]:
    """In E.164, or "" and why not."""
    if _EXPONENT.fullmatch(text):
        return "", "a spreadsheet has rounded it; format the column as text and export again"
    read = phone.read_any(text, countries)
    if read.e164 and read.kind is not Kind.SHORT:
        return read.e164, ""
    return "", read.why or "it cannot be dialled"


def _words(text: str) -> str:
    return " ".join(phone.printable(text.replace("\n", " "), MAX_NAME * 2).split())[:MAX_NAME]


def decoded(data: bytes) -> str:
    """A file as text: by its byte order mark, else UTF-8, else as Windows writes it in the west."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data.decode("utf-8-sig", errors="replace")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if data[:2000].count(0) > len(data[:2000]) // 4:  # letters of UTF-16 that lost its mark
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")

"""Contacts from vCard 2.1, 3.0 and 4.0, read by vobject within bounds of our own; pure.

A file is cut into cards first, and pictures, sounds and keys are dropped before anybody decodes
them: what is left of a card is small, and one card that is broken spoils no other.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Any

from vobject.base import VObjectError, readOne

from textback.contacts import Entry, Found, Rules, add, decoded, numbers_in, tags_in

#: Characters of one card without its pictures, and of one line.
MAX_CARD, MAX_LINE = 65_536, 16_384

#: What vobject raises for cards it does not like, beside its own errors.
_BROKEN = (
    *(VObjectError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(RecursionError, NotImplementedError, binascii.Error),
)
#: A line that begins a property, with its name: item1.TEL;TYPE=CELL:...
_PROPERTY = re.compile(r"(?:[A-Za-z0-9-]+\.)?([A-Za-z0-9-]+)[;:]")
#: All that is read of a card; the rest is dropped unseen.
_WANTED = frozenset({"VERSION", "FN", "N", "ORG", "TEL", "CATEGORIES", "NICKNAME"})
_NO_PHONE = frozenset({"FAX", "PAGER", "MODEM", "TEXTPHONE"})
#: vCard 2.1 writes a parameter's value without its name: TEL;CELL;PREF:...
_QUOTED = re.compile(r"ENCODING=QUOTED-PRINTABLE|;QUOTED-PRINTABLE", re.IGNORECASE)


def read(data: bytes, rules: Rules, source: str) -> Found:
    """The contacts of a file of vCards. Never raises for what is in it."""
    found = Found()
    cards = 0
    for line, card in _cards(decoded(data), found):
        cards += 1
        if found.full:
            found.problem(line, "is beyond the number of contacts that are read; the rest is left")
            break
        try:
            entry = _entry(readOne(card, allowQP=True))  # type: ignore[no-untyped-call]
        except _BROKEN as error:
            found.problem(line, f"cannot be read ({type(error).__name__})")
            continue
        add(found, entry, line, rules, source)
    if not cards and data.strip() and not found.problems:
        found.refused = "has no vCard in it"
    return found


def _cards(text: str, found: Found) -> Iterator[tuple[int, str]]:
    """Each card with the line it begins on, and what is wanted of it."""
    kept: list[str] | None = None
    began = size = 0
    keep = quoted = False
    for number, raw in enumerate(text.replace("\0", "").splitlines(), 1):
        line = raw.rstrip("\r")
        word = line.strip().upper()
        if word == "BEGIN:VCARD":
            if kept is not None:
                found.problem(began, "has no END:VCARD")
            kept, began, size, keep, quoted = [], number, 0, False, False
        elif kept is None:
            continue
        elif word == "END:VCARD":
            if size <= MAX_CARD:
                yield began, "\r\n".join(["BEGIN:VCARD", *kept, "END:VCARD", ""])
            else:
                found.problem(began, f"is longer than {MAX_CARD} characters, pictures not counted")
            kept = None
        else:
            # Folded lines begin with a blank; those of quoted-printable end with "=".
            if not (line.startswith((" ", "\t")) or quoted):
                name = _PROPERTY.match(line)
                keep = name is not None and name[1].upper() in _WANTED
                quoted = False
            quoted = line.endswith("=") and (quoted or _QUOTED.search(line) is not None)
            if keep and len(line) <= MAX_LINE:
                size += len(line)
                if size <= MAX_CARD:
                    kept.append(line)
    if kept is not None:
        found.problem(began, "has no END:VCARD")


def _entry(card: Any) -> Entry:
    entry = Entry(name=_text(card, "fn"))
    name = getattr(card, "n", None)
    if not entry.name and name is not None:
        parts = (getattr(name.value, part, "") for part in ("given", "additional", "family"))
        entry.name = " ".join(_joined(part) for part in parts if part)
    entry.name = entry.name or _text(card, "nickname")
    entry.organization = _text(card, "org")
    for tel in card.contents.get("tel", ()):
        kinds = {str(word).upper() for words in tel.params.values() for word in words}
        kinds |= {str(word).upper() for word in tel.singletonparams}
        if not kinds & _NO_PHONE:
            entry.numbers += numbers_in(_joined(tel.value))
    for categories in card.contents.get("categories", ()):
        entry.tags += tags_in(_joined(categories.value))
    return entry


def _text(card: Any, name: str) -> str:
    found = getattr(card, name, None)
    return _joined(found.value).strip() if found is not None else ""


def _joined(value: Any) -> str:
    """Structured values are lists, and lists of lists."""
    if isinstance(value, list | tuple):
        return ", ".join(part for part in (_joined(one) for one in value) if part)
    return str(value)

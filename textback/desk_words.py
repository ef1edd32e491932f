"""What a desk phone shows of a text: from whom, and in pieces a SIP MESSAGE can hold; pure.

A piece ends at a blank where one is near, never inside a character, and is numbered when there are
several. Which of our numbers was written to is said when the phone serves more than one.
"""

from __future__ import annotations

import unicodedata

from textback import phone
from textback.config import Config, NumberConfig
from textback.model import PhoneMessage

#: Bytes of UTF-8 one SIP MESSAGE holds (`ami_listener.phones.MAX_BODY`).
MAX_BYTES = 700
#: Bytes kept free for "(12/34) ".
_NUMBERING = 10
#: How far back from its end a piece looks for a blank, in characters.
_NEAR = 60
#: What belongs to the character before it: joiners, variation selectors, skin tones.
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


def phones_of(config: Config, did: str) -> tuple[tuple[str, str], ...]:
    """(pbx, endpoint) of each desk phone that gets what is written to this [[number]]."""
    number = config.number_for(did) if did else None
    if number is None:
        return ()
    return tuple((pbx_of(config, number), endpoint) for endpoint in number.desk)


def pbx_of(config: Config, number: NumberConfig) -> str:
    """The [[pbx]] that has this number's desk phones."""
    return number.desk_pbx or (config.pbx[0].name if config.pbx else "")


def served_by(config: Config, pbx: str, endpoint: str) -> tuple[NumberConfig, ...]:
    """The [[number]]s for which this phone may speak."""
    return tuple(n for n in config.number if endpoint in n.desk and pbx_of(config, n) == pbx)


def phones_at(config: Config, pbx: str) -> tuple[str, ...]:
    """Every desk phone at this [[pbx]]."""
    found = (e for n in config.number if pbx_of(config, n) == pbx for e in n.desk)
    return tuple(dict.fromkeys(found))


def sender_name(message: PhoneMessage) -> str:
    """What the phone shows as the name of who wrote."""
    return f"Text from {message.name or message.handset}"


def pieces(message: PhoneMessage, config: Config) -> list[str]:
    """The bodies of the SIP MESSAGEs that tell it, in order; at least one."""
    text = _clean(message.text).strip() or "(no words)"
    if message.missing:
        text = f"{text}\n({message.missing} of its parts did not arrive)"
    if len(served_by(config, message.pbx, message.endpoint)) > 1:
        text = f"[{_our_name(message, config)}] {text}"
    return cut(text)


def _our_name(message: PhoneMessage, config: Config) -> str:
    number = config.number_for(message.number) if message.number else None
    if number is not None and number.label:
        return number.label
    return phone.printable(message.ours)


def _clean(text: str) -> str:
    """Without control characters, which a phone may do anything with; lines stay."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def cut(text: str, most: int = MAX_BYTES) -> list[str]:
    """`text` in numbered pieces of at most `most` bytes; one that fits is left as it is."""
    if _size(text) <= most:
        return [text]
    found: list[str] = []
    rest = text
    while rest:
        end = _end(rest, most - _NUMBERING)
        found.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [f"({at}/{len(found)}) {piece}" for at, piece in enumerate(found, 1)]


def _end(text: str, most: int) -> int:
    """Where the first piece of `text` ends; at least one character."""
    if _size(text) <= most:
        return len(text)
    end = len(text.encode("utf-8")[:most].decode("utf-8", "ignore"))
    blank = max(text.rfind(" ", end - _NEAR, end), text.rfind("\n", end - _NEAR, end))
    if blank > 0:
        return blank
    whole = end
    while whole > 1 and whole > end - _NEAR and _belongs(text, whole):
        whole -= 1
    return max(1, end if _belongs(text, whole) else whole)


def _belongs(text: str, at: int) -> bool:
    """Whether the character at `at` is part of the one before it."""
    here, before = text[at], text[at - 1]
    tone = "\U0001f3fb" <= here <= "\U0001f3ff"
    return here in _JOINERS or before == "\u200d" or tone or unicodedata.combining(here) != 0


def _size(text: str) -> int:
    return len(text.encode("utf-8"))

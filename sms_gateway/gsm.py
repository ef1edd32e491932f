"""The GSM 03.38 alphabet (3GPP TS 23.038 section 6.2.1), one septet to an octet as SMPP carries it.

Own tables: smpplib's has '`' where '§' belongs, lacks the form feed and lets a bare escape through.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

ESCAPE = 0x1B

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Reached by ESCAPE and this septet, so they cost two.
EXTENSION: Mapping[int, str] = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
EXTENDED = frozenset(EXTENSION.values())
CHARACTERS = frozenset(BASIC) - {"\x1b"} | EXTENDED

_UNDEFINED = "\ufffe"  # what the codec machinery takes for a hole in a table
#: Most texts have no extended character: this map is worked through in C.
_BASIC_MAP: Any = codecs.charmap_build(BASIC.replace("\x1b", _UNDEFINED) + _UNDEFINED * 128)
_FULL_MAP: Any = {
    ord(char): bytes((code,)) for code, char in enumerate(BASIC) if code != ESCAPE
} | {ord(char): bytes((ESCAPE, code)) for code, char in EXTENSION.items()}


def encode(text: str) -> bytes | None:
    """`text` as septets; None when a character is not in the alphabet. `len` counts septets."""
    try:
        return codecs.charmap_encode(text, "strict", _BASIC_MAP)[0]
    except UnicodeEncodeError:
        pass  # an extended character, or none of GSM's: the full map tells
    try:
        return codecs.charmap_encode(text, "strict", _FULL_MAP)[0]
    except UnicodeEncodeError:
        return None


def decode(data: bytes) -> str:
    """Septets as text; never raises.

    Octets above 0x7F are no septets and become U+FFFD: the route's alphabet is probably another.
    An escape before a septet that is not in the extension table shows that septet's basic
    character, as handsets do; the escape of a table we do not know yet, or a last one, a space.
    """
    if ESCAPE not in data:
        return "".join([BASIC[octet] if octet < 0x80 else "\ufffd" for octet in data])
    found: list[str] = []
    escaped = False
    for octet in data:
        if octet >= 0x80:
            found.append("\ufffd")
            escaped = False
        elif octet == ESCAPE:
            if escaped:
                found.append(" ")
            escaped = not escaped
        else:
            found.append(EXTENSION.get(octet, BASIC[octet]) if escaped else BASIC[octet])
            escaped = False
    if escaped:
        found.append(" ")
    return "".join(found)

"""Hostile words made harmless to look at: what a handset writes, and what a caller is named.

HTML is escaped by the templates; this is about what escaping leaves: characters that turn the
reading direction round for the rest of the line, that have no width, that stack a hundred accents
over the neighbouring lines, that are no characters. Emoji and every script stay as they are.
"""

from __future__ import annotations

import unicodedata

#: Characters of a text that a page shows; the longest that a carrier brings has 39,000.
MOST = 10_000
#: Characters of a name.
MOST_NAME = 80
#: Marks over one letter; Vietnamese and Thai need two, Hebrew with cantillation four.
MARKS = 4

#: They steer the reading direction: marks, embeddings, overrides, isolates.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: They take no room, so that words look alike that are none. The joiners of emoji and of scripts
#: are not among them.
_NO_WIDTH = frozenset(
    "\u00ad\u034f\u115f\u1160\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u3164\ufeff"
)
_LINE_ENDS = frozenset("\u2028\u2029\x0b\x0c\x85")


def plain(text: str, most: int = MOST) -> str:
    """A text of several lines; what is longer than `most` characters ends in an ellipsis."""
    kept: list[str] = []
    marks = 0
    for char in text[: most + 1].replace("\r\n", "\n").replace("\r", "\n"):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if char in _LINE_ENDS:
            kept.append("\n")
        elif char == "\t":
            kept.append(" ")
        elif category in ("Cc", "Cs", "Co", "Cn") and char != "\n":
            kept.append("\ufffd")
        elif char not in _BIDI and char not in _NO_WIDTH and marks <= MARKS:
            kept.append(char)
    found = "".join(kept)
    return found[:most] + "…" if len(text) > most else found


def oneline(text: str, most: int = MOST_NAME) -> str:
    """A name, or the beginning of a text in a list: one line."""
    words = " ".join(plain(text, most * 4).split())
    return words if len(words) <= most else words[: most - 1] + "…"

"""What a reader takes for one character: the part of Unicode's UAX 29 that text messages need.

Combining marks, variation selectors, skin tones, flags, emoji joined to families, Hangul syllables
in letters, CR LF. Not the whole of UAX 29 (Indic conjuncts, prepended marks): a split there shows
two characters for one, at a place where a telephone shows one message anyway.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_ZERO_WIDTH_JOINER = "\u200d"
_MARKS = frozenset({"Mn", "Mc", "Me"})


def clusters(text: str) -> Iterator[str]:
    """`text` in pieces that should not be split; they join to `text`."""
    if text.isascii() and "\r" not in text:
        yield from text
        return
    start = flags = 0
    for at, char in enumerate(text):
        is_flag = "\U0001f1e6" <= char <= "\U0001f1ff"
        if at > start and not _extends(text[at - 1], char, is_flag and flags % 2 == 1):
            yield text[start:at]
            start, flags = at, 0
        flags = flags + 1 if is_flag else 0
    if start < len(text):
        yield text[start:]


def _extends(before: str, char: str, second_of_flag: bool) -> bool:
    """Whether `char` belongs to the cluster that `before` ends."""
    if char < "\u0300":
        return before == "\r" and char == "\n"
    return (
        second_of_flag
        or before == _ZERO_WIDTH_JOINER
        or char == _ZERO_WIDTH_JOINER
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags: the flags of England, Scotland, Wales
        or "\u1160" <= char <= "\u11ff"  # Hangul vowels and finals
        or unicodedata.category(char) in _MARKS
    )

"""Which [[keyword]] rule a reply fits: whole words, in any language, whatever their capitals.

Both sides are brought to one form (NFKC, casefolded, blanks made one), so that full-width letters,
ligatures and line breaks make no difference. A word ends where no letter, digit or mark goes on;
scripts that are written without blanks (Chinese, Japanese, Thai, ...) have no such end, and there
the characters alone count.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

#: How much of a text is looked at: more than the longest text message.
LONGEST = 4_000
#: First words of the names of characters that are written without blanks between words.
_UNSPACED = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"})


@dataclass(frozen=True, slots=True)
class KeywordRule:
    """One [[keyword]]; its words are in the form of `plain`."""

    name: str
    words: tuple[str, ...]
    numbers: frozenset[str] = frozenset()  #: dids; empty: all


def plain(text: str) -> str:
    """The form in which text and words are compared. Invisible format characters are left out."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(c for c in folded if unicodedata.category(c) != "Cf").split())


def match(text: str, rules: Sequence[KeywordRule], number: str = "") -> tuple[str, str]:
    """Name of the first rule that fits a reply to `number` (a did), and the word that did it.

    ("", "") when none does. A rule that names numbers fits replies to those alone.
    """
    if not rules:
        return "", ""
    said = plain(text[:LONGEST])
    for rule in rules:
        if rule.numbers and number not in rule.numbers:
            continue
        for word in rule.words:
            if _has(said, word):
                return rule.name, word
    return "", ""


def _has(text: str, word: str) -> bool:
    if not word:
        return False
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        before, after = text[start - 1 : start] if start else "", text[end : end + 1]
        if not _goes_on(before, word[0]) and not _goes_on(after, word[-1]):
            return True
        start = text.find(word, start + 1)
    return False


def _goes_on(neighbour: str, edge: str) -> bool:
    """Whether the word's edge is in the middle of a longer word."""
    if not neighbour or not _of_word(neighbour) or not _of_word(edge):
        return False
    if unicodedata.category(neighbour)[0] == "M":
        return True  # a mark belongs to the letter before it
    return not (_unspaced(edge) or _unspaced(neighbour))


def _of_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"


def _unspaced(character: str) -> bool:
    return unicodedata.name(character, "").partition(" ")[0].partition("-")[0] in _UNSPACED

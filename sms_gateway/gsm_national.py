"""National language tables of the GSM alphabet (3GPP TS 23.038 annex A), one septet to an octet.

A sender names them in the user data header: a locking shift table takes the place of the default
alphabet, a single shift table that of the extension behind the escape. Those of the languages of
India are laid out alike: letters in the order of their Unicode block, around the same ASCII. So
they are written down as that order and what is missing from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Final

from sms_gateway.gsm import BASIC, ESCAPE, EXTENSION

#: What stands where a table has nothing.
NOTHING: Final = "\ufffd"

TURKISH, SPANISH, PORTUGUESE, BENGALI, GUJARATI, HINDI, KANNADA = range(1, 8)
MALAYALAM, ORIYA, PUNJABI, TAMIL, TELUGU, URDU = range(8, 14)
LANGUAGES: Final = range(TURKISH, URDU + 1)  #: table 6.2.1.2.4


def _at(spec: str) -> dict[int, str]:
    """`41Á`: the character at septet 0x41."""
    return {int(each[:2], 16): each[2:] for each in spec.split()}


_ASCII: Mapping[int, str] = {
    **{0x0A: "\n", 0x0D: "\r", 0x20: " "} | _at("21! 28) 29( 2C, 2E. 3F?"),
    **{code: chr(code) for code in (*range(0x30, 0x3C), *range(0x61, 0x7B))},
}
#: Where letters stand: in their order, and at the end six of a language's own.
_OWN = (0x60, *range(0x7B, 0x80))
_LETTERS = tuple(c for c in range(0x80) if c not in _ASCII and c not in _OWN and c != ESCAPE)
#: Offsets into the Unicode block of those in their order.
_ORDER = (*range(0x01, 0x04), *range(0x05, 0x3A), *range(0x3C, 0x4E))

#: Unicode block, offsets that a language does not have, and its own six.
_INDIC: Mapping[int, tuple[int, str, str]] = {
    BENGALI: (0x980, "0D-0E 11-12 29 31 33-35 45-46 49-4A", "4E 57 5C-5D 70-71"),
    GUJARATI: (0xA80, "0E 12 29 31 34 46 4A", "50 60-63 71"),
    HINDI: (0x900, "", "50 72 7B-7C 7E-7F"),
    KANNADA: (0xC80, "01 0D 11 29 34 45 49", "55-56 60-63"),
    MALAYALAM: (0xD00, "01 0D 11 29 3C 45 49", "57 60-63 79"),
    ORIYA: (0xB00, "0D-0E 11-12 29 31 34 45-46 49-4A", "56-57 60-63"),
    PUNJABI: (0xA00, "0B-0E 11-12 29 31 34 37 3D 43-46 49-4A", "51 70-74"),
    TAMIL: (0xB80, "01 0B-0D 11 16-18 1B 1D 20-22 25-27 2B-2D 3C-3D 43-45 49", "50 57 70-72 79"),
    TELUGU: (0xC00, "0D 11 29 34 3C 45 49", "55-56 60-63"),
}
_URDU = (
    "0627 0622 0628 067B 0680 067E 06A6 062A 06C2 067F 0679 067D 067A 067C 062B-062C 0681 0684 "
    "0683 0685-0687 062D-062F 068C 0688-068A 068F 068D 0630-0631 0691 0693 0699 0632 0696 0698 "
    "069A 0633-0639 0641-0642 06A9-06AB 06AF 06B3 06B1 0644-0646 06BA-06BC 0648 06C4 06D5 06C1 "
    "06BE 0621 06CC 06D0 06D2 064D 0650 064F 0657 0654 0655 0651 0653 0656 0670"
)
_LATIN: Mapping[int, Mapping[int, str]] = {
    TURKISH: _at("04€ 07ı 0BĞ 0Cğ 1CŞ 1Dş 40İ 60ç"),
    PORTUGUESE: _at(
        "04ê 06ú 07í 08ó 09ç 0BÔ 0Cô 0EÁ 0Fá 12ª 13Ç 14À 15∞ 16^ 17\\ 18€ 19Ó 1A| 1CÂ 1Dâ 1EÊ 24º "
        "40Í 5BÃ 5CÕ 5DÚ 60~ 7Bã 7Cõ 7D`"
    ),
}
_LATIN_SINGLE: Mapping[int, Mapping[int, str]] = {
    TURKISH: _at("47Ğ 49İ 53Ş 63ç 67ğ 69ı 73ş"),
    SPANISH: _at("09ç 41Á 49Í 4FÓ 55Ú 61á 69í 6Fó 75ú"),
    PORTUGUESE: _at(
        "05ê 09ç 0BÔ 0Cô 0EÁ 0Fá 12Φ 13Γ 15Ω 16Π 17Ψ 18Σ 19Θ 1FÊ 41À 49Í 4FÓ 55Ú 5BÃ 5CÕ 61Â 69í "
        "6Fó 75ú 7Bã 7Cõ 7Fâ"
    ),
}
#: In every single shift table but those three.
_COMMON: Mapping[int, str] = {
    **EXTENSION,
    **dict(enumerate("@£$¥¿\"¤%&'")),
    **_at("0B* 0C+"),
    **dict(enumerate("-/<=>¡^¡_#*", 0x0E)),
    **{code: chr(code) for code in range(0x41, 0x5B)},
}
#: Where a language's own characters stand in those.
_EXTRA = (0x19, 0x1A, *range(0x1C, 0x28), *range(0x2A, 0x2F), *range(0x30, 0x3C), 0x3F)
_SINGLE: Mapping[int, str] = {
    BENGALI: "09E6-09EF 09DF-09E3 09F2-09FA",
    GUJARATI: "0964-0965 0AE6-0AEF",
    HINDI: "0964-0965 0966-096F 0951-0954 0958-0963 0970-0971",
    KANNADA: "0964-0965 0CE6-0CEF 0CDE 0CF1-0CF2",
    MALAYALAM: "0964-0965 0D66-0D75 0D7A-0D7F",
    ORIYA: "0964-0965 0B66-0B6F 0B5C-0B5D 0B5F 0B70-0B71",
    PUNJABI: "0964-0965 0A66-0A6F 0A59-0A5C 0A5E 0A75",
    TAMIL: "0964-0965 0BE6-0BEF 0BF3-0BF8 0BFA",
    TELUGU: "FFFD FFFD 0C66-0C6F 0C58-0C59 0C78-0C7F",
    URDU: "0600-0601 06F0-06F9 060C-0614 061B 061F 0640 0652 0658 066B-066C 0672-0673 06CD 06D4",
}


def _codes(ranges: str) -> Iterator[int]:
    for text in ranges.split():
        first, _, last = text.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


@cache
def locking(language: int) -> str:
    """The 128 characters that take the place of the default alphabet; that itself where the
    standard has no table (Spanish, unknown languages). The escape stands as U+001B."""
    if language in _LATIN:
        own = _LATIN[language]
        return "".join(own.get(code, char) for code, char in enumerate(BASIC))
    if language == URDU:
        found = dict(zip((*_LETTERS, *_OWN), map(chr, _codes(_URDU)), strict=True))
    elif language in _INDIC:
        block, holes, six = _INDIC[language]
        missing = set(_codes(holes))
        offsets = chain((-1 if o in missing else o for o in _ORDER), _codes(six))
        letters = (NOTHING if o < 0 else chr(block + o) for o in offsets)
        found = dict(zip((*_LETTERS, *_OWN), letters, strict=True))
    else:
        return BASIC
    found.update(_ASCII)
    found[ESCAPE] = chr(ESCAPE)
    return "".join(found[code] for code in range(0x80))


@cache
def single(language: int) -> Mapping[int, str]:
    """What may follow the escape; the default extension for unknown languages."""
    if language in _LATIN_SINGLE:
        return {**EXTENSION, **_LATIN_SINGLE[language]}
    if language not in _SINGLE:
        return EXTENSION
    own = dict(zip(_EXTRA, map(chr, _codes(_SINGLE[language])), strict=False))
    return {**_COMMON, **{code: char for code, char in own.items() if char != NOTHING}}


def decode(data: bytes, locking_language: int, single_language: int) -> str:
    """Septets as text by these tables; never raises. As `gsm.decode` without them."""
    plain, shifted = locking(locking_language), single(single_language)
    found: list[str] = []
    escaped = False
    for octet in data:
        if octet >= 0x80:
            found.append(NOTHING)
        elif octet == ESCAPE:
            if escaped:
                found.append(" ")
            escaped = not escaped
            continue
        else:
            found.append(shifted.get(octet, plain[octet]) if escaped else plain[octet])
        escaped = False
    if escaped:
        found.append(" ")
    return "".join(found)

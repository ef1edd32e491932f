"""The national tables of the GSM alphabet: their shape, known texts, and what cannot be read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_gateway import gsm
from sms_gateway import gsm_national as national
from sms_gateway.decoding import coding, decode, read_header
from sms_gateway.gsm_national import NOTHING

#: Language and the script its letters are of, as Unicode names it.
SCRIPTS = {
    national.BENGALI: "BENGALI",
    national.GUJARATI: "GUJARATI",
    national.HINDI: "DEVANAGARI",
    national.KANNADA: "KANNADA",
    national.MALAYALAM: "MALAYALAM",
    national.ORIYA: "ORIYA",
    national.PUNJABI: "GURMUKHI",
    national.TAMIL: "TAMIL",
    national.TELUGU: "TELUGU",
    national.URDU: "ARABIC",
}


@pytest.mark.parametrize("language", national.LANGUAGES)
def test_a_locking_table_has_128_places_and_no_character_twice(language: int) -> None:
    table = national.locking(language)
    assert len(table) == 128
    letters = [char for char in table if char != NOTHING]
    assert len(set(letters)) == len(letters)
    assert table[gsm.ESCAPE] == "\x1b"
    # Digits, blank and line ends stand where they do in the default alphabet.
    for code in (0x0A, 0x0D, 0x20, *range(0x30, 0x3A)):
        assert table[code] == gsm.BASIC[code]


@pytest.mark.parametrize("language", national.LANGUAGES)
def test_a_single_shift_table_keeps_the_extension_and_never_hides_the_escape(language: int) -> None:
    table = national.single(language)
    assert gsm.ESCAPE not in table
    assert NOTHING not in table.values()
    assert all(0 <= code < 128 and len(char) == 1 for code, char in table.items())
    assert {code: table[code] for code in gsm.EXTENSION} == dict(gsm.EXTENSION)


@pytest.mark.parametrize(("language", "script"), SCRIPTS.items())
def test_letters_are_of_the_script_and_assigned(language: int, script: str) -> None:
    letters = [char for char in national.locking(language) if ord(char) > 0xFF and char != NOTHING]
    assert len(letters) > 40
    for char in letters:
        assert unicodedata.name(char).startswith(script), hex(ord(char))


def test_spanish_has_a_single_shift_table_only_and_unknown_languages_have_none() -> None:
    assert national.locking(national.SPANISH) == gsm.BASIC
    assert national.single(national.SPANISH)[0x41] == "Á"
    for language in (0, 14, 200):
        assert national.locking(language) == gsm.BASIC
        assert national.single(language) == gsm.EXTENSION


@pytest.mark.parametrize(
    ("language", "octets", "text"),
    [
        # Places in the tables A.3 of the standard, read off by hand.
        (national.TURKISH, b"\x1d\x07 \x0c\x40", "şı ğİ"),
        (national.PORTUGUESE, b"\x7b\x7c\x09 \x18\x15", "ãõç €∞"),
        (national.HINDI, bytes((0x2F, 0x42, 0x4C, 0x5F, 0x27, 0x59)), "नमस्ते"),
        (national.BENGALI, bytes((0x2F, 0x42, 0x4C, 0x5F, 0x15, 0x50, 0x44)), "নমস্কার"),
        (national.TAMIL, bytes((0x49, 0x26, 0x15, 0x5F, 0x15, 0x42, 0x5F)), "வணக்கம்"),
        (national.TELUGU, bytes((0x2F, 0x42, 0x4C, 0x5F, 0x15, 0x50, 0x44, 0x01)), "నమస్కారం"),
        (national.URDU, bytes((0x3D, 0x4D, 0x00, 0x4E)), "سلام"),
    ],
)
def test_words_are_read_by_the_locking_table(language: int, octets: bytes, text: str) -> None:
    assert national.decode(octets, language, 0) == text


@pytest.mark.parametrize(
    ("language", "octets", "text"),
    [
        (national.TURKISH, b"\x1bg\x1bi\x1bS \x1be", "ğıŞ €"),
        (national.SPANISH, b"\x1bA \x1ba\x1bi\x1bo\x1bu \x1b\x09", "Á áíóú ç"),
        (national.PORTUGUESE, b"\x1b\x7b\x1b\x7c \x1b\x5b", "ãõ Ã"),
        (national.HINDI, b"\x1b\x1c\x1b\x25\x1b\x19", "०९।"),
        (national.URDU, b"\x1b\x26\x1b\x33\x1b\x3f", "،؟۔"),
        (national.HINDI, b"\x1bA\x1bZ\x1b\x00", "AZ@"),
    ],
)
def test_shifted_characters_are_read(language: int, octets: bytes, text: str) -> None:
    assert national.decode(octets, 0, language) == text


def test_what_the_shift_table_lacks_is_the_character_of_the_locking_table() -> None:
    assert national.decode(b"\x1b\x61", national.TURKISH, national.HINDI) == "a"
    assert national.decode(b"\x1b\x41", national.HINDI, national.TURKISH) == "भ"


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255))
def test_nothing_raises_and_default_tables_are_the_default_alphabet(
    octets: bytes, one: int, other: int
) -> None:
    national.decode(octets, one, other)
    assert national.decode(octets, 0, 0) == gsm.decode(octets)


# --- as a header names them -----------------------------------------------------------------------


def header(*elements: bytes) -> bytes:
    data = b"".join(elements)
    return bytes((len(data),)) + data


LOCKING_TURKISH, SINGLE_TURKISH = b"\x25\x01\x01", b"\x24\x01\x01"
CONCATENATED = b"\x00\x03\x07\x02\x01"


@pytest.mark.parametrize(
    ("raw", "data_coding", "text"),
    [
        (header(SINGLE_TURKISH) + b"\x1bs", 0, "ş"),
        (header(LOCKING_TURKISH) + b"\x1d", 0, "ş"),
        (header(LOCKING_TURKISH, SINGLE_TURKISH) + b"\x1d\x1bs", 0, "şş"),
        (header(CONCATENATED, SINGLE_TURKISH) + b"\x1bs", 0, "ş"),
        (header(SINGLE_TURKISH) + b"\x1bs", 0xF0, "ş"),
        (header(SINGLE_TURKISH) + b"\x1bs", 0x10, "ş"),
        # Not septets, or a language that the standard has not: as without.
        (header(SINGLE_TURKISH) + "ş".encode("utf-16-be"), 8, "ş"),
        (header(b"\x24\x01\xc8") + b"\x1be", 0, "€"),
        (header(b"\x24\x02\x01\x01") + b"\x1be", 0, "€"),
        (header(SINGLE_TURKISH) + b"\xfe", 3, "þ"),
    ],
)
def test_a_header_says_how_a_part_is_read(raw: bytes, data_coding: int, text: str) -> None:
    found, body = read_header(raw)
    assert decode(body, coding(data_coding, found)) == text


def test_national_tables_are_parts_of_gsm_and_mean_nothing_on_another_alphabet() -> None:
    found, body = read_header(header(LOCKING_TURKISH) + b"\xe9")
    assert decode(body, coding(0, found), alphabet="latin1") == "é"


def test_of_two_tables_for_one_place_the_last_is_read() -> None:
    header, _ = read_header(bytes((6, 0x25, 1, 1, 0x25, 1, 2)))
    assert coding(0, header) == 2 << 8

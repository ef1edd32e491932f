"""Text to parts and back: alphabets, sizes, borders, transliteration, headers, hostile octets."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sms_gateway import gsm
from sms_gateway.encoding import (
    Alphabet,
    Mode,
    Part,
    TextTooLongError,
    concatenation,
    decode,
    encode_text,
    fits,
    measure,
    read_header,
    split,
    transliterate,
)
from sms_gateway.graphemes import clusters
from sms_gateway.plain import STAND_INS
from sms_gateway.tlv import Tag

ALPHABETS: tuple[Alphabet, ...] = ("gsm", "latin1", "ascii", "ucs2")
FAMILY = "👨\u200d👩\u200d👧"
WAVE = "👋🏽"
FLAG = "🇺🇸"
ACCENT = "e\u0301"


def texts(parts: list[Part], alphabet: Alphabet = "gsm") -> list[str]:
    """What a telephone would show of each part."""
    found = []
    for part in parts:
        data = part.data
        if part.esm_class & 0x40:
            header, data = read_header(data)
            assert header is not None
        for tag, value in part.tlvs:
            data = value if tag == Tag.MESSAGE_PAYLOAD else data
        found.append(decode(data, part.data_coding, alphabet=alphabet))
    return found


# --- the GSM alphabet -------------------------------------------------------------------------


def test_the_table_is_that_of_the_standard() -> None:
    assert len(gsm.BASIC) == 128
    assert len(set(gsm.BASIC)) == 128
    assert gsm.BASIC[0x40:0x42] == "¡A"
    assert gsm.BASIC[0x5F:0x61] == "§¿"  # smpplib has '`' at 0x5F
    assert gsm.BASIC[0x1B] == "\x1b"
    assert gsm.encode("@£$ΔΩ€[\f") == b"\x00\x01\x02\x10\x15\x1be\x1b<\x1b\x0a"


def test_a_section_sign_is_one_septet_and_a_backtick_none() -> None:
    assert gsm.encode("§") == b"\x5f"
    assert gsm.encode("`") is None


def test_a_bare_escape_is_no_character() -> None:
    assert gsm.encode("\x1b") is None
    assert gsm.encode("\x1be") is None


@given(st.text(st.sampled_from(sorted(gsm.CHARACTERS)), max_size=200))
@settings(max_examples=200, deadline=None)
def test_every_text_in_the_alphabet_comes_back(text: str) -> None:
    data = gsm.encode(text)
    assert data is not None
    assert gsm.decode(data) == text
    assert max(data, default=0) < 0x80


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b", " "),
        (b"a\x1b\x1bb", "a b"),
        (b"\x1bA", "A"),  # not in the extension table: the basic character, as handsets do
        (b"\x1b\x80", "\ufffd"),
        (b"\xe9\xff", "\ufffd\ufffd"),
        (b"\x1b\x0a", "\f"),
        (b"", ""),
    ],
)
def test_septets_that_should_not_be_are_read_as_handsets_do(data: bytes, text: str) -> None:
    assert gsm.decode(data) == text


# --- which coding -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "alphabet", "coding", "data_coding", "data", "units"),
    [
        ("Hi @", "gsm", "gsm", 0, b"Hi \x00", 4),
        ("5€", "gsm", "gsm", 0, b"5\x1be", 3),
        ("Hi @", "latin1", "latin1", 0, b"Hi @", 4),
        ("é[", "latin1", "latin1", 0, b"\xe9[", 3),  # two septets on the air
        ("é", "ascii", "ucs2", 8, b"\x00\xe9", 1),
        ("á", "latin1", "ucs2", 8, b"\x00\xe1", 1),  # in latin-1, not in GSM
        ("Δ", "latin1", "ucs2", 8, b"\x03\x94", 1),
        ("Hi", "ucs2", "ucs2", 8, b"\x00H\x00i", 2),
        ("😀", "gsm", "ucs2", 8, b"\xd8\x3d\xde\x00", 2),
        ("\ud83d", "gsm", "ucs2", 8, b"\x00?", 1),  # a lone surrogate
        ("", "gsm", "gsm", 0, b"", 0),
    ],
)
def test_a_text_goes_in_the_alphabet_of_the_route_or_as_ucs2(
    text: str, alphabet: Alphabet, coding: str, data_coding: int, data: bytes, units: int
) -> None:
    found = encode_text(text, alphabet=alphabet)
    assert (found.coding, found.data_coding, found.data, found.units) == (
        coding,
        data_coding,
        data,
        units,
    )


# --- sizes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts", "encoding", "units", "per_part"),
    [
        ("", 1, "gsm", 0, 160),
        ("x" * 160, 1, "gsm", 160, 160),
        ("x" * 161, 2, "gsm", 161, 152),
        ("x" * 304, 2, "gsm", 304, 152),
        ("x" * 305, 3, "gsm", 305, 152),
        ("€" * 80, 1, "gsm", 160, 160),
        ("€" * 81, 2, "gsm", 162, 152),
        ("x" * 151 + "€" + "x" * 151, 3, "gsm", 304, 152),  # the pair does not fit the first part
        ("я" * 70, 1, "ucs2", 70, 70),
        ("я" * 71, 2, "ucs2", 71, 66),
        ("я" * 132, 2, "ucs2", 132, 66),
        ("я" * 133, 3, "ucs2", 133, 66),
        ("😀" * 35, 1, "ucs2", 70, 70),
        ("😀" * 36, 2, "ucs2", 72, 66),
        ("x" * 152 * 256, 256, "gsm", 152 * 256, 152),
    ],
)
def test_a_text_is_measured_as_it_will_be_sent(
    text: str, parts: int, encoding: str, units: int, per_part: int
) -> None:
    found = measure(text)
    assert (found.parts, found.encoding, found.units, found.per_part) == (
        parts,
        encoding,
        units,
        per_part,
    )
    if parts <= 255:
        assert len(split(text)) == parts


def test_the_characters_that_force_ucs2_are_named_once_and_only_they() -> None:
    assert measure("Hi 😀, “we” missed — your call 😀 ą").offending == ("😀", "ą")
    assert measure("“Hi” — it’s us…").offending == ()
    assert measure("á", "latin1").offending == ("á",)
    assert measure("ą", "ucs2").offending == ()


def test_a_text_beyond_255_parts_is_refused_with_its_size() -> None:
    assert len(split("x" * 152 * 255)) == 255
    with pytest.raises(TextTooLongError, match=r"needs 256 messages .* at most 255"):
        split("x" * (152 * 255 + 1))
    with pytest.raises(TextTooLongError):
        split("😀" * 33 * 256, mode="payload")


# --- splitting --------------------------------------------------------------------------------


def test_a_part_begins_with_a_sixteen_bit_header() -> None:
    parts = split("x" * 200, reference=0xBEEF)
    assert [part.data[:7].hex() for part in parts] == ["060804beef0201", "060804beef0202"]
    assert [part.esm_class for part in parts] == [0x40, 0x40]
    assert [(part.number, part.total) for part in parts] == [(1, 2), (2, 2)]
    assert split("x" * 200, reference=0x1BEEF) == parts


def test_parts_may_be_told_by_parameters_in_place_of_a_header() -> None:
    parts = split("x" * 200, mode="sar", reference=0xBEEF)
    assert [part.data for part in parts] == [b"x" * 152, b"x" * 48]
    assert [part.esm_class for part in parts] == [0, 0]
    assert [part.tlvs for part in parts] == [
        ((0x020C, b"\xbe\xef"), (0x020E, b"\x02"), (0x020F, b"\x01")),
        ((0x020C, b"\xbe\xef"), (0x020E, b"\x02"), (0x020F, b"\x02")),
    ]


def test_a_long_text_may_go_whole_as_payload_and_still_counts_its_segments() -> None:
    (part,) = split("x" * 400, mode="payload")
    assert part.tlvs == ((0x0424, b"x" * 400),)
    assert (part.data, part.esm_class, part.number, part.total, part.segments) == (b"", 0, 1, 1, 3)


@pytest.mark.parametrize("mode", ["udh", "sar", "payload"])
def test_a_text_that_fits_is_one_plain_message_in_every_mode(mode: Mode) -> None:
    assert split("x" * 160, mode=mode) == [Part(1, 1, b"x" * 160, 0)]


def test_an_escape_pair_is_not_split() -> None:
    parts = split("x" * 151 + "€" + "x" * 20)
    assert [len(part.data) - 7 for part in parts] == [151, 22]
    assert not parts[0].data.endswith(b"\x1b")


def test_a_surrogate_pair_is_not_split() -> None:
    text = "я" * 65 + "😀" + "я" * 20
    parts = split(text)
    assert [(len(part.data) - 7) // 2 for part in parts] == [65, 22]
    assert texts(parts) == ["я" * 65, "😀" + "я" * 20]


@pytest.mark.parametrize("cluster", [FAMILY, WAVE, FLAG, "я\u0306", "☎\ufe0f", "\r\n", "각"])
def test_what_a_reader_sees_as_one_character_is_not_split(cluster: str) -> None:
    for before in range(60, 67):
        text = "я" * before + cluster + "я" * 20
        found = texts(split(text))
        assert "".join(found) == text
        assert any(cluster in part for part in found), before


def test_flags_are_split_between_flags() -> None:
    assert list(clusters("🇺🇸🇨🇦🇫🇷x")) == ["🇺🇸", "🇨🇦", "🇫🇷", "x"]
    assert list(clusters(f"{FAMILY}{WAVE}{ACCENT}\r\n\n")) == [FAMILY, WAVE, ACCENT, "\r\n", "\n"]


def test_a_character_too_big_for_a_part_is_split_all_the_same() -> None:
    text = "я" + "\u0300" * 300
    parts = split(text)
    assert "".join(texts(parts)) == text
    assert all(len(part.data) <= 140 for part in parts)


ANY_TEXT = st.one_of(
    st.text(st.sampled_from(sorted(gsm.CHARACTERS)), max_size=700),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.lists(
        st.sampled_from(["x", "€", "я", "😀", FAMILY, WAVE, FLAG, ACCENT, "\r\n", "’", "\u0300"]),
        max_size=400,
    ).map("".join),
)


@given(ANY_TEXT, st.sampled_from(ALPHABETS), st.sampled_from(["udh", "sar", "payload"]))
@settings(max_examples=200, deadline=None)
def test_the_parts_join_to_the_text_and_each_is_within_its_limits(
    text: str, alphabet: Alphabet, mode: Mode
) -> None:
    assume("\0" not in text)
    parts = split(text, alphabet=alphabet, mode=mode, reference=77)
    assert "".join(texts(parts, alphabet)) == transliterate(text, alphabet=alphabet)
    size = measure(text, alphabet)
    assert sum(part.segments for part in parts) == size.parts
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    for part in parts:
        assert part.total == len(parts)
        assert part.data_coding == (8 if size.encoding == "ucs2" else 0)
        octets = 7 if mode == "udh" and size.parts > 1 else 0
        body = part.data[octets:]
        room = size.per_part * 2 if size.encoding == "ucs2" else size.per_part
        assert len(body) <= room
        assert len(part.data) <= 160
        if size.encoding == "gsm":
            assert not body.endswith(b"\x1b")


@given(ANY_TEXT)
@settings(max_examples=100, deadline=None)
def test_clusters_join_to_the_text(text: str) -> None:
    found = list(clusters(text))
    assert "".join(found) == text
    assert all(found)


# --- transliteration --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“Hi” — it’s Bob’s… `ok`", "\"Hi\" - it's Bob's... 'ok'"),
        ("9\u202fam\u2009–\u00a05\u202fpm", "9 am - 5 pm"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("• one\u2028• two", "* one\n* two"),
        ("cafe\u0301", "café"),
        ("Bob\u00adby’s", "Bobby's"),
        ("tab\there", "tab here"),
        ("esc\x1b[31m", "esc[31m"),
        ("Ohm’s \u2126", "Ohm's Ω"),
        ("Plumbing™ №1 ½", "Plumbing(TM) No.1 1/2"),
    ],
)
def test_typographic_characters_become_plain_to_keep_the_text_gsm(text: str, plain: str) -> None:
    assert not fits(text)
    assert transliterate(text) == plain
    assert fits(plain)
    assert measure(text).encoding == "gsm"


@pytest.mark.parametrize(
    "text", ["“Hi” 😀", "“Zażółć”", "cafe\u0301 😀", "plain", "§ £5 {x}", "Ruf’ an, ą"]
)
def test_a_text_that_fits_or_must_be_ucs2_is_not_touched(text: str) -> None:
    assert transliterate(text) == text
    assert "".join(texts(split(text))) == text


def test_no_letter_loses_its_accent() -> None:
    assert transliterate("Señor Núñez") == "Señor Núñez"
    assert measure("Señor Núñez").offending == ("ú",)


def test_a_ucs2_route_needs_no_transliteration() -> None:
    assert transliterate("“Hi”", alphabet="ucs2") == "“Hi”"


def test_only_characters_outside_the_alphabet_have_stand_ins_and_all_of_those_fit() -> None:
    assert not {chr(code) for code in STAND_INS} & gsm.CHARACTERS
    assert all(
        fits(stand_in, alphabet) for stand_in in STAND_INS.values() for alphabet in ALPHABETS
    )
    assert not any(unicodedata.category(chr(code)) in ("Lu", "Lo") for code in STAND_INS)


@given(ANY_TEXT, st.sampled_from(ALPHABETS))
@settings(max_examples=100, deadline=None)
def test_transliterating_twice_changes_nothing_more(text: str, alphabet: Alphabet) -> None:
    once = transliterate(text, alphabet=alphabet)
    assert transliterate(once, alphabet=alphabet) == once
    assert once == text or fits(once, alphabet)


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "data_coding", "alphabet", "text"),
    [
        (b"\x00_", 0x00, "gsm", "@§"),
        (b"@_\xe9", 0x00, "latin1", "@_é"),
        (b"@_\xe9", 0x00, "ascii", "@_\ufffd"),
        (b"\x00H\x00i", 0x00, "ucs2", "Hi"),
        (b"@_", 0x01, "gsm", "@_"),
        (b"@\xe9", 0x03, "gsm", "@é"),
        (b"H\x00\xff", 0x04, "gsm", "H\ufffd"),
        (b"\xbf\xe0\xd8", 0x06, "gsm", "При"),
        (b"\x00H\x00i", 0x08, "gsm", "Hi"),
        (b"\xd8\x3d\xde\x00", 0x08, "gsm", "😀"),
        (b"\x00H\x00", 0x08, "gsm", "H\ufffd"),
        (b"\xd8\x3d", 0x08, "gsm", "\ufffd"),
        (b"\xff\xfeH\x00i\x00", 0x08, "gsm", "Hi"),
        (b"\xfe\xff\x00H\x00i", 0x08, "gsm", "Hi"),
        (b"\x00H\x00i", 0x18, "gsm", "Hi"),  # flash
        (b"\x00_", 0x10, "gsm", "@§"),
        (b"\x00_", 0xF1, "gsm", "@§"),
        (b"a\xff", 0xF5, "gsm", "a\ufffd"),
        (b"\x00H", 0xE0, "gsm", "H"),
        (b"\x00_", 0xC8, "gsm", "@§"),
        (b"a\xff", 0x20, "gsm", "a\ufffd"),  # compressed: nobody reads it
        (b"a\xff", 0x0C, "gsm", "a\ufffd"),
        (b"a\xff", 0x99, "gsm", "a\ufffd"),
        (b"Hi\x00", 0x01, "gsm", "Hi"),
    ],
)
def test_a_text_is_read_by_its_data_coding(
    data: bytes, data_coding: int, alphabet: Alphabet, text: str
) -> None:
    assert decode(data, data_coding, alphabet=alphabet) == text


@given(st.binary(max_size=254), st.integers(0, 255), st.sampled_from(ALPHABETS))
@settings(max_examples=200, deadline=None)
def test_no_octets_make_reading_raise(data: bytes, data_coding: int, alphabet: Alphabet) -> None:
    text = decode(data, data_coding, alphabet=alphabet)
    assert "\0" not in text
    text.encode("utf-8")  # no lone surrogate: the store could not take it


@pytest.mark.parametrize("data_coding", range(256))
def test_every_data_coding_is_read_whatever_the_octets(data_coding: int) -> None:
    for data in (bytes(range(256)), bytes(range(255, -1, -1)), b"\x1b$B\xff\x0e\x0f\x80"):
        decode(data, data_coding).encode("utf-8")


@pytest.mark.parametrize(
    ("data", "place", "ports", "body"),
    [
        (b"\x05\x00\x03\x2a\x03\x02hi", (42, 3, 2), None, b"hi"),
        (concatenation(0xBEEF, 3, 2) + b"hi", (0xBEEF, 3, 2), None, b"hi"),
        (b"\x06\x05\x04\x0b\x84\x23\xf0hi", (None, 1, 1), (2948, 9200), b"hi"),
        (b"\x04\x04\x02\x01\x02hi", (None, 1, 1), (1, 2), b"hi"),
        (b"\x0b\x05\x04\x15\x8a\x00\x00\x00\x03\x2a\x02\x01hi", (42, 2, 1), (5514, 0), b"hi"),
        (b"\x00hi", (None, 1, 1), None, b"hi"),
        (b"\x05\x00\x03\x2a\x00\x00hi", (None, 1, 1), None, b"hi"),
        (b"\x05\x00\x03\x2a\x02\x03hi", (None, 1, 1), None, b"hi"),
        (b"\x08\x00\x03\x2a\x02\x01\x99\x20\x01hi", (42, 2, 1), None, b"hi"),  # the second is cut
    ],
)
def test_a_header_is_read(
    data: bytes,
    place: tuple[int | None, int, int],
    ports: tuple[int, int] | None,
    body: bytes,
) -> None:
    header, found = read_header(data)
    assert header is not None
    assert (header.reference, header.total, header.number) == place
    assert header.ports == ports
    assert found == body


@pytest.mark.parametrize("data", [b"", b"Hello", b"\x05\x00\x03\x2a", b"\x02\x00\x20hi"])
def test_what_cannot_be_a_header_is_text(data: bytes) -> None:
    assert read_header(data) == (None, data)


@given(st.binary(max_size=140))
@settings(max_examples=200, deadline=None)
def test_no_octets_make_reading_a_header_raise(data: bytes) -> None:
    header, body = read_header(data)
    assert data.endswith(body)
    assert header is not None or body == data

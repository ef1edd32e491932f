"""Reading telephone numbers as PBXs, carriers and attackers write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textback import phone
from textback.phone import (
    Kind,
    NumberList,
    country_of,
    list_entry,
    mask,
    read,
    read_any,
    read_dialled,
    same,
    to_e164,
)


@pytest.mark.parametrize(
    ("raw", "country", "e164"),
    [
        ("+12125550123", "US", "+12125550123"),
        ("2125550123", "US", "+12125550123"),
        ("12125550123", "US", "+12125550123"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("1-212-555-0123", "US", "+12125550123"),
        ("1.212.555.0123", "US", "+12125550123"),
        (" +1 212 555 0123 ", "US", "+12125550123"),
        ("011442079460123", "US", "+442079460123"),  # FreePBX from-pstn-e164-us
        ("00442079460123", "US", "+442079460123"),
        ("00442079460123", "DE", "+442079460123"),
        ("+00442079460123", "DE", "+442079460123"),
        ("442079460123", "US", "+442079460123"),  # the carrier left the plus out
        ("442079460123", "GB", "+442079460123"),
        ("020 7946 0123", "GB", "+442079460123"),
        ("07700900123", "GB", "+447700900123"),
        ("0612345678", "FR", "+33612345678"),
        ("+33612345678", "US", "+33612345678"),
        ("12125550123", "GB", "+12125550123"),
        ("5552345678", "US", "+15552345678"),  # fits the plan, though no such area is assigned
        ("011447700900123", "US", "+447700900123"),
        ("00491713920012", "US", "+491713920012"),
        ("+491713920012", "US", "+491713920012"),
        ("01713920012", "DE", "+491713920012"),
        ("00491713920012", "DE", "+491713920012"),
        ("491713920012", "DE", "+491713920012"),  # not a subscriber of Leer, 0491
        ("0016465550101", "DE", "+16465550101"),
        ("447700900123", "GB", "+447700900123"),
        ("4366412345678", "AT", "+4366412345678"),
        ("393331234567", "IT", "+393331234567"),  # no trunk prefix there:
        ("3933312345", "IT", "+393933312345"),  # 393 begins mobiles as well
    ],
)
def test_a_number_is_read_as_it_is_written_in_that_country(
    raw: str, country: str, e164: str
) -> None:
    assert to_e164(raw, country) == e164


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("", Kind.NONE),
        ("  ", Kind.NONE),
        ("<unknown>", Kind.NONE),
        ("Unknown", Kind.NONE),
        ("asterisk", Kind.NONE),
        ("s", Kind.NONE),
        ("anonymous", Kind.WITHHELD),
        ("Anonymous", Kind.WITHHELD),
        ("RESTRICTED", Kind.WITHHELD),
        ("Private Number", Kind.WITHHELD),
        ("266696687", Kind.WITHHELD),
        ("101", Kind.SHORT),
        ("3000", Kind.SHORT),
        ("911", Kind.SHORT),
        ("+1911", Kind.SHORT),
        ("22000", Kind.SHORT),
        ("9005550123", Kind.PREMIUM),
        ("+449001234567", Kind.PREMIUM),
        ("8005550123", Kind.SERVICE),
        ("+442079460123", Kind.LANDLINE),
        ("2125550123", Kind.DIALABLE),
        ("5550123", Kind.INVALID),  # seven digits: no area code
        ("1234567890", Kind.INVALID),
        ("0000000000", Kind.INVALID),
        ("9999999999", Kind.INVALID),
        ("9112345678", Kind.INVALID),
        ("2121110123", Kind.INVALID),
        ("2" * 10, Kind.INVALID),
        ("1" * 30, Kind.INVALID),
        ("1" * 1000, Kind.INVALID),
        ("+", Kind.INVALID),
        ("*72", Kind.INVALID),
        ("#31#2125550123", Kind.INVALID),
        ("2125550123;rm -rf /", Kind.INVALID),
        ("2125550123\r\nAction: Originate", Kind.INVALID),
        ("2125550123\x00", Kind.INVALID),
        ("٢١٢٥٥٥٠١٢٣", Kind.INVALID),
        ("２１２５５５０１２３", Kind.INVALID),
        ("212555０123", Kind.INVALID),
        ("sip:2125550123@evil.example", Kind.INVALID),
        ("' OR 1=1 --", Kind.INVALID),
        ("+1 (212) 555-0123 ext. 5", Kind.INVALID),
        ("1-800-FLOWERS", Kind.INVALID),
    ],
)
def test_what_stands_for_a_number_has_a_kind(raw: str, kind: Kind) -> None:
    found = read(raw, "US")
    assert found.kind is kind
    if kind in {Kind.NONE, Kind.WITHHELD, Kind.SHORT, Kind.INVALID}:
        assert found.e164 == ""
        assert found.why
    else:
        assert found.e164.startswith("+")


def test_a_few_digits_are_an_extension_except_where_all_numbers_are_short() -> None:
    assert read("1640", "DE").kind is Kind.SHORT  # a pager, says the plan
    assert read("221234", "DE").kind is Kind.SHORT
    assert read("221234", "GL").e164 == "+299221234"


def test_a_trunk_prefix_twice_is_no_number() -> None:
    assert read("000447700900123", "DE").kind is Kind.INVALID
    assert read("0442079460123", "DE").kind is not Kind.INVALID


@pytest.mark.parametrize(
    ("raw", "countries", "e164"),
    [
        ("07700900123", ["GB", "US"], "+447700900123"),
        ("07700900123", ["US", "GB"], "+447700900123"),
        ("6465550101", ["US", "GB"], "+16465550101"),
        # A number of the first country is not looked for in the next, however new its block.
        ("5552345678", ["US", "GB"], "+15552345678"),
        ("(212) 555-0123", ["US"], "+12125550123"),
        ("101", ["GB", "US"], ""),
        ("anonymous", ["GB", "US"], ""),
        ("nonsense", ["GB", "US"], ""),
    ],
)
def test_a_number_is_read_in_the_first_country_it_is_one_in(
    raw: str, countries: list[str], e164: str
) -> None:
    assert read_any(raw, countries).e164 == e164


def test_what_is_no_number_anywhere_keeps_its_reason() -> None:
    assert read_any("anonymous", ["GB", "US"]).kind is Kind.WITHHELD
    assert read_any("", ["GB", "US"]).kind is Kind.NONE
    assert read_any("nonsense", ["GB", "US"]) == read("nonsense", "GB")


@pytest.mark.parametrize(
    ("dialled", "country", "e164"),
    [
        ("6465550170", "US", "+16465550170"),
        ("96465550170", "US", "+16465550170"),
        ("916465550170", "US", "+16465550170"),
        ("*676465550170", "US", "+16465550170"),
        ("*6796465550170", "US", "+16465550170"),
        ("9011447911123456", "US", "+447911123456"),
        ("97185550123", "US", "+17185550123"),  # not the Emirates
        ("001713920012", "DE", "+491713920012"),
        ("0033612345678", "DE", "+33612345678"),
        ("*31#01713920012", "DE", "+491713920012"),
        ("907911123456", "GB", "+447911123456"),
        ("447911123456", "US", ""),  # nobody dials a foreign number so
        ("+447911123456", "US", "+447911123456"),
        ("1011", "US", ""),
        ("911", "US", ""),
        ("*97", "US", ""),
        ("", "US", ""),
    ],
)
def test_what_is_dialled_inside_is_read_behind_the_code_for_a_line(
    dialled: str, country: str, e164: str
) -> None:
    assert read_dialled(dialled, country).e164 == e164


def test_the_country_of_a_number_is_known_only_from_a_number_in_full() -> None:
    assert country_of("+12125550100") == "US"
    assert country_of("+442079460131") == "GB"
    assert country_of("+493023125123") == "DE"
    for nowhere in ("2125550100", "+80012345678", "+447700900123", "+7", "s", "*", "", "+١٢"):
        assert country_of(nowhere) == ""


def test_a_number_of_an_unassigned_block_is_told_apart() -> None:
    assert read("+12125550123", "US").assigned
    assert not read("+447700900123", "US").assigned
    assert read("+447700900123", "US").calling_code == 44


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+12125550123", "+1212***0123"),
        ("2125550123", "212***0123"),
        ("+442079460123", "+4420***0123"),
        ("+4930123456", "+493***3456"),
        ("12345678", "***78"),
        ("101", "101"),
        ("", ""),
        ("Bob", "***"),
        ("2125550123\r\nX", "***"),
    ],
)
def test_a_mask_hides_the_middle(number: str, masked: str) -> None:
    assert mask(number) == masked


@given(st.text(alphabet="0123456789", min_size=7, max_size=15))
def test_a_mask_always_hides_three_digits_or_more(digits: str) -> None:
    shown = mask("+" + digits).replace("+", "").replace("*", "")
    assert len(shown) <= len(digits) - 3 or len(digits) < 9
    assert len(shown) < len(digits)


def test_two_spellings_of_one_number_are_the_same() -> None:
    assert same("12125550100", "(212) 555-0100", "US")
    assert not same("2125550100", "2125550101", "US")
    assert same("s", " s", "US")
    assert not same("100", "101", "US")


def test_a_list_matches_numbers_and_prefixes() -> None:
    listed = NumberList(["+12125550190", "+1900*", "+44*"])
    assert listed.match("+12125550190") == "+12125550190"
    assert listed.match("+19005550123") == "+1900*"
    assert listed.match("+442079460123") == "+44*"
    assert listed.match("+12125550191") is None
    assert listed.match("") is None
    assert len(listed) == 3
    assert list(listed) == ["+12125550190", "+1900*", "+44*"]


def test_a_list_entry_is_stored_in_full() -> None:
    assert list_entry("(212) 555-0190", "US") == "+12125550190"
    assert list_entry(" +1 900* ", "US") == "+1900*"
    for wrong in ("900*", "*", "+*", "Bob", "101", ""):
        with pytest.raises(ValueError, match="in full"):
            list_entry(wrong, "US")


def test_home_leaves_the_expensive_islands_of_the_north_american_plan_out() -> None:
    home = phone.home_countries("US")
    assert {"US", "CA", "PR"} <= home
    assert not home & {"JM", "DO", "BS"}
    assert "JM" in phone.home_countries("JM")
    assert phone.home_countries("GB") == {"GB", "GG", "IM", "JE"}


def test_a_number_is_shown_as_people_of_its_country_write_it() -> None:
    assert phone.national("+12125550100") == "(212) 555-0100"
    assert phone.national("5000") == "5000"


@given(st.text(max_size=60), st.sampled_from(["US", "GB", "DE", "JM", "IS", "SH"]))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_reader(raw: str, country: str) -> None:
    found = read(raw, country)
    assert (found.e164 == "") == (found.kind.value in {"none", "withheld", "short", "invalid"})
    assert found.shown.isprintable()
    assert len(found.shown) <= phone.MAX_LENGTH + 3
    assert mask(raw) == mask(raw).strip("\r\n\0")
    for other in (read_dialled(raw, country), read_any(raw, [country, "US"])):
        assert (other.e164 == "") == (other.kind.value in {"none", "withheld", "short", "invalid"})
    assert country_of(raw) == "" or raw.startswith("+")


@given(st.text(alphabet="+0123456789 ()-.", max_size=20), st.sampled_from(["US", "GB", "DE"]))
@settings(max_examples=200, deadline=None)
def test_what_is_read_is_plain_e164_and_reads_back_as_itself(raw: str, country: str) -> None:
    found = to_e164(raw, country)
    if found is not None:
        assert found[0] == "+"
        assert found[1:].isascii()
        assert found[1:].isdigit()
        assert 8 <= len(found) <= 18
        assert to_e164(found, country) == found

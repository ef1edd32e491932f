"""Every spelling of a number is found, and no other number is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textback.keeping_spelling import ERASED, Spelling

NEW_YORK = Spelling("+12125550123")
LONDON = Spelling("+442079460100")
ABROAD = Spelling("+442079460100", home=False)


@pytest.mark.parametrize(
    "text",
    [
        *("+12125550123", "12125550123", "2125550123", "01112125550123", "0012125550123"),
        *("(212) 555-0123", "212-555-0123", "212.555.0123", "212 555 0123", "1-212-555-0123"),
        *("+1 (212) 555-0123", "SIP/2125550123-0001", "<sip:+12125550123@192.0.2.1>"),
        '"caller":"12125550123"',
    ],
)
def test_usual_spellings_are_found_whole(text: str) -> None:
    assert NEW_YORK.found_in(text)
    assert any(needle in text for needle in NEW_YORK.needles), "a search would not come upon it"
    assert "555" not in NEW_YORK.without(text)
    assert ERASED in NEW_YORK.without(text)


@pytest.mark.parametrize(
    "text", ["92125550123", "21255501234", "212555012", "+2125550123", "3012125550123", ""]
)
def test_other_numbers_are_not_taken_for_it(text: str) -> None:
    assert not NEW_YORK.found_in(text)
    assert NEW_YORK.without(text) == text


def test_typographic_dashes_and_spaces_are_read_over() -> None:
    for text in (
        "212\u2011555\u20110123",
        "+1\u00a0212\u00a0555\u00a00123",
        "212\u2013555\u20130123",
    ):
        assert NEW_YORK.without(text) == ERASED
        assert any(hint in text for hint in NEW_YORK.hints)


@pytest.mark.parametrize("text", ["+44 2125550123", "+44 (0) 212 555 0123", "011 44 2125550123"])
def test_the_same_digits_behind_another_countrys_code_are_somebody_elses(text: str) -> None:
    assert not NEW_YORK.found_in(text)
    assert NEW_YORK.without(f"{text}, 2125550123") == f"{text}, {ERASED}"


def test_what_was_dialled_is_read_behind_a_code_for_an_outside_line() -> None:
    for text in ("92125550123", "912125550123", "*672125550123", "9,12125550123"):
        assert NEW_YORK.as_dialled.without(f"PJSIP/{text}@trunk") == f"PJSIP/{ERASED}@trunk"
        assert not NEW_YORK.found_in(text) or "," in text
    assert not NEW_YORK.as_dialled.found_in("442125550123")


def test_a_number_abroad_is_known_by_its_code_alone() -> None:
    for text in ("020 7946 0100", "2079460100", "02079460100"):
        assert LONDON.found_in(text)
        assert not ABROAD.found_in(text)
    for text in ("+44 20 7946 0100", "+44 (0)20 7946 0100", "00442079460100", "442079460100"):
        assert ABROAD.found_in(text)
    assert "2079460100" not in ABROAD.exact
    assert "12079460100" not in LONDON.exact, "a number of Maine"


def test_a_very_short_number_is_known_by_its_code_alone() -> None:
    helena = Spelling("+29022345")
    assert helena.found_in("+29022345")
    assert not helena.found_in("error 22345")


def test_what_is_no_number_of_any_plan_is_taken_as_it_is() -> None:
    odd = Spelling("+999123456789")
    assert odd.found_in("999123456789")
    assert odd.exact[0] == "+999123456789"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(NEW_YORK.exact))
def test_nothing_of_it_is_left_in_any_text(around: str, spelt: str) -> None:
    text = f"{around} {spelt}, {around}"
    assert not NEW_YORK.found_in(NEW_YORK.without(text))

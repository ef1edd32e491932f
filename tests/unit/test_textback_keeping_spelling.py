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

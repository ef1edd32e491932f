"""Keyword rules: whole words in any language, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.configs import BASE
from textback.config_load import loads
from textback.keywords import KeywordRule, match, plain


def rule(*words: str, name: str = "urgent", numbers: tuple[str, ...] = ()) -> KeywordRule:
    return KeywordRule(name, tuple(plain(word) for word in words), frozenset(numbers))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("URGENT", "urgent"),
        ("this is urgent!", "urgent"),
        ("It's...urgent...", "urgent"),
        ("\uff35\uff32\uff27\uff25\uff2e\uff34 please", "urgent"),
        ("ur\u00adgent", "urgent"),
        ("ur\u200bgent", "urgent"),
        ("there is Water\n  Damage here", "water damage"),
        ("STRASSE gesperrt", "Straße"),
        ("c'est très URGÉNT", "urgént"),
        ("это СРОЧНО!", "срочно"),
        ("很紧急请回电", "紧急"),
        ("至急お願いします", "至急"),
        ("เรื่องด่วนมาก", "ด่วน"),
        ("यह तत्काल है", "तत्काल"),
        ("#urgent", "urgent"),
        ("call 911 now", "911"),
        ("İSTANBUL", "i\u0307stanbul"),
    ],
)
def test_a_word_is_found_however_it_is_written(text: str, word: str) -> None:
    assert match(text, [rule(word)]) == ("urgent", plain(word))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("insurgent", "urgent"),
        ("urgently", "urgent"),
        ("9110", "911"),
        ("तत्काला", "तत्काल"),
        ("urge nt", "urgent"),
        ("waterdamage", "water damage"),
        ("", "urgent"),
        ("über", "uber"),
    ],
)
def test_a_part_of_a_longer_word_is_none(text: str, word: str) -> None:
    assert match(text, [rule(word)]) == ("", "")


def test_the_first_rule_that_fits_counts_and_those_of_other_numbers_do_not() -> None:
    rules = [
        rule("help", name="night", numbers=("+12125550101",)),
        rule("me", name="first"),
        rule("help", name="second"),
    ]
    assert match("help me", rules, "+12125550100") == ("first", "me")
    assert match("help me", rules, "+12125550101") == ("night", "help")
    assert match("help me", rules) == ("first", "me")
    assert match("help me", []) == ("", "")


def test_a_word_behind_one_that_is_part_of_a_longer_one_is_still_found() -> None:
    assert match("insurgent urgent", [rule("urgent")]) == ("urgent", "urgent")


def test_the_rules_of_the_configuration_are_in_the_form_of_the_comparison() -> None:
    config = loads(
        BASE + '[[keyword]]\nname = "k"\nwords = ["Water  DAMAGE"]\nnumbers = ["(212) 555-0100"]\n'
    )
    (found,) = config.keyword_rules
    assert found == KeywordRule("k", ("water damage",), frozenset({"+12125550100"}))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(min_size=1, max_size=8))
def test_any_text_and_any_word_come_to_an_answer(text: str, word: str) -> None:
    name, found = match(text, [rule(word)])
    assert (name == "") == (found == "")
    if plain(word) and any(c.isalnum() for c in plain(word)):
        assert match(f"- {word} -", [rule(word)])[0] == "urgent"

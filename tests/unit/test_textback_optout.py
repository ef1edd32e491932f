"""What a reply asks for: the certain, the doubtful, and what is neither."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.optout_corpus import HELPS, NONES, OTHERS, REVIEWS, STARTS, STOPS
from textback.optout import ENGLISH, LANGUAGES, Reading, Request, Words, fold, read

BOTH = Words.of(("en", "es"))
CORPUS = [
    *((text, "stop") for text in STOPS),
    *((text, "none") for text in NONES),
    *((text, "review") for text in REVIEWS),
    *((text, "start") for text in STARTS),
    *((text, "help") for text in HELPS),
]


def asked(reading: Reading) -> str:
    """One word for what was understood."""
    if reading.request is not None:
        return reading.request.value
    return "review" if reading.review else "none"


def test_the_corpus_is_large_enough_to_measure_both_kinds_of_mistake() -> None:
    assert len(set(STOPS)) >= 100
    assert len(set(NONES)) >= 90
    assert len(set(REVIEWS)) >= 40


@pytest.mark.parametrize("words", [ENGLISH, BOTH], ids=["en", "en, es"])
@pytest.mark.parametrize(("text", "wanted"), CORPUS)
def test_a_reply_is_read_as_a_reasonable_reader_reads_it(
    text: str, wanted: str, words: Words
) -> None:
    reading = read(text, words)
    assert asked(reading) == wanted, reading.why


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_its_words(language: str) -> None:
    stops, nones = OTHERS[language]
    words = Words.of((language,))
    for text in stops:
        assert asked(read(text, words)) == "stop", text
    for text in nones:
        assert asked(read(text, words)) == "none", text
    # English stays: the regulation's words count whatever language is configured.
    assert asked(read("unsubscribe", words)) == "stop"


def test_every_shipped_language_is_measured() -> None:
    assert {*OTHERS, "en"} == set(LANGUAGES)


def test_a_language_that_is_not_configured_is_not_understood() -> None:
    assert asked(read("abmelden")) == "none"
    assert asked(read("退订")) == "none"


def test_words_of_ones_own_are_added() -> None:
    words = Words.of(
        stop=["basta ya", "Raus!"], start=["yes"], help_=["quoi"], review=["my lawyer"]
    )
    assert asked(read("¡Basta ya!", words)) == "stop"
    assert asked(read("raus please", words)) == "stop"
    assert asked(read("Yes.", words)) == "start"
    assert asked(read("quoi?", words)) == "help"
    assert asked(read("You will hear from my lawyer about this", words)) == "review"
    assert asked(read("yes")) == "none", "YES answers the business's own questions"


def test_stop_comes_before_start_and_start_before_help() -> None:
    words = Words.of(stop=["x"], start=["x", "y"], help_=["x", "y"])
    assert [asked(read(text, words)) for text in ("x", "y")] == ["stop", "start"]


@pytest.mark.parametrize("word", ["", "!!!", "\u200b", "…"])
def test_a_word_without_letters_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="no letters"):
        Words.of(stop=[word])


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"klingon.*known: en, es"):
        Words.of(("klingon",))


def test_it_says_which_words_did_it() -> None:
    assert read("please stop texting me").why == "stop texting me"
    assert read("I told you to stop texting me, my lawyer will call").why == (
        "has “stop texting me” in it"
    )
    assert read("hello").why == ""


def test_a_reply_is_folded_to_plain_words() -> None:
    assert fold("  ¡Désabonner-MOI!  Łódź’s  \u200bＡ1 ") == "desabonner moi lodzs a1"


@given(st.text(max_size=400))
@example("\ud800")
@example("stop " * 400)
@example("a" * 5_000)
@example("“" * 3_000)
@example("no more " * 300)
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    reading = read(text, BOTH)
    assert reading.request in {None, *Request}
    assert not (reading.request and reading.review)


@given(
    st.sampled_from(["stop", "quit", "end", "cancel", "unsubscribe", "opt out", "revoke"]),
    st.sampled_from(["", ".", "!", "!!!", " 🙏", "\n", "…", '"', " - ", "\u200d", "\ufe0f"]),
    st.sampled_from(["", " ", "“", "\ufeff", "** ", "🛑"]),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_a_stop_word_in_any_dress_stops(word: str, after: str, before: str, upper: bool) -> None:
    text = before + (word.upper() if upper else word) + after
    assert read(text).request is Request.STOP


@given(st.sampled_from(["unsubscribe", "unsubscribed"]), st.integers(0, 10), st.data())
@settings(max_examples=200, deadline=None)
def test_one_slip_in_a_long_word_is_still_that_word(
    word: str, at: int, data: st.DataObject
) -> None:
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    slip = data.draw(st.sampled_from(["drop", "double", "wrong", "swap"]))
    made = {
        "drop": word[:at] + word[at + 1 :],
        "double": word[:at] + letter + word[at:],
        "wrong": word[:at] + letter + word[at + 1 :],
        "swap": word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    }[slip]
    assert read(made).request is Request.STOP, made


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=200, max_size=900))
@settings(max_examples=100, deadline=None)
def test_a_long_text_is_never_a_command(text: str) -> None:
    assert read(text).request is None or len(fold(text).split()) <= 14

"""Every word of the product about calls has plain words for people."""

from __future__ import annotations

import pytest

from textback.console import call_words, i18n
from textback.console.call_words import DIRECTIONS, GATES, GROUPS, KINDS, OUTCOMES, REASONS, STATES
from textback.gates import GATES as ASKED
from textback.gates import OFFER_GATES
from textback.model import Direction, OutboxState, Outcome, Reason, Source, TextKind


def test_every_reason_and_outcome_and_state_has_its_words() -> None:
    assert set(REASONS) == set(Reason)
    assert set(OUTCOMES) == set(Outcome)
    assert set(STATES) == set(OutboxState)
    assert set(KINDS) == set(TextKind)
    assert set(DIRECTIONS) == set(Direction)
    assert set(call_words.SOURCES) == set(Source) - {Source.AMI}


def test_every_gate_has_its_words_in_the_order_in_which_they_are_asked() -> None:
    asked = [name for name, _ in ASKED]
    assert list(GATES) == asked
    assert {name for name, _ in OFFER_GATES} <= set(GATES)
    assert [name for name in GATES if name in GROUPS] == list(GROUPS)
    assert next(iter(GROUPS)) == asked[0]


@pytest.mark.parametrize(
    "table", [OUTCOMES, REASONS, STATES], ids=["outcomes", "reasons", "states"]
)
def test_badges_are_short_and_unlike_and_sentences_are_sentences(
    table: dict[object, call_words.Said],
) -> None:
    shorts = [said.short for said in table.values()]
    assert len(set(shorts)) == len(shorts)
    for said in table.values():
        assert 3 <= len(said.short) <= 28
        assert said.sentence.endswith(".")
        assert said.sentence[0].isupper()
        assert "%" not in said.short + said.sentence
        assert said.kind in {"ok", "warn", "bad", "info", "quiet"}


def test_no_word_of_the_configuration_stands_in_what_people_read() -> None:
    names = {reason.value for reason in Reason if "_" in reason.value}
    names |= {outcome.value for outcome in Outcome if "_" in outcome.value}
    texts = [said.sentence for table in (OUTCOMES, REASONS, STATES) for said in table.values()]
    texts += GATES.values()
    assert not [(name, text) for name in names for text in texts if name in text]


def test_words_are_spoken_in_the_language_of_the_request() -> None:
    with i18n.speaking("en"):
        assert i18n._(OUTCOMES[Outcome.BUSY].short) == "Busy"

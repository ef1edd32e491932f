"""What a desk phone shows: whole texts in pieces that fit, and which number was written to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.phones import MAX_BODY
from tests.unit.configs import BASE
from textback import desk_words
from textback.config import Config
from textback.config_load import loads
from textback.desk_words import MAX_BYTES, cut
from textback.model import Moment, PhoneMessage

MESSAGE = PhoneMessage(
    id=1,
    pbx="pbx",
    endpoint="PJSIP/101",
    handset="+16465550123",
    ours="+12125550100",
    number="+12125550100",
    name="",
    text="Hello",
    missing=0,
    parts_done=0,
    attempts=0,
    created=Moment.now().utc,
)


def config(more: str = "") -> Config:
    return loads(f'{BASE}label = "Front desk"\ndesk = ["PJSIP/101", "PJSIP/102"]\n{more}')


SECOND = '[[number]]\ndid = "+12125550101"\nlabel = "Sales"\ndesk = ["PJSIP/102"]\n'


def test_phones_of_a_number_are_at_the_one_pbx() -> None:
    found = desk_words.phones_of(config(SECOND), "2125550101")
    assert found == (("pbx", "PJSIP/102"),)
    assert desk_words.phones_of(config(), "") == ()
    assert desk_words.phones_of(config(), "+442079460100") == ()
    assert desk_words.phones_at(config(SECOND), "pbx") == ("PJSIP/101", "PJSIP/102")


def test_number_is_named_to_a_phone_that_serves_several() -> None:
    both = replace(MESSAGE, endpoint="PJSIP/102")
    assert desk_words.pieces(MESSAGE, config(SECOND)) == ["Hello"]
    assert desk_words.pieces(both, config(SECOND)) == ["[Front desk] Hello"]


def test_sender_is_named_by_contact_else_by_number() -> None:
    assert desk_words.sender_name(MESSAGE) == "Text from +16465550123"
    assert desk_words.sender_name(replace(MESSAGE, name="Zoë")) == "Text from Zoë"


def test_gap_empty_text_and_control_characters_are_shown_for_what_they_are() -> None:
    gap = desk_words.pieces(replace(MESSAGE, text="a […]", missing=1), config())
    assert gap == ["a […]\n(1 of its parts did not arrive)"]
    assert desk_words.pieces(replace(MESSAGE, text=" \x00"), config()) == ["(no words)"]
    assert desk_words.pieces(replace(MESSAGE, text="a\r\nb\x1b[2Jc"), config()) == ["a\nb[2Jc"]


def test_piece_fits_what_the_link_takes() -> None:
    assert MAX_BYTES <= MAX_BODY


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab \né€😀👍🏽👩‍👧\u0301"), max_size=900))
def test_pieces_are_whole_together_and_each_fits(text: str) -> None:
    found = cut(text, 100)
    assert all(len(piece.encode()) <= 100 for piece in found)
    if len(found) > 1:
        found = [piece.partition(") ")[2] for piece in found]
    assert "".join("".join(found).split()) == "".join(text.split())


def test_pieces_end_at_a_blank_and_are_numbered() -> None:
    found = cut("word " * 40, 100)
    assert [piece[:6] for piece in found] == ["(1/3) ", "(2/3) ", "(3/3) "]
    assert all(piece.endswith("word") for piece in found)


@pytest.mark.parametrize("one", ["👩‍👧", "👍🏽", "e\u0301"])
def test_no_character_is_cut_in_two(one: str) -> None:
    for piece in cut(one * 200, 101):
        assert set(piece.partition(") ")[2].replace(one, "")) == set()

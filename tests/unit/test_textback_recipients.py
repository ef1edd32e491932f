"""Which number of ours is meant, however the carrier spells it."""

from __future__ import annotations

import pytest

from tests.unit.configs import BASE
from textback.config_load import loads
from textback.recipients import Recipients
from textback.reply_rules import Ours

MAIN, SALES, SHARED = "+12125550100", "+16465550100", "+19175550100"


def recipients(*numbers: dict[str, str]) -> Recipients:
    tables = ["".join(f'{key} = "{value}"\n' for key, value in one.items()) for one in numbers]
    text = BASE.partition("[[number]]")[0] + "".join(f"[[number]]\n{t}" for t in tables)
    return Recipients(loads(text))


PLAIN = ({"did": MAIN}, {"did": SALES})


@pytest.mark.parametrize(
    "spelt", ["+12125550100", "12125550100", "2125550100", "0012125550100", " 12125550100 "]
)
def test_a_did_is_known_in_every_spelling(spelt: str) -> None:
    assert recipients(*PLAIN).of(spelt) == Ours(MAIN, MAIN)


def test_part_of_a_number_that_fits_two_is_neither() -> None:
    assert recipients(*PLAIN).of("5550100").number == ""


def test_part_of_a_number_that_fits_one_is_that() -> None:
    assert recipients(*PLAIN).of("125550100") == Ours(MAIN, MAIN)


def test_a_sender_of_its_own_tells_the_number() -> None:
    found = recipients({"did": MAIN, "sender": SHARED}, {"did": SALES})
    assert found.of(SHARED[1:]) == Ours(SHARED, MAIN)
    assert found.of("12345") == Ours("12345", "")


def test_a_short_code_is_its_own_spelling() -> None:
    assert recipients({"did": MAIN, "sender": "28777"}).of("28777") == Ours("28777", MAIN)


def test_a_sender_of_several_leaves_the_number_to_the_thread() -> None:
    found = recipients({"did": MAIN, "sender": SHARED}, {"did": SALES, "sender": SHARED})
    assert found.of(SHARED) == Ours(SHARED, "")


def test_a_catch_all_has_the_number_in_full() -> None:
    assert recipients({"did": "*"}).of("2125550177") == Ours("+12125550177", "+12125550177")


def test_an_address_of_nobody_is_read_as_far_as_it_can_be() -> None:
    assert recipients(*PLAIN).of("12125550177") == Ours("+12125550177", "")
    assert recipients(*PLAIN).of("ACME") == Ours("ACME", "")
    assert recipients(*PLAIN).of("") == Ours("", "")


def test_a_did_from_which_another_number_texts_too_leaves_it_to_the_thread() -> None:
    found = recipients({"did": MAIN}, {"did": SALES, "sender": MAIN})
    assert found.of(MAIN[2:]) == Ours(MAIN, "", likely=MAIN)
    assert found.of(SALES) == Ours(SALES, SALES)

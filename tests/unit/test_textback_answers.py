"""The texts that answer STOP, START and HELP: which, how often, and from where."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes.store import CALLER, NOW, NUMBER, at
from tests.unit.configs import BASE
from textback.answers import answer, scope_of
from textback.config import Config
from textback.config_load import loads
from textback.model import Incoming, Reading, Request, Send, TextKind
from textback.reply_rules import Facts


def config(more: str = "") -> Config:
    return loads(BASE + more)


def incoming(number: str = NUMBER, ours: str = NUMBER) -> Incoming:
    return Incoming(
        id=1,
        thread_id=1,
        route="second",
        sender=CALLER,
        recipient=ours.lstrip("+"),
        ours=ours,
        number=number,
        text="x",
        at=NOW,
    )


def written(
    request: Request | None, facts: Facts | None = None, more: str = "", number: str = NUMBER
) -> Send | None:
    return answer(
        incoming(number), Reading(request=request), facts or Facts(changed=True), config(more)
    )


def test_stop_is_confirmed_within_five_minutes_by_the_route_it_came() -> None:
    made = written(Request.STOP)
    assert made is not None
    assert (made.kind, made.to, made.sender, made.route) == (
        TextKind.CONFIRM,
        CALLER,
        NUMBER,
        "second",
    )
    assert made.expires == NOW + timedelta(minutes=5)
    assert made.text == (
        "Acme Dental: you get no more texts from us. Reply START to get them again, HELP for help."
    )


def test_a_number_in_shadow_writes_its_answer_down_and_sends_none() -> None:
    made = written(Request.STOP, more='mode = "shadow"\n')
    live = written(Request.STOP)
    assert made is not None
    assert live is not None
    assert (made.shadow, live.shadow) == (True, False)


def test_start_and_help_have_texts_of_their_own() -> None:
    start, help_ = written(Request.START), written(Request.HELP, Facts())
    assert start is not None
    assert help_ is not None
    assert (start.kind, "again" in start.text) == (TextKind.CONFIRM, True)
    assert (help_.kind, "(212) 555-0100" in help_.text) == (TextKind.HELP, True)
    assert start.expires == at(900)


@pytest.mark.parametrize(
    ("request_", "facts", "more"),
    [
        (None, Facts(changed=True), ""),
        (Request.STOP, Facts(), ""),
        (Request.START, Facts(), ""),
        (Request.STOP, Facts(changed=True, answered=6), ""),
        (Request.HELP, Facts(answered=6), ""),
        (Request.HELP, Facts(last_help=at(-599)), ""),
        (Request.STOP, Facts(changed=True), "\n[optout]\nconfirm = false\n"),
        (Request.START, Facts(changed=True), "\n[optout]\nconfirm = false\n"),
        (Request.STOP, Facts(changed=True), "\n[optout]\nper_day = 0\n"),
        (Request.STOP, Facts(changed=True), "replies = false\n"),
    ],
)
def test_nothing_is_answered(request_: Request | None, facts: Facts, more: str) -> None:
    assert written(request_, facts, more) is None


def test_a_text_to_no_number_of_ours_is_not_answered() -> None:
    assert written(Request.STOP, number="") is None


def test_help_is_answered_again_after_a_while_and_where_stop_is_not_confirmed() -> None:
    assert written(Request.HELP, Facts(last_help=at(-600))) is not None
    assert written(Request.HELP, Facts(), "\n[optout]\nconfirm = false\n") is not None


def test_the_words_are_the_configurations() -> None:
    made = written(Request.STOP, more='\n[optout]\nconfirm_text = "{{number.label}}: bye."\n')
    assert made is not None
    assert made.text == "(212) 555-0100: bye."


def test_the_scope_is_the_business_or_the_number() -> None:
    assert scope_of(NUMBER, config()) == ""
    assert scope_of(NUMBER, config('\n[optout]\nscope = "number"\n')) == NUMBER


def test_numbers_that_text_from_one_sender_are_one_to_a_handset() -> None:
    second = '\n[[number]]\ndid = "+12125550177"\nsender = "{}"\n[optout]\nscope = "number"\n'
    shared, own = config(second.format(NUMBER)), config(second.format("28777"))
    assert (scope_of(NUMBER, shared), scope_of("+12125550177", shared)) == ("", "")
    assert (scope_of(NUMBER, own), scope_of("+12125550177", own)) == (NUMBER, "+12125550177")


def test_a_number_under_a_catch_all_that_names_a_sender_is_one_of_many() -> None:
    more = '\n[[number]]\ndid = "*"\nsender = "28777"\n[optout]\nscope = "number"\n'
    assert scope_of("+12125550188", config(more)) == ""
    assert scope_of(NUMBER, config(more)) == NUMBER

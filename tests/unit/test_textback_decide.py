"""Which fact of a call decides, and what the text then is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.verdicts import MOMENT, NOBODY, NOW, ahead, config, reason, verdict
from textback.config_load import catch_all
from textback.decide import History, caller_of
from textback.model import (
    DEFAULT_OUTCOMES,
    TEXTABLE_OUTCOMES,
    Call,
    Direction,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Send,
    Skip,
)

# --- which fact decides -----------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.STARTED, Phase.RINGING, Phase.ANSWERED])
def test_the_start_the_ring_and_the_answer_decide_nothing(phase: Phase) -> None:
    assert verdict(ahead(phase=phase)) is None


RINGING_LONG = ahead(
    phase=Phase.RING_TIMEOUT, may_become=frozenset({Outcome.NO_ANSWER, Outcome.ANSWERED})
)


def test_the_ring_timeout_decides_to_send_while_the_phone_still_rings() -> None:
    assert reason(verdict(RINGING_LONG)) is Reason.SEND


@pytest.mark.parametrize(
    "rules", [{"text_at": "call_end"}, {"outcomes": ["busy"]}, {"enabled": False}]
)
def test_the_ring_timeout_decides_nothing_where_the_number_says_so(rules: dict[str, Any]) -> None:
    assert verdict(RINGING_LONG, rules=config(**rules)) is None


@pytest.mark.parametrize(
    ("call", "history"),
    [
        (replace(RINGING_LONG, presentation=Presentation.UNKNOWN), NOBODY),
        (replace(RINGING_LONG, caller="anonymous"), NOBODY),
        (replace(RINGING_LONG, gap=True), NOBODY),
        (replace(RINGING_LONG, did="100"), NOBODY),
        (replace(RINGING_LONG, direction=Direction.INTERNAL), NOBODY),
        (RINGING_LONG, History(last_text=NOW)),
        (RINGING_LONG, History(last_minute=30)),
    ],
)
def test_the_ring_timeout_never_decides_to_skip_since_the_end_may_differ(
    call: Call, history: History
) -> None:
    assert verdict(call, history) is None
    assert isinstance(verdict(replace(call, phase=Phase.ENDED), history), Skip)


VOICEMAIL = ahead(
    phase=Phase.VOICEMAIL,
    outcome=Outcome.VOICEMAIL_NO_MESSAGE,
    may_become=frozenset({Outcome.VOICEMAIL_NO_MESSAGE, Outcome.VOICEMAIL_LEFT, Outcome.UNKNOWN}),
)


@pytest.mark.parametrize("text_at", ["ring_timeout", "call_end"])
def test_voicemail_decides_when_a_message_left_makes_no_difference(text_at: str) -> None:
    assert reason(verdict(VOICEMAIL, rules=config(text_at=text_at))) is Reason.SEND


@pytest.mark.parametrize("on", ["voicemail_left", "voicemail_no_message"])
def test_voicemail_waits_for_the_end_when_a_message_left_makes_a_difference(on: str) -> None:
    assert verdict(VOICEMAIL, rules=config(outcomes=[on])) is None


def test_voicemail_decides_nothing_when_nothing_is_open() -> None:
    assert verdict(replace(VOICEMAIL, may_become=frozenset({Outcome.UNKNOWN}))) is None


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_end_of_a_call_always_decides(outcome: Outcome) -> None:
    made = verdict(ahead(outcome=outcome, waited=60.0))
    assert (reason(made) is Reason.SEND) == (outcome in DEFAULT_OUTCOMES)
    everything = config(outcomes=list(TEXTABLE_OUTCOMES))
    made = verdict(ahead(outcome=outcome, waited=60.0), rules=everything)
    assert (reason(made) is Reason.SEND) == (outcome in TEXTABLE_OUTCOMES)


# --- what is sent -----------------------------------------------------------------------------


def test_shadow_mode_decides_and_marks_the_text() -> None:
    made = verdict(rules=config({"mode": "shadow"}))
    assert isinstance(made, Send)
    assert made.shadow


def test_the_sender_and_the_carrier_of_the_number_are_used() -> None:
    made = verdict(rules=config(sender="212 555 0101", smsc="second"))
    assert isinstance(made, Send)
    assert (made.sender, made.route) == ("+12125550101", "second")
    letters = verdict(rules=config(sender="AcmeDental"))
    assert isinstance(letters, Send)
    assert letters.sender == "AcmeDental"


def test_the_expiry_counts_from_the_call_and_never_from_a_clock_that_ran_ahead() -> None:
    late = verdict(ahead(at=MOMENT.plus(-600)))
    assert isinstance(late, Send)
    assert late.expires == NOW + timedelta(minutes=5)
    early = verdict(ahead(at=MOMENT.plus(86_400)))
    assert isinstance(early, Send)
    assert early.expires == NOW + timedelta(minutes=15)


def test_the_name_the_network_shows_is_not_used() -> None:
    made = verdict()
    assert isinstance(made, Send)
    assert "evil" not in made.text
    known = verdict(history=History(contact_name="Mary"))
    assert isinstance(known, Send)
    assert known.text.startswith("Hi Mary,")


def test_after_hours_have_their_own_message() -> None:
    rules = config(
        message="open {{call.time}}", after_hours_message="closed", hours={"mon": "09:00-11:00"}
    )
    made = verdict(rules=rules)
    assert isinstance(made, Send)
    assert made.text == "closed"


def test_what_the_dialplan_made_of_a_number_counts_only_when_the_first_is_unreadable() -> None:
    rules = config()
    odd = ahead(caller="+1212555O123", caller_final="2125550123")
    assert caller_of(odd, rules).e164 == "+12125550123"
    rewritten = ahead(caller="2125550123", caller_final="2125550199")
    assert caller_of(rewritten, rules).e164 == "+12125550123"
    assert caller_of(ahead(caller="101", caller_final="2125550123"), rules).e164 == ""


def test_a_catch_all_watches_every_number_and_sends_from_it() -> None:
    rules = catch_all("US")
    made = verdict(ahead(did="2125550107"), rules=rules)
    assert isinstance(made, Send)
    assert made.sender == "+12125550107"
    assert made.shadow
    assert reason(verdict(ahead(did="s"), rules=rules)) is Reason.NOT_WATCHED

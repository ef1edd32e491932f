"""Every gate between a call and a text, with what stops there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verdicts import CALL, MOMENT, NOW, ahead, config, reason, verdict
from textback.config_load import catch_all
from textback.decide import GATES, History, explain_gates
from textback.model import (
    Call,
    Direction,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Send,
    Skip,
)


def test_an_unanswered_call_is_texted_from_the_number_that_was_dialled() -> None:
    made = verdict()
    assert isinstance(made, Send)
    assert made.to == "+12125550123"
    assert made.sender == "+12125550100"
    assert made.text.startswith("Hi there, this is Acme Dental. Sorry we missed your call.")
    assert made.expires == NOW + timedelta(minutes=15)
    assert made.route == ""
    assert not made.shadow
    assert [g.name for g in made.gates] == [name for name, _ in GATES]
    assert all(g.passed for g in made.gates)


@pytest.mark.parametrize(
    ("call", "history", "rules", "expected"),
    [
        # the call
        (ahead(gap=True), {}, {}, Reason.UNKNOWN_CALL),
        (ahead(outcome=Outcome.UNKNOWN), {}, {}, Reason.UNKNOWN_CALL),
        (ahead(late=True), {}, {}, Reason.SEND),
        (ahead(tainted="two Uniqueid headers"), {}, {}, Reason.TAINTED),
        (ahead(tainted="forged", outcome=Outcome.UNKNOWN), {}, {}, Reason.TAINTED),
        (ahead(direction=Direction.INTERNAL), {}, {}, Reason.INTERNAL),
        (ahead(direction=Direction.OUTBOUND), {}, {}, Reason.OUTBOUND),
        (ahead(direction=Direction.ORIGINATED), {}, {}, Reason.ORIGINATED),
        (ahead(did="12125550109"), {}, {}, Reason.NOT_WATCHED),
        (ahead(did=""), {}, {}, Reason.NOT_WATCHED),
        (ahead(did="s"), {}, {}, Reason.NOT_WATCHED),
        (ahead(), {}, {"enabled": False}, Reason.NUMBER_DISABLED),
        (ahead(outcome=Outcome.ANSWERED), {}, {}, Reason.ANSWERED),
        (ahead(outcome=Outcome.IVR_ABANDONED), {}, {}, Reason.OUTCOME_OFF),
        (ahead(), {}, {"outcomes": ["busy"]}, Reason.OUTCOME_OFF),
        (ahead(), {}, {"outcomes": []}, Reason.OUTCOME_OFF),
        (ahead(outcome=Outcome.ABANDONED, waited=4.9), {}, {}, Reason.TOO_SHORT),
        (ahead(outcome=Outcome.ABANDONED, waited=5.0), {}, {}, Reason.SEND),
        (ahead(outcome=Outcome.QUEUE_ABANDONED, waited=1.0), {}, {}, Reason.TOO_SHORT),
        (ahead(outcome=Outcome.BUSY, waited=0.2), {}, {}, Reason.SEND),
        (ahead(outcome=Outcome.VOICEMAIL_LEFT, waited=0.0), {}, {}, Reason.SEND),
        # the caller
        (ahead(presentation=Presentation.WITHHELD), {}, {}, Reason.WITHHELD),
        (ahead(caller="anonymous"), {}, {}, Reason.WITHHELD),
        (ahead(caller="Restricted"), {}, {}, Reason.WITHHELD),
        (ahead(caller="anonymous", caller_final="2125550123"), {}, {}, Reason.WITHHELD),
        (ahead(presentation=Presentation.UNKNOWN), {}, {}, Reason.PRESENTATION_UNKNOWN),
        (ahead(caller=""), {}, {}, Reason.NO_NUMBER),
        (ahead(caller="<unknown>"), {}, {}, Reason.NO_NUMBER),
        (ahead(caller="", caller_final="2125550123"), {}, {}, Reason.NO_NUMBER),
        (ahead(caller="5550123"), {}, {}, Reason.NOT_DIALABLE),
        (ahead(caller="2125550123'; DROP TABLE calls"), {}, {}, Reason.NOT_DIALABLE),
        (ahead(caller="8005550123"), {}, {}, Reason.NOT_DIALABLE),
        (ahead(caller="101"), {}, {}, Reason.SHORT_NUMBER),
        (ahead(caller="911"), {}, {}, Reason.SHORT_NUMBER),
        (ahead(caller="9005550123"), {}, {}, Reason.PREMIUM),
        (ahead(caller="12125550100"), {}, {}, Reason.OWN_NUMBER),
        (ahead(caller="+12125550101"), {}, {"sender": "(212) 555-0101"}, Reason.OWN_NUMBER),
        (ahead(caller="+442079460123"), {}, {}, Reason.LANDLINE),
        (ahead(caller="+442079460123"), {}, {"landlines": "send"}, Reason.COUNTRY),
        (ahead(caller="+447400123456"), {}, {}, Reason.COUNTRY),
        (ahead(caller="+18765550123"), {}, {}, Reason.COUNTRY),  # Jamaica
        (ahead(caller="+14165550123"), {}, {}, Reason.SEND),  # Canada
        (ahead(caller="5552345678"), {}, {}, Reason.SEND),  # no such area code yet
        # the history
        (ahead(), {"opted_out": "STOP on 1 May"}, {}, Reason.OPTED_OUT),
        (ahead(), {"last_text": NOW - timedelta(hours=23)}, {}, Reason.COOLDOWN),
        (ahead(), {"last_text": NOW - timedelta(hours=24)}, {}, Reason.SEND),
        (ahead(), {"last_text": NOW - timedelta(seconds=1)}, {"cooldown": 0}, Reason.SEND),
        (ahead(), {"last_text": NOW + timedelta(hours=1)}, {}, Reason.COOLDOWN),
        (ahead(), {"last_text": NOW + timedelta(days=300)}, {}, Reason.SEND),
        (ahead(), {"last_minute": 29}, {}, Reason.SEND),
        (ahead(), {"last_minute": 30}, {}, Reason.CAP_MINUTE),
        (ahead(), {"last_hour": 300}, {}, Reason.CAP_HOUR),
        (ahead(), {"last_day": 2000}, {}, Reason.CAP_DAY),
        (ahead(at=MOMENT.plus(-900)), {}, {}, Reason.SEND),
        (ahead(at=MOMENT.plus(-901)), {}, {}, Reason.TOO_OLD),
        (ahead(at=MOMENT.plus(3600)), {}, {}, Reason.SEND),  # the clock was set back
        (ahead(), {}, {"message": "{{ contact.nam }}"}, Reason.TEMPLATE_ERROR),
    ],
)
def test_the_reason_of_a_verdict(
    call: Call, history: dict[str, Any], rules: dict[str, Any], expected: Reason
) -> None:
    made = verdict(call, History(**history), config(**rules))
    assert reason(made) is expected
    if isinstance(made, Skip):
        assert [g.passed for g in made.gates] == [True] * (len(made.gates) - 1) + [False]
        assert [g.name for g in made.gates] == [n for n, _ in GATES[: len(made.gates)]]
        assert all(g.value and g.rule for g in made.gates)


@pytest.mark.parametrize(
    ("raw", "caller", "expected"),
    [
        ({"never": {"staff": ["212-555-0190"]}}, "+12125550190", Reason.STAFF),
        ({"never": {"block": ["+1646*"]}}, "+16465550123", Reason.BLOCKED),
        ({"business": {"name": "A", "numbers": ["2125550180"]}}, "2125550180", Reason.OWN_NUMBER),
        ({"limits": {"countries": ["US", "GB"]}}, "+447400123456", Reason.SEND),
        ({"limits": {"countries": ["US", "GB"]}}, "+447700900123", Reason.SEND),  # unassigned +44
        ({"limits": {"countries": ["US"]}}, "+14165550123", Reason.COUNTRY),
        ({"limits": {"countries": ["*"]}}, "+998901234567", Reason.SEND),
        ({"limits": {"allow_premium": True}}, "9005550123", Reason.SEND),
        ({"limits": {"unassigned_numbers": "skip"}}, "5552345678", Reason.NOT_DIALABLE),
        ({"limits": {"per_day": 1}}, "+12125550123", Reason.SEND),
    ],
)
def test_the_lists_and_limits_of_the_business(
    raw: dict[str, Any], caller: str, expected: Reason
) -> None:
    assert reason(verdict(ahead(caller=caller), rules=config(raw))) is expected


def test_an_unknown_presentation_follows_the_policy_of_its_own_pbx() -> None:
    rules = config(
        {
            "pbx": [
                {"name": "one", "secret": "x"},
                {"name": "two", "secret": "x", "unknown_presentation": "send"},
            ]
        }
    )
    unknown = ahead(presentation=Presentation.UNKNOWN)
    for pbx, expected in (
        ("one", Reason.PRESENTATION_UNKNOWN),
        ("two", Reason.SEND),
        ("three", Reason.PRESENTATION_UNKNOWN),
    ):
        call = replace(unknown, key=replace(CALL.key, pbx=pbx))
        assert reason(verdict(call, rules=rules)) is expected


def test_the_gates_tell_what_was_found_and_what_it_was_held_against() -> None:
    made = verdict(history=History(last_text=NOW - timedelta(hours=3, minutes=12)))
    assert isinstance(made, Skip)
    last = made.gates[-1]
    assert (last.name, last.value, last.rule) == (
        "cooldown",
        "last text 3 h 12 min ago",
        "cooldown = 24h",
    )
    assert next(g for g in made.gates if g.name == "watched").value == "+12125550100 (Main line)"


def test_every_gate_explains_itself_in_one_line() -> None:
    explained = explain_gates()
    assert [name for name, _ in explained] == [name for name, _ in GATES]
    assert len({name for name, _ in explained}) == len(GATES)
    for _, sentence in explained:
        assert sentence.isprintable()
        assert "?" in sentence


HOSTILE = st.text(max_size=80) | st.sampled_from(["+12125550123", "anonymous", "12125550100"])


@given(
    caller=HOSTILE,
    final=HOSTILE,
    did=HOSTILE,
    name=HOSTILE,
    context=HOSTILE,
    tainted=st.just("") | HOSTILE,
    phase=st.sampled_from(Phase),
    outcome=st.sampled_from(Outcome),
    waited=st.floats(allow_nan=False),
)
@settings(max_examples=200, deadline=None)
def test_nothing_a_caller_sends_breaks_the_verdict(
    caller: str,
    final: str,
    did: str,
    name: str,
    context: str,
    tainted: str,
    phase: Phase,
    outcome: Outcome,
    waited: float,
) -> None:
    call = ahead(
        caller=caller,
        caller_final=final,
        did=did,
        caller_name=name,
        context=context,
        tainted=tainted,
        phase=phase,
        outcome=outcome,
        waited=waited,
    )
    for rules in (config(), catch_all("US")):
        made = verdict(call, History(contact_name=name, opted_out=tainted), rules)
        if made is not None:
            assert all(g.value.isprintable() and g.rule.isprintable() for g in made.gates)
        if isinstance(made, Send):
            assert made.to.startswith("+")
            assert made.to[1:].isdigit()

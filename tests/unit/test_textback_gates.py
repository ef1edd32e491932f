"""Every gate between a call and a text, with what stops there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verdicts import CALL, MOMENT, NOW, ahead, config, gate, reason, verdict
from textback.config_load import catch_all
from textback.decide import GATES, History, decide_offer, explain_gates
from textback.model import (
    Call,
    Contact,
    Direction,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Send,
    Skip,
    Source,
)

#: CEL does not tell whether a message was left.
MAILBOX = ahead(
    source=Source.CEL,
    late=True,
    outcome=Outcome.VOICEMAIL_NO_MESSAGE,
    may_become=frozenset({Outcome.VOICEMAIL_NO_MESSAGE, Outcome.VOICEMAIL_LEFT}),
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
        (ahead(handled="TEXTBACK=no"), {}, {}, Reason.HANDLED),
        (ahead(handled="agi", told_missed="agi"), {}, {}, Reason.HANDLED),
        (ahead(handled="agi"), {}, {"enabled": False}, Reason.NUMBER_DISABLED),
        (ahead(handled="agi", outcome=Outcome.ANSWERED), {}, {}, Reason.HANDLED),
        (ahead(outcome=Outcome.ANSWERED), {}, {}, Reason.ANSWERED),
        (ahead(outcome=Outcome.ANSWERED, gap=True), {}, {}, Reason.ANSWERED),
        (MAILBOX, {}, {}, Reason.SEND),
        (MAILBOX, {}, {"outcomes": ["voicemail_no_message"]}, Reason.OUTCOME_OFF),
        (
            replace(MAILBOX, source=Source.AMI),
            {},
            {"outcomes": ["voicemail_no_message"]},
            Reason.SEND,
        ),
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
        (ahead(), {"doubtful": "a reply waits for review"}, {}, Reason.OPT_OUT_REVIEW),
        (ahead(), {"opted_out": "STOP", "doubtful": "a reply waits"}, {}, Reason.OPTED_OUT),
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


# --- what the dialplan says -------------------------------------------------------------------

TOLD = ahead(told_missed="agi", told_at=MOMENT.plus(-5))


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.UNKNOWN])
def test_a_call_the_dialplan_calls_missed_is_texted_at_its_end_unless_a_person_answered(
    outcome: Outcome,
) -> None:
    call = replace(TOLD, outcome=outcome, waited=0.0)
    made = verdict(call, rules=config(outcomes=["busy"]))
    answered = outcome is Outcome.ANSWERED
    assert reason(made) is (Reason.ANSWERED if answered else Reason.SEND)


def test_a_call_seen_in_part_is_texted_on_the_word_of_the_dialplan_and_not_on_a_guess() -> None:
    unseen = replace(TOLD, gap=True, outcome=Outcome.UNKNOWN)
    told = verdict(replace(unseen, phase=Phase.HINTED, source=Source.AGI))
    assert reason(told) is Reason.SEND
    assert gate(told, "seen_whole").value == "the dialplan says it is missed (agi)"
    assert reason(verdict(unseen)) is Reason.UNKNOWN_CALL


def test_a_named_message_is_sent_and_one_there_is_not_is_noted() -> None:
    rules = config({"message": [{"name": "late", "text": "We are late, {{contact.name}}."}]})
    made = verdict(ahead(message="late"), rules=rules)
    assert isinstance(made, Send)
    assert made.text == "We are late, there."
    assert gate(made, "template").value.endswith("[[message]] late")
    other = verdict(ahead(message="later\x1b[2J"), rules=rules)
    assert isinstance(other, Send)
    assert other.text.startswith("Hi there, this is Acme Dental.")
    assert gate(other, "template").value.endswith(
        "characters, message; there is no [[message]] named 'later?[2J'"
    )


@pytest.mark.parametrize(
    ("policy", "said", "passes"),
    [
        ("ignore", "TN-Validation-Failed", True),
        ("ignore", "", True),
        ("not_failed", "TN-Validation-Failed", False),
        ("not_failed", "Signature failed", False),
        ("not_failed", "", True),
        ("not_failed", "something new", True),
        ("not_failed", "C", True),
        ("passed", "TN-Validation-Passed-A", True),
        ("passed", "success", True),
        ("passed", "B", True),
        ("passed", "C", False),
        ("passed", "No-TN-Validation", False),
        ("passed", "", False),
        ("passed", "something new", False),
    ],
)
def test_what_the_carrier_says_of_the_number_is_held_against_the_policy(
    policy: str, said: str, passes: bool
) -> None:
    rules = config({"pbx": [{"secret": "x", "verstat": policy}]})
    made = verdict(ahead(verstat=said), rules=rules)
    assert reason(made) is (Reason.SEND if passes else Reason.VERSTAT)
    asked = gate(made, "verstat")
    assert asked.passed == passes
    assert asked.rule == f"verstat = {policy}"
    assert said in asked.value


# --- the second miss --------------------------------------------------------------------------


def ago(*minutes: float) -> dict[str, Any]:
    texts = tuple(NOW - timedelta(minutes=m) for m in minutes)
    return {"last_text": texts[0], "recent_texts": texts} if texts else {}


@pytest.mark.parametrize(
    ("history", "text", "value"),
    [
        (ago(), "first", "no text before"),
        (ago(25 * 60), "first", "last text 25 h ago"),
        (ago(60), "again", "last text 1 h ago: the second"),
        (ago(60, 25 * 60), "again", "last text 1 h ago: the second"),
        (ago(60, 120), None, "last text 1 h ago, and 2 in all"),
        (ago(1, 2, 3), None, "last text 1 min ago, and 3 in all"),
        ({**ago(60), "waiting": True}, None, "last text 1 h ago, and it has not left yet"),
        (ago(-60), "again", "last text 1 h ahead of the clock: the second"),
        (ago(-60 * 24 * 300), "first", "last text 300 days ahead of the clock"),
        (ago(-60 * 24 * 300, 60), "again", "last text 1 h ago: the second"),
    ],
)
def test_the_second_miss_in_the_cooldown_gets_its_own_text_and_a_third_none(
    history: dict[str, Any], text: str | None, value: str
) -> None:
    rules = config(message="first", message_again="again")
    made = verdict(history=History(**history), rules=rules)
    if text is None:
        assert reason(made) is Reason.COOLDOWN
    else:
        assert isinstance(made, Send)
        assert made.text == text
    asked = gate(made, "cooldown")
    assert asked.value == value
    again = text != "first"
    assert asked.rule == "cooldown = 24h" + (", one more with message_again" if again else "")


def test_without_a_second_message_the_second_miss_gets_none() -> None:
    made = verdict(history=History(**ago(60)), rules=config(message_again=""))
    assert reason(made) is Reason.COOLDOWN


# --- calls that were learnt of afterwards -----------------------------------------------------


def late(seconds: float, **changes: Any) -> Call:
    return ahead(at=MOMENT.plus(-seconds), late=True, source=Source.CDR, **changes)


@pytest.mark.parametrize(
    ("call", "limits", "expected"),
    [
        (late(1000), {}, Reason.SEND),  # older than max_age
        (late(1800), {}, Reason.SEND),
        (late(1801), {}, Reason.TOO_OLD),
        (late(70), {"catch_up_max_age": "1m"}, Reason.TOO_OLD),
        (late(0), {"catch_up_max_age": 0}, Reason.TOO_OLD),
        (late(0, outcome=Outcome.UNKNOWN), {}, Reason.UNKNOWN_CALL),
        (late(0, presentation=Presentation.UNKNOWN), {}, Reason.PRESENTATION_UNKNOWN),
        # Only told late, by a resync: its end was seen.
        (ahead(late=True), {"catch_up_max_age": 0}, Reason.SEND),
    ],
)
def test_a_call_from_the_records_has_an_age_of_its_own(
    call: Call, limits: dict[str, Any], expected: Reason
) -> None:
    assert reason(verdict(call, rules=config({"limits": limits}))) is expected


def test_a_call_from_the_records_says_so_and_its_text_has_no_more_time_than_the_call() -> None:
    made = verdict(late(1000))
    assert isinstance(made, Send)
    assert gate(made, "seen_whole").value == "told late, by Asterisk's CDR"
    assert gate(made, "age").rule == "catch_up_max_age = 30m"
    assert made.expires == NOW + timedelta(seconds=800)
    unknown = verdict(late(0, presentation=Presentation.UNKNOWN))
    assert gate(unknown, "presentation").value == "Asterisk's CDR does not say"


# --- the breaker ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "limits", "hold"),
    [
        ({"adjacent": 4, "same_prefix": 49}, {}, ""),
        (
            {"adjacent": 5},
            {},
            "5 other callers of +121255501xx texted in the last hour (adjacent = 5)",
        ),
        (
            {"same_prefix": 50},
            {},
            "50 other callers of +1212555xxxx texted in the last hour (per_prefix = 50)",
        ),
        ({"adjacent": 99, "same_prefix": 99}, {"adjacent": 0, "per_prefix": 0}, ""),
        (
            {"adjacent": 1},
            {"adjacent": 1},
            "1 other caller of +121255501xx texted in the last hour (adjacent = 1)",
        ),
    ],
)
def test_a_flood_from_one_block_of_numbers_is_held_and_never_dropped(
    history: dict[str, Any], limits: dict[str, Any], hold: str
) -> None:
    made = verdict(history=History(**history), rules=config({"limits": limits}))
    assert isinstance(made, Send)
    assert made.hold == hold
    held = [g.name for g in made.gates if g.value.startswith("held: ")]
    assert bool(held) == bool(hold)
    assert all(g.passed for g in made.gates)


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
    said=st.just("") | HOSTILE,
    verstat=HOSTILE,
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
    said: str,
    verstat: str,
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
        handled="",
        told_missed=said,
        message=said,
        verstat=verstat,
        phase=phase,
        outcome=outcome,
        waited=waited,
    )
    for rules in (config(), catch_all("US")):
        known = History(
            contact=Contact(number="+12125550123", name=name, tags=(said,), source=context),
            opted_out=tainted,
            robot=tainted,
        )
        offered = decide_offer(call, known, rules, NOW, said)
        assert all(g.value.isprintable() and g.rule.isprintable() for g in offered.gates)
        made = verdict(call, known, rules)
        if made is not None:
            assert all(g.value.isprintable() and g.rule.isprintable() for g in made.gates)
        if isinstance(made, Send):
            assert made.to.startswith("+")
            assert made.to[1:].isdigit()


# --- contacts, once_per, machines ---------------------------------------------------------------

KNOWN = Contact(
    number="+12125550123", name="Ann Lee", tags=("regular",), vip=True, source="csv:a.csv"
)


def test_a_contact_that_is_not_to_be_texted_is_not_and_the_gate_says_who_says_so() -> None:
    made = verdict(history=History(contact=replace(KNOWN, no_text=True)))
    assert made is not None
    assert made.reason is Reason.CONTACT_NO_TEXT
    assert made.gates[-1].value == "Ann Lee (csv:a.csv, tags vip, regular)"


@pytest.mark.parametrize(
    ("callers", "contact", "reason"),
    [
        ("anybody", None, Reason.SEND),
        ("anybody", KNOWN, Reason.SEND),
        ("known", None, Reason.CALLERS),
        ("known", KNOWN, Reason.SEND),
        ("unknown", None, Reason.SEND),
        ("unknown", KNOWN, Reason.CALLERS),
    ],
)
def test_a_number_texts_the_callers_it_means(
    callers: str, contact: Contact | None, reason: Reason
) -> None:
    made = verdict(history=History(contact=contact), rules=config(callers=callers))
    assert made is not None
    assert made.reason is reason


@pytest.mark.parametrize(
    ("once_per", "ago", "reason"),
    [
        ("30d", timedelta(days=29), Reason.ONCE_PER),
        ("30d", timedelta(days=31), Reason.SEND),
        ("30d", timedelta(days=-29), Reason.ONCE_PER),
        ("0", timedelta(minutes=1), Reason.SEND),
    ],
)
def test_a_caller_gets_one_text_in_once_per_from_all_numbers_together(
    once_per: str, ago: timedelta, reason: Reason
) -> None:
    made = verdict(history=History(last_anywhere=NOW - ago), rules=config(once_per=once_per))
    assert made is not None
    assert made.reason is reason


@pytest.mark.parametrize(
    ("limit", "texts", "reason"),
    [
        (3, 3, Reason.AUTO_LIMIT),
        (3, 2, Reason.SEND),
        (0, 50, Reason.SEND),
    ],
)
def test_a_caller_gets_so_many_automatic_texts_and_no_more(
    limit: int, texts: int, reason: Reason
) -> None:
    history = History(automatic=tuple(NOW - timedelta(hours=n) for n in range(texts)))
    made = verdict(history=history, rules=config({"limits": {"auto_limit": limit}}))
    assert made is not None
    assert made.reason is reason


def test_automatic_texts_before_the_window_count_no_more() -> None:
    history = History(automatic=(NOW - timedelta(hours=25),) * 20)
    made = verdict(history=history, rules=config({"limits": {"auto_limit": 1}}))
    assert isinstance(made, Send)


def test_a_machine_is_not_texted() -> None:
    made = verdict(history=History(robot="its last 3 answers are the same words"))
    assert made is not None
    assert made.reason is Reason.ROBOT


MESSAGES = [{"name": "gold", "text": "Dear {{contact.name}}"}, {"name": "new", "text": "Welcome"}]


@pytest.mark.parametrize(
    ("tags", "vip", "changes", "text"),
    [
        (("regular",), False, {}, "plain"),
        ((), True, {}, "Dear Ann Lee"),
        (("new patient",), True, {}, "Dear Ann Lee"),
        (("new patient",), False, {}, "Welcome"),
        ((), True, {"message": "new"}, "Welcome"),
    ],
)
def test_the_template_goes_by_the_contacts_tags(
    tags: tuple[str, ...], vip: bool, changes: dict[str, Any], text: str
) -> None:
    rules = config(
        {"message": MESSAGES},
        message="plain",
        messages_by_tag={"VIP": "gold", "New Patient": "new"},
    )
    known = replace(KNOWN, tags=tags, vip=vip)
    made = verdict(replace(CALL, **changes), History(contact=known), rules)
    assert isinstance(made, Send)
    assert made.text == text


@pytest.mark.parametrize(
    ("cnam", "contact", "network", "name"),
    [
        ("use", None, "LEE, ANN", "Ann Lee"),
        ("use", None, "WIRELESS CALLER", "there"),
        ("use", None, "NEW YORK NY", "there"),
        ("use", None, "6465550123", "there"),
        ("use", KNOWN, "SOMEBODY ELSE", "Ann Lee"),
        ("use", replace(KNOWN, name=""), "ACME LLC", "Acme Llc"),
        ("ignore", None, "LEE, ANN", "there"),
        ("ignore", KNOWN, "X", "Ann Lee"),
    ],
)
def test_a_caller_is_greeted_by_contacts_then_by_the_network_where_allowed_then_by_the_fallback(
    cnam: str, contact: Contact | None, network: str, name: str
) -> None:
    rules = config({"contacts": {"cnam": cnam}}, message="Hi {{contact.name}}")
    made = verdict(replace(CALL, caller_name=network), History(contact=contact), rules)
    assert isinstance(made, Send)
    assert made.text == f"Hi {name}"

"""Which fact of a call decides, and what the text then is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verdicts import MOMENT, NOBODY, NOW, ahead, config, gate, reason, verdict
from textback.config_load import catch_all
from textback.decide import History, caller_of, decide_offer
from textback.gates import OFFER_GATES
from textback.model import (
    DEFAULT_OUTCOMES,
    TEXTABLE_OUTCOMES,
    Call,
    Contact,
    Direction,
    Moment,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Send,
    Skip,
    Source,
    TextKind,
    Verdict,
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


@pytest.mark.parametrize(
    ("whole", "own", "shadow"),
    [
        ("live", "live", False),
        ("live", "shadow", True),
        ("shadow", "live", True),
        ("shadow", "shadow", True),
    ],
)
def test_a_number_is_shadow_where_it_or_everything_is(whole: str, own: str, shadow: bool) -> None:
    made = verdict(rules=config({"mode": whole}, mode=own))
    assert isinstance(made, Send)
    assert made.shadow is shadow


def test_the_sender_and_the_carrier_of_the_number_are_used() -> None:
    smscs = [{"name": n, "host": "h", "system_id": "x"} for n in ("first", "second")]
    made = verdict(rules=config({"smsc": smscs}, sender="212 555 0101", smsc="second"))
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
    known = verdict(history=History(contact=Contact(number="+12125550123", name="Mary")))
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


# --- the dialplan's word ----------------------------------------------------------------------

TOLD = ahead(
    phase=Phase.HINTED,
    told_missed="agi",
    told_at=MOMENT,
    outcome=Outcome.IVR_ABANDONED,
    waited=0.0,
    may_become=frozenset(Outcome),
)


@pytest.mark.parametrize("phase", [Phase.HINTED, Phase.RING_TIMEOUT, Phase.VOICEMAIL])
@pytest.mark.parametrize("rules", [{"text_at": "call_end"}, {"outcomes": []}, {}])
def test_a_call_the_dialplan_calls_missed_is_texted_at_once(
    phase: Phase, rules: dict[str, Any]
) -> None:
    made = verdict(replace(TOLD, phase=phase), rules=config(**rules))
    assert reason(made) is Reason.SEND
    assert gate(made, "outcome").value == "the dialplan says it is missed"


@pytest.mark.parametrize("phase", [Phase.STARTED, Phase.RINGING, Phase.ANSWERED])
def test_other_facts_of_such_a_call_decide_nothing(phase: Phase) -> None:
    assert verdict(replace(TOLD, phase=phase)) is None


def test_another_word_of_the_dialplan_decides_nothing() -> None:
    assert verdict(replace(TOLD, told_missed="", message="directions")) is None


@pytest.mark.parametrize(
    ("call", "history"),
    [
        (replace(TOLD, handled="agi"), NOBODY),
        (replace(TOLD, presentation=Presentation.UNKNOWN), NOBODY),
        (replace(TOLD, did="100"), NOBODY),
        (replace(TOLD, direction=Direction.INTERNAL), NOBODY),
        (TOLD, History(last_text=NOW)),
        (TOLD, History(opted_out="STOP")),
    ],
)
def test_the_dialplans_word_never_decides_to_skip_before_the_end(
    call: Call, history: History
) -> None:
    assert verdict(call, history) is None
    assert isinstance(verdict(replace(call, phase=Phase.ENDED), history), Skip)


@pytest.mark.parametrize(
    ("told", "answered", "expected"),
    [
        # A mobile's voicemail looked like a person; the dialplan knows better.
        (MOMENT, MOMENT.plus(-10), Reason.SEND),
        # Said before, and then somebody answered: a later hint does not bring the text back.
        (MOMENT.plus(-20), MOMENT.plus(-10), None),
        # When it was said is not known: the answer counts.
        (None, MOMENT.plus(-10), None),
    ],
)
def test_who_answered_after_it_is_not_texted(
    told: Moment | None, answered: Moment, expected: Reason | None
) -> None:
    call = replace(TOLD, told_at=told, answered=answered, outcome=Outcome.ANSWERED)
    assert reason(verdict(call)) is expected


# --- when it goes out -------------------------------------------------------------------------


def test_without_delay_and_quiet_hours_a_text_is_due_at_once() -> None:
    made = verdict()
    assert isinstance(made, Send)
    assert made.due is None
    assert made.kind is TextKind.MISSED
    assert made.hold == ""


def test_a_delayed_text_lives_as_long_after_its_delay_as_another_without() -> None:
    made = verdict(ahead(at=MOMENT.plus(-300)), rules=config(delay="1h"))
    assert isinstance(made, Send)
    assert made.due == NOW + timedelta(hours=1)
    # Five of the fifteen minutes were gone when it was decided.
    assert made.expires == made.due + timedelta(minutes=10)


def at_night(hour: int, minute: int = 0) -> datetime:
    """A time of Tuesday 24 November in New York, as UTC."""
    return datetime(2026, 11, 24, hour, minute, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)


def night(
    now: datetime, caller: str = "+12125550123", history: History = NOBODY, **rules: Any
) -> Verdict | None:
    call = ahead(at=Moment(now, 0.0), started=Moment(now, 0.0).plus(-20), caller=caller)
    return verdict(call, history, config(quiet_hours="21:00-08:00", **rules), now)


def test_a_text_in_quiet_hours_waits_for_their_end() -> None:
    made = night(at_night(3, 12))
    assert isinstance(made, Send)
    assert made.due == at_night(8)
    assert made.expires == at_night(8, 15)
    assert gate(made, "quiet").value == "03:12 in America/New_York, until 08:00"
    assert gate(made, "quiet").rule == "quiet_hours = 21:00-08:00, quiet = defer"
    assert gate(made, "quiet").passed


def test_it_is_the_callers_night_unless_the_business_wants_its_own() -> None:
    made = night(at_night(8, 30), caller="+13105550123")
    assert isinstance(made, Send)
    assert made.due == at_night(11)
    made = night(at_night(8, 30), caller="+13105550123", quiet_zone="business")
    assert isinstance(made, Send)
    assert made.due is None


def test_the_business_is_where_the_hours_of_its_number_are() -> None:
    made = night(at_night(8, 30), quiet_zone="business", hours={"timezone": "America/Los_Angeles"})
    assert isinstance(made, Send)
    assert made.due == at_night(11)


def test_a_text_may_be_sent_in_quiet_hours_all_the_same() -> None:
    made = night(at_night(3, 12), quiet="send")
    assert isinstance(made, Send)
    assert made.due is None
    assert gate(made, "quiet").value == "03:12 in America/New_York, until 08:00"


def test_or_left_out() -> None:
    made = night(at_night(3, 12), quiet="skip")
    assert reason(made) is Reason.QUIET_HOURS
    assert reason(night(at_night(8), quiet="skip")) is Reason.SEND


def test_quiet_hours_that_may_be_over_at_the_end_of_the_call_decide_nothing_before() -> None:
    now = at_night(7, 59)
    ringing = replace(RINGING_LONG, at=Moment(now, 0.0))
    rules = config(quiet_hours="21:00-08:00", quiet="skip")
    assert verdict(ringing, rules=rules, now=now) is None


def test_a_delay_comes_first_and_the_quiet_hours_count_when_it_is_over() -> None:
    into = night(at_night(20, 50), delay="20m")
    assert isinstance(into, Send)
    assert into.due == at_night(8) + timedelta(days=1)
    assert gate(into, "quiet").value == "21:10 in America/New_York, until 08:00"
    out = night(at_night(7, 50), delay="20m", quiet="skip")
    assert isinstance(out, Send)
    assert out.due == at_night(8, 10)


@given(
    day=st.integers(0, 365),
    minute=st.integers(0, 1439),
    age=st.integers(0, 900),
    delay=st.integers(0, 3600),
    caller=st.sampled_from(["+12125550123", "+13105550123", "+12085550123", "+15552345678"]),
)
@settings(max_examples=150, deadline=None)
def test_no_text_expires_before_it_is_due(
    day: int, minute: int, age: int, delay: int, caller: str
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, minutes=minute)
    call = ahead(at=Moment(now, 0.0).plus(-age), caller=caller)
    made = verdict(call, rules=config(quiet_hours="20:00-09:00", delay=delay), now=now)
    assert isinstance(made, Send)
    due = made.due or now
    assert due >= now + timedelta(seconds=delay)
    assert made.expires - due == timedelta(seconds=900 - age)


# --- a text the caller asked for --------------------------------------------------------------

OFFERED = {"message": [{"name": "directions", "text": "We are at 1 Example Street."}]}


def offer(
    call: Call = TOLD,
    history: History = NOBODY,
    message: str = "directions",
    raw: dict[str, Any] | None = None,
    **rules: Any,
) -> Verdict:
    return decide_offer(call, history, config({**OFFERED, **(raw or {})}, **rules), NOW, message)


@pytest.mark.parametrize(
    "call",
    [
        replace(TOLD, told_missed="", outcome=Outcome.ANSWERED),
        replace(TOLD, told_missed="", outcome=Outcome.UNKNOWN, gap=True, source=Source.AGI),
        replace(TOLD, told_missed="", handled="agi", outcome=Outcome.ABANDONED),
    ],
)
def test_a_text_the_caller_asked_for_is_sent_whatever_becomes_of_the_call(call: Call) -> None:
    made = offer(call, History(last_text=NOW), quiet_hours="11:00-13:00", delay="1h")
    assert isinstance(made, Send)
    assert (made.kind, made.due) == (TextKind.OFFER, None)
    assert made.text == "We are at 1 Example Street."
    assert made.expires == NOW + timedelta(minutes=15)
    assert [g.name for g in made.gates] == [name for name, _ in OFFER_GATES]


@pytest.mark.parametrize(
    ("call", "history", "raw", "rules", "expected"),
    [
        (replace(TOLD, tainted="forged"), {}, {}, {}, Reason.TAINTED),
        (replace(TOLD, did="100"), {}, {}, {}, Reason.NOT_WATCHED),
        (replace(TOLD, direction=Direction.INTERNAL), {}, {}, {}, Reason.INTERNAL),
        (TOLD, {}, {}, {"enabled": False}, Reason.NUMBER_DISABLED),
        (replace(TOLD, presentation=Presentation.WITHHELD), {}, {}, {}, Reason.WITHHELD),
        (replace(TOLD, caller=""), {}, {}, {}, Reason.NO_NUMBER),
        (replace(TOLD, caller="101"), {}, {}, {}, Reason.SHORT_NUMBER),
        (replace(TOLD, caller="+12125550100"), {}, {}, {}, Reason.OWN_NUMBER),
        (TOLD, {}, {"never": {"block": ["+12125550123"]}}, {}, Reason.BLOCKED),
        (TOLD, {}, {"never": {"staff": ["+12125550123"]}}, {}, Reason.SEND),
        (TOLD, {"opted_out": "STOP"}, {}, {}, Reason.OPTED_OUT),
        (replace(TOLD, caller="+442079460123"), {}, {}, {}, Reason.LANDLINE),
        (replace(TOLD, caller="+447400123456"), {}, {}, {}, Reason.COUNTRY),
        (TOLD, {"last_minute": 30}, {}, {}, Reason.CAP_MINUTE),
        (replace(TOLD, at=MOMENT.plus(-901)), {}, {}, {}, Reason.TOO_OLD),
        (
            replace(TOLD, verstat="TN-Validation-Failed"),
            {},
            {"pbx": [{"secret": "x", "verstat": "not_failed"}]},
            {},
            Reason.VERSTAT,
        ),
    ],
)
def test_who_may_never_be_texted_cannot_ask_for_it(
    call: Call,
    history: dict[str, Any],
    raw: dict[str, Any],
    rules: dict[str, Any],
    expected: Reason,
) -> None:
    assert offer(call, History(**history), raw=raw, **rules).reason is expected


def test_an_offer_of_a_message_there_is_not_is_refused_and_one_without_name_is_the_numbers() -> (
    None
):
    made = offer(message="direction")
    assert made.reason is Reason.TEMPLATE_ERROR
    assert gate(made, "template").value == "there is no [[message]] named 'direction'"
    own = offer(message="")
    assert isinstance(own, Send)
    assert own.text.startswith("Hi there, this is Acme Dental.")


def test_a_flood_of_offers_from_one_block_is_held_too() -> None:
    made = offer(history=History(adjacent=5))
    assert isinstance(made, Send)
    assert made.hold.startswith("5 other callers of +121255501xx")

"""The recommender: each piece of advice with its figures, and none on thin evidence."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verdicts import config
from textback.advice import Advice, Topic, share
from textback.config import Config
from textback.figures import Survey, Tally, figures, quantile
from textback.model import Direction, OutboxState, Outcome, Reason
from textback.recommend import RULES, recommend

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
MAIN = "+12125550100"


def survey(*tallies: Tally, **rest: Any) -> Survey:
    return Survey(since=NOW - timedelta(days=30), until=NOW, tallies=tallies, **rest)


def answered(calls: int, second: int, **rest: Any) -> Tally:
    return Tally(
        calls=calls,
        number=MAIN,
        outcome=Outcome.ANSWERED,
        reason=Reason.ANSWERED,
        second=second,
        rang=True,
        **rest,
    )


def missed(
    calls: int, reason: str = "send", outcome: Outcome = Outcome.NO_ANSWER, **rest: Any
) -> Tally:
    given: dict[str, Any] = {"number": MAIN, "second": 25, "rang": True, **rest}
    texted = calls if reason == "send" else 0
    return Tally(calls=calls, outcome=outcome, reason=reason, texted=texted, **given)


def stranger(calls: int, did: str, **rest: Any) -> Tally:
    return Tally(calls=calls, did=did, pbx="pbx", **rest)


def only(topic: Topic, tallies: list[Tally], rules: Config | None = None) -> Advice:
    found = [a for a in recommend(survey(*tallies), rules or config()) if a.topic is topic]
    assert len(found) == 1, found
    return found[0]


def topics(*tallies: Tally, rules: Config | None = None) -> list[Topic]:
    return [advice.topic for advice in recommend(survey(*tallies), rules or config())]


# --- ring_timeout -------------------------------------------------------------------------------


def test_answers_past_ring_timeout_are_counted_and_a_better_one_is_proposed() -> None:
    advice = only(
        Topic.RING_TIMEOUT,
        [
            answered(203, 6),
            answered(6, 15),
            answered(4, 18),
            answered(1, 24),
            missed(30, second=28),
        ],
    )
    assert advice.found == (
        "+12125550100: 11 of 214 answered calls (5 %) rang longer than ring_timeout = 15s; "
        "at 19s it would be 1"
    )
    assert advice.cure == 'set ring_timeout = "19s" in [[number]] +12125550100 (Main line)'
    assert advice.serious
    assert advice.figures["answered_at"] == {"6": 203, "15": 6, "18": 4, "24": 1}


def test_a_ring_timeout_past_the_end_of_ringing_is_never_proposed() -> None:
    late = [answered(80, 5), answered(5, 16), answered(5, 22), answered(5, 28)]
    advice = only(Topic.RING_TIMEOUT, [*late, missed(20, second=20)])
    assert "text_at" in advice.cure
    assert advice.figures["proposed"] is None


@pytest.mark.parametrize(
    ("late", "prompt", "number"),
    [
        (2, 98, {}),  # too few
        (3, 20, {}),  # too few answered at all
        (3, 400, {}),  # below 2 %
        (50, 100, {"text_at": "call_end"}),  # nobody is texted before the end there
        (50, 100, {"enabled": False}),
    ],
)
def test_no_ring_timeout_is_proposed_where_it_does_no_harm(
    late: int, prompt: int, number: dict[str, Any]
) -> None:
    found = topics(answered(prompt, 4), answered(late, 17), rules=config(**number))
    assert Topic.RING_TIMEOUT not in found


def test_waiting_in_a_queue_is_not_ringing() -> None:
    waited = Tally(
        calls=100, number=MAIN, outcome=Outcome.ANSWERED, reason="answered", second=60, rang=False
    )
    assert topics(waited) == []


# --- abandoned_after ----------------------------------------------------------------------------


def test_callers_who_gave_up_early_are_counted_by_the_second() -> None:
    short = [
        missed(calls, Reason.TOO_SHORT, Outcome.ABANDONED, second=second)
        for second, calls in ((0, 4), (1, 3), (3, 8), (4, 10))
    ]
    advice = only(Topic.ABANDONED_AFTER, [*short, missed(60)])
    assert "25 of 85 missed callers (29 %) gave up before abandoned_after = 5s" in advice.found
    assert "8 in second 4, 10 in second 5" in advice.found
    assert advice.cure.startswith('abandoned_after = "3s"')
    assert advice.figures["gained"] == 18
    assert not advice.serious


def test_people_who_misdialled_are_left_alone() -> None:
    short = [missed(40, Reason.TOO_SHORT, Outcome.ABANDONED, second=s) for s in (0, 1)]
    assert Topic.ABANDONED_AFTER not in topics(*short, missed(60))


# --- numbers ------------------------------------------------------------------------------------


def test_a_number_in_use_that_nobody_watches_comes_with_its_table() -> None:
    advice = only(
        Topic.NOT_WATCHED,
        [stranger(7, "2125550177"), stranger(4, "+12125550177", outcome=Outcome.ANSWERED)],
    )
    assert advice.number == "+12125550177"
    assert "11 calls, 7 missed" in advice.found
    assert advice.snippet == '[[number]]\ndid = "+12125550177"'
    rules = config({"number": [{"did": MAIN}, {"did": advice.number}]})
    assert rules.number_for("2125550177") is not None


def test_the_business_s_other_numbers_are_left_unwatched_on_purpose() -> None:
    rules = config({"business": {"name": "Acme", "numbers": ["+12125550177"]}})
    assert topics(stranger(50, "2125550177"), rules=rules) == []


def test_of_many_unwatched_numbers_five_are_named_and_the_rest_counted() -> None:
    found = recommend(survey(*[stranger(10 + n, f"21255501{n}") for n in range(70, 80)]), config())
    assert len(found) == 5
    assert found[0].number == "+12125550179"
    assert "(5 more numbers are not watched either)" in found[0].found


def test_a_context_that_is_not_listed_is_told_when_outsiders_dialled_us_in_it() -> None:
    internal = {"direction": Direction.INTERNAL, "context": "from-pstn-2"}
    advice = only(Topic.CONTEXT, [stranger(12, "2125550100", **internal)])
    assert "12 calls" in advice.found
    assert advice.cure == 'add "from-pstn-2" to inbound_contexts of [[pbx]] pbx'
    elsewhere = stranger(12, "+19175550123", direction=Direction.OUTBOUND, context="from-internal")
    assert topics(elsewhere) == []


@pytest.mark.parametrize("did", ["s", "", "acmeline", "100", "12\x1b[2Jx"])
def test_a_did_that_is_no_number_is_told_with_the_cure(did: str) -> None:
    advice = only(Topic.DID_FORMAT, [stranger(5, did)])
    assert "5 calls" in advice.found
    assert "textback-did" in advice.cure
    assert "\x1b" not in advice.found


def test_a_did_read_in_the_wrong_country_is_told_beside_its_twin() -> None:
    rules = config({"business": {"name": "Acme", "country": "GB"}, "number": [{"did": MAIN}]})
    advice = only(Topic.DID_FORMAT, [stranger(9, "2125550100")], rules)
    assert MAIN in advice.found
    assert "business.country" in advice.cure


def test_a_number_nobody_called_is_told_when_the_others_are_busy() -> None:
    rules = config({"number": [{"did": MAIN}, {"did": "+12125550101"}]})
    advice = only(Topic.NO_CALLS, [answered(100, 3)], rules)
    assert advice.figures["numbers"] == ["+12125550101"]
    assert topics(answered(99, 3), rules=rules) == []


# --- the verdicts -------------------------------------------------------------------------------


def test_an_outcome_that_is_off_and_frequent_is_told_with_the_whole_list() -> None:
    advice = only(
        Topic.OUTCOME_OFF, [missed(40, Reason.OUTCOME_OFF, Outcome.IVR_ABANDONED), missed(60)]
    )
    assert "40 of 100 missed callers (40 %) hung up in the menu" in advice.found
    assert '"queue_abandoned", "ivr_abandoned"]' in advice.cure
    assert topics(missed(9, Reason.OUTCOME_OFF, Outcome.IVR_ABANDONED)) == []


@pytest.mark.parametrize(
    ("topic", "reason", "enough", "serious"),
    [
        (Topic.PRESENTATION, Reason.PRESENTATION_UNKNOWN, 5, True),
        (Topic.LANDLINES, Reason.LANDLINE, 25, False),
        (Topic.COOLDOWN, Reason.COOLDOWN, 25, False),
        (Topic.CAPS, Reason.CAP_MINUTE, 3, True),
    ],
)
def test_a_reason_is_told_from_its_least_count_on(
    topic: Topic, reason: Reason, enough: int, serious: bool
) -> None:
    advice = only(topic, [missed(enough, reason), missed(100 - enough)])
    assert advice.serious is serious
    assert advice.found.count(str(enough))
    assert topic not in topics(missed(2, reason), missed(98))


def test_calls_seen_in_part_are_cured_by_reading_them_afterwards() -> None:
    unseen = Tally(
        calls=5, number=MAIN, outcome=Outcome.UNKNOWN, reason=Reason.UNKNOWN_CALL, pbx="pbx"
    )
    advice = only(Topic.UNKNOWN, [unseen, answered(100, 3)])
    assert "cel_sqlite" in advice.cure
    rules = config({"pbx": [{"secret": "x", "cel_sqlite": "/var/log/asterisk/master.db"}]})
    assert "journalctl" in only(Topic.UNKNOWN, [unseen, answered(100, 3)], rules).cure


# --- all of them --------------------------------------------------------------------------------


def test_nothing_is_said_of_nothing_and_of_one_call() -> None:
    assert topics() == []
    assert topics(missed(1)) == []
    assert topics(stranger(1, "s")) == []


def test_what_is_serious_comes_first() -> None:
    found = recommend(
        survey(missed(40, Reason.LANDLINE), missed(60), stranger(9, "2125550177")), config()
    )
    assert [advice.serious for advice in found] == [True, False]


def test_every_rule_says_what_evidence_it_needs() -> None:
    for rule in RULES:
        assert "at least" in " ".join((rule.__doc__ or "").split()).casefold()


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 0, "0 %"),
        (11, 214, "5 %"),
        (1, 1000, "less than 1 %"),
        (999, 1000, "99 %"),
        (3, 3, "100 %"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(part: int, whole: int, words: str) -> None:
    assert share(part, whole) == words


hostile = st.text(max_size=60)
tallies = st.builds(
    Tally,
    calls=st.integers(1, 10_000),
    pbx=hostile,
    number=st.sampled_from(["", MAIN, "+12125550199"]),
    did=hostile,
    context=hostile,
    direction=st.sampled_from(Direction),
    outcome=st.sampled_from(Outcome),
    reason=st.sampled_from([r.value for r in Reason]),
    rang=st.booleans(),
    second=st.integers(-1, 120),
    late=st.integers(0, 10),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(tallies, max_size=30))
def test_whatever_was_recorded_the_advice_is_printable(found: list[Tally]) -> None:
    for advice in recommend(survey(*found), config()):
        assert advice.found.isprintable()
        assert advice.cure
        assert all(ord(c) >= 32 or c == "\n" for c in advice.snippet)


# --- the figures --------------------------------------------------------------------------------


def test_a_number_s_figures_add_up() -> None:
    f = figures(
        survey(
            answered(70, 5),
            answered(2, 18, texted=2),
            missed(20),
            missed(5, Reason.COOLDOWN, Outcome.BUSY),
            Tally(calls=3, number=MAIN, outcome=Outcome.UNKNOWN, reason=Reason.UNKNOWN_CALL),
            stranger(9, "s"),
            texts={MAIN: {OutboxState.DELIVERED: 18, OutboxState.REFUSED: 1, OutboxState.HELD: 3}},
            delays={MAIN: {1: 17, 2: 1, 900: 1}},
            replied={MAIN: 4},
        ),
        MAIN,
    )
    assert (f.calls, f.answered, f.unknown, f.answered_after) == (100, 72, 3, 2)
    assert f.missed == {Outcome.NO_ANSWER: 20, Outcome.BUSY: 5}
    assert f.not_texted == {"cooldown": 5}
    assert (f.texted, f.delivered, f.failed, f.open, f.replied) == (22, 18, 1, 3, 4)
    assert (f.delay_median, f.delay_95) == (0.1, 90.0)


def test_hours_are_those_of_the_business_also_where_they_begin_between_ours() -> None:
    quarter = int(datetime(2026, 11, 22, 18, 15, tzinfo=UTC).timestamp()) // 900
    told = survey(answered(1, 3), quarters={MAIN: {quarter: (3, 2)}})
    # 18:15 UTC on Sunday is exactly midnight of Monday in Kathmandu.
    assert figures(told, MAIN, ZoneInfo("Asia/Kathmandu")).week == {(0, 0): (3, 2)}
    assert figures(told, MAIN, ZoneInfo("America/New_York")).week == {(6, 13): (3, 2)}


def test_quantiles_are_values_that_occurred() -> None:
    counts = Counter({1: 5, 3: 4, 100: 1})
    assert [quantile(counts, s) for s in (0.0, 0.5, 0.9, 1.0)] == [1, 1, 3, 100]
    assert quantile({}, 0.5) is None

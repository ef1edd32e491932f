"""The rules of a case: which call makes one, by when to call back, and the table of its stages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.configs import BASE, errors
from tests.unit.verdicts import ahead, config
from textback.callback import (
    OPEN_STAGES,
    SPOKEN_STAGES,
    STEPS,
    CaseEvent,
    Configured,
    reached,
    step,
)
from textback.config import Hours
from textback.model import Call, CaseStage, Direction, Outcome, Presentation, Source
from textback.schedule import open_time_later

NEW_YORK = ZoneInfo("America/New_York")
NUMBER = "+12125550100"


def objection(call: Call) -> str:
    return Configured(config()).objection(call)


def at(text: str) -> datetime:
    """A wall-clock time in New York, as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


# --- which call makes one -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        ahead(),
        ahead(outcome=Outcome.ABANDONED, waited=1.0),
        ahead(outcome=Outcome.IVR_ABANDONED),
        ahead(outcome=Outcome.TRANSFER_UNANSWERED),
        ahead(outcome=Outcome.UNKNOWN, told_missed="agi"),
        ahead(presentation=Presentation.UNKNOWN),
        ahead(source=Source.CDR, late=True, presentation=Presentation.UNKNOWN),
    ],
)
def test_a_missed_caller_with_a_number_is_to_be_called_back(call: Call) -> None:
    assert objection(call) == ""


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (ahead(outcome=Outcome.ANSWERED), "answered: not a missed call"),
        (ahead(outcome=Outcome.UNKNOWN), "unknown: not a missed call"),
        (ahead(outcome=Outcome.UNKNOWN, told_missed="agi", tainted="forged"), "unknown:"),
        (ahead(tainted="two Uniqueid headers"), "tainted: two Uniqueid headers"),
        (ahead(direction=Direction.INTERNAL), "internal"),
        (ahead(did="12125550109"), "not_watched"),
        (ahead(handled="agi"), "handled"),
        (ahead(presentation=Presentation.WITHHELD), "withheld by the caller"),
        (ahead(caller="anonymous", caller_final="anonymous"), "no telephone number"),
        (ahead(caller="", caller_final=""), "no_number"),
        (ahead(caller="101", caller_final="101"), "short_number"),
        (ahead(caller="garbage!", caller_final="garbage!"), "not_dialable"),
        (ahead(caller=NUMBER, caller_final=NUMBER), "own_number"),
    ],
)
def test_who_cannot_or_need_not_be_called_back_makes_no_case(call: Call, why: str) -> None:
    assert objection(call).startswith(why)


def test_staff_and_blocked_callers_make_no_case() -> None:
    listed = {"never": {"staff": ["+12125550123"]}}
    assert "staff" in Configured(config(listed)).objection(ahead())
    listed = {"never": {"block": ["+12125550123"]}}
    assert "blocked" in Configured(config(listed)).objection(ahead())


@pytest.mark.parametrize("rules", [{"enabled": False}, {"outcomes": []}, {"landlines": "skip"}])
def test_whether_a_number_texts_says_nothing_of_calling_back(rules: dict[str, Any]) -> None:
    assert Configured(config(**rules)).objection(ahead()) == ""


def test_a_number_chooses_which_missed_calls_are_called_back() -> None:
    only = config(callback_outcomes=["no_answer"])
    assert Configured(only).objection(ahead(outcome=Outcome.NO_ANSWER)) == ""
    assert "callback_outcomes" in Configured(only).objection(ahead(outcome=Outcome.BUSY))
    none = config(callback_outcomes=[])
    assert Configured(none).objection(ahead(outcome=Outcome.NO_ANSWER))
    assert Configured(none).objection(ahead(outcome=Outcome.UNKNOWN, told_missed="agi"))


# --- by when, and whose ---------------------------------------------------------------------------


def due(missed: str, **rules: Any) -> datetime | None:
    return Configured(config(**rules)).due(NUMBER, at(missed))


OFFICE = {"days": "mon-fri", "open": "09:00-17:00", "holidays": ["2026-11-26"]}


@pytest.mark.parametrize(
    ("missed", "until"),
    [
        ("2026-11-23T10:00", "2026-11-23T12:00"),  # a Monday
        ("2026-11-23T15:00", "2026-11-23T17:00"),  # ends as the office closes
        ("2026-11-23T16:30", "2026-11-24T10:30"),
        ("2026-11-23T06:00", "2026-11-23T11:00"),
        ("2026-11-25T16:00", "2026-11-27T10:00"),  # over a holiday
        ("2026-11-27T23:00", "2026-11-30T11:00"),  # over a weekend
    ],
)
def test_the_time_runs_while_the_number_is_open(missed: str, until: str) -> None:
    assert due(missed, callback_within="2h", hours=OFFICE) == at(until)


def test_without_hours_it_runs_day_and_night() -> None:
    assert due("2026-11-27T23:00", callback_within="2h") == at("2026-11-28T01:00")


@pytest.mark.parametrize("within", ["", 0, "0s"])
def test_a_number_may_have_no_such_time(within: object) -> None:
    assert due("2026-11-23T10:00", callback_within=within) is None


def test_hours_that_never_come_leave_the_plain_time() -> None:
    closed = {"open": "closed"}
    assert due("2026-11-23T10:00", callback_within="2h", hours=closed) == at("2026-11-23T12:00")


def test_a_case_is_of_the_numbers_owner() -> None:
    rules = Configured(config(owner="Front desk"))
    assert rules.owner(NUMBER) == "Front desk"
    assert rules.owner("+12125559999") == ""
    assert rules.due("+12125559999", at("2026-11-23T10:00")) is None


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ('callback_within = "soon"', "callback_within"),
        ('callback_within = "31d"', "callback_within"),
        ('callback_outcomes = ["answered"]', "answered is no missed call"),
        ('owner = "two\\nlines"', "control character"),
    ],
)
def test_a_mistake_is_named(key: str, why: str) -> None:
    assert any(why in error for error in errors(BASE + key + "\n"))


SPANS = st.sampled_from(["09:00-17:00", "22:00-06:00", "00:00-24:00", "08:00-12:00, 13:00-18:00"])


@settings(max_examples=150, deadline=None)
@given(
    open_=SPANS,
    days=st.sampled_from(["mon-fri", "sat, sun", "mon-sun", "wed"]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001 - New York
    minutes=st.integers(1, 3000),
)
def test_as_much_opening_time_has_passed_as_was_asked_for(
    open_: str, days: str, start: datetime, minutes: int
) -> None:
    week = Hours(days=days, open=open_).week
    begin = start.replace(tzinfo=NEW_YORK, second=0, microsecond=0).astimezone(UTC)
    found = open_time_later(week, NEW_YORK, begin, timedelta(minutes=minutes))
    assert found is not None
    minute, passed = begin, 0
    while minute < found:
        passed += week.is_open(minute, NEW_YORK)
        minute += timedelta(minutes=1)
    # On the days on which the clock changes a span over it is an hour longer or shorter.
    assert abs(passed - minutes) <= 60
    assert week.is_open(found - timedelta(minutes=1), NEW_YORK) or abs(passed - minutes) > 0


# --- the stages -----------------------------------------------------------------------------------


def test_the_table_knows_every_stage_and_only_closed_ones_are_reopened() -> None:
    assert set(STEPS) == set(CaseStage)
    reopened = {stage for stage in CaseStage if step(stage, CaseEvent.REOPENED) is not None}
    assert reopened == set(CaseStage) - set(OPEN_STAGES)
    assert {step(stage, CaseEvent.REOPENED) for stage in reopened} == {CaseStage.MISSED}


@pytest.mark.parametrize("stage", OPEN_STAGES)
def test_an_open_case_goes_on_and_never_back(stage: CaseStage) -> None:
    for event in (CaseEvent.MISSED, CaseEvent.TEXTED, CaseEvent.REPLIED):
        after = step(stage, event)
        assert after is not None
        assert OPEN_STAGES.index(after) >= OPEN_STAGES.index(stage)
    assert step(stage, CaseEvent.CALLED_BACK) is CaseStage.CALLED_BACK
    assert step(stage, CaseEvent.CAME_BACK) is CaseStage.RECOVERED
    assert step(stage, CaseEvent.DISMISSED) is CaseStage.DISMISSED


@pytest.mark.parametrize("stage", sorted(set(CaseStage) - set(OPEN_STAGES)))
def test_what_is_closed_takes_no_miss_no_reply_and_no_second_end(stage: CaseStage) -> None:
    for event in (
        CaseEvent.MISSED,
        CaseEvent.REPLIED,
        CaseEvent.CALLED_BACK,
        CaseEvent.CAME_BACK,
        CaseEvent.DISMISSED,
    ):
        assert step(stage, event) is None
    assert step(stage, CaseEvent.TEXTED) is stage
    assert (stage in SPOKEN_STAGES) == (stage is not CaseStage.DISMISSED)


def test_an_open_case_is_as_far_as_its_texts_and_replies() -> None:
    assert reached(texted=False, replied=False) is CaseStage.MISSED
    assert reached(texted=True, replied=False) is CaseStage.TEXTED
    assert reached(texted=True, replied=True) is CaseStage.REPLIED
    assert reached(texted=False, replied=True) is CaseStage.REPLIED

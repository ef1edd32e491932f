"""The follow-up as it is planned with the first text: whose, when, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.verdicts import CALL, MOMENT, NOBODY, NOW, config, verdict
from textback.decide import History, decide_offer
from textback.model import FollowUp, Moment, Outcome, Send, TextKind
from textback.quiet import rules_for

TEXT = "Still there? {{business.name}}, about your call at {{call.time}}. STOP"


def planned(
    now: datetime = NOW,
    history: History = NOBODY,
    raw: dict[str, Any] | None = None,
    caller: str = "+12125550123",
    **rules: Any,
) -> tuple[Send, FollowUp | None]:
    """The text to a caller whose call ended at `now`, and its follow-up."""
    moment = Moment(now, 1000.0)
    call = replace(CALL, at=moment, started=moment.plus(-20), caller=caller)
    made = verdict(call, history, config(raw, **{"follow_up": TEXT, **rules}), now)
    assert isinstance(made, Send)
    return made, made.follow_up


def at_night(hour: int, minute: int = 0) -> datetime:
    """So long after the beginning of a day in New York."""
    return datetime(2026, 11, 23, 5, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)


def test_a_number_without_one_plans_none() -> None:
    assert planned(follow_up="")[1] is None


def test_it_is_due_so_long_after_the_first_and_lives_as_long() -> None:
    first, second = planned()
    assert second is not None
    assert second.due == NOW + timedelta(hours=2)
    assert second.expires == second.due + timedelta(minutes=15)
    assert second.note == "planned for 2026-11-23 19:00:00 UTC, if no reply"
    assert (first.kind, first.due) == (TextKind.MISSED, None)


def test_it_speaks_of_the_same_call() -> None:
    _, second = planned()
    assert second is not None
    assert second.text == "Still there? Acme Dental, about your call at 11:59 AM. STOP"


def test_it_counts_from_when_the_first_is_due() -> None:
    first, second = planned(delay="10m", follow_up_after="1h")
    assert second is not None and first.due is not None
    assert second.due == first.due + timedelta(hours=1)
    # 03:00: the first waits until 08:00.
    night, after = planned(at_night(3), quiet_hours="21:00-08:00")
    assert night.due == at_night(8)
    assert after is not None
    assert after.due == at_night(10)


@pytest.mark.parametrize("quiet", ["defer", "send"])
def test_it_keeps_quiet_hours_by_its_own_rule(quiet: str) -> None:
    """20:00: the first goes at once, the second would come at 22:00."""
    evening: dict[str, Any] = {"now": at_night(20), "quiet_hours": "21:00-08:00", "quiet": quiet}
    first, deferred = planned(**evening)
    assert first.due is None
    assert deferred is not None
    assert (deferred.due, deferred.text != "") == (at_night(32), True)
    assert deferred.expires == at_night(32, 15)

    _, sent = planned(**evening, quiet_follow_up="send")
    assert sent is not None
    assert sent.due == at_night(22)

    first, skipped = planned(**evening, quiet_follow_up="skip")
    assert first.due is None
    assert skipped is not None
    assert skipped.text == ""
    assert skipped.note == (
        "none: it would come at 22:00 in America/New_York, until 08:00; "
        "quiet_hours = 21:00-08:00, quiet_follow_up = skip"
    )


def test_the_first_may_keep_quiet_hours_where_the_second_does_not() -> None:
    first, second = planned(
        at_night(3), quiet_hours="21:00-08:00", quiet="send", quiet_follow_up="send"
    )
    assert first.due is None
    assert second is not None
    assert second.due == at_night(5)


def test_it_is_the_callers_night_that_counts() -> None:
    """19:30 in New York is 16:30 in Los Angeles; two hours on no one sleeps there."""
    _, second = planned(at_night(19, 30), caller="+13105550123", quiet_hours="21:00-08:00")
    assert second is not None
    assert second.due == at_night(21, 30)


def test_the_rules_of_the_two_have_names_of_their_own() -> None:
    number = config(quiet_hours="21:00-08:00", quiet="send", quiet_follow_up="skip").number[0]
    first, second = rules_for(number, TextKind.MISSED), rules_for(number, TextKind.FOLLOW_UP)
    assert first is not None and second is not None
    assert (first.policy, second.policy) == ("send", "skip")
    assert second.rule == "quiet_hours = 21:00-08:00, quiet_follow_up = skip"
    assert rules_for(config().number[0], TextKind.FOLLOW_UP) is None


def test_the_second_text_in_a_cooldown_is_not_followed() -> None:
    before = History(last_text=NOW - timedelta(hours=1), recent_texts=(NOW - timedelta(hours=1),))
    made, second = planned(history=before, message_again="Missed again. Acme Dental")
    assert made.text == "Missed again. Acme Dental"
    assert second is None


def test_one_that_waits_stays_the_only_one() -> None:
    _, second = planned(history=History(follow_up_waits=True), cooldown=0)
    assert second is not None
    assert (second.text, second.note) == ("", "none: an earlier one to this caller still waits")


def test_one_that_cannot_be_filled_in_does_not_keep_the_first_back() -> None:
    long = "{{business.name}} " * 100
    raw = {"business": {"name": "A" * 60}}
    first, second = planned(raw=raw, message="Sorry. STOP", follow_up=long)
    assert first.text == "Sorry. STOP"
    assert second is not None
    assert second.text == ""
    assert second.note.startswith("none: follow_up comes out ")


def test_what_the_caller_asked_for_by_a_key_is_not_followed() -> None:
    call = replace(CALL, outcome=Outcome.UNKNOWN, at=MOMENT)
    made = decide_offer(call, NOBODY, config(follow_up=TEXT), NOW, "")
    assert isinstance(made, Send)
    assert made.follow_up is None

"""When a ringing call will be texted: by its number's rules, and never promised where not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.console_rig import CONFIG, config_of
from textback.config import Config
from textback.console.countdown import Countdown, countdown
from textback.model import Direction, OutboxState, Outcome, Reason
from textback.store.call_lines import CallLine

#: A Monday, ten in the morning in New York.
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
RANG = NOW - timedelta(seconds=4)


def line(**changes: Any) -> CallLine:
    """A call that has been ringing for four seconds."""
    values: dict[str, Any] = {
        "id": 1,
        "direction": Direction.INBOUND,
        "caller": "+16465550147",
        "name": "",
        "did": "+12125550100",
        "label": "Main line",
        "watched": True,
        "queue": "",
        "withheld": False,
        "started": RANG - timedelta(seconds=1),
        "ringing": RANG,
        "answered": None,
        "ended": None,
        "outcome": Outcome.ABANDONED,
        "waited": 4.0,
        "reason": None,
        "found": "",
        "decided": None,
        "trail": (),
        "case": None,
    }
    return CallLine(**(values | changes))


def config(number: str = "") -> Config:
    return config_of(CONFIG.replace('label = "Main line"', f'label = "Main line"\n{number}'))


def after(seconds: float) -> datetime:
    return RANG + timedelta(seconds=seconds)


def test_it_counts_from_the_first_ring_to_ring_timeout() -> None:
    told = countdown(line(), config('ring_timeout = "20s"'), NOW)
    assert told == Countdown("counting", RANG, after(20))
    assert (told.left(NOW), told.seconds) == (16.0, 20.0)
    assert told.left(after(30)) == 0.0


@pytest.mark.parametrize("rule", ['mode = "shadow"', 'mode = "shadow"\ndelay = "5s"'])
def test_in_shadow_mode_nothing_is_said_to_leave(rule: str) -> None:
    told = countdown(line(), config(f'ring_timeout = "20s"\n{rule}'), NOW)
    assert (told.kind, told.shadow) == ("counting", True)
    whole = config_of(CONFIG.replace('mode = "live"', 'mode = "shadow"'))
    assert countdown(line(), whole, NOW).shadow


def test_delay_comes_on_top() -> None:
    told = countdown(line(), config('delay = "30s"'), NOW)
    assert told == Countdown("counting", RANG, after(45))


@pytest.mark.parametrize(
    "rule", ['text_at = "call_end"', 'outcomes = ["voicemail_left"]'], ids=["end", "outcome off"]
)
def test_what_is_decided_at_the_end_of_the_call_has_no_clock(rule: str) -> None:
    assert countdown(line(), config(rule), NOW) == Countdown("end")


def test_what_rings_no_phone_yet_has_no_clock() -> None:
    assert countdown(line(ringing=None, queue="sales"), config(), NOW) == Countdown("end")


def test_a_number_that_is_not_watched_or_is_off_texts_nobody() -> None:
    assert countdown(line(watched=False), config(), NOW) == Countdown("no")
    assert countdown(line(), config("enabled = false"), NOW) == Countdown("no")
    assert countdown(line(did="+12125550177"), config(), NOW) == Countdown("no")


def test_past_its_time_without_a_verdict_something_is_against_it() -> None:
    assert countdown(line(), config(), after(16)).kind == "counting"
    assert countdown(line(), config(), after(17)) == Countdown("end")


def test_once_decided_the_verdict_says_it() -> None:
    done = line(reason=Reason.SEND, decided=after(15), state=OutboxState.ACCEPTED)
    assert countdown(done, config(), after(16)) == Countdown("told")
    no = line(reason=Reason.OPTED_OUT, decided=after(15))
    assert countdown(no, config(), after(16)) == Countdown("told")


def test_a_text_that_waits_on_purpose_counts_to_its_own_time() -> None:
    waits = line(reason=Reason.SEND, decided=after(15), state=OutboxState.QUEUED, due=after(75))
    assert countdown(waits, config(), after(16)) == Countdown("waits", after(15), after(75))
    assert countdown(waits, config(), after(75)) == Countdown("told")


def test_at_night_the_text_waits_for_the_morning_where_the_caller_is() -> None:
    late = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # eleven at night in New York
    call = line(started=late, ringing=late)
    told = countdown(call, config('quiet_hours = "21:00-08:00"'), late)
    assert (told.kind, told.at) == ("night", late + timedelta(seconds=15))
    assert told.until == datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
    skip = config('quiet_hours = "21:00-08:00"\nquiet = "skip"')
    assert countdown(call, skip, late) == Countdown("no")
    send = config('quiet_hours = "21:00-08:00"\nquiet = "send"')
    assert countdown(call, send, late).kind == "counting"


def test_a_caller_without_a_number_has_no_night() -> None:
    late = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    call = line(started=late, ringing=late, caller="anonymous")
    assert countdown(call, config('quiet_hours = "21:00-08:00"'), late).kind == "counting"

"""Who is told of which event, and how long a failure waits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.configs import BASE
from textback.config_load import loads
from textback.model import Event, EventKind
from textback.tell_rules import (
    FIRST,
    LONGEST,
    LONGEST_ASKED,
    NOTIFY,
    WEBHOOK,
    Target,
    addressees,
    delay,
    kinds_of,
    rank,
    targets,
)

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
OURS, OTHER = "+12125550100", "+12125550101"


def event(kind: EventKind = EventKind.CALL_MISSED, number: str = OURS, **payload: Any) -> Event:
    return Event(kind=kind, at=NOW, caller="+12125550123", number=number, payload=payload)


def target(name: str = "crm", channel: str = WEBHOOK, **kwargs: Any) -> Target:
    return Target(channel=channel, name=name, **{"kinds": kinds_of(()), **kwargs})


def names(found: list[Target]) -> list[str]:
    return [one.name for one in found]


def test_no_event_named_means_all_and_never_the_test() -> None:
    assert kinds_of(()) == frozenset(EventKind) - {EventKind.TEST}


def test_a_family_means_all_of_its_events() -> None:
    assert kinds_of(("alarm.*", "call.missed")) == {
        EventKind.ALARM_RAISED,
        EventKind.ALARM_CLEARED,
        EventKind.CALL_MISSED,
    }


def test_who_has_numbers_is_told_of_those_and_of_what_belongs_to_none() -> None:
    one = target(numbers=frozenset({OURS}))
    assert names(addressees(event(), [one], {})) == ["crm"]
    assert addressees(event(number=OTHER), [one], {}) == []
    assert names(addressees(event(EventKind.ALARM_RAISED, ""), [one], {})) == ["crm"]


@pytest.mark.parametrize("reason", ["staff", "blocked", "too_short", "outcome_off", "own_number"])
def test_people_are_not_told_of_calls_nobody_calls_back_and_systems_are(reason: str) -> None:
    both = [target(), target("office", NOTIFY)]
    assert names(addressees(event(reason=reason), both, {})) == ["crm"]
    assert names(addressees(event(reason="cooldown"), both, {})) == ["crm", "office"]


def test_a_keyword_pages_those_it_names_whatever_they_subscribed_to() -> None:
    quiet = target("oncall", NOTIFY, kinds=frozenset())
    hit = event(EventKind.KEYWORD_MATCHED, keyword="urgent")
    pages = {"urgent": frozenset({"oncall"})}
    assert names(addressees(hit, [target(), quiet], pages)) == ["oncall"]
    assert names(addressees(hit, [target(), quiet], {"urgent": frozenset()})) == ["crm"]


def test_a_keyword_goes_first() -> None:
    assert rank(event(EventKind.KEYWORD_MATCHED)) < rank(event(EventKind.ALARM_RAISED))


def test_the_targets_of_a_configuration_are_its_tables() -> None:
    config = loads(
        BASE
        + '[[webhook]]\nname = "crm"\nurl = "https://crm.example.net"\n'
        + 'secret = "0123456789abcdef"\nnumbers = ["212-555-0100"]\nmax_age = "1h"\n'
    )
    (found,) = targets(config)
    assert (found.channel, found.name, found.numbers) == (WEBHOOK, "crm", {OURS})
    assert found.max_age.total_seconds() == 3600


@given(st.integers(1, 5_000), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_a_delay_grows_is_bounded_and_keeps_what_was_asked(
    failures: int, jitter: float, asked: float | None
) -> None:
    found = delay(failures, jitter, asked)
    assert FIRST * 0.75 <= found <= max(LONGEST * 1.25, LONGEST_ASKED)
    if asked is not None:
        assert found >= min(asked, LONGEST_ASKED)
    assert delay(failures + 1, jitter) >= delay(failures, jitter)

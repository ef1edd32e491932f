"""What people are told: one line each, harmless whatever a customer calls himself."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_textback_tell_shapes import sample
from textback.model import Event, EventKind
from textback.tell_words import LINES, NAME, TEXT, WHOLE, note, plain

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")


def missed(**payload: Any) -> Event:
    told = {
        "name": "Ann",
        "label": "Front desk",
        "outcome": "no_answer",
        "verdict": "skip",
        "reason": "cooldown",
        "waited": 12.4,
    }
    return Event(
        kind=EventKind.CALL_MISSED, at=NOW, caller="+12125550123", payload={**told, **payload}
    )


def reply(text: str, kind: EventKind = EventKind.REPLY_RECEIVED, **payload: Any) -> Event:
    told = {"text": text, "name": "", "label": "", "keyword": "urgent", **payload}
    return Event(kind=kind, at=NOW, caller="+12125550123", payload=told)


def test_a_missed_call_is_told_with_who_where_when_and_what_comes_of_it() -> None:
    made = note([missed()], ZONE, "Acme Dental", full=False)
    assert made.title == "Acme Dental: missed call +12125550123"
    assert made.body == (
        "Nov 23 10:00 missed Ann (+12125550123) to Front desk: no answer, waited 12 s; "
        "no text (cooldown)"
    )
    texted = note([missed(verdict="send", reason="send")], ZONE, "Acme Dental", full=False)
    assert texted.body.endswith("; is texted")


@pytest.mark.parametrize(
    "kind", [EventKind.REPLY_RECEIVED, EventKind.KEYWORD_MATCHED, EventKind.OPT_OUT_REVIEW]
)
def test_what_a_customer_wrote_is_told_in_full_only(kind: EventKind) -> None:
    event = reply("my tooth hurts", kind)
    assert "tooth" not in str(note([event], ZONE, "Acme", full=False))
    assert '"my tooth hurts"' in note([event], ZONE, "Acme", full=True).body


def test_a_keyword_is_in_the_title_and_is_an_alarm() -> None:
    made = note([reply("now", EventKind.KEYWORD_MATCHED)], ZONE, "Acme", full=False)
    assert made.title == "Acme: keyword urgent"
    assert made.alarm


def test_several_events_are_counted_in_the_title_and_told_in_lines() -> None:
    made = note([missed(), missed(), reply("hi")], ZONE, "Acme", full=False)
    assert made.title == "Acme: 2 missed calls, 1 reply"
    assert len(made.body.splitlines()) == 3
    many = note([missed()] * 100, ZONE, "Acme", full=True)
    assert many.body.splitlines()[-1] == f"... and {100 - LINES} more"


def test_an_empty_or_odd_payload_still_comes_to_a_line() -> None:
    for kind in EventKind:
        made = note([Event(kind=kind, at=NOW)], ZONE, "Acme", full=True)
        assert made.title
    assert note([sample(kind) for kind in EventKind], ZONE, "Acme", full=True).body


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("@everyone look", "\uff20everyone look"),
        ("ann@example.net", "ann@example.net"),
        ("<!channel> <@U1>", "\u2039!channel\u203a \u2039\uff20U1\u203a"),
        ("[pay here](https://evil.example)", "[pay here] - (https://evil.example)"),
        ("a\r\nSubject: b", "a Subject: b"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("`rm` <b>|x|", "'rm' \u2039b\u203a\u00a6x\u00a6"),
        ("{{business.name}} ${HOME}", "{{business.name}} ${HOME}"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 ok",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 ok",
        ),
    ],
)
def test_no_service_takes_a_customers_words_for_markup(hostile: str, harmless: str) -> None:
    assert plain(hostile, 100) == harmless


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=3_000), st.integers(1, 30))
def test_any_words_make_a_note_of_bounded_size_without_what_steers(text: str, count: int) -> None:
    events = [reply(text, name=text, label=text), missed(name=text, reason=text)] * count
    made = note(events, ZONE, text or "x", full=True)
    assert len(made.body) <= WHOLE
    assert len(made.title) <= NAME + 200
    assert len(plain(text, TEXT)) <= TEXT
    for character in made.title + made.body.replace("\n", ""):
        steers = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert not steers or character in "\u200d\ufe0f"
    assert not set("<>`|") & set(made.body)

"""Messages from templates: what is filled in, what is refused, and what hostile names come to."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verdicts import ahead
from textback import compose
from textback.compose import Subject, TemplateError, check, clean_name, render
from textback.config import Business, Config
from textback.message import choose, subject_of
from textback.model import Moment

SUBJECT = Subject(
    contact_name="",
    contact_fallback="there",
    business_name="Acme Dental",
    number_label="Main line",
    number_phone="(212) 555-0100",
    number_did="+12125550100",
    call_time="3:45 PM",
    call_date="November 23",
    call_day="Monday",
)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hi {{contact.name}}!", "Hi there!"),
        ("{{ business.name }}, {{number.label}}", "Acme Dental, Main line"),
        ("{{number.phone}} {{number.did}}", "(212) 555-0100 +12125550100"),
        ("{{call.day}} {{call.date}} {{call.time}}", "Monday November 23 3:45 PM"),
        ("{{contact.name|upper}}", "THERE"),
        ("{{contact.name|default('x')|title|trim}}", "There"),
        ("{{number.label|truncate(4, true, '', 0)}}", "Main"),
        ("{% if call.day == 'Monday' %}a{% elif call.day %}b{% else %}c{% endif %}", "a"),
        ("{{ 'a' if not call.day else 'b' }}", "b"),
        ("  line 1 \r\nline 2\t\r\n", "line 1\nline 2"),
        ("{# a comment #}x", "x"),
        ("100 % { } {{ '{{' }}", "100 % { } {{"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_a_template_becomes_a_text(template: str, text: str) -> None:
    assert render(template, SUBJECT) == text


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("{% if not call.day %}x{% endif %}", "empty"),
        ("{{contact.nam}}", "'contact.nam' is not a variable"),
        ("{{contact}}", "'contact' is not a variable"),
        ("{% if contact %}x{% endif %}", "'contact' is not a variable"),
        ("{{name}}", "'name' is not a variable"),
        ("line one\n{{ name }}", "line 2: 'name'"),
        ("{{contact.name", "line 1"),
        ("{% if x %}", "line 1"),
        ("{% for i in range(9) %}{% endfor %}", "{% for %}"),
        ("{% set a = 1 %}", "{% set %}"),
        ("{% macro m() %}{% endmacro %}", "{% macro %}"),
        ("{% include '/etc/passwd' %}", "{% include %}"),
        ("{% import 'os' as o %}", "{% import %}"),
        ("{% extends 'x' %}", "{% extends %}"),
        ("{% block b %}{% endblock %}", "{% block %}"),
        ("{{ 'a' * 1000000000 }}", "arithmetic"),
        ("{{ 9 ** 9 ** 9 }}", "arithmetic"),
        ("{{ range(1000000000) }}", "a call"),
        ("{{ contact.name.format(contact) }}", "a call"),
        ("{{ lipsum() }}", "a call"),
        ("{{ ''.__class__.__mro__ }}", "is not a variable"),
        ("{{ contact.__class__ }}", "is not a variable"),
        ("{{ contact['name'] }}", "[...]"),
        ("{{ contact.name is defined }}", "a test"),
        ("{{ [1] }}", "a statement"),
        ("{{ {} }}", "a statement"),
        ("{{ contact.name|replace('a', 'b') }}", "the filter 'replace'"),
        ("{{ contact.name|center(1000000000) }}", "the filter 'center'"),
        ("{{ 'x'|attr('y') }}", "the filter 'attr'"),
        ("{{ contact.name|nonsense }}", "nonsense"),
        ("{{ contact.name|truncate('x') }}", "cannot be filled in"),
        ("{{ contact.name|truncate(1, true, '12345', 0) }}", "cannot be filled in"),
        ("{{" + "(" * 900 + "1" + ")" * 900 + "}}", "nested"),
        ("{{" + "not " * 400 + "1}}", "nested"),
        ("{% if 1 %}" * 90 + "{% endif %}" * 90, "nested"),
        ("x" * 1601, "1601 characters"),
        ("x" * 2001, "2001 characters"),
        ("{{ " + "9" * 1900 + " }}", "1900 characters"),
    ],
)
def test_a_template_that_cannot_become_a_text_is_refused_and_says_why(
    template: str, reason: str
) -> None:
    with pytest.raises(TemplateError) as caught:
        render(template, SUBJECT)
    assert reason in str(caught.value)


def test_a_template_is_checked_before_any_call() -> None:
    check("{{contact.name}}")
    with pytest.raises(TemplateError):
        check("{% if false %}{{ name }}{% endif %}")


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Mary", "Mary"),
        ("  Mary   Ann ", "Mary Ann"),
        ("O'Brien, Mary", "O'Brien, Mary"),
        ("Dr. J. R. Smith-Jones", "Dr. J. R. Smith-Jones"),
        ("José", "José"),
        ("Иван", "Иван"),
        ("王小明", "王小明"),
        ("Mary\x00\x07\x1b[31m", ""),
        ("Mary\r\nBcc", "Mary Bcc"),
        ("\u202eyraM", "yraM"),
        ("Ma\u200bry\ufeff", "Mary"),
        ("Mary \U0001f600", "Mary"),
        ("http://evil.example", ""),
        ("WIN at evil.example", ""),
        ("www evil", ""),
        ("evil．example", ""),  # a full-width dot is a dot to a phone
        ("+1 900 555 0123", ""),
        ("call 9005550123", ""),
        ("<script>alert(1)</script>", ""),
        ("{{ 7*7 }}", ""),
        ("user@host", ""),
        ("...", ""),
        ("", ""),
        ("A" * 41, ""),
        ("A" * 100_000, ""),
        ("a" + "\u0316" * 30, ""),
    ],
)
def test_a_name_that_cannot_be_trusted_gives_way(raw: str, name: str) -> None:
    assert clean_name(raw) == name
    expected = name or "there"
    assert render("{{contact.name}}", replace(SUBJECT, contact_name=raw)) == expected


def test_a_name_is_never_taken_for_a_template() -> None:
    hostile = replace(SUBJECT, contact_name="{{business.name}}", business_name="{{7*7}}")
    assert render("{{contact.name}} {{business.name}}", hostile) == "there {{7*7}}"


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_name_steers_the_display(raw: str) -> None:
    name = clean_name(raw)
    assert len(name) <= compose.MAX_NAME
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Nd"} for c in name if c)
    assert not set(name) & set(':/\\@<>{}[]|"')


SCRAPS = [
    *("{{", "}}", "{%", "%}", "{#", "#}", "contact", "contact.name", ".", "if", "endif", "else"),
    *("for", "in", "range", "(", ")", "[", "]", "|", "upper", "truncate", "default", "'", '"'),
    *("*", "**", "~", "+", "not ", "and", "9", "999999999", "x", " ", "\n", "-", "set", "=", ":"),
    *("call.time", "__class__", "raw", "endraw", "\x00", "\ud800", "é", "\U0001f600", "is", "none"),
]


@given(st.lists(st.sampled_from(SCRAPS), max_size=40).map("".join))
@settings(max_examples=200, deadline=None)
def test_no_template_does_anything_but_render_or_be_refused(template: str) -> None:
    try:
        text = render(template, SUBJECT)
    except TemplateError as error:
        assert str(error).isprintable()
    else:
        assert 0 < len(text) <= compose.MAX_TEXT
        assert not any(c != "\n" and unicodedata.category(c) == "Cc" for c in text)


# --- the subject of a message -----------------------------------------------------------------


def config(raw: dict[str, Any] | None = None, **number: Any) -> Config:
    return Config.model_validate(
        {
            "business": {"name": "Acme Dental", "timezone": "America/New_York"},
            "number": [{"did": "+12125550100", **number}],
            **(raw or {}),
        }
    )


CALLED = datetime(2026, 11, 23, 20, 5, tzinfo=UTC)  # Monday 15:05 in New York


def test_times_and_numbers_are_written_as_people_of_the_country_write_them() -> None:
    loaded = config()
    us = subject_of(loaded.number[0], loaded.business, CALLED).values()
    assert us["call"] == {"time": "3:05 PM", "date": "November 23", "day": "Monday"}
    assert us["number"]["phone"] == "(212) 555-0100"
    german = Business(name="Praxis", country="DE", timezone="Europe/Berlin")
    de = subject_of(loaded.number[0], german, CALLED).values()
    assert de["call"] == {"time": "21:05", "date": "23 November", "day": "Monday"}


def test_midnight_and_noon_are_twelve() -> None:
    loaded = config()
    for hour, shown in ((5, "12:05 AM"), (17, "12:05 PM"), (6, "1:05 AM")):
        called = CALLED.replace(hour=hour)
        assert subject_of(loaded.number[0], loaded.business, called).call_time == shown


def test_a_number_without_label_is_called_by_its_digits() -> None:
    loaded = config()
    values = subject_of(loaded.number[0], loaded.business, CALLED).values()
    assert values["number"]["label"] == "(212) 555-0100"


def template(loaded: Config, at: datetime = CALLED, message: str = "", again: bool = False) -> str:
    call = ahead(at=Moment(at, 0.0), message=message)
    return choose(loaded.number[0], loaded, call, again=again).template


def test_the_message_depends_on_the_hours_of_the_number() -> None:
    hours = {"days": "mon-fri", "open": "09:00-17:00"}
    loaded = config(message="open", after_hours_message="closed", hours=hours)
    assert template(loaded) == "open"
    assert template(loaded, CALLED.replace(hour=22)) == "closed"
    tokyo = config(
        message="open", after_hours_message="closed", hours={**hours, "timezone": "Asia/Tokyo"}
    )
    assert template(tokyo) == "closed"


def test_on_a_holiday_the_number_is_closed() -> None:
    hours = {"days": "mon-fri", "open": "09:00-17:00", "holidays": ["11-23"]}
    loaded = config(message="open", after_hours_message="closed", hours=hours)
    assert template(loaded) == "closed"
    assert template(loaded, CALLED.replace(day=24)) == "open"


def test_without_an_after_hours_message_the_hours_change_nothing() -> None:
    assert template(config(message="open", hours={"mon": "closed"})) == "open"


def test_the_dialplan_comes_before_the_second_miss_and_that_before_the_hours() -> None:
    loaded = config(
        {"message": [{"name": "directions", "text": "named"}]},
        message="open",
        message_again="again",
        after_hours_message="closed",
        hours={"mon": "closed"},
    )
    assert template(loaded) == "closed"
    assert template(loaded, again=True) == "again"
    assert template(loaded, message="directions", again=True) == "named"
    assert template(loaded, message=" directions ") == "named"


@pytest.mark.parametrize("name", ["Directions", "nothing", "\x00{{contact.name}}", "x" * 5000])
def test_a_name_there_is_not_loses_no_text(name: str) -> None:
    loaded = config({"message": [{"name": "directions", "text": "named"}]}, message="own")
    chosen = choose(loaded.number[0], loaded, ahead(message=name), again=False)
    assert chosen.template == "own"
    assert chosen.note.startswith("there is no [[message]] named ")
    assert len(chosen.note) < 100
    assert chosen.note.isprintable()

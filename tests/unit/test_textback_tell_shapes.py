"""What is promised of webhooks: the schema, the man page, and that our events keep to both."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from textback.config_tell import KINDS
from textback.model import Event, EventKind
from textback.tell_reference import man_page, schema
from textback.tell_shapes import AROUND, SHAPES, body
from textback.tell_webhook import encoded

CONF = Path(__file__).parents[2] / "conf"
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
_SAMPLES: dict[str, Any] = {
    "string": "words",
    "integer": 7,
    "number": 1.5,
    "boolean": True,
    "instant": "2026-11-23T15:00:00.000Z",
}


def sample(kind: EventKind) -> Event:
    payload = {f.name: _SAMPLES[f.kind.partition(" or ")[0]] for f in SHAPES[kind].fields}
    key = "00000000-0000-4000-8000-000000000001"
    return Event(kind=kind, at=NOW, caller="+12125550123", payload=payload, key=key)


def validator() -> jsonschema.Draft202012Validator:
    document = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


@pytest.mark.parametrize(
    ("file", "made"),
    [("textback-event.schema.json", schema), ("man/textback-webhooks.7", man_page)],
)
def test_what_is_installed_is_what_the_program_says(file: str, made: Any) -> None:
    assert (CONF / file).read_text(encoding="utf-8") == made(), "make generated"


def test_every_event_has_its_shape() -> None:
    assert SHAPES.keys() == set(EventKind)
    assert set(KINDS) == set(EventKind) - {EventKind.TEST}


@pytest.mark.parametrize("kind", list(EventKind))
def test_a_body_of_each_kind_fits_the_schema(kind: EventKind) -> None:
    found = json.loads(encoded(sample(kind)))
    assert list(found) == [field.name for field in AROUND]
    validator().validate(found)


@pytest.mark.parametrize("kind", list(EventKind))
def test_a_body_without_one_of_its_fields_does_not(kind: EventKind) -> None:
    for field in SHAPES[kind].fields:
        found = json.loads(encoded(sample(kind)))
        del found["data"][field.name]
        assert not validator().is_valid(found), field.name


def test_a_field_that_may_be_missing_is_null() -> None:
    found = body(sample(EventKind.CALL_MISSED))
    found["data"]["text"] = None
    validator().validate(found)
    found["data"]["call"] = None
    assert not validator().is_valid(found)


def test_hostile_words_arrive_as_they_came_and_the_same_in_every_try() -> None:
    hostile = 'a"}\u202e\ud83d<script>\x00'
    event = sample(EventKind.REPLY_RECEIVED)
    event.payload["text"] = hostile
    first = encoded(event)
    assert first.isascii()
    assert json.loads(first)["data"]["text"] == hostile
    assert encoded(event) == first

"""Holds an event against what `tell_shapes` promises of it, by means of our own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from textback.model import Event
from textback.tell_shapes import SHAPES

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def require(event: Event) -> None:
    """Raises AssertionError for a payload with other fields, or other kinds of values."""
    fields = {field.name: field.kind for field in SHAPES[event.kind].fields}
    assert event.payload.keys() == fields.keys(), (event.kind, event.payload.keys() ^ fields.keys())
    for name, value in event.payload.items():
        assert _fits(value, fields[name]), f"{event.kind} {name}: {value!r} is no {fields[name]}"


def _fits(value: Any, kind: str) -> bool:
    kind, _, null = kind.partition(" or ")
    if value is None:
        return bool(null)
    if kind == "instant":
        return (
            isinstance(value, str) and value.endswith("Z") and bool(datetime.fromisoformat(value))
        )
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))

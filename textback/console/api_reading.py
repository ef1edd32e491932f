"""What a request of the API says, read strictly: query and body by their models, or what is wrong.

A query is words, a body is JSON; both are brought to the same shape and read by the same rules, so
that the OpenAPI file tells the truth about both: no field that is not named there, no "1" for a
number, no time without a zone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from textback.console.ctx import Problem
from textback.console.i18n import _

#: RFC 3339, with its zone.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
#: The first and the last year of the calendar: in another zone such a time may have no date at all.
_ENDS = {"0001": "0002-01-01T00:00:00Z", "9999": "9998-12-31T00:00:00Z"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,12})?")
#: Depth of JSON that is looked through for characters that are none.
_DEEPEST = 32


def query(model: type[BaseModel], request: web.Request) -> BaseModel:
    """The query of a request. Raises Problem 422."""
    fields = _fields(model)
    raw: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name in request.query:
        said = request.query.getall(name)
        if name not in fields:
            wrong[name] = _("There is no such parameter.")
        elif "array" in fields[name].types:
            raw[name] = [_typed(one, fields[name].items) for one in said]
        elif len(said) > 1:
            wrong[name] = _("Once is enough.")
        else:
            raw[name] = _typed(said[0], fields[name].types)
    return _validated(model, raw, wrong)


async def body(
    model: type[BaseModel], request: web.Request, *, optional: bool = False
) -> BaseModel:
    """The body of a request; `optional`: there need be none. Raises Problem 400, 413, 415, 422."""
    if optional and not request.can_read_body:
        return model()
    if request.content_type != "application/json":
        raise Problem(415, "json", _("Send JSON, with Content-Type: application/json."))
    try:
        raw = json.loads(
            await request.read(), parse_constant=_no_constant, parse_float=_parse_float
        )
    except (ValueError, RecursionError):  # no JSON, or no UTF-8
        raise Problem(400, "json", _("This is no JSON.")) from None
    if not isinstance(raw, dict):
        raise Problem(422, "fields", _("Send an object."))
    unknown = {name: _("There is no such field.") for name in raw if name not in _fields(model)}
    return _validated(model, raw, unknown)


def _parse_float(word: str) -> float:
    """JSON has one kind of number: 17.0 is as good an id as 17."""
    number = float(word)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _validated(model: type[BaseModel], raw: dict[str, Any], wrong: dict[str, str]) -> BaseModel:
    for name, field in _fields(model).items():
        value = raw.get(name)
        if not isinstance(value, str):
            continue
        if field.format == "date-time" and not _INSTANT.fullmatch(value):
            wrong[name] = _("Write a time with its zone: 2026-05-04T09:30:00Z.")
        elif field.format == "date-time" and value[:4] in _ENDS:
            raw[name] = _ENDS[value[:4]]
        if field.format == "date" and not _DATE.fullmatch(value):
            wrong[name] = _("Write a day so: 2026-05-04.")
    if not _sound(raw):
        raise Problem(422, "fields", _("A character in it is none."))
    try:
        # As JSON, and strictly: a date is a string there, a number never is.
        found = model.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False, include_context=False):
            wrong.setdefault(".".join(str(step) for step in one["loc"]), one["msg"])
    if wrong:
        fields = {phrase(name): why for name, why in wrong.items()}
        raise Problem(422, "fields", _("A field is wrong."), **fields)
    return found


def phrase(name: str) -> str:
    """The name of a field as it can be told back: whatever was sent, short and in one line."""
    return "".join(c if c.isprintable() else "?" for c in name[:80])


def _sound(value: Any, depth: int = 0) -> bool:
    """Whether every string in it can be stored: no NUL, no half of a character."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return all(_sound(k, depth + 1) and _sound(v, depth + 1) for k, v in value.items())
    if isinstance(value, list):
        return all(_sound(one, depth + 1) for one in value)
    return True


# --- what a model takes ---------------------------------------------------------------------------


class Taken:
    """One field as its JSON schema has it: its types, its format, the types of its items."""

    def __init__(self, schema: Mapping[str, Any], defs: Mapping[str, Any]) -> None:
        forms = [_resolved(one, defs) for one in schema.get("anyOf", [schema])]
        self.types = frozenset(str(one.get("type", "string")) for one in forms)
        self.format = next((str(one["format"]) for one in forms if "format" in one), "")
        arrays = [one.get("items", {}) for one in forms if one.get("type") == "array"]
        self.items = Taken(arrays[0], defs).types if arrays else frozenset[str]()


@cache
def _fields(model: type[BaseModel]) -> dict[str, Taken]:
    schema = model.model_json_schema(by_alias=True)
    defs = schema.get("$defs", {})
    return {name: Taken(field, defs) for name, field in schema.get("properties", {}).items()}


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    named = schema.get("$ref", "")
    found: Mapping[str, Any] = defs.get(str(named).rpartition("/")[2], schema)
    return found


def _typed(word: str, types: frozenset[str]) -> Any:
    """A word of a query as what it stands for, where it is one of these types; else as it is."""
    if "integer" in types and _INTEGER.fullmatch(word):
        return int(word)
    if "number" in types and _NUMBER.fullmatch(word):
        return float(word)
    if "boolean" in types and word in ("true", "false"):
        return word == "true"
    return word

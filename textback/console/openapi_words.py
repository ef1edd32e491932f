"""The OpenAPI document in words: what the man page and the page at /api both say of a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textback.console import openapi
from textback.console.api import Endpoint


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter or field."""

    name: str
    kind: str  #: "integer", "list of Line", "one of a, b"
    about: str
    required: bool = False
    refers: str = ""  #: the name of the model it holds


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the API."""

    name: str
    about: str
    fields: tuple[Field, ...]
    words: tuple[str, ...] = ()  #: where it is not an object but one of these words


@dataclass(frozen=True, slots=True)
class Entry:
    """One endpoint."""

    method: str
    path: str  #: whole, from /api/v1 on
    tag: str
    summary: str
    about: str
    role: str
    parameters: tuple[Field, ...]
    body: str  #: the name of its model, "" for none
    answer: str
    status: int
    errors: Mapping[int, str]
    body_example: Any
    answer_example: Any

    @property
    def anchor(self) -> str:
        return f"{self.method.lower()}{self.path.removeprefix('/api/v1').replace('/', '-')}"


@dataclass(frozen=True, slots=True)
class Reference:
    """All of it."""

    about: str
    entries: tuple[Entry, ...]
    models: Mapping[str, Model]


def reference(endpoints: Sequence[Endpoint]) -> Reference:
    document = openapi.document(endpoints)
    schemas = document["components"]["schemas"]
    return Reference(
        about=openapi.paragraph(document["info"]["description"]),
        entries=tuple(_entry(one, document) for one in endpoints),
        models={name: _model(name, schema) for name, schema in schemas.items()},
    )


def _entry(endpoint: Endpoint, document: Mapping[str, Any]) -> Entry:
    made = document["paths"][endpoint.path][endpoint.method.lower()]
    answer = made["responses"][str(endpoint.status)]["content"]["application/json"]
    body = made.get("requestBody", {}).get("content", {}).get("application/json")
    return Entry(
        method=endpoint.method,
        path=document["servers"][0]["url"] + endpoint.path,
        tag=openapi.tag_of(endpoint),
        summary=endpoint.summary,
        about=openapi.about(endpoint),
        role=openapi.role(endpoint),
        parameters=tuple(
            _field(one["name"], {**one["schema"], "description": one["description"]}, one)
            for one in made.get("parameters", ())
        ),
        body=endpoint.body.__name__ if endpoint.body is not None else "",
        answer=endpoint.answer.__name__,
        status=endpoint.status,
        errors=openapi.answers(endpoint),
        body_example=body["example"] if body else None,
        answer_example=answer["example"],
    )


def _model(name: str, schema: Mapping[str, Any]) -> Model:
    required = schema.get("required", ())
    return Model(
        name=name,
        about=schema.get("description", ""),
        fields=tuple(
            _field(key, one, {"required": key in required})
            for key, one in schema.get("properties", {}).items()
        ),
        words=tuple(map(str, schema.get("enum", ()))),
    )


def _field(name: str, schema: Mapping[str, Any], around: Mapping[str, Any]) -> Field:
    return Field(
        name=name,
        kind=kind(schema),
        about=schema.get("description", ""),
        required=bool(around.get("required")),
        refers=_refers(schema),
    )


def kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return "one of " + ", ".join(str(word) or '""' for word in schema["enum"])
    if "const" in schema:
        return f"always {schema['const']}"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(kind(one) for one in schema[key]))
    said = str(schema.get("type", "any"))
    if said == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if said == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {kind(schema['additionalProperties'])}"
    if said == "string" and schema.get("format") == "date-time":
        return "time"
    if said == "string" and schema.get("format"):
        return str(schema["format"])
    return said + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    least = schema.get("minimum", schema.get("minLength"))
    most = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if schema.get("type") == "string" else ""
    if least and most:
        return f", {least} to {most}{unit}"
    if most is not None:
        return f", at most {most}{unit}"
    return f", at least {least}{unit}" if least else ""


def _refers(schema: Any) -> str:
    """The first model it speaks of."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            return str(schema["$ref"]).rpartition("/")[2]
        return next(filter(None, map(_refers, schema.values())), "")
    if isinstance(schema, list):
        return next(filter(None, map(_refers, schema)), "")
    return ""

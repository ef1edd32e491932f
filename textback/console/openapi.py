"""The API as OpenAPI 3.1, made of the table of endpoints and of their models.

One `Description` is what the file, the man page and the page at /api are written from.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from textback import __version__
from textback.console import openapi_descriptions
from textback.console.answer_api import MOST_NAMED, NAMED
from textback.console.api import JSON, PROBLEM, ROOT, Endpoint, ProblemDetails
from textback.console.openapi_examples import example
from textback.console.who import Role

REF = "#/components/schemas/{model}"
#: A row's number in a path.
ROW = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}

#: By the answer that names a row, where to read it.
_LINKS: Mapping[str, dict[str, Any]] = {
    "Sent": {
        "message": {
            "operationId": "get_messages_message",
            "parameters": {"message": "$response.body#/id"},
            "description": "How the text stands.",
        },
        "thread": {
            "operationId": "get_threads_thread",
            "parameters": {"thread": "$response.body#/thread"},
            "description": "The conversation it is part of.",
        },
    },
    "Case": {
        "case": {
            "operationId": "get_cases_case",
            "parameters": {"case": "$response.body#/id"},
            "description": "The case with its story.",
        },
    },
}
_NAME: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same as `request` in the body, where that is left out.",
    "schema": {"type": "string", "pattern": NAMED, "maxLength": MOST_NAMED},
    "example": "5f0c1e2a",
}
#: Which answers an entry has besides its own and those of `Endpoint.errors`, and when.
_ALWAYS = (401, 403, 406, 503)
_WITH_QUERY, _WITH_ROW, _WITH_BODY = (422,), (404,), (400, 413, 415, 422)
MEANS: Mapping[int, str] = {
    400: "The request cannot be read: no JSON, or a cursor of another list.",
    401: "Nobody is signed in, and there is no token, or one that does not hold.",
    403: "The role does not allow this, or X-CSRF-Token is missing.",
    404: "There is no such thing, or it was deleted.",
    406: "Something else than JSON was asked for.",
    409: "It does not fit how things stand now.",
    421: "The console does not answer to this Host; see `hosts` in [console].",
    413: "The body is larger than a request may be.",
    415: "The body is not said to be JSON.",
    422: "A parameter or a field is wrong; `fields` says which, and why.",
    429: "Too often; Retry-After says when it may be asked again.",
    502: "The PBX or the carrier did not do it.",
    503: "The store, the PBX or the carrier cannot be had just now.",
}
_ABOUT = """\
What the console's own pages use: conversations, calls, callbacks, numbers, figures and health of
one textback. Requests carry a token (`Authorization: Bearer`, made by `textback token add`) or
the session of a browser. Fields may be added within this version: ignore those you do not know.
Names, texts and reasons come from outside: treat them as such.
"""
_ROLE = {
    Role.VIEWER: "For every role.",
    Role.AGENT: "For agents and admins.",
    Role.ADMIN: "For admins.",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole OpenAPI document."""
    schemas = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, schemas)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "textback",
            "version": __version__,
            "summary": "Text back the callers nobody answered.",
            "description": _ABOUT,
        },
        "servers": [{"url": ROOT, "description": "Where the console listens."}],
        "tags": [{"name": tag} for tag in dict.fromkeys(map(tag_of, endpoints))],
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas)},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `textback token add`; it has a role of its own.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "textback",
                    "description": "The session of a browser that signed in. Whatever changes "
                    "something needs the header X-CSRF-Token as well, as the page's `csrf` has it.",
                },
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def text(endpoints: Sequence[Endpoint]) -> str:
    """The document as it is checked in and served."""
    return json.dumps(document(endpoints), indent=2, ensure_ascii=False) + "\n"


def tag_of(endpoint: Endpoint) -> str:
    return endpoint.path.split("/")[1]


def about(endpoint: Endpoint) -> str:
    """What its handler says of itself; "" for nothing."""
    return paragraph(endpoint.handler.__doc__ or "")


def paragraph(doc: str) -> str:
    """A docstring as text: paragraphs stay, lines are joined."""
    plain = inspect.cleandoc(doc)
    return "\n\n".join(" ".join(one.split()) for one in re.split(r"\n\s*\n", plain)).strip()


def role(endpoint: Endpoint) -> str:
    return _ROLE[endpoint.need]


def answers(endpoint: Endpoint) -> dict[int, str]:
    """Every status an entry may answer with besides its own, and what it means."""
    found = {*_ALWAYS, *endpoint.errors}
    found |= {*_WITH_QUERY}  # a parameter that is none
    found |= {*_WITH_ROW} if "{" in endpoint.path else set()
    found |= {*_WITH_BODY} if endpoint.body is not None else set()
    return {status: MEANS.get(status, HTTPStatus(status).phrase) for status in sorted(found)}


def parameters(endpoint: Endpoint, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What stands in path and query."""
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": ROW, "description": _row(name)}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    if takes_name(endpoint):
        found.append(_NAME)
    if endpoint.query is None:
        return found
    schema = endpoint.query.model_json_schema(by_alias=True, ref_template=REF)
    # What it refers to is among the components.
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        said = {key: one for key, one in field.items() if key != "title"}
        made = {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": said.pop("description", "")
            or openapi_descriptions.said(endpoint.query.__name__, name),
            "schema": _without_null({**said, **_opaque(name)}),
        }
        if _is_array(said):
            made |= {"style": "form", "explode": True}
        found.append(made)
    return found


def takes_name(endpoint: Endpoint) -> bool:
    """Whether it is done once, however often it is asked for by the same name."""
    return endpoint.body is not None and "request" in endpoint.body.model_fields


def _opaque(name: str) -> dict[str, str]:
    """A cursor is a string, and still no string that one makes up fits."""
    return {"format": "cursor"} if name == "cursor" else {}


def _row(name: str) -> str:
    return f"The number of the {name.replace('_', ' ')}."


def _is_array(schema: Mapping[str, Any]) -> bool:
    return any(one.get("type") == "array" for one in schema.get("anyOf", [schema]))


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A word of a query is never null: it is left out."""
    forms = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if "anyOf" not in schema:
        return schema
    rest = {k: v for k, v in schema.items() if k != "anyOf" and (k, v) != ("default", None)}
    return {**rest, **forms[0]} if len(forms) == 1 else {**rest, "anyOf": forms}


def _operation(endpoint: Endpoint, schemas: Mapping[str, Any]) -> dict[str, Any]:
    words = [word for word in re.split(r"[/{}_-]+", endpoint.path) if word]
    made: dict[str, Any] = {
        "operationId": "_".join([endpoint.method.lower(), *words]),
        "tags": [tag_of(endpoint)],
        "summary": endpoint.summary,
        "description": " ".join(filter(None, (about(endpoint), role(endpoint)))),
    }
    if found := parameters(endpoint, schemas):
        made["parameters"] = found
    if endpoint.body is not None:
        made["requestBody"] = {
            "required": not endpoint.body_optional,
            "content": {JSON: _content(endpoint.body, schemas)},
        }
    made["responses"] = {
        str(endpoint.status): {
            "description": paragraph(endpoint.answer.__doc__ or "Done."),
            "content": {JSON: _content(endpoint.answer, schemas)},
        }
    }
    if links := _LINKS.get(endpoint.answer.__name__):
        made["responses"][str(endpoint.status)]["links"] = links
    for status, meaning in answers(endpoint).items():
        made["responses"][str(status)] = {
            "description": meaning,
            "content": {PROBLEM: {"schema": {"$ref": REF.format(model="ProblemDetails")}}},
        }
    return made


def _content(model: type[BaseModel], schemas: Mapping[str, Any]) -> dict[str, Any]:
    name = model.__name__
    return {"schema": {"$ref": REF.format(model=name)}, "example": example(schemas[name], schemas)}


def _schemas(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Every model by its name. Raises ValueError where two are called alike."""
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {
        (ProblemDetails, "serialization"): None
    }
    for endpoint in endpoints:
        wanted[endpoint.answer, "serialization"] = None
        if endpoint.body is not None:
            wanted[endpoint.body, "validation"] = None
        if endpoint.query is not None:
            wanted[endpoint.query, "validation"] = None
    names, schema = models_json_schema(list(wanted), by_alias=True, ref_template=REF)
    for (model, _mode), said in names.items():
        if said["$ref"] != REF.format(model=model.__name__):
            raise ValueError(f"two models of the API are called {model.__name__}")
    for name, said in schema.get("$defs", {}).items():
        # Generators of clients call the variable of a model by its name, and so its field.
        if re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() in said.get("properties", {}):
            raise ValueError(f"{name} has a field of its own name: generated clients trip over it")
    bodies = {one.body.__name__ for one in endpoints if one.body is not None}
    queries = {one.query.__name__ for one in endpoints if one.query is not None}
    found: dict[str, Any] = {
        name: _tidied(name, one)
        for name, one in schema.get("$defs", {}).items()
        if name not in queries
    }
    for name in bodies:
        found[name]["additionalProperties"] = False
    return found


def _tidied(model: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Docstrings as text; no titles, which only repeat the name of the field."""
    if "description" in schema:
        schema["description"] = paragraph(schema["description"])
    schema.pop("title", None)
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        field |= _opaque(name)
        told = paragraph(field.get("description", "")) or openapi_descriptions.said(model, name)
        if told:
            field["description"] = told
    return schema

"""An example of each of the API's models: what the model itself names, else what its field is like.

Telephone numbers are of the ranges kept for fiction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

AT = "2026-05-04T14:03:27Z"
#: By the name of a field, for words; the first that is part of the name counts.
_WORDS: tuple[tuple[str, str], ...] = (
    ("next", "4Qm1x2vFWzE3LDE5XQ"),
    ("caller_name", "Jane Miller"),
    ("caller", "+16465550147"),
    ("number_label", "Main line"),
    ("label", "Main line"),
    ("number", "+12125550100"),
    ("did", "+12125550100"),
    ("handset", "+16465550147"),
    ("recipient", "+16465550147"),
    ("sender", "+12125550100"),
    ("name", "Jane Miller"),
    ("text", "Can you fit me in tomorrow?"),
    ("language", "en"),
    ("author", "jane"),
    ("owner", "jane"),
    ("who", "jane"),
    ("by", "jane"),
    ("route", "carrier"),
    ("pbx", "pbx"),
)
_DEEPEST = 8


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that fits the schema; `schemas` are those it may refer to, by name."""
    return _of("", schema, schemas, 0)


def _of(name: str, schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    for key in ("example", "const", "default"):
        if schema.get(key) is not None and not (key == "default" and schema[key] in ("", [], {})):
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return _of(name, schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        forms = [one for one in schema.get(key, ()) if one.get("type") != "null"]
        if forms and depth < _DEEPEST:
            return _of(name, forms[0], schemas, depth + 1)
    if name == "cursor":
        return ""  # the first page
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, schemas, depth)
    if kind == "array":
        if depth >= _DEEPEST or schema.get("maxItems") == 0:
            return []
        return [_of(name, schema.get("items", {}), schemas, depth + 1)]
    return _plain(name, schema)


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth >= _DEEPEST:
        return {}
    return {
        name: _of(name, field, schemas, depth + 1)
        for name, field in schema.get("properties", {}).items()
    }


def _plain(name: str, schema: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "boolean":
            return True
        case "integer":
            return max(17 if name == "id" or name.endswith("_id") else 1, schema.get("minimum", 0))
        case "number":
            return max(1.5, schema.get("minimum", 0))
        case "null":
            return None
    formats = {"date-time": AT, "date": AT[:10], "uuid": "7d0f4a36-5a4f-4a77-9a52-0f6c9f3f1f5e"}
    if schema.get("format") in formats:
        return formats[schema["format"]]
    return next((said for part, said in _WORDS if part in name), "") if name else ""

"""Says what is wrong with a config value in the words of a sysadmin, and what to do about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from textback.config import Config
from textback.config_contacts import Contacts
from textback.config_inbox import InboxConfig
from textback.config_keeping import Retention
from textback.config_numbers import Defaults, Hours, NumberConfig
from textback.config_optout import OptOut
from textback.config_pbx import PbxConfig
from textback.config_quick import QuickAnswer
from textback.config_smsc import SmscConfig
from textback.config_tables import (
    Agi,
    Business,
    Console,
    Limits,
    Log,
    NamedMessage,
    Never,
    StoreConfig,
)
from textback.config_tell import KeywordConfig, NotifyConfig, WebhookConfig
from textback.config_values import duration_text
from textback.phone import printable

#: Every table, by the name it has in the file.
TABLES: dict[str, type[BaseModel]] = {
    "business": Business,
    "log": Log,
    "store": StoreConfig,
    "console": Console,
    "agi": Agi,
    "limits": Limits,
    "never": Never,
    "optout": OptOut,
    "inbox": InboxConfig,
    "contacts": Contacts,
    "retention": Retention,
    "pbx": PbxConfig,
    "smsc": SmscConfig,
    "defaults": Defaults,
    "number": NumberConfig,
    "message": NamedMessage,
    "webhook": WebhookConfig,
    "notify": NotifyConfig,
    "keyword": KeywordConfig,
    "quick_answer": QuickAnswer,
}
#: Tables that may be there more than once, written [[name]].
REPEATED = ("pbx", "smsc", "number", "message", "webhook", "notify", "keyword", "quick_answer")

#: pydantic's error type -> what to say; {ctx} is filled from the error.
_SENTENCES = {
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "finite_number": "is not a number that can be used",
    "bool_parsing": "is not a yes or no; write true or false",
    "bool_type": "is not a yes or no; write true or false",
    "string_type": "is not a text; put it in quotes",
    "tuple_type": 'is not a list; write ["...", "..."]',
    "dict_type": "is not a table",
    "literal_error": "is not one of the allowed words; allowed: {expected}",
    "enum": "is not one of the allowed words",
    "greater_than_equal": "is too small; at least {ge}",
    "less_than_equal": "is too large; at most {le}",
    "too_short": "is empty",
    "too_long": "is too long; at most {max_length} characters",
    "string_too_short": "is empty",
    "string_too_long": "is too long; at most {max_length} characters",
    "model_type": "is not a table",
    "missing": "is missing",
}
_PATTERNS = {
    "name": "may have letters, digits, dots, dashes and underscores, and begins with one of the "
    "first two",
    "host": "is not a host name or an address",
}


def locate_error(error: ErrorDetails, model: type[BaseModel]) -> tuple[str | int, ...]:
    """The keys that lead to the mistake; pydantic's own names for union members left out."""
    if error["type"] == "extra_forbidden":
        return error["loc"]
    known = {*model.model_fields, *Hours.model_fields}
    return tuple(part for part in error["loc"] if isinstance(part, int) or part in known)


def explain(error: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong and what to do, for one pydantic error in a table."""
    names = [part for part in locate_error(error, model) if isinstance(part, str)]
    if error["type"] == "extra_forbidden":
        inner = Hours if len(names) > 1 and names[0] == "hours" else model
        return unknown_key(names[-1], inner)
    field = _field(names, model)
    extra: Mapping[str, Any] = {}
    if field is not None and isinstance(field.json_schema_extra, Mapping):
        extra = field.json_schema_extra
    return f"{_shown(error, extra)}{_sentence(error, names, extra, field)}"


def unknown_key(name: str, model: type[BaseModel]) -> str:
    """What to say of a key that its table does not have."""
    near = did_you_mean(name, model.model_fields)
    if near:
        return f"there is no such key; did you mean {near}?"
    if home := _home_of(name):
        return f"there is no such key here; it belongs in {home}"
    return f"there is no such key; there are {', '.join(model.model_fields)}"


def unknown_table(name: str) -> str:
    """What to say of a table, or a key above all tables, that does not exist."""
    if name in TABLES and (home := _home_of(name)):  # message = "..." above [[message]]
        return f"this key stands above all tables; put it under {home}"
    near = did_you_mean(name, [*TABLES, "mode", "override"])
    if near:
        hint = f"[[{near}]]" if near in REPEATED else near if near == "mode" else f"[{near}]"
        return f"there is no such table or key; did you mean {hint}?"
    if home := _home_of(name):
        return f"this key stands above all tables; put it under {home}"
    return f"there is no such table or key; there are mode, {', '.join(TABLES)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The known word that looks most like `name`, or ""."""
    candidates = list(known)
    word = name.casefold()
    begun = (c for c in candidates if len(c) >= 3 and word.startswith(c))  # monday: mon
    near = difflib.get_close_matches(word, candidates, 1, 0.72)
    return next(begun, near[0] if near else "")


def wrong_brackets(name: str) -> str:
    """What to say when [x] was written for [[x]], or the other way about."""
    if name in REPEATED:
        return f"this table may be repeated; write [[{name}]]"
    return f"this table is there once; write [{name}]"


def _home_of(name: str) -> str:
    for table, model in TABLES.items():
        if name in model.model_fields:
            if table == "defaults":
                return "[defaults] or [[number]]"
            return f"[[{table}]]" if table in REPEATED else f"[{table}]"
    return ""


def _field(names: list[str], model: type[BaseModel]) -> FieldInfo | None:
    if not names:
        return None
    if len(names) > 1 and names[0] == "hours":
        return Hours.model_fields.get(names[1])
    return model.model_fields.get(names[0])


def _shown(error: ErrorDetails, extra: Mapping[str, Any]) -> str:
    value = error.get("input")
    if extra.get("secret") or error["type"] == "missing" or isinstance(value, Mapping | list):
        return ""
    if error["type"] in {"too_short", "string_too_short"}:
        return ""
    if error["type"] == "value_error" and not error["msg"].startswith("Value error, is "):
        return ""
    return f"{printable(repr(value), 60)} "


def _sentence(
    error: ErrorDetails, names: list[str], extra: Mapping[str, Any], field: FieldInfo | None
) -> str:
    kind = error["type"]
    if kind == "value_error":
        return printable(error["msg"].removeprefix("Value error, "), 400)
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(names[-1] if names else "", "has characters that may not be there")
    sentence = _SENTENCES.get(kind) or printable(error["msg"], 200)
    is_duration = str(extra.get("allowed")).startswith("a duration")
    for name, value in (error.get("ctx") or {}).items():
        shown = f"{value:g}" if isinstance(value, float) else str(value).replace("'", '"')
        if is_duration and isinstance(value, int | float):
            shown = duration_text(float(value))
        sentence = sentence.replace("{" + name + "}", shown)
    if kind == "missing" and field is not None:
        sample = extra.get("sample")
        sentence += f"; {field.description}"
        sentence += f" For example {names[-1]} = {_toml(sample)}" if sample is not None else ""
    elif extra.get("allowed") and not re.search(r"allowed:|at least|at most", sentence):
        sentence += f"; allowed: {extra['allowed']}"
    return sentence


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


# A table added to Config but not here would be reported as unknown.
_DECLARED = set(Config.model_fields) - {"mode"}
assert set(TABLES) == _DECLARED, f"TABLES and Config differ: {set(TABLES) ^ _DECLARED}"

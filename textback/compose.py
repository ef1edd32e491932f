"""Turns a message template into the text a caller reads; pure, bounded, and deaf to hostile names.

A template is Jinja2, cut down to what a text message needs: {{variables}}, a few filters, and
{% if %}. Loops, calls, assignments and arithmetic are refused when the config is read, so that the
length of the output is bounded by the length of the template, and no template can take time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from textback.phone import printable

#: (segments, encoding, characters that forced UCS-2), as sms_gateway.encoding.measure gives it.
#: Passed in: the core does not import the gateway.
Measure = Callable[[str], tuple[int, str, tuple[str, ...]]]

MAX_TEMPLATE = 2_000
MAX_TEXT = 1_600  #: ten segments; what the longest-winded peers allow
MAX_NAME = 40
MAX_DEPTH = 20

#: Every variable a message may use, and what it says.
VARIABLES: dict[str, str] = {
    "contact.name": "the caller's name, or contact_fallback",
    "business.name": "the name of the business",
    "number.label": "the label of the number that was dialled, or the number itself",
    "number.phone": "the number that was dialled, as people write it: (212) 555-0100",
    "number.did": "the number that was dialled, in full: +12125550100",
    "call.time": "when the call came: 3:45 PM, or 15:45 where that is usual",
    "call.date": "the day of the call: 25 December",
    "call.day": "the weekday of the call: Friday",
}
FILTERS = ("default", "upper", "lower", "capitalize", "title", "trim", "truncate")

_ALLOWED_NODES: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Const),
    *(nodes.Filter, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.Not),
    *(nodes.And, nodes.Or, nodes.Keyword),
)
_NAMES = frozenset(v.partition(".")[0] for v in VARIABLES)
#: What makes a name an advertisement or a trap rather than a name.
_URL_LIKE = re.compile(r"https?|www|[:/\\@<>{}\[\]|]|\w\.\w{2}|\d{4}", re.IGNORECASE)
_NAME_CATEGORIES = ("L", "M", "Zs")
_NAME_MARKS = frozenset("'-.,&’")


#: What Jinja2's own filters raise on arguments they do not like.
_RENDER_ERRORS = (
    *(jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError),
    *(AttributeError, AssertionError, RecursionError),
)


class TemplateError(ValueError):
    """The template cannot become a message; the text says why, and the line where known."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message may speak of."""

    contact_name: str  #: hostile; cleaned here
    contact_fallback: str
    business_name: str
    number_label: str
    number_phone: str
    number_did: str
    call_time: str
    call_date: str
    call_day: str

    def values(self) -> dict[str, dict[str, str]]:
        return {
            "contact": {"name": clean_name(self.contact_name) or self.contact_fallback},
            "business": {"name": self.business_name},
            "number": {
                "label": self.number_label or self.number_phone or self.number_did,
                "phone": self.number_phone or self.number_did,
                "did": self.number_did,
            },
            "call": {"time": self.call_time, "date": self.call_date, "day": self.call_day},
        }


def render(template: str, subject: Subject) -> str:
    """The text for this caller. Raises TemplateError; nothing else, whatever the template."""
    compiled = _compile(template)
    values: Mapping[str, Any] = subject.values()
    try:
        text = compiled.render(values)
    except _RENDER_ERRORS as error:
        raise TemplateError(f"cannot be filled in: {printable(str(error), 200)}") from error
    text = tidy(text)
    if not text:
        raise TemplateError("comes out empty")
    if len(text) > MAX_TEXT:
        raise TemplateError(f"comes out {len(text)} characters long; at most {MAX_TEXT} are sent")
    return text


def check(template: str) -> None:
    """Raise TemplateError when the template is not one a message can be made from."""
    _compile(template)


def clean_name(raw: str) -> str:
    """A name fit to stand in a text to its bearer, or "" when what came in cannot be trusted.

    Letters, spaces and the marks names have; nothing that steers a display (control, bidi,
    invisible), and nothing that reads like a link or a number, since a caller chooses this.
    """
    folded = unicodedata.normalize("NFKC", raw[: MAX_NAME * 4])
    if _URL_LIKE.search(folded):
        return ""
    kept = "".join(
        c if unicodedata.category(c).startswith(_NAME_CATEGORIES) or c in _NAME_MARKS else " "
        for c in folded
        if unicodedata.category(c) not in {"Cf", "Cs", "Co", "Cn"}
    )
    name = " ".join(kept.split()).strip("-.,& ")
    if len(name) > MAX_NAME or not any(c.isalpha() for c in name):
        return ""
    # Stacked accents spill over the neighbouring lines of a phone's screen.
    marks = sum(unicodedata.category(c).startswith("M") for c in name)
    return "" if marks > len(name) // 2 else name


def tidy(text: str) -> str:
    """Line ends as \\n, no other control or invisible steering character, no edge blanks."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if c == "\n" or unicodedata.category(c) not in {"Cc", "Cs"})
    return "\n".join(line.rstrip() for line in kept.strip().split("\n"))


class _Environment(SandboxedEnvironment):
    """Jinja2 without globals, tests and all filters but a few."""

    def __init__(self) -> None:
        super().__init__(autoescape=False, undefined=jinja2.StrictUndefined)
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.tests.clear()


_ENVIRONMENT = _Environment()


@lru_cache(maxsize=256)
def _compile(template: str) -> jinja2.Template:
    if len(template) > MAX_TEMPLATE:
        raise TemplateError(f"is {len(template)} characters long; at most {MAX_TEMPLATE} are read")
    try:
        tree = _ENVIRONMENT.parse(template)
        for problem in _problems(tree, 0):
            raise TemplateError(problem)
        return _ENVIRONMENT.from_string(template)
    except jinja2.TemplateSyntaxError as error:
        message = printable((error.message or "not a template").rstrip("."), 200)
        raise TemplateError(f"line {error.lineno}: {message}") from error
    except (RecursionError, MemoryError, SyntaxError, ValueError, OverflowError) as error:
        if isinstance(error, TemplateError):
            raise
        raise TemplateError("is too deeply nested or has a value too long") from error


def _problems(node: nodes.Node, depth: int) -> Iterator[str]:
    line = f"line {node.lineno}: "
    if depth > MAX_DEPTH:
        yield line + "is too deeply nested"
        return
    if not isinstance(node, _ALLOWED_NODES):
        yield line + f"has {_what(node)}; a message may use {{{{variables}}}} and {{% if %}}"
        return
    if isinstance(node, nodes.Name) and node.name not in _NAMES:
        yield line + _unknown(node.name)
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        yield line + f"the filter {node.name!r} is not known; there are {', '.join(FILTERS)}"
    if isinstance(node, nodes.Getattr):
        base = node.node.name if isinstance(node.node, nodes.Name) else "?"
        if f"{base}.{node.attr}" not in VARIABLES:
            yield line + _unknown(f"{base}.{node.attr}")
        return
    for child in node.iter_child_nodes():
        # A bare {{contact}} would print a Python dict.
        if isinstance(child, nodes.Name) and child.name in _NAMES:
            yield line + _unknown(child.name)
        yield from _problems(child, depth + 1)


def _unknown(name: str) -> str:
    return f"{printable(name)!r} is not a variable; there are {', '.join(VARIABLES)}"


def _what(node: nodes.Node) -> str:
    words: dict[type[nodes.Node], str] = {
        nodes.For: "{% for %}",
        nodes.Assign: "{% set %}",
        nodes.Macro: "{% macro %}",
        nodes.Include: "{% include %}",
        nodes.Import: "{% import %}",
        nodes.Extends: "{% extends %}",
        nodes.Block: "{% block %}",
        nodes.Call: "a call",
        nodes.Getitem: "[...]",
        nodes.Test: "a test (`is`)",
        nodes.BinExpr: "arithmetic",
    }
    return next((word for kind, word in words.items() if isinstance(node, kind)), "a statement")

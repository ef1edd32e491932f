"""Writes the sample configuration and its man page from the tables of the config.

`python -m textback.config_reference sample` and `... man` print them; a test compares what is
checked in under conf/.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from textback.compose import FILTERS, VARIABLES
from textback.config import Config, NumberConfig
from textback.config_numbers import Defaults, Hours
from textback.config_values import duration_text
from textback.config_words import REPEATED, TABLES

_WIDTH = 92
#: Tables that a usual configuration does not have: in the sample they are comments.
_OPTIONAL = ("message", "webhook", "notify", "keyword", "quick_answer")

_HEAD = """\
# textback.toml - configuration of textback, made from the program itself.
#
# Lines that begin with #key show the default; take the # away to change it. Files in conf.d/*.toml
# beside this one are read after it, in the order of their names: a key there overrides the same
# key here, and tables in [[double brackets]] are added. Relative paths begin at this
# folder. `textback check-config` says what is wrong, all at once. `systemctl reload textback` takes
# a change over; a configuration with an error is refused and the old one stays. The whole reference
# is textback.toml(5).
"""


def sample() -> str:
    """The text of conf/textback.toml: every key with its purpose, what is allowed, its default."""
    blocks = [_HEAD, "\n".join(_sample_key("mode", Config.model_fields["mode"]))]
    for name, model in TABLES.items():
        header = f"[[{name}]]" if name in REPEATED else f"[{name}]"
        lines = [*_comment(_about(model)), header]
        for key, field in _keys(model).items():
            lines += ["", *_sample_key(key, field)]
        if name == "number":
            lines += _sample_number_tail()
        if name in _OPTIONAL:
            lines = [line if line.startswith("#") or not line else "#" + line for line in lines]
        blocks.append("\n".join(lines))
    blocks.append("\n".join([*_comment(_OVERRIDE), *_OVERRIDE_SAMPLE]))
    return "\n\n".join(b.strip("\n") for b in blocks) + "\n"


def man_page() -> str:
    """The text of conf/man/textback.toml.5, in roff."""
    out = [
        '.\\" made from the program itself: python -m textback.config_reference man',
        '.TH TEXTBACK.TOML 5 "" "textback" "File formats"',
        ".SH NAME",
        "textback.toml \\- configuration of the missed\\-call text\\-back service",
        ".SH SYNOPSIS",
        ".I /etc/textback/textback.toml",
        ".br",
        ".I /etc/textback/conf.d/*.toml",
        ".SH DESCRIPTION",
        _roff(
            "The configuration is written in TOML. Files in conf.d beside the main file are read "
            "after it, in the order of their names: a key there overrides the same key before it; "
            "tables in [[double brackets]] are added to those already there. "
            "Relative paths begin at the folder of the main file."
        ),
        ".PP",
        _roff(
            "textback check-config reports every mistake at once, with file and line. On SIGHUP "
            "(systemctl reload textback) the files are read again; when they have a mistake, the "
            "configuration in use stays."
        ),
        ".PP",
        _roff(
            'A duration is a number of seconds, or a text such as "15s", "5m", "24h" or "1h30m".'
        ),
        ".SH ABOVE ALL TABLES",
        *_man_key("mode", Config.model_fields["mode"]),
    ]
    for name, model in TABLES.items():
        out.append(".SH " + (f"[[{name}]]" if name in REPEATED else f"[{name}]"))
        out.append(_roff(_about(model)))
        if name == "defaults":
            out += [".PP", _roff(_WHICH_TEXT)]
        for key, field in _keys(model).items():
            out += _man_key(key, field)
    out += [".SH [override]", _roff(_OVERRIDE), ".PP", ".nf"]
    out += [*(_escape(line.removeprefix("#")) for line in _OVERRIDE_SAMPLE), ".fi"]
    out += [".SH [number.hours] AND [defaults.hours]", _roff(_about(Hours))]
    out.append(_roff("A span that ends before it begins runs into the next day."))
    for key, field in Hours.model_fields.items():
        out += _man_key(key, field)
    out += [".SH MESSAGES", _roff("A message may use these variables:")]
    for variable, meaning in VARIABLES.items():
        out += [
            ".TP",
            ".B " + _escape("{{" + variable + "}}"),
            _roff(meaning[:1].upper() + meaning[1:] + "."),
        ]
    filters = ", ".join(FILTERS)
    out += [
        ".PP",
        _roff(
            "{% if %}, {% elif %} and {% else %} may be used, and the filters "
            f"{filters}, as in {{{{contact.name|upper}}}}. Nothing else of Jinja2 is understood. "
            "Quotation marks, dashes and the like are sent as their plain forms where that keeps "
            "the text in the GSM alphabet; other characters outside it make a segment hold 70 "
            "characters instead of 160. check-config warns of both."
        ),
        ".SH EXAMPLE",
        ".nf",
        *(_escape(line) if line else ".sp" for line in _EXAMPLE.splitlines()),
        ".fi",
        ".SH SEE ALSO",
        ".BR textback (1),",
        ".BR systemd.exec (5)",
        "for LoadCredential=.",
    ]
    return "\n".join(out) + "\n"


_OVERRIDE = (
    "What is said over all files, key by key: the mode, and any key of a [[number]] that is named "
    "by its did. The console writes it into conf.d/console.toml when an admin changes a number "
    "there; by hand it may stand in any file. Of two files that override one key the later by name "
    "counts. One for a number that is not configured any more has no effect and is a warning. The "
    "console changes no sender, no route, no desk phone and no secret, and [console] edit = false "
    "keeps it from changing anything."
)
_OVERRIDE_SAMPLE = (
    *("#[override]", '#mode = "live"', "#[[override.number]]"),
    *('#did = "+12125550100"', "#enabled = false"),
)

_WHICH_TEXT = (
    "Which text a caller gets: the [[message]] the dialplan asked for; else, for a second missed "
    "call within cooldown, message_again; else, outside hours, after_hours_message; else message. "
    "When it goes out: delay after the verdict, and where that is in quiet hours, at their end. "
    "What it waits so is not counted against limits.max_age. follow_up is one more text to the "
    "same caller, follow_up_after the first: cancelled by a reply, STOP, an answered call either "
    "way, or the dialplan's word that the call is handled; behind a text that was held, or that "
    "the carrier did not take, there is none."
)

_EXAMPLE = """\
mode = "live"

[business]
name = "Acme Dental"
country = "US"
timezone = "America/New_York"

[[pbx]]
secret_credential = "ami"

[[smsc]]
host = "smpp.example.net"
system_id = "acme"
password_credential = "smpp"

[[number]]
did = "+12125550100"
label = "Main line"
after_hours_message = "Hi, {{business.name}} is closed. We call you back. Reply STOP to opt out."
[number.hours]
days = "mon-fri"
open = "09:00-17:00"
holidays = ["12-25"]
"""


def _keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys a table is documented with; [[number]] repeats none of [defaults]."""
    inherited = Defaults.model_fields if model is NumberConfig else {}
    return {
        name: field
        for name, field in model.model_fields.items()
        if name not in inherited and name != "hours"
    }


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def _allowed(field: FieldInfo) -> str:
    """What may stand there: in the field's own words, or read off its type."""
    if own := _extra(field).get("allowed"):
        return str(own)
    if get_origin(field.annotation) is Literal:
        return ", ".join(f'"{word}"' for word in get_args(field.annotation))
    if field.annotation is bool:
        return "true, false"
    least = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    most = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    return f"{least} to {most}" if most is not None else ""


def _default(field: FieldInfo) -> str:
    """The default as TOML; "" when the key has none."""
    if field.default is PydanticUndefined or field.default is None:
        return ""
    return _toml(field.default, field)


def _toml(value: Any, field: FieldInfo) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and str(_extra(field).get("allowed")).startswith("a duration"):
        return f'"{duration_text(value)}"'
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v, field) for v in value) + "]"
    return str(value)


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield "# " + line


def _sample_key(name: str, field: FieldInfo) -> list[str]:
    lines = list(_comment(field.description or ""))
    if allowed := _allowed(field):
        lines += _comment(f"Allowed: {allowed}.")
    default, written = _default(field), _extra(field).get("sample")
    if default not in {"", '""'} and written is not None and _toml(written, field) != default:
        lines += _comment(f"Default: {default}.")
    if written is not None:
        return [*lines, f"{name} = {_toml(written, field)}"]
    return [*lines, f"#{name} = {default or '1'}"]


def _sample_number_tail() -> list[str]:
    lines = ["", *_comment("Every key of [defaults] may stand here too, for this number alone:")]
    lines += ['#sender = "+12125550101"', '#ring_timeout = "20s"']
    lines += ["", *_comment(_about(Hours)), "#[number.hours]"]
    for name, example in (
        ("days", '"mon-fri"'),
        ("open", '"09:00-12:00, 13:00-17:00"'),
        ("sat", '"10:00-14:00"'),
        ("holidays", '["12-25", "2026-11-26"]'),
        ("timezone", '"America/New_York"'),
    ):
        lines.append(f"#{name} = {example}")
    return lines


def _man_key(name: str, field: FieldInfo) -> Iterator[str]:
    yield ".TP"
    yield ".B " + _escape(name)
    yield _roff(field.description or "")
    notes = []
    if allowed := _allowed(field):
        notes.append(f"Allowed: {allowed}.")
    if field.is_required():
        notes.append("Must be set.")
    elif (default := _default(field)) not in {"", '""'}:
        notes.append(f"Default: {default}.")
    if notes:
        yield ".br"
        yield _roff(" ".join(notes))


def _roff(text: str) -> str:
    """Running text as roff: wrapped, nothing in it taken for a request."""
    return "\n".join(_escape(line) for line in textwrap.wrap(text, 80, break_on_hyphens=False))


def _escape(line: str) -> str:
    escaped = line.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped


def main(arguments: list[str]) -> int:
    """Print what is asked for; 2 when it is neither."""
    writers = {"sample": sample, "man": man_page}
    if len(arguments) != 1 or arguments[0] not in writers:
        sys.stderr.write("usage: python -m textback.config_reference sample|man\n")
        return 2
    sys.stdout.write(writers[arguments[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

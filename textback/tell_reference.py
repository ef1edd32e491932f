"""Writes the JSON schema of webhooks and their man page from `tell_shapes`.

`python -m textback.tell_reference schema` and `... man` print them; a test compares what is checked
in under conf/.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from textback.tell_shapes import AROUND, SHAPES, VERSION, Field

_TYPES: dict[str, dict[str, Any]] = {
    "instant": {"type": "string", "format": "date-time"},
}


def schema() -> str:
    """The text of conf/textback-event.schema.json: JSON Schema, draft 2020-12."""
    around = {field.name: _field(field) for field in AROUND if field.name not in ("type", "data")}
    around["id"]["format"] = "uuid"
    around["version"] = {**around["version"], "const": VERSION}
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What textback tells a webhook",
        "type": "object",
        "required": [field.name for field in AROUND],
        "properties": {
            **around,
            "type": {
                "description": "the event",
                "type": "string",
                "enum": [kind.value for kind in SHAPES],
            },
            "data": {"type": "object"},
        },
        "oneOf": [
            {
                "description": shape.about,
                "properties": {
                    "type": {"const": kind.value},
                    "data": {
                        "type": "object",
                        "required": [field.name for field in shape.fields],
                        "properties": {field.name: _field(field) for field in shape.fields},
                    },
                },
            }
            for kind, shape in SHAPES.items()
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _field(field: Field) -> dict[str, Any]:
    kind, _, null = field.kind.partition(" or ")
    found: dict[str, Any] = {"description": field.doc, **_TYPES.get(kind, {"type": kind})}
    if null:
        found["type"] = [found["type"], null]
    return found


_HEADERS = (
    ("Content-Type", "application/json; charset=utf-8"),
    ("X-Textback-Event", "the event, as type in the body"),
    ("X-Textback-Delivery", "id of the body"),
    ("Idempotency-Key", "the same"),
    ("X-Textback-Attempt", "1 for the first try, and so on"),
    ("X-Textback-Timestamp", "seconds since 1970 at which this try was signed"),
    ("X-Textback-Signature", "t=TIMESTAMP,v1=SIGNATURE, see below"),
)

_ANSWERS = (
    ("2xx", "Taken. The body of the answer is not looked at."),
    (
        "410",
        "You want no more of it: this event is given up, and the webhook is told nothing until "
        "the configuration is read again, or textback tell retry. What happens meanwhile waits, "
        "for max_age.",
    ),
    (
        "429, 503 and any other",
        "Tried again, after 5 seconds at first, then twice as long each time, up to 15 minutes; "
        "with a Retry-After (seconds or a date) not before that, up to 6 hours. After max_age it "
        "is given up, which raises the alarm telling_failed. Redirects are not followed: they "
        "count as failures.",
    ),
)

_VERIFY = """\
body=$(cat)                      # the bytes as they came
t=${signature#t=}; t=${t%%,*}    # of X-Textback-Signature
printf '%s.%s' "$t" "$body" |
    openssl dgst -sha256 -hmac "$secret"
"""


def man_page() -> str:
    """The text of conf/man/textback-webhooks.7, in roff."""
    out = [
        '.\\" made from the program itself: python -m textback.tell_reference man',
        '.TH TEXTBACK-WEBHOOKS 7 "" "textback" "Miscellaneous"',
        ".SH NAME",
        "textback\\-webhooks \\- what textback tells other systems, and how",
        ".SH DESCRIPTION",
        _roff(
            "Each [[webhook]] of textback.toml is sent the events it subscribed to, one HTTP POST "
            "for each, in the order in which they happened. An event is told at least once: after "
            "an answer that was lost it comes again, with the same id. A keyword goes before what "
            "waits. An event that fails five times steps aside, so that it does not hold up the "
            "others, and comes again later."
        ),
        ".PP",
        _roff(
            "The whole is described as JSON Schema in textback-event.schema.json. Fields may be "
            "added; ignore those you do not know. Names, texts and reasons come from outside: "
            "treat them as such."
        ),
        ".SH REQUEST",
        _roff("The headers:"),
        *_list((name, meaning) for name, meaning in _HEADERS),
        ".PP",
        _roff("The body is a JSON object with:"),
        *_fields(AROUND),
        ".SH SIGNATURE",
        _roff(
            "SIGNATURE is the HMAC-SHA256, in hexadecimal, of the timestamp, a full stop and the "
            "body as it came, with the secret of the [[webhook]] as key. While old_secret is set "
            "there is a second v1= made with that: take the request when one of them fits. "
            "Compare in constant time, and refuse a timestamp older than five minutes."
        ),
        ".PP",
        ".nf",
        *(_escape(line) for line in _VERIFY.splitlines()),
        ".fi",
        ".PP",
        _roff(
            "To change the secret: give the new one as secret and the one before as old_secret, "
            "reload textback, teach the other side the new one, take old_secret out, reload."
        ),
        ".SH ANSWERS",
        *_list(_ANSWERS),
        ".SH EVENTS",
    ]
    for kind, shape in SHAPES.items():
        out += [f".SS {kind.value}", _roff(shape.about), ".PP", _roff("data has:")]
        out += _fields(shape.fields)
    out += [".SH SEE ALSO", ".BR textback (1),", ".BR textback.toml (5)"]
    return "\n".join(out) + "\n"


def _fields(fields: Iterable[Field]) -> list[str]:
    return _list((f.name, f"{f.doc} ({f.kind})") for f in fields)


def _list(rows: Iterable[tuple[str, str]]) -> list[str]:
    def lines() -> Iterator[str]:
        for name, meaning in rows:
            first = meaning.split()[0]
            said = meaning[:1].upper() + meaning[1:] if first.strip(",:").isalpha() else meaning
            yield from (".TP", ".B " + _escape(name), _roff(said))

    return list(lines())


def _roff(text: str) -> str:
    return _escape(text if text.endswith((".", ":")) else text + ".")


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


if __name__ == "__main__":
    sys.stdout.write({"schema": schema, "man": man_page}[sys.argv[1]]())

"""Writes the OpenAPI file and textback-api(7) from the table of endpoints.

`python -m textback.console.api_reference openapi` and `... man` print them; a test compares what
is checked in under conf/.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from textback.console import openapi, openapi_words
from textback.console.app import ENDPOINTS
from textback.console.openapi_words import Entry, Field, Model

_FIRST = """\
umask 077
textback token add crm --role agent >crm.token
printf 'header = "Authorization: Bearer %s"\\n' "$(cat crm.token)" >crm.curl
"""
_ASK = """\
curl --config crm.curl http://127.0.0.1:8480/api/v1/whoami
"""
_LOOP = """\
base=http://127.0.0.1:8480/api/v1
curl -fsS --config crm.curl "$base/threads?list=unread" |
    jq -r '.threads[] | [.id, .handset, .name, .text] | @tsv'
printf '%s' '{"text": "Thank you, we call you back at four.", "request": "ticket-4711"}' |
    curl -fsS --config crm.curl --json @- "$base/threads/17/replies"
"""


def document() -> str:
    """The text of conf/textback-openapi.json."""
    return openapi.text(ENDPOINTS)


def man_page() -> str:
    """The text of conf/man/textback-api.7, in roff."""
    told = openapi_words.reference(ENDPOINTS)
    out = [
        '.\\" made from the program itself: python -m textback.console.api_reference man',
        '.TH TEXTBACK-API 7 "" "textback" "Miscellaneous"',
        ".SH NAME",
        "textback\\-api \\- the JSON API of textback's console",
        ".SH DESCRIPTION",
        _roff(told.about),
        ".PP",
        _roff(
            "The whole is described as OpenAPI 3.1 in textback-openapi.json, which the console "
            "also serves as /api/v1/openapi.json; for people there is /api. Everything is below "
            "/api/v1 of the address at which [console] of textback.toml(5) listens."
        ),
        ".SH WHO ASKS",
        _roff(
            "A program sends a token, which textback token add makes and shows once; only a hash "
            "of it is kept. It has a role: viewer looks, agent answers callers and works cases, "
            "admin changes numbers and texts. Keep it in a file that nobody else can read, and "
            "give it to curl by --config, so that it is on no command line:"
        ),
        *_code(_FIRST + _ASK),
        ".SH A SMALL CRM",
        _roff("The conversations that nobody has read, and an answer to one of them:"),
        *_code(_LOOP),
        ".PP",
        _roff(
            "With request a text is sent once, however often it is asked for: after an answer that "
            "was lost, ask again with the same."
        ),
        ".PP",
        _roff(
            "To be told rather than to ask, use a webhook: textback-webhooks(7). Its events name "
            "calls, conversations and cases by the numbers that are used here."
        ),
        ".SH REQUESTS",
        _roff(
            "Bodies are JSON, said to be so by Content-Type: application/json. Times are RFC 3339 "
            "with their zone, telephone numbers E.164. A parameter or field that is not named "
            "below is refused, not overlooked. Lists come in pages: next of an answer, where it "
            "is not empty, is the cursor of the page that follows. HEAD and OPTIONS are answered "
            "everywhere."
        ),
        ".SH ERRORS",
        _roff(
            "Whatever is no success is application/problem+json (RFC 9457), with code as a word "
            "for programs, detail as a sentence for people, and in fields, by its name, why each "
            "field is wrong:"
        ),
        *_list((str(status), means) for status, means in openapi.MEANS.items()),
    ]
    tag = ""
    for entry in told.entries:
        if entry.tag != tag:
            tag = entry.tag
            out.append(f".SH {_escape(tag.upper())}")
        out += _entry(entry)
    out.append(".SH MODELS")
    for model in told.models.values():
        out += _model(model)
    out += [
        ".SH SEE ALSO",
        ".BR textback (1),",
        ".BR textback.toml (5),",
        ".BR textback-webhooks (7)",
    ]
    return "\n".join(out) + "\n"


def _entry(entry: Entry) -> Iterator[str]:
    yield f".SS {entry.method} {_escape(entry.path)}"
    yield _roff(entry.summary)
    if entry.about:
        for one in entry.about.split("\n\n"):
            yield from (".PP", _roff(one))
    yield from (".PP", _roff(entry.role))
    if entry.parameters:
        yield from _fields(entry.parameters)
    yield ".PP"
    taken = f"Takes {entry.body}. " if entry.body else ""
    yield _roff(f"{taken}Answers {entry.status} with {entry.answer}")


def _model(model: Model) -> Iterator[str]:
    yield f".SS {_escape(model.name)}"
    if model.about:
        yield _roff(model.about.replace("\n\n", " "))
    if model.words:
        yield from (".PP", _roff("One of " + ", ".join(model.words)))
    if model.fields:
        yield from _fields(model.fields)


def _fields(fields: Iterable[Field]) -> list[str]:
    return _list(
        (one.name, f"{one.about.rstrip('.')} ({one.kind})" if one.about else f"({one.kind})")
        for one in fields
    )


def _list(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for name, said in rows for line in (".TP", ".B " + _escape(name), _roff(said))]


def _code(text: str) -> list[str]:
    return [".PP", ".nf", *(_escape(line) for line in text.splitlines()), ".fi"]


def _roff(text: str) -> str:
    """One line, so that nothing in it begins one."""
    plain = " ".join(text.split())
    return _escape(plain if plain.endswith((".", ":", "!", "?")) else plain + ".")


def _escape(text: str) -> str:
    text = text.replace("`", "").replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


if __name__ == "__main__":
    sys.stdout.write({"openapi": document, "man": man_page}[sys.argv[1]]())

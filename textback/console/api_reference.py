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


_ONCE = """\
A text is sent once, however often it is asked for, with a request name of your own in the body \
or in the header Idempotency-Key: after an answer that was lost or 503, ask again with the same. \
It is answered as the first was (201, the same id), also when the handset has opted out \
meanwhile. The name counts for your token, that conversation and that text. What is not named \
may be written twice.

How it went on says GET /messages/{message}, with the id of that answer, until over is true.

A whole connector of some 200 lines, in Python and nothing else, is installed as \
/usr/local/share/textback/crm/textback_crm.py; take from it what you like. Clients made from \
textback-openapi.json type-check as well (openapi-python-client, openapi-typescript).

To call from a desk phone, give the token one (textback token add --phone, textback token \
phone), or name in the body that of a user: textback user add NAME --no-password --phone \
PJSIP/101 makes one who never signs in here.
"""
_KEEPING_UP = """\
GET /events has all that happened in its order: missed calls, replies, cases, opt-outs, texts \
that did not arrive, alarms; the same that webhooks are sent (textback-webhooks(7)), with the \
same ids. Begin with start=now, then ask with next of the answer before. Each event comes once, \
however long you were away; gap says that some are deleted already (retention.events). Delivery \
states are no events: see messages.

A list that goes by time changes while it is read: pages come without doubles, but what moves to \
the front meanwhile is not met again further back. So to copy all conversations, take the place \
in the events first, read the pages, then follow the events from that place.
"""
_FOLLOWING = """\
place=$(curl -fsS --config crm.curl "$base/events?start=now" | jq -r .next)
while sleep 5; do
    page=$(curl -fsS --config crm.curl "$base/events?cursor=$place") || continue
    printf '%s' "$page" | jq -c '.events[]'
    place=$(printf '%s' "$page" | jq -r .next)
done
"""
_LIVE = """\
To be told when to ask, rather than to ask every few seconds, listen to /live (beside /api/v1, \
with the same token): server-sent events, which say words and never contents. At most 12 streams \
for each token. An ended one is opened anew; what was missed stands in the events.
"""
_TOLD = (
    ("event: hello", "After each connection: ask for everything you show."),
    (
        "event: topics",
        "data has what changed, words with spaces between them: inbox, thread:17, calls, cases, "
        "numbers, health, figures; * is anything.",
    ),
    ("event: crowded", "The last one: newer streams of the same token have taken its place."),
    (
        "event: here",
        "Nothing happened for 15 seconds. After half a minute of silence connect again.",
    ),
)


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
        *_paragraphs(_ONCE),
        ".SH KEEPING UP",
        *_paragraphs(_KEEPING_UP),
        *_code(_FOLLOWING),
        *_paragraphs(_LIVE),
        *_list(_TOLD),
        ".SH REQUESTS",
        _roff(
            "Bodies are JSON, said to be so by Content-Type: application/json. Times are RFC 3339 "
            "with their zone, telephone numbers E.164. A parameter or field that is not named "
            "below is refused, not overlooked; one that is not marked as required may be left "
            "out. Lists come in pages: next of an answer (older, of the lines of a conversation), "
            "where it is not empty, is the cursor of the page that follows. HEAD and OPTIONS are "
            "answered everywhere."
        ),
        ".SH ERRORS",
        _roff(
            "Whatever is no success is application/problem+json (RFC 9457), with code as a word "
            "for programs, detail as a sentence for people, and in fields, by its name, why each "
            "field is wrong:"
        ),
        *_list((str(status), means) for status, means in openapi.MEANS.items()),
    ]
    for tag in dict.fromkeys(entry.tag for entry in told.entries):
        out.append(f".SH {_escape(tag.upper())}")
        for entry in told.entries:
            out += _entry(entry) if entry.tag == tag else ()
    out.append(".SH MODELS")
    bodies = {entry.body for entry in told.entries}
    for model in told.models.values():
        out += _model(model, taken=model.name in bodies)
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
        yield from _fields(entry.parameters, taken=True)
    yield ".PP"
    taken = f"Takes {entry.body}. " if entry.body else ""
    yield _roff(f"{taken}Answers {entry.status} with {entry.answer}")


def _model(model: Model, *, taken: bool) -> Iterator[str]:
    yield f".SS {_escape(model.name)}"
    if model.about:
        yield _roff(model.about.replace("\n\n", " "))
    if model.words:
        yield from (".PP", _roff("One of " + ", ".join(model.words)))
    if model.fields:
        yield from _fields(model.fields, taken=taken)


def _fields(fields: Iterable[Field], *, taken: bool = False) -> list[str]:
    """`taken`: it is sent, so that it matters what may be left out."""
    return _list(
        (one.name, f"{one.about.rstrip('.')} ({one.kind}{_must(one, taken)})".strip())
        for one in fields
    )


def _must(field: Field, taken: bool) -> str:
    return "; required" if taken and field.required else ""


def _paragraphs(text: str) -> list[str]:
    return [line for one in text.split("\n\n") for line in (".PP", _roff(one))]


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

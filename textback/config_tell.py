"""The tables [[webhook]], [[notify]] and [[keyword]]: who is told of what happens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from textback.config_values import DURATION, Line, Name, Seconds, Table, key
from textback.model import EventKind
from textback.phone import printable

#: What may be subscribed to; a test goes to the one that is named.
KINDS = tuple(kind for kind in EventKind if kind is not EventKind.TEST)
_FAMILIES = tuple(dict.fromkeys(kind.value.partition(".")[0] + ".*" for kind in KINDS))
_QUOTED = ", ".join('"' + kind.value + '"' for kind in KINDS)
_ALLOWED = f"a list of {_QUOTED}; or all of one subject"


def _event(value: object) -> object:
    if isinstance(value, str) and value not in (*KINDS, *_FAMILIES):
        known = ", ".join((*(kind.value for kind in KINDS), *_FAMILIES))
        raise ValueError(f"{printable(value, 40)!r} is no event; there are {known}")
    return value


EventName = Annotated[Line, BeforeValidator(_event)]
_SUBJECTS = _ALLOWED + ': "alarm.*"'
_NUMBERS = "a list of numbers as in [[number]]"


class WebhookConfig(Table):
    """A system that is told by HTTP POST, signed JSON: see textback-webhooks(7). Repeat the table
    for several; each needs its own name."""

    name: Name = key("webhook", "How it is called in logs and in `textback tell`.", sample="crm")
    url: SecretStr = key(
        SecretStr(""),
        "Where to. Never written to the log: many have a secret in them.",
        allowed="an address that begins with https:// or http://",
        sample="https://crm.example.net/hooks/textback",
        secret=True,
    )
    url_file: Line = key("", "Or a file that holds the address.", allowed="a path")
    url_credential: Line = key(
        "", "Or the name of a systemd credential (LoadCredential=) that holds it."
    )
    secret: SecretStr = key(
        SecretStr(""),
        "Signs each message, so that the other side knows it is ours; `openssl rand -hex 32` makes "
        "one.",
        sample="change-me",
        secret=True,
    )
    secret_file: Line = key("", "Or a file that holds the secret.", allowed="a path")
    secret_credential: Line = key(
        "", "Or the name of a systemd credential (LoadCredential=) that holds it."
    )
    old_secret: SecretStr = key(
        SecretStr(""),
        "The secret before this one, while the other side may still know only that: each message "
        "is signed with both.",
        secret=True,
    )
    old_secret_file: Line = key("", "Or a file that holds it.", allowed="a path")
    old_secret_credential: Line = key("", "Or the name of a systemd credential that holds it.")
    events: tuple[EventName, ...] = key(
        (), "Of which events it is told. Empty: of all.", allowed=_SUBJECTS
    )
    numbers: tuple[Line, ...] = key(
        (),
        "Of which of your numbers. Empty: of all. What belongs to no number is told everybody.",
        allowed=_NUMBERS,
    )
    timeout: Annotated[Seconds, Field(ge=1, le=60)] = key(
        10.0, "How long it may take to answer.", allowed=DURATION + ", 1s to 60s"
    )
    max_age: Annotated[Seconds, Field(ge=60, le=2_592_000)] = key(
        259_200.0,
        "How long one message is tried, over restarts too, before it is given up.",
        allowed=DURATION + ", 1m to 30d",
    )
    tls_ca: Line = key("", "CA certificates to trust instead of the system's.", allowed="a path")


class NotifyConfig(Table):
    """People who are told by mail, chat or push, through any of the services Apprise knows
    (https://github.com/caronc/apprise). Repeat the table for several; each needs its own name."""

    name: Name = key("notify", "How it is called in logs and in `textback tell`.", sample="office")
    url: SecretStr = key(
        SecretStr(""),
        "The Apprise URL. It holds passwords, and is never written to the log.",
        allowed="an Apprise URL: mailtos://, slack://, tgram://, ntfy://, json://, ...",
        sample="mailtos://user:password@mail.example.net?to=office@example.net",
        secret=True,
    )
    url_file: Line = key("", "Or a file that holds the URL.", allowed="a path")
    url_credential: Line = key(
        "", "Or the name of a systemd credential (LoadCredential=) that holds it."
    )
    events: tuple[EventName, ...] = key(
        ("call.missed", "reply.received", "keyword.matched", "optout.review", "alarm.*"),
        "Of which events they are told. Empty: only of a [[keyword]] that names them.",
        allowed=_SUBJECTS,
    )
    numbers: tuple[Line, ...] = key(
        (),
        "Of which of your numbers. Empty: of all. What belongs to no number is told everybody.",
        allowed=_NUMBERS,
    )
    body: Literal["short", "full"] = key(
        "short",
        "short tells that somebody wrote, full tells what: think of who reads along there.",
    )
    every: Annotated[Seconds, Field(ge=0, le=86_400)] = key(
        10.0,
        "At most one message in this time; what happens meanwhile goes together in the next. A "
        "keyword waits for nothing.",
        allowed=DURATION + ", up to 24h",
    )
    timeout: Annotated[Seconds, Field(ge=1, le=120)] = key(
        30.0, "How long the service may take.", allowed=DURATION + ", 1s to 120s"
    )
    max_age: Annotated[Seconds, Field(ge=60, le=2_592_000)] = key(
        86_400.0,
        "How long one message is tried, over restarts too, before it is given up.",
        allowed=DURATION + ", 1m to 30d",
    )


class KeywordConfig(Table):
    """Words in a reply that somebody must hear of at once. Of several that fit the first counts.
    Repeat the table for several; each needs its own name."""

    name: Name = key(..., "How it is called in messages and logs.", sample="urgent")
    words: Annotated[
        tuple[Annotated[Line, Field(min_length=1, max_length=60)], ...],
        Field(min_length=1, max_length=200),
    ] = key(
        ...,
        "Words or phrases; capitals do not matter, and only whole words count.",
        allowed='a list of texts: ["urgent", "water damage"]',
        sample=("urgent", "emergency"),
    )
    notify: tuple[Name, ...] = key(
        (),
        "Who is told: names of [[notify]] and [[webhook]], whatever their own `events` are. Empty: "
        "all that have keyword.matched among their events.",
        allowed="a list of names",
    )
    numbers: tuple[Line, ...] = key(
        (), "Replies to which of your numbers. Empty: to all.", allowed=_NUMBERS
    )

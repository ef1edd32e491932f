"""The API on who asks, and on what the names in its answers mean in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from textback import __version__
from textback.console import call_words
from textback.console.api import Endpoint
from textback.console.call_words import Said
from textback.console.ctx import Ctx
from textback.console.i18n import _
from textback.console.who import Role


class WhoAmI(BaseModel):
    """Who asks, and what they may do."""

    name: str = Field(description="Of the person or the token.", examples=["crm"])
    role: Role = Field(
        description="viewer looks, agent answers callers, admin changes numbers and texts.",
        examples=[Role.AGENT],
    )
    via: Literal["session", "token", "proxy"] = Field(
        description="How the request was let in.", examples=["token"]
    )
    language: str = Field(
        description="In which language words are answered: Accept-Language, or the one chosen.",
        examples=["en"],
    )
    phone: str = Field(
        description="The desk phone that click-to-dial rings; empty for none.",
        examples=["PJSIP/101"],
    )
    pbx: str = Field(description="The PBX of that phone; empty for none.", examples=["pbx"])
    version: str = Field(description="Of textback.", examples=["0.5.0"])


class Word(BaseModel):
    """One name, in plain words."""

    name: str = Field(description="As the API has it.", examples=["no_answer"])
    short: str = Field(description="In a word or two.", examples=["Nobody answered"])
    sentence: str = Field(description="In a sentence.", examples=["It rang and nobody answered."])
    kind: Literal["ok", "warn", "bad", "info", "quiet"] = Field(
        description="How it is coloured in the console."
    )


class Words(BaseModel):
    """What the names mean, in the language of the request."""

    outcomes: list[Word] = Field(description="How calls end.")
    reasons: list[Word] = Field(description="Why a call was texted, or not.")
    gates: list[Word] = Field(description="What is asked of each call, in this order.")
    states: list[Word] = Field(description="Where a text is in its life.")
    kinds: list[Word] = Field(description="Why a text was written.")


async def get_whoami(ctx: Ctx) -> WhoAmI:
    """The quickest way to try a token out."""
    who = ctx.who
    return WhoAmI.model_validate(
        {
            "name": who.name,
            "role": who.role,
            "via": who.via,
            "language": ctx.language,
            "phone": who.phone,
            "pbx": who.pbx,
            "version": __version__,
        }
    )


async def get_words(ctx: Ctx) -> Words:
    """Every name that answers of the API have, for whoever shows them to people."""
    return Words(
        outcomes=_said(call_words.OUTCOMES),
        reasons=_said(call_words.REASONS),
        states=_said(call_words.STATES),
        gates=_plain(call_words.GATES.items()),
        kinds=_plain((kind.value, text) for kind, text in call_words.KINDS.items()),
    )


def _said(words: Mapping[Any, Said]) -> list[Word]:
    """By members of an enum, whose values are the names."""
    return [
        Word(name=str(name), short=_(said.short), sentence=_(said.sentence), kind=_kind(said.kind))
        for name, said in words.items()
    ]


def _plain(words: Iterable[tuple[str, str]]) -> list[Word]:
    return [Word(name=name, short=_(text), sentence=_(text), kind="quiet") for name, text in words]


def _kind(word: str) -> Literal["ok", "warn", "bad", "info", "quiet"]:
    kinds: tuple[Literal["ok", "warn", "bad", "info", "quiet"], ...] = (
        "ok",
        "warn",
        "bad",
        "info",
    )
    return next((kind for kind in kinds if kind == word), "quiet")


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/whoami",
        handler=get_whoami,
        answer=WhoAmI,
        summary="Who asks, and what they may do",
    ),
    Endpoint(
        method="GET",
        path="/words",
        handler=get_words,
        answer=Words,
        summary="What the names mean, in plain words",
    ),
)

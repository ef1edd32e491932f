"""Every text a configuration can send, filled in as its reader would get it, and what the linter
says of each; pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textback import compose, linter, phone
from textback.compose import Measure
from textback.config import CATCH_ALL, Config, NumberConfig
from textback.config_check import TEXT_KEYS, sample_subject, sender_kind
from textback.config_lines import Path
from textback.linter import Draft, Finding, Role

_MORE = frozenset({"message_again", "follow_up"})
#: Keys of [optout] that are texts, and what each is for.
OPTOUT_TEXTS: dict[str, Role] = {
    "confirm_text": Role.CONFIRM_STOP,
    "start_text": Role.CONFIRM_START,
    "help_text": Role.HELP,
}


@dataclass(frozen=True, slots=True)
class Configured:
    """A text of the configuration: where it stands, for which number, and what readers get."""

    path: Path  #: ("number", 0, "message"), ("message", 1, "text"), ("optout", "help_text")
    key: str  #: for people: "message", "[[message]] address", "optout.help_text"
    did: str  #: of the [[number]] it is sent for; "" for every one
    draft: Draft


@dataclass(frozen=True, slots=True)
class Linted:
    """A text of the configuration, and which rules it does not keep."""

    text: Configured
    findings: tuple[Finding, ...]


def lint_config(config: Config, measure: Measure | None = None) -> tuple[Linted, ...]:
    """All texts of the configuration, those without findings too, in its order."""
    return tuple(Linted(text, linter.lint(text.draft, measure)) for text in texts_of(config))


def draft_of(text: str, config: Config, number: NumberConfig, role: Role = Role.FIRST) -> Draft:
    """`text` (filled in already) as it would leave for this number."""
    country = "" if number.did == CATCH_ALL else phone.country_of(number.did)
    return Draft(
        text=text,
        role=role,
        business=config.business.name,
        country=country or config.business.country,
        letters=sender_kind(number.sender, config.business.country) == "letters",
        stop_words=("stop", *config.optout.stop_words),
    )


def texts_of(config: Config) -> Iterator[Configured]:
    """Every text that may be sent to somebody, by number; then those that belong to none."""
    for index, number in enumerate(config.number):
        for key in TEXT_KEYS:
            if template := getattr(number, key):
                role = Role.MORE if key in _MORE else Role.FIRST
                draft = draft_of(_filled(template, config, number), config, number, role)
                yield Configured(("number", index, key), key, number.did, draft)
    for index, message in enumerate(config.message):
        draft = _longest(message.text, config, Role.FIRST)
        name = f"[[message]] {message.name}"
        yield Configured(("message", index, "text"), name, "", draft)
    for key, role in OPTOUT_TEXTS.items():
        if role is Role.HELP or config.optout.confirm:
            draft = _longest(getattr(config.optout, key), config, role)
            yield Configured(("optout", key), f"optout.{key}", "", draft)


def _longest(template: str, config: Config, role: Role) -> Draft:
    """As the number with the longest values would send it: a text that belongs to every number."""
    drafts = [draft_of(_filled(template, config, n), config, n, role) for n in config.number]
    return max(drafts, key=lambda draft: len(draft.text))


def _filled(template: str, config: Config, number: NumberConfig) -> str:
    return compose.render(template, sample_subject(number, config.business))

"""The table [optout]: which replies are understood, what comes of them, and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, field_validator

from textback import compose, optout
from textback.config_values import DURATION, Line, Seconds, Table, key

CONFIRM = (
    "{{business.name}}: you get no more texts from us. Reply START to get them again, "
    "HELP for help."
)
START = "{{business.name}}: you get texts from us again. Reply STOP to get no more texts."
HELP = (
    "{{business.name}}: we text back when we miss your call. Questions? Call {{number.phone}}. "
    "Reply STOP to get no more texts."
)


class OptOut(Table):
    """What becomes of STOP, START and HELP. A reply of which it is doubtful whether it asks for no
    more texts is laid before you: `textback optout review`."""

    scope: Literal["business", "number"] = key(
        "business",
        "What a STOP ends: texts from every number of the business, or from the one it was sent "
        "to only. The safe choice is the first. Numbers that text from one sender count as the "
        "business: a handset cannot tell them apart.",
    )
    languages: tuple[Line, ...] = key(
        ("en", "es"),
        "Languages whose words for STOP, START and HELP are understood; English always is.",
        allowed="any of " + ", ".join(optout.LANGUAGES),
    )
    stop_words: tuple[Line, ...] = key(
        (),
        "Further replies that mean STOP when they are all a reply says.",
        allowed='a list of words or phrases: ["basta ya"]',
    )
    start_words: tuple[Line, ...] = key(
        (), "The same for START.", allowed='a list of words or phrases: ["yes"]'
    )
    help_words: tuple[Line, ...] = key(
        (), "The same for HELP.", allowed="a list of words or phrases"
    )
    review_words: tuple[Line, ...] = key(
        (),
        "Words that lay a reply before you, wherever in it they stand.",
        allowed='a list of words or phrases: ["lawyer"]',
    )
    confirm: bool = key(
        True,
        "Confirm a STOP and a START with one text. Switch it off where the carrier does so itself, "
        "as on US toll-free numbers.",
    )
    confirm_text: str = key(
        CONFIRM,
        "The one text after a STOP; nothing may be advertised in it. Variables as in `message`, "
        "without the caller's name.",
    )
    start_text: str = key(START, "The text after a START.")
    help_text: str = key(
        HELP, "The answer to HELP: who you are and how to reach you. {{number.phone}} is yours."
    )
    help_every: Annotated[Seconds, Field(ge=0, le=86_400)] = key(
        600.0, "HELP from one handset is answered once in this time.", allowed=DURATION
    )
    per_day: Annotated[int, Field(ge=0, le=100)] = key(
        6, "Most answers to STOP, START and HELP of one handset in 24 hours."
    )

    _words: optout.Words = PrivateAttr(optout.ENGLISH)

    def model_post_init(self, _context: object) -> None:
        self._words = optout.Words.of(
            self.languages,
            stop=self.stop_words,
            start=self.start_words,
            help_=self.help_words,
            review=self.review_words,
        )

    @property
    def words(self) -> optout.Words:
        """What replies are read with."""
        return self._words

    @field_validator("languages")
    @classmethod
    def _languages_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        optout.Words.of(value)
        return value

    @field_validator("stop_words", "start_words", "help_words", "review_words")
    @classmethod
    def _words_are_words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        optout.Words.of(stop=value)
        return value

    @field_validator("confirm_text", "start_text", "help_text")
    @classmethod
    def _texts_can_be_made(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty; write the text, or take the key out")
        compose.check(value)
        return value

"""The table [retention]: how long each kind of data is kept, and when what is older is deleted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from textback.config_values import DURATION, Line, Seconds, Table, key

_DAY = 86_400.0
_YEAR = 366 * _DAY
_KEEP = DURATION + ' or "90d", "2y"; 0 keeps for ever'
_Keep = Annotated[Seconds, Field(ge=0)]


class Retention(Table):
    """How long what is recorded is kept; every night what is older is deleted, a little at a time,
    so that no call waits. A year is 366 days. Contacts, opt-outs in force and the hashes of erased
    people are kept until somebody takes them out."""

    enabled: bool = key(
        True, "Whether the service deletes by itself; else only `textback purge` does."
    )
    at: Line = key(
        "03:30",
        "When, in business.timezone. Was the service stopped then, it is done soon after a start.",
        allowed='a time: "03:30"',
    )
    calls: _Keep = key(2 * _YEAR, "Calls with their verdicts.", allowed=_KEEP)
    texts: _Keep = key(
        2 * _YEAR,
        "Texts we wrote, with tries and message ids. At least as long as the longest `cooldown` "
        "and `once_per`, which look at them; those not yet sent are not deleted.",
        allowed=_KEEP,
    )
    replies: _Keep = key(2 * _YEAR, "Texts that came in, and their threads.", allowed=_KEEP)
    receipts: _Keep = key(
        90 * _DAY,
        "Delivery receipts as they came from the carrier, byte by byte. What they said stays with "
        "the text.",
        allowed=_KEEP,
    )
    cases: _Keep = key(2 * _YEAR, "Cases of missed callers that are closed.", allowed=_KEEP)
    events: _Keep = key(
        90 * _DAY,
        "What webhooks and notifications were told, and what became of it.",
        allowed=_KEEP,
    )
    hints: _Keep = key(
        1 * _YEAR, "What the dialplan said: handled, missed, offers, keys pressed.", allowed=_KEEP
    )
    consents: _Keep = key(
        5 * _YEAR,
        "The evidence of opt-outs, opt-ins and keys pressed, and opt-outs that were lifted. At "
        "least 4y: so long one can be sued for a text in the United States.",
        allowed=_KEEP,
    )
    operator_log: _Keep = key(
        2 * _YEAR, "What operators did to texts and cases, and why.", allowed=_KEEP
    )
    figures: _Keep = key(
        10 * _YEAR,
        "The figures by number, day and hour that the console draws. They name nobody, and stay "
        "when the calls they were counted from are deleted.",
        allowed=_KEEP,
    )
    audit: _Keep = key(
        2 * _YEAR,
        "The audit log of the console: who signed in, and who changed what.",
        allowed=_KEEP,
    )

    @field_validator("at")
    @classmethod
    def _at_is_a_time(cls, value: str) -> str:
        parse_at(value)
        return value

    @field_validator("consents")
    @classmethod
    def _consents_long_enough(cls, value: float) -> float:
        if 0 < value < 4 * _YEAR:
            raise ValueError("is too short for evidence; write at least 4y, or 0 for ever")
        return value

    @property
    def minute(self) -> int:
        """`at` as minutes after midnight."""
        return parse_at(self.at)


def parse_at(text: str) -> int:
    """Minutes after midnight. Raises ValueError that says what is allowed."""
    hour, colon, minute = text.partition(":")
    if colon and hour.isdecimal() and minute.isdecimal() and len(minute) == 2 and text.isascii():
        found = int(hour) * 60 + int(minute)
        if int(hour) < 24 and int(minute) < 60:
            return found
    raise ValueError(f'{text!r} is not a time; write it as in "03:30"')

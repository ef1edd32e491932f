"""The tables of textback.toml about the service as a whole: business, log, store, limits, never."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, field_validator

from textback.config_console import Console
from textback.config_values import (
    DURATION,
    Country,
    CountryOrAll,
    Line,
    Listen,
    Name,
    Network,
    Seconds,
    Table,
    Zone,
    key,
)

__all__ = [
    "Agi",
    "Business",
    "Console",
    "Limits",
    "Log",
    "NamedMessage",
    "Never",
    "StoreConfig",
]


class Business(Table):
    """Who is calling back: the name callers read, and how its telephone numbers are written."""

    name: Annotated[Line, Field(min_length=1, max_length=60)] = key(
        ..., "The name callers know. {{business.name}} in messages.", sample="Acme Dental"
    )
    country: Country = key(
        "US",
        "Country of the PBX: how numbers without + are read. Callers of a [[number]] of another "
        "country are read as in that one first.",
        allowed="two letters of ISO 3166: US, CA, GB",
        sample="US",
    )
    timezone: Zone = key(
        "America/New_York",
        "Time zone of hours and of {{call.time}}.",
        allowed="a name from `timedatectl list-timezones`",
        sample="America/New_York",
    )
    numbers: tuple[Line, ...] = key(
        (),
        "The business's other numbers, besides those under [[number]]. A call that shows one of "
        "them is never texted.",
        allowed='a list of numbers in quotes: ["+12125550101"]',
    )


class Log(Table):
    """What is written to the journal (standard error)."""

    format: Literal["json", "console"] = key("json", "json for journald, console for people.")
    level: Literal["debug", "info", "warning", "error"] = key("info", "The least that is logged.")
    mask: bool = key(
        True, "Hide the middle of telephone numbers in logs: +1212***0123. SMS texts never appear."
    )


class StoreConfig(Table):
    """Where calls, verdicts and texts are kept."""

    path: Annotated[Line, Field(min_length=1)] = key(
        "/var/lib/textback/textback.db",
        "The SQLite file. Its folder must be writable by the service's user.",
        allowed="a path",
    )


class Agi(Table):
    """Where the dialplan reaches us, by AGI(agi://...). The call goes on whatever becomes of it."""

    enabled: bool = key(True, "Whether to listen at all.")
    listen: Listen = key(
        "127.0.0.1:4574",
        "Where to listen. FreePBX itself holds 4573.",
        allowed="address:port",
    )
    allow: tuple[Network, ...] = key(
        (),
        "Who may connect besides this host and every [[pbx]] whose `host` is an address.",
        allowed='a list of addresses or networks: ["192.0.2.10", "192.0.2.0/24"]',
    )
    deadline: Annotated[Seconds, Field(ge=0.01, le=5)] = key(
        0.2,
        "A hook that has no answer by then lets the call go on without one.",
        allowed='a duration, 10ms to 5s: "200ms", "1s"',
    )

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """`allow` as networks."""
        return tuple(ipaddress.ip_network(text) for text in self.allow)


class Limits(Table):
    """Caps over all numbers together, so that no fault and no attacker can run up a bill."""

    per_minute: Annotated[int, Field(ge=1, le=100_000)] = key(30, "Most texts in one minute.")
    per_hour: Annotated[int, Field(ge=1, le=1_000_000)] = key(300, "Most texts in one hour.")
    per_day: Annotated[int, Field(ge=1, le=10_000_000)] = key(2000, "Most texts in 24 hours.")
    countries: tuple[CountryOrAll, ...] = key(
        (),
        "Countries whose callers may be texted. Empty: the business's own and those that share "
        "its calling code, without the Caribbean part of +1.",
        allowed='a list of ISO 3166 codes: ["US", "CA"]; ["*"] for all',
    )
    max_age: Annotated[Seconds, Field(ge=10, le=604_800)] = key(
        900.0,
        "A text older than this is not sent any more, whatever held it up; what `delay` and "
        "quiet hours make it wait does not count. What is left of it is the validity period given "
        "to the carrier.",
        allowed=DURATION + ", 10s to 7d",
    )
    catch_up_max_age: Annotated[Seconds, Field(ge=0, le=604_800)] = key(
        1800.0,
        "The same for calls that were missed while textback was down or not connected, counted "
        "from the end of the call; 0: such calls are recorded and never texted.",
        allowed=DURATION + ", up to 7d",
    )
    adjacent: Annotated[int, Field(ge=0, le=100)] = key(
        5,
        "When this many callers whose numbers differ in no more than the last two digits were "
        "texted within an hour, the next of them is held for you to look at: nobody's customers "
        "have numbers in a row, and SMS pumping does. 0: off.",
    )
    per_prefix: Annotated[int, Field(ge=0, le=10_000)] = key(
        50,
        "The same for callers whose numbers differ in no more than the last four digits. 0: off.",
    )
    auto_limit: Annotated[int, Field(ge=0, le=100)] = key(
        10,
        "Most texts that rules write to one caller from one number in auto_window, whatever for: "
        "missed calls, follow-ups, offers, answers to STOP and HELP. It ends what two machines "
        "would go on with for ever. 0: no limit.",
    )
    auto_window: Annotated[Seconds, Field(ge=60, le=2_592_000)] = key(
        86_400.0, "The time auto_limit counts over.", allowed=DURATION + ", 1m to 30d"
    )
    allow_premium: bool = key(False, "Whether premium-rate and shared-cost callers may be texted.")
    unassigned_numbers: Literal["send", "skip"] = key(
        "send",
        "Callers of the right length in a block the numbering plan does not know. Most are new "
        "blocks, some are spoofed.",
    )


class Never(Table):
    """Numbers that are never texted, beside the business's own."""

    staff: tuple[Line, ...] = key(
        (),
        "Mobiles of staff, suppliers and friends.",
        allowed='a list of numbers, or prefixes ending in *: ["+12125550190", "+1900*"]',
    )
    block: tuple[Line, ...] = key(
        (),
        "Numbers to leave alone for any other reason.",
        allowed='a list of numbers, or prefixes ending in *: ["+1900*"]',
    )
    staff_files: tuple[Line, ...] = key(
        (), "Files with one staff number a line; # begins a comment.", allowed="a list of paths"
    )
    block_files: tuple[Line, ...] = key(
        (), "Files with one blocked number a line; # begins a comment.", allowed="a list of paths"
    )


class NamedMessage(Table):
    """A further text, chosen by its name: TEXTBACK_MESSAGE in the dialplan, or a dialplan hook.
    Repeat the table for several; each needs its own name. The variables are those of `message`."""

    name: Name = key(..., "What the dialplan calls it.", sample="directions")
    text: str = key(
        ...,
        "The text, instead of the number's own message.",
        sample="{{business.name}}: we are at 1 Example Street, parking is behind the house. "
        "Reply STOP to get no more texts.",
    )

    @field_validator("text")
    @classmethod
    def _text_is_there(cls, value: str) -> str:
        if not value:
            raise ValueError("is empty; write the text, or take the table out")
        return value

"""The tables of textback.toml about the service as a whole: business, log, store, limits, never."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from textback.config_values import (
    DURATION,
    Country,
    CountryOrAll,
    Line,
    Listen,
    Seconds,
    Table,
    Zone,
    key,
)


class Business(Table):
    """Who is calling back: the name callers read, and how its telephone numbers are written."""

    name: Annotated[Line, Field(min_length=1, max_length=60)] = key(
        ..., "The name callers know. {{business.name}} in messages.", sample="Acme Dental"
    )
    country: Country = key(
        "US",
        "Country of the PBX: how numbers without + are read.",
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


class Console(Table):
    """The local web page, /metrics and /healthz. There is no login: keep it on loopback."""

    enabled: bool = key(True, "Whether to listen at all.")
    listen: Listen = key("127.0.0.1:8480", "Where to listen.", allowed="address:port")


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
        "A text older than this is not sent any more, whatever held it up. It is also the "
        "validity period given to the carrier.",
        allowed=DURATION + ", 10s to 7d",
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

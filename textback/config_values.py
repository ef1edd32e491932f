"""The kinds of value a config key may have, and how a key carries its own documentation."""

from __future__ import annotations

import ipaddress
import math
import re
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from textback import phone

#: A year is 366 days: what is to be kept for years is not deleted early.
_UNITS = {"y": 366 * 86_400.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(y|d|h|ms|m|s)", re.ASCII)
_LONGEST = 3_660 * 86_400.0  # ten years: beyond it datetime arithmetic has no meaning for us

DURATION = 'a duration: "15s", "5m", "24h", "1h30m", or a number of seconds'
DURATION_HINT = '"15s", "5m", "24h", "1h30m", or a number of seconds'


class Table(BaseModel):
    """A config table: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def key(
    default: Any,
    doc: str,
    *,
    allowed: str = "",
    sample: Any = None,
    factory: Any = None,
    secret: bool = False,
    **limits: Any,
) -> Any:
    """A config key. `doc` is its sentence in the sample file and the man page; `allowed` says what
    may stand there, where the type does not; `sample` is written uncommented in the sample file.
    """
    extra: dict[str, Any] = {"allowed": allowed, "sample": sample, "secret": secret}
    if factory is not None:
        return Field(default_factory=factory, description=doc, json_schema_extra=extra, **limits)
    return Field(default, description=doc, json_schema_extra=extra, **limits)


def parse_duration(value: object) -> float:
    """Seconds from "15s", "1h30m" or a plain number; ValueError says what is allowed."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        text = re.sub(r"\s+", "", value.casefold()) if isinstance(value, str) else ""
        if re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII):
            seconds = float(text)
        elif re.fullmatch(f"(?:{_DURATION.pattern})+", text, re.ASCII):
            seconds = sum(float(n) * _UNITS[u] for n, u in _DURATION.findall(text))
        else:
            raise ValueError(f"is not a duration; write {DURATION_HINT}")
    if not math.isfinite(seconds) or not 0 <= seconds <= _LONGEST:
        raise ValueError(f"is not a length of time; write {DURATION_HINT}")
    return seconds


def duration_text(seconds: float) -> str:
    """The shortest spelling that reads back as the same duration, to the millisecond: "1h30m"."""
    if seconds < 60 or seconds != int(seconds):
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    rest, parts = int(seconds), ""
    if rest % int(_UNITS["y"]) == 0:
        return f"{rest // int(_UNITS['y'])}y"
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_UNITS[unit]))
        # 24h and 48h are how people speak of cooldowns; days begin at three.
        if unit == "d" and count < 3:
            rest += count * 86_400
            continue
        parts += f"{count}{unit}" if count else ""
    return parts


def _duration_or_none(value: object) -> float:
    return 0.0 if value == "" else parse_duration(value)


def _country(value: object) -> object:
    if not isinstance(value, str):
        return value
    code = value.strip().upper()
    if code == "UK":
        raise ValueError("the country code of the United Kingdom is GB")
    if not phone.known_country(code):
        raise ValueError(f"{value!r} is not a country; write two letters of ISO 3166, as in US, GB")
    return code


def _country_or_all(value: object) -> object:
    return value if value == "*" else _country(value)


def _zone_or_none(value: object) -> object:
    return value if value == "" else _zone(value)


def _zone(value: object) -> object:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{phone.printable(value)!r} is not a time zone; write one such as "
                "America/New_York (timedatectl list-timezones shows all)"
            ) from error
    return value


_LISTEN_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+", re.ASCII)


def _listen(value: object) -> object:
    if isinstance(value, str):
        host, _, port = value.rpartition(":")
        whole = _LISTEN_HOST.fullmatch(host) and re.fullmatch(r"\d{1,5}", port, re.ASCII)
        if not whole or not 1 <= int(port) <= 65535:
            raise ValueError('write an address and a port, as in "127.0.0.1:8480"')
    return value


def _network(value: object) -> object:
    if isinstance(value, str):
        try:
            return str(ipaddress.ip_network(value.strip()))
        except ValueError as error:
            shown = phone.printable(value)
            hint = 'write an address or a network, as in "192.0.2.10", "192.0.2.0/24"'
            if "host bits" in str(error):
                hint = f'for the whole network write "{ipaddress.ip_network(value.strip(), False)}"'
            raise ValueError(f"{shown!r} is not an address or a network; {hint}") from error
    return value


def _full_path(value: object) -> object:
    if isinstance(value, str) and value.strip() and not value.strip().startswith("/"):
        raise ValueError(
            f"{phone.printable(value)!r} is not a full path; Asterisk's files are not beside this "
            "one: write it from / on, as in /var/log/asterisk/..."
        )
    return value


def _line(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("has a control character in it; write one line of text")
    return value


def _holiday(value: object) -> object:
    # TOML has dates of its own; an unquoted 2026-12-25 is one.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value


Seconds = Annotated[float, BeforeValidator(parse_duration)]
#: "" is 0: no such time.
SecondsOrNone = Annotated[float, BeforeValidator(_duration_or_none)]
Country = Annotated[str, BeforeValidator(_country)]
CountryOrAll = Annotated[str, BeforeValidator(_country_or_all)]
Zone = Annotated[str, BeforeValidator(_zone)]
ZoneOrNone = Annotated[str, BeforeValidator(_zone_or_none)]
Listen = Annotated[str, BeforeValidator(_listen)]
#: One address or network, in the spelling of `ipaddress`.
Network = Annotated[str, BeforeValidator(_network)]
#: One line of printable text. What ends in a header of a foreign protocol must be one.
Line = Annotated[str, BeforeValidator(_line)]
#: A file of somebody else, so that relative to our folder has no meaning; "" for none.
FullPath = Annotated[Line, BeforeValidator(_full_path)]
Name = Annotated[Line, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[Line, Field(min_length=1, max_length=253, pattern=r"^[^\s/]+$")]
Holiday = Annotated[str, BeforeValidator(_holiday)]


def is_loopback(host: str) -> bool:
    """Whether what is said to this host stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

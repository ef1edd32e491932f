"""Which start of Asterisk this is: Uniqueids are only unique within one; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

#: Seconds by which two readings of the same start may differ (whole seconds, network, NTP).
SLACK = 5.0


def boot_of(headers: Mapping[str, str]) -> str:
    """The start in a CoreStatus response: Asterisk's local time, ISO 8601 without zone; or ""."""
    date, clock = headers.get("corestartupdate", ""), headers.get("corestartuptime", "")
    return f"{date}T{clock}" if date and clock else ""


def boot_by_uptime(now: datetime, uptime: float, known: str) -> str:
    """The start as FullyBooted's Uptime tells it, where CoreStatus is not allowed.

    `known` (what this returned before) stays while the two agree within `SLACK` seconds.
    """
    started = (now - timedelta(seconds=uptime)).replace(tzinfo=None)
    try:
        before = datetime.fromisoformat(known)
    except ValueError:
        return started.isoformat(timespec="seconds")
    if abs((started - before).total_seconds()) <= SLACK:
        return known
    return started.isoformat(timespec="seconds")

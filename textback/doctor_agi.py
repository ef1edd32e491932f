"""The doctor's eye on the dialplan hooks: does the port answer, and can each Asterisk reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from textback.config import Config
from textback.config_values import is_loopback
from textback.doctor import Check, fail, ok, warn
from textback.hints import has_address

AREA = "agi"
#: Seconds for an answer on this host.
PATIENCE = 3.0


async def check_agi(config: Config, parts: Mapping[str, Any] | None) -> list[Check]:
    """`parts`: what the running daemon says of itself; None: it does not run, or says nothing."""
    agi = config.agi
    if not agi.enabled:
        return [ok(AREA, "enabled = false: no AGI hook is answered; variables and events are")]
    found: list[Check] = []
    part = parts.get(AREA) if parts is not None else None
    if isinstance(part, Mapping) and not part.get("ok"):
        found.append(
            fail(
                AREA,
                f"the service cannot listen on {agi.listen}: {part.get('state')}",
                f"ss -ltnp 'sport = :{_port(config)}' says who does; or change [agi] listen",
            )
        )
    elif parts is not None:
        found.append(await _try(config, part))
    host = agi.listen.rpartition(":")[0].strip("[]")
    if not is_loopback(host):
        return found
    far = [pbx.name for pbx in config.pbx if has_address(pbx.host) and not is_loopback(pbx.host)]
    if far:
        found.append(
            warn(
                AREA,
                f"{agi.listen} is this host's own: Asterisk of {', '.join(far)} cannot reach it",
                "for AGI hooks from there, [agi] listen on an address that they reach; for none, "
                "[agi] enabled = false",
            )
        )
    return found


async def _try(config: Config, part: Any) -> Check:
    """Connect as Asterisk would, and leave: which costs the service nothing."""
    host = config.agi.listen.rpartition(":")[0].strip("[]")
    # Listening on all addresses, it listens on this host's own as well.
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(here, _port(config))
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        return fail(
            AREA,
            f"{config.agi.listen} does not answer: {error or 'no answer in time'}",
            "is the service running? systemctl status textback",
        )
    last = part.get("last_request") if isinstance(part, Mapping) else None
    said = f"last asked {last}" if last else "no hook has asked it yet"
    return ok(AREA, f"{config.agi.listen} answers; {said}")


def _port(config: Config) -> int:
    return int(config.agi.listen.rpartition(":")[2])

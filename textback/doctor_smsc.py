"""The doctor's eyes on each carrier: a bind, or the running daemon's own word.

To bind beside the running daemon might disturb it: many carriers allow one bind per account. So
while the daemon runs, what it says (`/healthz`) is taken.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from sms_gateway.link import Route
from sms_gateway.settings import RouteState
from textback import wiring
from textback.config import SmscConfig
from textback.doctor import Check, fail, ok, warn
from textback.model import Receipt, Reply

#: Seconds for a bind.
BIND_WAIT = 15.0


def smsc_by_daemon(smsc: SmscConfig, parts: Mapping[str, Any]) -> Check:
    area = f"smpp {smsc.name}"
    part = parts.get(f"smpp:{smsc.name}")
    if not isinstance(part, dict):
        return warn(area, "the running daemon does not know it", "systemctl reload textback")
    said = f"the daemon's bind is {part.get('state')}: {part.get('says')}"
    standing, because = part.get("standing"), part.get("because")
    if standing in ("down", "returning"):
        said += f"; {standing} since {part.get('since')} ({because})"
        if others := part.get("carried_by"):
            said += f", {', '.join(others)} carries its texts"
            return warn(area, said, _bind_fix(smsc))
        if part.get("ok"):
            return warn(area, said, "textback routes; nothing else may carry its texts")
    return ok(area, said) if part.get("ok") else fail(area, said, _bind_fix(smsc))


def check_receipts(smsc: SmscConfig) -> list[Check]:
    """Whether it would be known that a text arrived."""
    if smsc.receipts:
        return []
    said = "receipts = false: whether a text arrived is never known"
    cure = "set receipts = true unless the carrier charges for them"
    return [warn(f"smpp {smsc.name}", said, cure)]


def _bind_fix(smsc: SmscConfig) -> str:
    return (
        f"check host, port, system_id, password, tls and bind of [[smsc]] {smsc.name}, and that "
        "the carrier allows this address"
    )


async def check_smsc(smsc: SmscConfig, country: str, *, wait: float = BIND_WAIT) -> Check:
    """Bind as the daemon would, and unbind."""
    area = f"smpp {smsc.name}"
    changed = asyncio.Event()

    async def keep(_: Receipt | Reply) -> None:
        # Whoever is not stored is not acknowledged: the carrier brings it again to the daemon.
        raise ConnectionAbortedError("the doctor keeps nothing")

    route = Route(
        wiring.route_settings(smsc, country),
        on_receipt=keep,
        on_reply=keep,
        on_state=lambda *_: changed.set(),
    )
    task = asyncio.create_task(route.run(), name=f"doctor-{smsc.name}")
    try:
        async with asyncio.timeout(wait):
            while route.state not in (RouteState.BOUND, RouteState.REFUSED):
                await changed.wait()
                changed.clear()
    except TimeoutError:
        return fail(area, f"not bound within {wait:g} s: {_detail(route)}", _bind_fix(smsc))
    finally:
        detail, state = _detail(route), route.state
        await route.stop(5.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if state is RouteState.BOUND:
        return ok(area, f"bound to {smsc.host}:{smsc.port}: {detail}")
    return fail(area, detail, _bind_fix(smsc))


def _detail(route: Route) -> str:
    return re.sub(r"; next attempt in .*", "", str(route.detail))

"""A new configuration in place of the old: what has changed of links and routes is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from textback import wiring
from textback.config import Config
from textback.store.errors import StoreError

if TYPE_CHECKING:
    from textback.parts import Parts

log = structlog.get_logger(__name__)

#: Seconds one route may take to be exchanged.
EXCHANGE = 10.0


async def rules_of_routes(parts: Parts) -> None:
    """Texts that wait are given to routes by the new rules."""
    try:
        await parts.store.forget_routes()
    except StoreError as error:
        log.warning("routes_not_forgotten", error=str(error))


async def pbxs(parts: Parts, old: Config) -> list[str]:
    """The links that differ are made anew, the others try again at once. Names of those."""
    before = {p.name: wiring.pbx_key(p) for p in old.pbx}
    after = {p.name: wiring.pbx_key(p) for p in parts.config.pbx}
    changed = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
    for name in changed:
        await parts.catch_ups.end(name)
        await parts.crew.end(f"ami {name}")
        parts.pbxs.pop(name, None)
    parts.catch_ups.reload()
    for pbx in parts.config.pbx:
        if pbx.name in changed:
            link = parts.pbxs[pbx.name] = parts.link(pbx)
            parts.crew.start(f"ami {pbx.name}", link.run())
            parts.catch_ups.start(pbx.name)
        else:
            # A reload often follows a repair of manager.conf: do not wait out the long delay.
            parts.pbxs[pbx.name].retry_now()
    return changed


async def smscs(parts: Parts, old: Config) -> list[str]:
    """The routes that differ are made anew, under a delivery that goes on if it can."""
    before, after = wiring.smsc_keys(old), wiring.smsc_keys(parts.config)
    changed = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
    same_lanes = list(before) == list(after)
    if not same_lanes:
        # Other routes or another primary: delivery begins anew, with nothing in flight.
        await parts.crew.end("delivery", parts.delivery.stop())
    for name in changed:
        route = parts.routes.pop(name, None)
        if route is not None:
            # The old bind first: many carriers allow one.
            await parts.crew.end(f"smpp {name}", route.stop(EXCHANGE))
    kept, routes = dict(parts.routes), parts.routes
    routes.clear()
    for smsc in parts.config.smsc:
        routes[smsc.name] = kept.get(smsc.name) or parts.route(smsc)
    if same_lanes:
        for name in changed:
            parts.switches[name].put(routes[name])
    else:
        parts.build_delivery()
    for name, route in routes.items():
        if name in changed:
            parts.crew.start(f"smpp {name}", route.run())
        else:
            # As for the PBX: the carrier may have unlocked the account.
            route.retry_now()
    if not same_lanes and routes:
        parts.crew.start("delivery", parts.delivery.run())
    return changed

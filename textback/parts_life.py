"""The life of the parts: one task each, every one by name, and their end in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textback.heartbeat import Heartbeat

if TYPE_CHECKING:
    from textback.parts import Parts


def start(parts: Parts) -> None:
    for name, route in parts.routes.items():
        parts.crew.start(f"smpp {name}", route.run())
    if parts.routes:
        parts.crew.start("delivery", parts.delivery.run())
    parts.crew.start("routes", parts.fleet.run())
    parts.crew.start("inbox", parts.inbox.run())
    parts.crew.start("intake", parts.intake.run())
    parts.crew.start("hints", parts.dialplan.desk.run())
    parts.crew.start("agi", parts.dialplan.run())
    parts.crew.start("desk", parts.desk_phones.run())
    parts.crew.start("alarms", parts.alarms.run())
    parts.crew.start("contacts", parts.contacts.run())
    parts.crew.start("overdue", parts.overdue.run())
    parts.crew.start("tell", parts.teller.run())
    parts.crew.start("retention", parts.keeper.run())
    parts.crew.start("figures", parts.figures.run())
    parts.crew.start("examiner", parts.examiner.run())
    for name, link in parts.pbxs.items():
        parts.crew.start(f"ami {name}", link.run())
        parts.catch_ups.start(name)
    heartbeat = Heartbeat(parts.notifier, dead=parts.crew.dead, status=parts.standing.status_line)
    parts.crew.start("heartbeat", heartbeat.run())


async def drain(parts: Parts, seconds: float) -> None:
    """No more events, what came is recorded, what was submitted is answered; the routes may take
    `seconds`."""
    await parts.crew.end("retention")
    await parts.crew.end("figures")
    await parts.crew.end("examiner")
    await parts.crew.end("agi")
    await parts.crew.end("contacts")
    await parts.desk_answers.stop()
    await parts.crew.end("desk", parts.desk_phones.stop())
    for name in list(parts.pbxs):
        await parts.catch_ups.end(name)
        await parts.crew.end(f"ami {name}")
    await parts.crew.end("hints", parts.dialplan.desk.stop())
    await parts.crew.end("intake", parts.intake.stop())
    routes = [parts.crew.end(f"smpp {n}", r.stop(seconds)) for n, r in parts.routes.items()]
    await asyncio.gather(parts.crew.end("delivery", parts.delivery.stop()), *routes)
    # Last: an answered unbind tells what the carriers have of our answers.
    await parts.crew.end("inbox", parts.inbox.stop())
    await parts.crew.end("tell", parts.teller.stop())

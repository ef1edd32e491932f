"""An evening of calls: each line has rules of its own, and all are called at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sms_gateway.simulator import SimulatedText
from tests.acceptance.stage import Carrier, Stage
from tests.lab.agent import Behaviour
from tests.lab.row import Row, row

Story = dict[str, Any]
#: Where the callers are, by their numbers; and the business.
HERE = ZoneInfo("America/New_York")
#: Seconds a caller holds the phone: past the ring_timeout of 3.
PATIENCE = 6.0


def hours(start: float, end: float) -> str:
    """The span from `start` to `end` hours from now where the callers are."""
    now = datetime.now(HERE)
    first, last = now + timedelta(hours=start), now + timedelta(hours=end)
    return f"{first:%H:%M}-{last:%H:%M}"


def line(name: str, phone: Behaviour, **number: Any) -> Row:
    return row(name, "Dial(PJSIP/@a@,28) | Hangup()", "", a=phone, number=number)


@dataclass
class Evening:
    """What came of all the calls."""

    lines: Mapping[str, Row]
    stories: list[Story] = field(default_factory=list)  #: newest first
    texts: list[SimulatedText] = field(default_factory=list)
    wrong: dict[str, BaseException] = field(default_factory=dict)
    why: str = ""  #: as `textback why` prints the deferred one
    health: Mapping[str, Any] = field(default_factory=dict)  #: the outbox's, with texts that wait

    def calls(self, name: str) -> list[Story]:
        """The calls to a line, oldest first; raises what its players raised."""
        if name in self.wrong:
            raise self.wrong[name]
        return [s for s in reversed(self.stories) if s["did"] == self.lines[name].did]

    def call(self, name: str) -> Story:
        (story,) = self.calls(name)
        return story

    def sent(self, name: str) -> list[str]:
        """What the callers of a line were texted, in its order."""
        return [t.text for t in self.texts if t.to == self.lines[name].number_outside]


class Callers:
    """The callers and the staff. All of them look at one listing of the calls."""

    def __init__(self, lab: Stage, carrier: Carrier, evening: Evening) -> None:
        self.lab, self.carrier, self.evening = lab, carrier, evening
        self.listed = asyncio.Condition()

    async def list_calls(self) -> None:
        while True:
            stories = await self.lab.service.stories("calls", "--all", "-n", "1000")
            async with self.listed:
                self.evening.stories = stories
                self.evening.texts = list(self.carrier.texts)
                self.listed.notify_all()
            await asyncio.sleep(0.5)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it is seen in a listing."""
        try:
            async with asyncio.timeout(60), self.listed:
                await self.listed.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"never came: {what}") from None

    async def decided(self, name: str, calls: int = 1) -> None:
        """Wait until so many calls to the line have ended and have their verdict."""

        def holds() -> bool:
            did = self.evening.lines[name].did
            ended = [s for s in self.evening.stories if s["did"] == did and s["ended"]]
            return len(ended) == calls and all(s["verdict"] != "pending" for s in ended)

        await self.until(holds, f"{calls} verdicts of {name}")

    async def texted(self, name: str, texts: int = 1) -> None:
        await self.until(lambda: len(self.evening.sent(name)) == texts, f"{texts} texts of {name}")

    async def state(self, name: str, state: str) -> None:
        def holds() -> bool:
            texts = [s["text"] for s in self.evening.calls(name) if s["text"]]
            return bool(texts) and texts[0]["state"] == state

        await self.until(holds, f"{name} {state}")

    async def call(self, name: str, *, hold: float = PATIENCE, calls: int = 1) -> None:
        """Somebody calls the line and holds on for so long."""
        row, agent = self.evening.lines[name], self.lab.agent
        agent.behaviours[row.phone("a")] = row.phones["a"]
        leg = agent.call(row.number_outside, row.did)
        try:
            await leg.over(hold)
        except TimeoutError:
            leg.hang_up()
        await leg.over()
        await self.decided(name, calls)

    async def line(self, name: str) -> None:
        try:
            await getattr(self, name, lambda: self.call(name))()
        except (TimeoutError, AssertionError) as error:
            self.evening.wrong[name] = error


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def gate(story: Story, name: str) -> dict[str, Any]:
    return next(g for g in story["gates"] if g["name"] == name)

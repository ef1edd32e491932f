"""A gateway that answers as it is told: accepts, holds back, throttles, refuses, fails.

It has a window like a real route, keeps every message it was given, and lets a test wait for the
message instead of sleeping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from textback.model import Accepted, Message, PartId, Submission

#: What to answer; None: nothing until `answer` is called.
Script = Callable[[Message], Submission | BaseException | None]


def accepted(message: Message, total: int = 1) -> Accepted:
    """Every missing part, with an id made of the row and the part."""
    parts = tuple(
        PartId(number, total, f"{message.row_id:x}-{number}")
        for number in range(1, total + 1)
        if number not in message.parts_done
    )
    return Accepted(parts=parts, at=datetime.now(UTC))


class FakeGateway:
    """Satisfies `textback.delivery.Gateway`."""

    def __init__(
        self,
        name: str = "smsc",
        *,
        window: int = 10,
        script: Script | None = None,
        segments: Callable[[str], int] = lambda text: 1,
    ) -> None:
        self.name = name
        self.window = window
        self.bound = True
        self.script: Script = script or accepted
        self.messages: list[Message] = []
        self.open: dict[int, asyncio.Future[Submission]] = {}
        self.most_in_flight = 0
        self._segments = segments
        self._in_flight = 0
        self._changed = asyncio.Condition()
        self._room: set[asyncio.Future[None]] = set()

    # --- the door ---

    def room(self) -> int:
        return self.window - self._in_flight if self.bound else 0

    async def wait_room(self) -> None:
        while self.room() <= 0:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._room.add(waiter)
            try:
                await waiter
            finally:
                self._room.discard(waiter)

    async def submit(self, message: Message) -> Submission:
        size = max(self._segments(message.text) - len(message.parts_done), 1)
        self._in_flight += size
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        self.messages.append(message)
        try:
            await self._tell()
            said = self.script(message)
            if said is None:
                answer: asyncio.Future[Submission] = asyncio.get_running_loop().create_future()
                self.open[message.row_id] = answer
                await self._tell()
                said = await answer
            if isinstance(said, BaseException):
                raise said
            return said
        finally:
            self.open.pop(message.row_id, None)
            self._in_flight -= size
            self._free()

    # --- what a test does ---

    def answer(self, row_id: int, said: Submission) -> None:
        """End one submission that was held back."""
        self.open[row_id].set_result(said)

    def bind(self) -> None:
        self.bound = True
        self._free()

    async def received(self, count: int) -> list[Message]:
        """Wait until `count` messages have come."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.messages) >= count)
        return self.messages

    async def holding(self, count: int) -> list[int]:
        """Wait until `count` submissions are held back; their rows."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.open) >= count)
        return sorted(self.open)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _free(self) -> None:
        for waiter in self._room:
            if not waiter.done():
                waiter.set_result(None)

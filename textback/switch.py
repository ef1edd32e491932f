"""A gateway whose route can be exchanged while delivery goes on: what a reload needs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from textback.delivery import Gateway
from textback.model import Message, Submission


class Switch:
    """Stands for one [[smsc]] towards delivery, whichever route is behind it just now."""

    def __init__(self, gateway: Gateway) -> None:
        self.name = gateway.name
        self._gateway = gateway
        self._changed = asyncio.Event()

    def put(self, gateway: Gateway) -> None:
        """From now on everything goes through `gateway`; the old one finishes what it has."""
        if gateway.name != self.name:
            raise ValueError(f"{gateway.name} cannot stand for {self.name}")
        self._gateway = gateway
        self._changed.set()

    def submit(self, message: Message) -> Coroutine[Any, Any, Submission]:
        return self._gateway.submit(message)

    @property
    def window(self) -> int:
        return self._gateway.window

    def room(self) -> int:
        return self._gateway.room()

    async def wait_room(self) -> None:
        """Also when the route is exchanged meanwhile: the old one may never have room again."""
        while self.room() <= 0:
            self._changed.clear()
            waits = [
                asyncio.create_task(self._gateway.wait_room(), name=f"room behind {self.name}"),
                asyncio.create_task(self._changed.wait(), name=f"exchange of {self.name}"),
            ]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    if wait.done():
                        wait.result()
            finally:
                for wait in waits:
                    wait.cancel()

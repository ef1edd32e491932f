"""Ordered work beside the read path: what the SMSC delivers is stored here, answers never wait.

submit_sm_resp must not queue behind a slow store (a response that waits there times out, and its
text is sent twice). So deliver_sm goes into lanes: one lane per handset as it were, each lane in
order, all of them bounded together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from zlib import crc32

Job = Callable[[], Awaitable[None]]

#: Side by side, so that the store can put several into one commit.
LANES = 8


class Lanes:
    """Jobs with the same key run one after the other, in order; `run` must be running."""

    def __init__(self, name: str, capacity: int) -> None:
        """At most `capacity` jobs wait or run."""
        self._name = name
        self._capacity = capacity
        self._queues: list[asyncio.Queue[Job]] = [asyncio.Queue() for _ in range(LANES)]
        self._idle = asyncio.Event()
        self._idle.set()
        self.load = 0  #: jobs that wait or run

    def put(self, key: str, job: Job) -> bool:
        """Take `job`; False when full, and then it was not taken. A job must not raise."""
        if self.load >= self._capacity:
            return False
        self.load += 1
        self._idle.clear()
        self._queues[crc32(key.encode()) % LANES].put_nowait(job)
        return True

    async def drained(self) -> None:
        """Return when no job waits or runs."""
        await self._idle.wait()

    async def run(self) -> None:
        """Work until cancelled; a job that raises ends it, as that is a defect of ours."""
        async with asyncio.TaskGroup() as group:
            for number, queue in enumerate(self._queues):
                group.create_task(self._work(queue), name=f"{self._name}-lane-{number}")

    async def _work(self, queue: asyncio.Queue[Job]) -> None:
        while True:
            job = await queue.get()
            try:
                await job()
            finally:
                self.load -= 1
                if self.load == 0:
                    self._idle.set()

"""A delivery that is killed: `python -m tests.fakes.killed_delivery DB LOG KILL_AFTER POLICY`.

Submits what is in the store to a fake carrier that writes each message into LOG as it takes it, and
kills its own process (SIGKILL) in the middle of the work after KILL_AFTER messages; 0: never, then
it ends when nothing is left to do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import IO, Literal, cast

from tests.fakes.gateway import FakeGateway, accepted
from textback.delivery import Delivery
from textback.model import Message, OutboxState, Submission
from textback.retry import RetryRules
from textback.store.store import Store

WINDOW = 10


def carrier(taken: IO[str], kill_after: int) -> FakeGateway:
    count = 0

    def take(message: Message) -> Submission:
        nonlocal count
        count += 1
        taken.write(f"{message.row_id}\n")
        taken.flush()
        if count == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return accepted(message)

    return FakeGateway(window=WINDOW, script=take)


async def busy(store: Store) -> bool:
    counts = await store.counts()
    return bool(counts[OutboxState.QUEUED] or counts[OutboxState.SENDING])


async def main(database: Path, log: Path, kill_after: int, policy: str) -> None:
    store = await Store.open(database)
    rules = RetryRules(on_uncertain=cast("Literal['hold', 'resend']", policy), first=0.0)
    with log.open("a", encoding="ascii") as taken:
        gateway = carrier(taken, kill_after)
        delivery = Delivery(store, [gateway], segments=lambda route, text: 1, rules=lambda _: rules)
        running = asyncio.create_task(delivery.run(), name="delivery")
        while await busy(store):  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.01)
        await delivery.stop()
        await running
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))

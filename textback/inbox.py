"""Inbox: receipts and replies are on the disk before the carrier is told so.

What comes while a commit runs shares the next one. When the store fails the carrier gets a
temporary error and sends it again: it keeps what we cannot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import structlog

from textback import optout, phone
from textback.model import Receipt, Reply
from textback.observer import Observer
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.outage import Outage
from textback.store.replies import Kept, Word
from textback.store.rows import Matched
from textback.store.store import Store

log = structlog.get_logger(__name__)

T = TypeVar("T")
R = TypeVar("R")

#: Things in one transaction.
BATCH = 200


class Batcher(Generic[T, R]):
    """Gives `write` everything that came while it was busy with the last lot."""

    def __init__(self, name: str, write: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._name = name
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: T) -> R:
        """What `write` made of the item. Raises what `write` raised for it."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=self._name)
            self._task.add_done_callback(self._ended)
        return await future

    async def _work(self) -> None:
        while self._waiting:
            lot = self._waiting[:BATCH]
            await self._settle(lot)
            del self._waiting[: len(lot)]
        # In the same step as the last look: what is added from here on begins a task of its own.
        self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._task is not task:
            return
        # It did not come to its end: a fault of ours. Nobody may wait for ever for what it had.
        self._task = None
        left, self._waiting = self._waiting, []
        error = None if task.cancelled() else task.exception()
        for _, future in left:
            if future.done():
                continue
            if error is None:
                future.cancel()
            else:
                future.set_exception(error)

    async def _settle(self, lot: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._write([item for item, _ in lot])
        except StoreError as error:
            if len(lot) > 1 and not isinstance(error, StoreUnavailableError):
                # One of them cannot be stored: the others must not suffer.
                for one in lot:
                    await self._settle([one])
                return
            for _, future in lot:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(lot, results, strict=True):
            if not future.done():
                future.set_result(result)


class Inbox:
    """What handsets and carriers send us."""

    def __init__(
        self,
        store: Store,
        country: Callable[[], str],
        *,
        observer: Observer | None = None,
    ) -> None:
        """`country()`: ISO 3166, for numbers the carrier gives without a country code."""
        self._store = store
        self._country = country
        self._observer = observer or Observer()
        self._outage = Outage("inbox")
        self._receipts: Batcher[Receipt, Matched] = Batcher("store receipts", store.record_receipts)
        self._replies: Batcher[Word, Kept] = Batcher("store replies", store.record_replies)

    async def receipt(self, receipt: Receipt) -> None:
        """On return it is on the disk. Raises StoreError: the carrier is to send it again."""
        try:
            found = await self._receipts.add(receipt)
        except StoreError as error:
            self._outage.failed(error, 1)
            raise
        self._outage.over()
        self._observer.receipt(receipt.state, found.row_id is not None)
        if found.state is not None:
            self._observer.state(found.state)
        # One that came before its submit_sm_resp is nothing unusual: it waits, and is matched then.
        log.info(
            "receipt" if found.row_id is not None else "receipt_waits",
            row=found.row_id,
            part=found.part,
            route=receipt.route,
            message_id=receipt.message_id,
            says=receipt.state.value,
            error=receipt.error or None,
            state=found.state.value if found.state else None,
            note=found.note,
        )

    async def reply(self, reply: Reply) -> None:
        """On return it is on the disk, and STOP is obeyed. Raises StoreError as `receipt` does."""
        reply = replace(reply, sender=self._full(reply.sender))
        # A word stands alone; a part of a longer text is never one.
        request = optout.read(reply.text) if reply.parts == 1 else None
        word = Word(reply=reply, word=request.value if request else "")
        try:
            kept = await self._replies.add(word)
        except StoreError as error:
            self._outage.failed(error, 1)
            raise
        self._outage.over()
        self._observer.reply()
        log.info(
            "reply",
            sender=reply.sender,
            recipient=reply.recipient,
            route=reply.route,
            length=len(reply.text),
            word=kept.word or None,
        )
        for row_id in kept.cancelled:
            reason = "opted_out" if kept.word == "stop" else "replied"
            log.info("text_cancelled", row=row_id, reason=reason)

    def _full(self, number: str) -> str:
        if number.startswith("+"):
            return number
        return phone.to_e164(number, self._country()) or number

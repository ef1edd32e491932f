"""Inbox: receipts and replies are on the disk before the carrier is told so.

What comes while a commit runs shares the next one. When the store fails the carrier gets a
temporary error and sends it again: it keeps what we cannot. What fails though the store works would
fail for ever, so it is kept as it came (`store.unread`) and answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

import structlog

from textback import phone
from textback.model import Incoming, OutboxRow, Receipt, Reply, Request
from textback.observer import Observer
from textback.reply_rules import PLAIN, ReplyRules
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.incoming import Taken
from textback.store.outage import Outage
from textback.store.replies import Kept
from textback.store.rows import Matched
from textback.store.store import Store

log = structlog.get_logger(__name__)

T = TypeVar("T")
R = TypeVar("R")

#: Things in one transaction.
BATCH = 200
#: Seconds between two looks at texts that wait for parts: the wall clock may be set meanwhile.
MIN_WAIT, MAX_WAIT = 0.05, 60.0
#: Seconds until the next look when the store failed.
AGAIN = 5.0


@contextmanager
def _our_faults() -> Iterator[None]:
    """What fails though the store works is said to be the one thing's that it fails at."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(f"a fault of ours: {type(error).__name__}") from error


def _unread(what: str, route: str, raw: bytes, error: StoreError) -> None:
    log.error(
        "kept_unread", what=what, route=route, octets=len(raw), error=str(error), exc_info=error
    )


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
        rules: Callable[[], ReplyRules] = lambda: PLAIN,
        observer: Observer | None = None,
        on_kept: Callable[[Incoming], None] | None = None,
        on_answer: Callable[[OutboxRow], None] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`country()`: ISO 3166, for numbers the carrier gives without a country code. `rules()`:
        those in force. `on_kept` is told of every text that is on the disk, whole or taken with a
        gap; `on_answer` of what a rule wrote back."""
        self._store = store
        self._country = country
        self._rules = rules
        self._observer = observer or Observer()
        self._on_kept = on_kept
        self._on_answer = on_answer
        self._clock = clock
        self._outage = Outage("inbox")
        self._receipts: Batcher[Receipt, Matched] = Batcher("store receipts", self._record_receipts)
        self._replies: Batcher[Reply, Kept] = Batcher("store replies", self._record)
        self._answered: list[int] = []
        self._stopping = False
        self._news = asyncio.Event()
        self._news.set()  # parts may wait since before the start

    async def receipt(self, receipt: Receipt) -> None:
        """On return it is on the disk. Raises StoreError: the carrier is to send it again."""
        try:
            found = await self._kept_receipt(receipt)
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

    async def reply(self, reply: Reply) -> int:
        """On return it is on the disk, and what it asks for is done; the number of its row, for
        `answered`. Raises StoreError as `receipt` does."""
        reply = replace(reply, sender=self._full(reply.sender))
        try:
            kept = await self._kept_reply(reply)
        except StoreError as error:
            self._outage.failed(error, 1)
            raise
        self._outage.over()
        self._say(kept)
        return kept.reply_id

    async def _kept_receipt(self, receipt: Receipt) -> Matched:
        try:
            return await self._receipts.add(receipt)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            nothing: frozenset[str] = frozenset()
            bare = replace(receipt, message_id="", id_forms=nothing, error="", done=None)
            (found,) = await self._record_receipts([bare])
            _unread("receipt", receipt.route, receipt.raw, error)
            return found

    async def _kept_reply(self, reply: Reply) -> Kept:
        try:
            return await self._replies.add(reply)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            kept = await self._keep_unread(reply)
            _unread("reply", reply.route, reply.raw, error)
            return kept

    async def _keep_unread(self, reply: Reply) -> Kept:
        try:
            with _our_faults():
                return await self._store.keep_unread(reply)
        except StoreUnavailableError:
            raise
        except StoreError:
            return await self._store.keep_unread(reply, shown=False)

    def answered(self, reply_ids: Sequence[int]) -> None:
        """The carrier is known to have our answers to these: what is like them is another text."""
        self._answered += reply_ids
        self._news.set()

    async def run(self) -> None:
        """Take texts as they are whose parts do not come in time, until `stop`."""
        while not self._stopping:
            self._news.clear()
            try:
                wait = await self._look()
            except StoreError as error:
                self._outage.failed(error, 1)
                wait = AGAIN
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                continue
        try:
            await self._settle()
        except StoreError as error:
            # What is not noted is in doubt: shown once should the carrier repeat it.
            self._outage.failed(error, 1)

    async def stop(self) -> None:
        """Have `run` note what the carrier was last known to have, and end."""
        self._stopping = True
        self._news.set()

    async def _settle(self) -> None:
        known, self._answered = self._answered, []
        try:
            await self._store.settle_replies(known)
        except StoreError:
            self._answered = known + self._answered
            raise

    async def _look(self) -> float | None:
        """What is due is done; seconds until something is, None: nothing waits."""
        await self._settle()
        rules = self._rules()
        for taken in await self._given_up(rules, self._clock()):
            self._tell(taken)
        first = await self._store.oldest_partial()
        if first is None:
            return None
        left = (first + rules.partial_after - self._clock()).total_seconds()
        return max(MIN_WAIT, min(left, MAX_WAIT))

    async def _given_up(self, rules: ReplyRules, now: datetime) -> list[Taken]:
        for only in ({}, {"most": 1}):
            try:
                with _our_faults():
                    return await self._store.give_up_partials(rules, now, **only)
            except StoreUnavailableError:
                raise
            except StoreError as error:
                fault = error
        # The first of them is the one: the others go on at the next look.
        found = await self._store.give_up_unread(now)
        _unread("partial reply", found[0].text.route if found else "", b"", fault)
        return found

    async def _record(self, found: Sequence[Reply]) -> Sequence[Kept]:
        with _our_faults():
            return await self._store.record_replies(found, self._rules())

    async def _record_receipts(self, found: Sequence[Receipt]) -> Sequence[Matched]:
        with _our_faults():
            return await self._store.record_receipts(found)

    def _say(self, kept: Kept) -> None:
        reply = kept.reply
        plain = {"sender": reply.sender, "recipient": reply.recipient, "route": reply.route}
        if kept.repeat:
            self._observer.reply_repeated()
            log.info("reply_repeated", **plain, length=len(reply.text), part=reply.part)
        elif kept.waits:
            log.info("reply_part", **plain, part=reply.part, parts=reply.parts)
            self._news.set()
        for row_id in kept.cancelled if kept.text is None else ():
            log.info("text_cancelled", row=row_id, reason="replied")
        for taken in kept.given_up:
            self._tell(taken)
        if kept.taken is not None:
            self._tell(kept.taken, kept.cancelled)

    def _tell(self, taken: Taken, cancelled: Sequence[int] = ()) -> None:
        """A text is whole, or was taken as it is."""
        text, word = taken.text, taken.reading.request
        self._observer.reply()
        if text.missing:
            self._observer.reply_incomplete()
        log.info(
            "reply",
            sender=text.sender,
            recipient=text.recipient,
            route=text.route,
            length=len(text.text),
            parts=text.parts,
            missing=text.missing or None,
            completed=taken.completed or None,
            word=word.value if word else None,
            review=taken.reading.review or None,
            keyword=taken.reading.keyword or None,
        )
        for row_id in dict.fromkeys((*cancelled, *taken.cancelled)):
            reason = "opted_out" if word is Request.STOP else "replied"
            log.info("text_cancelled", row=row_id, reason=reason)
        if taken.answer is not None and self._on_answer is not None:
            self._on_answer(taken.answer)
        if self._on_kept is not None:
            self._on_kept(text)

    def _full(self, number: str) -> str:
        if number.startswith("+"):
            return number
        return phone.to_e164(number, self._country()) or number

"""A lane of delivery: the texts of one route, from the claim to the record of what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import structlog

from textback.fleet import Fleet
from textback.model import (
    Accepted,
    Later,
    Message,
    Moment,
    OutboxRow,
    OutboxState,
    Refused,
    Submission,
    Unsure,
)
from textback.observer import Observer
from textback.retry import GiveUp, RetryRules, next_step
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.outage import Outage
from textback.store.rows import Claim, Finished, Settled
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: Due times are on the wall clock, which may jump; a sleep cannot know, so none is longer. Seconds.
LONGEST_SLEEP = 30.0


class Gateway(Protocol):
    """What delivery needs of a route to a carrier; `sms_gateway.link.Route` is one."""

    @property
    def name(self) -> str: ...

    def submit(self, message: Message) -> Coroutine[Any, Any, Submission]:
        """Submit every part that is not done, and tell what came of it, in bounded time."""
        ...

    @property
    def window(self) -> int:
        """Most segments that may be unanswered."""
        ...

    def room(self) -> int:
        """Segments that may be submitted now; 0 when not bound."""
        ...

    async def wait_room(self) -> None:
        """Return when `room` is above 0."""
        ...


class Lane:
    """The texts of one route."""

    def __init__(
        self,
        store: Store,
        gateway: Gateway,
        *,
        others: frozenset[str] | None,
        segments: Callable[[str], int],
        rules: Callable[[], RetryRules],
        observer: Observer,
        clock: Callable[[], Moment],
        jitter: Callable[[], float],
        started: dict[int, float],
        fleet: Fleet | None = None,
        wake_others: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        """`fleet`: which routes carry now; None: this one, whatever happens to it."""
        self.name = gateway.name
        self._store = store
        self._gateway = gateway
        self._others = others
        self._segments = segments
        self._rules = rules
        self._observer = observer
        self._clock = clock
        self._jitter = jitter
        self._started = started
        self._fleet = fleet
        self._wake_others = wake_others
        self._wake = asyncio.Event()
        self._stopping = False
        self._flying: set[asyncio.Task[Submission]] = set()
        self._starting = 0  # segments claimed whose task has not run yet
        self._open = 0  # segments claimed whose answer has not come back to here
        self._finished: list[Finished] = []
        self._room_task: asyncio.Task[None] | None = None
        self._outage = Outage(f"delivery {gateway.name}")

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    @property
    def in_flight(self) -> int:
        """Texts whose answer is open or not recorded yet."""
        return len(self._flying) + len(self._finished)

    async def run(self) -> None:
        """Until stopped with nothing in flight, or cancelled: then rows may stay `sending`."""
        try:
            while not (self._stopping and not self._flying and not self._finished):
                await self._turn()
        finally:
            for task in (*self._flying, *([self._room_task] if self._room_task else ())):
                task.cancel()

    async def _turn(self) -> None:
        self._wake.clear()
        finished, self._finished = self._finished, []
        claim = None if self._stopping else self._claim()
        if claim is None and not finished:
            await self._wake.wait()
            return
        try:
            settled = await self._store.turn(finished, claim, self._clock().utc)
        except StoreError as error:
            if finished and not isinstance(error, StoreUnavailableError):
                await self._one_by_one(finished)
                return
            # Without the store nothing is claimed, so no more than is in flight can pile up here.
            self._finished = finished + self._finished
            await asyncio.sleep(self._outage.failed(error, len(self._finished)))
            return
        self._outage.over()
        self._tell(finished, settled)
        for row, size in zip(settled.claimed, settled.segments, strict=True):
            self._start(row, size)
        # Room that came while the transaction ran wakes nobody.
        starved = settled.more or (settled.blocked and claim is not None and claim.room <= 0)
        if not self._stopping and not (starved and self._room() > 0):
            await self._sleep(settled)

    async def _one_by_one(self, finished: Sequence[Finished]) -> None:
        """One of them cannot be recorded at all; the others must not wait for it."""
        for n, one in enumerate(finished):
            try:
                settled = await self._store.turn([one], None, self._clock().utc)
            except StoreUnavailableError as error:
                self._finished = [*finished[n:], *self._finished]
                await asyncio.sleep(self._outage.failed(error, len(self._finished)))
                return
            except StoreError as error:
                # It stays `sending` on the disk, and so is `uncertain` after the next start.
                log.exception("submission_not_recorded", row=one.row_id, error=str(error))
            else:
                self._tell([one], settled)

    def _room(self) -> int:
        # The gateway has room again as soon as an answer is read, this lane hears of it a little
        # later: until then the row is `sending` on the disk, where a window's worth may be at most.
        gateway = self._gateway
        return max(0, min(gateway.room() - self._starting, gateway.window - self._open))

    def _claim(self) -> Claim:
        # Also without room: what has become too old is taken out of the queue.
        among = self._fleet.among if self._fleet is not None else None
        if self._fleet is not None and among is not None:
            return Claim(
                route=self.name,
                others=self._others,
                room=self._room(),
                segments=self._segments,
                idle=not self._flying,
                among=among,
                choose=self._fleet.router.choose,
                down=self._fleet.down(),
            )
        return Claim(
            route=self.name,
            others=self._others,
            room=self._room(),
            segments=self._segments,
            idle=not self._flying,
        )

    async def _sleep(self, settled: Settled) -> None:
        waiting = settled.more or settled.blocked
        if waiting and self._room() <= 0:
            self._watch_room()
        seconds: float | None = LONGEST_SLEEP if waiting else None
        if settled.next_due is not None:
            until = (settled.next_due - self._clock().utc).total_seconds()
            seconds = min(max(until, 0.0), LONGEST_SLEEP)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _watch_room(self) -> None:
        if self._room_task is None:
            name = f"room at {self.name}"
            self._room_task = asyncio.create_task(self._gateway.wait_room(), name=name)
            self._room_task.add_done_callback(self._has_room)

    def _has_room(self, task: asyncio.Task[None]) -> None:
        self._room_task = None
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("gateway_failed", route=self.name, exc_info=error)

    # --- submitting ---

    def _start(self, row: OutboxRow, size: int) -> None:
        self._starting += size
        self._open += size
        task = asyncio.create_task(self._submit(row, size), name=f"submit {row.id}")
        self._flying.add(task)
        task.add_done_callback(partial(self._landed, row, size))

    async def _submit(self, row: OutboxRow, size: int) -> Submission:
        self._starting -= size
        since = self._started.pop(row.id, None)
        if since is not None:
            self._observer.decide_to_submit(self._clock().steady - since)
        return await self._gateway.submit(
            Message(
                row_id=row.id,
                to=row.to,
                sender=row.sender,
                text=row.text,
                expires=row.expires,
                reference=row.reference,
                parts_done=row.parts_done,
            )
        )

    def _landed(self, row: OutboxRow, size: int, task: asyncio.Task[Submission]) -> None:
        self._flying.discard(task)
        self._open -= size
        if task.cancelled():
            return  # the service is being killed; the row stays `sending`, which is the truth
        error = task.exception()
        if error is None:
            submission = task.result()
        else:
            # A fault of ours somewhere between here and the socket: bytes may have left.
            log.error("gateway_failed", route=self.name, row=row.id, exc_info=error)
            submission = Unsure(detail=f"internal error: {type(error).__name__}")
        if self._fleet is not None:
            self._fleet.answered(self.name, submission)
        self._finished.append(self._next(row, submission))
        self._wake.set()

    def _next(self, row: OutboxRow, submission: Submission) -> Finished:
        now = self._clock().utc
        state, reason, due = where_to(row, submission, now, self._rules(), self._jitter())
        return Finished(
            row_id=row.id,
            submission=submission,
            at=now,
            state=state,
            reason=reason,
            due=due,
            resend=state is OutboxState.UNCERTAIN and due is not None,
            route=self.name,
        )

    def _tell(self, finished: Sequence[Finished], settled: Settled) -> None:
        for f in finished:
            result = type(f.submission).__name__.lower()
            state = settled.states[f.row_id]
            self._observer.submission(self.name, result)
            self._observer.state(state)
            log.info(
                "text_submitted",
                row=f.row_id,
                route=self.name,
                result=result,
                state=state.value,
                reason=f.reason,
            )
        for row in settled.claimed:
            self._observer.state(OutboxState.SENDING)
            log.debug("text_claimed", row=row.id, route=self.name, attempt=row.attempts)
        if settled.moved:
            self._wake_others(settled.moved)
        self._hand_over(settled)
        for row_id in settled.refused:
            self._started.pop(row_id, None)
            self._observer.state(OutboxState.REFUSED)
            log.warning("text_not_routed", row=row_id)
        for row_id in settled.stopped:
            self._started.pop(row_id, None)
            self._observer.state(OutboxState.CANCELLED)
            log.info("text_cancelled", row=row_id, reason="opted_out", at="submit time")
        for row_id in settled.expired:
            self._started.pop(row_id, None)
            self._observer.state(OutboxState.EXPIRED)
            log.warning("text_expired", row=row_id, route=self.name)

    def _hand_over(self, settled: Settled) -> None:
        # What comes back to the queue of a route that was given up meanwhile is another's to take,
        # and that one last looked while it was still on its way here.
        fleet = self._fleet
        if fleet is None or OutboxState.QUEUED not in settled.states.values():
            return
        if self.name in fleet.down():
            self._wake_others(fleet.router.names - {self.name})


def where_to(
    row: OutboxRow, submission: Submission, now: datetime, rules: RetryRules, jitter: float
) -> tuple[OutboxState, str, datetime | None]:
    """The state a text goes to, why, and when it is due again. Pure."""
    if isinstance(submission, Accepted):
        return OutboxState.ACCEPTED, "", None
    step = next_step(row.attempts, submission, now, row.created, row.expires, rules, jitter=jitter)
    match submission:
        case Refused():
            assert isinstance(step, GiveUp)
            return OutboxState.REFUSED, step.reason, None
        case Unsure():
            if isinstance(step, GiveUp):
                return OutboxState.UNCERTAIN, step.reason, None
            return OutboxState.UNCERTAIN, f"sent again: {submission.detail}", step.due
        case Later():
            if not isinstance(step, GiveUp):
                return OutboxState.QUEUED, submission.detail or submission.name, step.due
            if submission.counts and row.attempts >= rules.max_attempts:
                return OutboxState.REFUSED, step.reason, None
            return OutboxState.EXPIRED, step.reason, None

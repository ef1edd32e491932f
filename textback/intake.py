"""Intake: facts about calls -> verdict and text, in one transaction; the PBX never waits for it.

Only a fact that decides, an answer and the end of a call need a transaction of their own; "started"
and "ringing" are gathered for a moment, so that `textback calls` shows living calls without a
commit for each ring. Facts that pile up while a commit runs share the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from textback import phone
from textback.callback import Configured
from textback.config import Config
from textback.decide import Past, caller_of, decide
from textback.model import (
    Call,
    CallKey,
    Direction,
    Moment,
    OutboxRow,
    OutboxState,
    Phase,
    Send,
    Verdict,
)
from textback.observer import Observer
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.outage import Outage
from textback.store.rows import CallFact, CaseChange, Judged
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: How long a fact that decides nothing may wait for company, seconds.
GATHER = 0.5
#: Facts in one transaction.
BATCH = 64

_TRIVIAL = frozenset({Phase.STARTED, Phase.RINGING})
_DECIDING = frozenset({Phase.RING_TIMEOUT, Phase.VOICEMAIL, Phase.HINTED, Phase.ENDED})


class Intake:
    """The one task that decides; `put` gives it facts, `run` works them off in their order."""

    def __init__(
        self,
        store: Store,
        rules: Callable[[], Config],
        *,
        on_queued: Callable[[OutboxRow, Call], None] | None = None,
        kick: Callable[[], None] | None = None,
        on_cases: Callable[[Sequence[CaseChange]], None] | None = None,
        observer: Observer | None = None,
        clock: Callable[[], Moment] = Moment.now,
        limit: int = 100_000,
    ) -> None:
        """`rules()` is the configuration in force; `on_queued(row, call)` tells of each new text,
        `kick()` that there may be some; `on_cases(changes)` of cases that were opened and closed;
        `limit`: facts kept in memory while the store fails."""
        self._store = store
        self._rules = rules
        self._on_queued = on_queued
        self._kick = kick
        self._on_cases = on_cases
        self._observer = observer or Observer()
        self._clock = clock
        self._limit = limit
        self._facts: dict[int, Call] = {}  # by arrival
        self._trivial: dict[CallKey, int] = {}  # arrivals that a later fact of the call replaces
        self._arrivals = 0
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._running: asyncio.Task[None] | None = None
        self._outage = Outage("intake")
        self.dropped = 0  #: facts lost because the store failed for too long

    @property
    def waiting(self) -> int:
        """Facts not on the disk yet."""
        return len(self._facts)

    def put(self, call: Call) -> None:
        """Take one fact. Never blocks, never raises."""
        replaced = self._trivial.pop(call.key, None)
        if replaced is not None:
            self._facts.pop(replaced, None)
        if len(self._facts) >= self._limit:
            self._make_room()
        self._arrivals += 1
        self._facts[self._arrivals] = call
        if call.phase in _TRIVIAL:
            self._trivial[call.key] = self._arrivals
            if self._timer is None and not self._wake.is_set():
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(GATHER, self._wake.set)
        else:
            self._wake.set()

    def _make_room(self) -> None:
        """The store has failed for long: the oldest fact goes, one that decides nothing first."""
        if self._trivial:
            key, arrival = next(iter(self._trivial.items()))
            del self._trivial[key]
        else:
            arrival = next(iter(self._facts))
        lost = self._facts.pop(arrival, None)
        self.dropped += 1
        if lost is not None and self.dropped % 1000 == 1:
            log.error("facts_dropped", call=str(lost.key), dropped=self.dropped)

    async def run(self) -> None:
        """Until `stop` has seen everything on the disk, or cancelled."""
        self._running = asyncio.current_task()
        try:
            while not (self._stopping and not self._facts):
                if not self._stopping:
                    await self._wake.wait()
                self._wake.clear()
                self._stop_timer()
                await self._work_off()
        finally:
            self._stop_timer()

    async def stop(self) -> None:
        """Record what has come so far; `run` then returns."""
        self._stopping = True
        self._wake.set()
        if self._running is not None:
            await asyncio.wait([self._running])

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _work_off(self) -> None:
        while self._facts:
            arrivals = list(self._facts)[:BATCH]
            batch = [self._facts[arrival] for arrival in arrivals]
            # While they are being written a later fact must not take them out again.
            for call in batch:
                self._trivial.pop(call.key, None)
            try:
                await self._record(batch)
            except StoreUnavailableError as error:
                await asyncio.sleep(self._outage.failed(error, len(self._facts)))
                continue
            if self._outage.failures and self._kick is not None:
                # A commit that failed may be on the disk all the same, its texts unannounced.
                self._kick()
            self._outage.over()
            for arrival in arrivals:
                self._facts.pop(arrival, None)

    async def _record(self, batch: list[Call]) -> None:
        """Raises StoreUnavailableError. A fact that cannot be stored at all stops no other."""
        config, now = self._rules(), self._clock()
        facts = [self._fact(call, config, now.utc) for call in batch]
        try:
            judged = await self._store.record_calls(facts, now.utc)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            if len(batch) > 1:
                for call in batch:
                    await self._record([call])
                return
            self.dropped += 1
            log.exception("fact_not_stored", call=str(batch[0].key), error=str(error))
            return
        for call, result in zip(batch, judged, strict=True):
            self._tell(call, result)

    def _fact(self, call: Call, config: Config, now: datetime) -> CallFact:
        number = config.number_for(call.did) if call.direction is Direction.INBOUND else None
        called_back = ""
        # Of an originated call `did` is a number only where the tracker knows whom it dialled.
        ours = call.direction in (Direction.OUTBOUND, Direction.ORIGINATED)
        if ours and call.final and call.answered is not None:
            called_back = phone.read_dialled(call.did, config.business.country).e164
        return CallFact(
            call=call,
            caller=caller_of(call, config).e164 or "",
            number=number.did if number else "",
            label=number.label if number else "",
            decide=self._judge(config, now) if call.phase in _DECIDING else None,
            shadow=config.is_shadow(number),
            called_back=called_back,
            cases=Configured(config) if call.final else None,
        )

    def _judge(self, config: Config, now: datetime) -> Callable[[Call, Past], Verdict | None]:
        # The store adds what it knew of the call besides, so it is its call that is judged.
        return lambda call, history: decide(call, history, config, now)

    def _tell(self, call: Call, result: Judged) -> None:
        name = str(call.key)
        if result.known:
            log.debug("call_known_already", call=name, source=call.source.value)
            return
        self._observer.call(call)
        if call.final:
            log.info(
                "call_ended",
                call=name,
                direction=call.direction.value,
                outcome=call.outcome.value,
                waited=round(call.waited, 1),
                source=call.source.value if call.late else None,
            )
        if result.verdict is not None:
            self._tell_verdict(name, call, result.verdict, result)
        for row_id in result.cancelled:
            log.info("text_cancelled", call=name, row=row_id)
        for change in result.cases:
            event = "case_opened" if change.opened else "case_closed"
            log.info(event, call=name, case=change.case_id, stage=change.stage.value)
        if result.cases and self._on_cases is not None:
            self._on_cases(result.cases)
        if result.row is not None:
            self._observer.state(result.row.state)
            if result.row.state is OutboxState.HELD:
                self._observer.held(result.row.reason)
            # A late call's text may be cancelled at birth: the caller was spoken to since.
            if self._on_queued is not None and result.row.state is not OutboxState.CANCELLED:
                self._on_queued(result.row, call)

    def _tell_verdict(self, name: str, call: Call, verdict: Verdict, result: Judged) -> None:
        self._observer.verdict(verdict.reason)
        failed = next((gate for gate in verdict.gates if not gate.passed), None)
        log.info(
            "verdict",
            call=name,
            verdict="send" if isinstance(verdict, Send) else "skip",
            reason=verdict.reason.value,
            at=call.phase.value,
            found=failed.value if failed else None,
            row=result.row.id if result.row else None,
        )

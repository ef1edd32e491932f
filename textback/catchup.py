"""Catch-up: what happened while Asterisk could not be heard, read in its own records afterwards.

One for each [[pbx]]. When the link is up again and in step, Asterisk's records are read, at once
and again after 5 s, a minute and five minutes: CDR comes when a call ends, and with `batch = yes`
later still. The same when a call ends of which the link saw only a part. What is chosen goes the
way of every fact, through intake; the store takes each call once.

How long we were deaf is known from the store: while the link is up the time is noted there, every
few seconds and at the end. A textback that never ran before catches nothing up.

Reading is done in a thread, and never more than one at a time.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from textback.catchup_choice import Deaf, Records, choose
from textback.model import Call, Direction, Moment, Outcome, Phase
from textback.store.errors import StoreError
from textback.store.late import lost
from textback.store.outage import Outage
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: Seconds after the link is up, or a call ended that was seen in part, at which records are read.
RUNS = (1.0, 5.0, 60.0, 300.0)
#: Seconds between two notes of the link being up.
NOTE = 15.0
#: Older calls are not taken up, however long the outage was.
HORIZON = timedelta(hours=24)
#: Read this much before the outage: a call that ended in it may have begun long before.
MARGIN = timedelta(hours=1)
#: Calls heard of by the link that are remembered.
MOST_TOLD = 50_000
#: A read is followed by a pause of so many times what it took, and of so many seconds at most.
PAUSE, MOST_PAUSE = 10.0, 60.0


class LinkView(Protocol):
    """What is asked of a PBX link."""

    @property
    def boot(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def counters(self) -> Mapping[str, int]: ...
    def alive(self) -> Collection[str]: ...


class Reader(Protocol):
    """Reads the records; see `ami_listener.records.reader.RecordReader`. `read` blocks."""

    @property
    def configured(self) -> bool: ...
    def read(self, since: float, boot: str) -> Records: ...


@dataclass(slots=True)
class Caught:
    """How catch-up stands, for /healthz and /metrics."""

    configured: bool = False
    last_run: datetime | None = None
    #: Why a source cannot be read, by its key in the configuration.
    unreadable: Mapping[str, str] = field(default_factory=dict)
    malformed: int = 0  #: rows of the last run that were none
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)  #: (source, outcome)


@dataclass(frozen=True, slots=True)
class Nothing:
    """Records of which nothing could be made."""

    calls: Mapping[str, Call] = field(default_factory=dict)
    open: Mapping[str, Call] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    malformed: int = 0


class CatchUp:
    """One PBX's; `run` works until `stop`, or cancelled."""

    def __init__(
        self,
        pbx: str,
        store: Store,
        *,
        link: Callable[[], LinkView],
        reader: Reader,
        hand_on: Callable[[Call], None],
        clock: Callable[[], Moment] = Moment.now,
        runs: tuple[float, ...] = RUNS,
        on_run: Callable[[], None] = lambda: None,
    ) -> None:
        """`hand_on` takes a fact; it must not block. `on_run` is called after each read."""
        self._pbx = pbx
        self._store = store
        self._link = link
        self._reader = reader
        self._hand_on = hand_on
        self._clock = clock
        self._runs = runs
        self._on_run = on_run
        self._due: set[float] = set()  # steady seconds, whole ones
        self._least = 0.0  # steady seconds before which nothing is read again
        self._overflows = 0
        self._up: Moment | None = None
        self._lost: Moment | None = None  # when the link was lost in this process
        self._deaf: Deaf | None = None
        self._told: OrderedDict[str, Outcome | None] = OrderedDict()
        self._note_at = 0.0
        self._wake = asyncio.Event()
        self._stopping = False
        self._outage = Outage(f"catch-up {pbx}")
        self.standing = Caught(configured=reader.configured)

    # --- what it is told -----------------------------------------------------------------------

    def link_is(self, state: str) -> None:
        """The state of the AMI link has changed."""
        now = self._clock()
        if state == "up":
            if self._up is None:
                self._up = now
                self._deaf = None
                self._schedule(now)
        elif self._up is not None:
            self._up = None
            self._lost = now
        self._wake.set()

    def told(self, call: Call) -> None:
        """A fact the link has told; the tracker knows of this call, and may come to know its end.

        Call it before the fact is handed on.
        """
        uniqueid = call.key.uniqueid
        self._told[uniqueid] = call.outcome if call.final else None
        self._told.move_to_end(uniqueid)
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        partly = call.final and call.outcome is Outcome.UNKNOWN and not call.tainted
        if partly and call.direction is Direction.INBOUND and call.phase is Phase.ENDED:
            self._schedule(self._clock())

    def use(self, reader: Reader) -> None:
        """Read other records from now on: the configuration has changed."""
        self._reader = reader
        self.standing.configured = reader.configured
        self.standing.unreadable = {}
        self._schedule(self._clock())

    def _schedule(self, now: Moment) -> None:
        # In whole seconds: a thousand calls cut off at once are one read.
        self._due.update(math.ceil(now.steady + seconds) for seconds in self._runs)
        self._wake.set()

    # --- the life ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until `stop`, or cancelled."""
        loop = asyncio.get_running_loop()
        while not self._stopping:
            self._wake.clear()
            now = self._clock()
            pause = NOTE
            try:
                if self._up is not None:
                    await self._work(now)
                self._outage.over()
            except StoreError as error:
                pause = self._outage.failed(error, len(self._due))
                self._due.add(math.ceil(now.steady + pause))
            if self._due and self._up is not None:
                due = max(self._least, min(self._due))
                pause = min(pause, max(0.0, due - self._clock().steady))
            timer = loop.call_later(pause, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    async def stop(self) -> None:
        """Note the time, and let `run` end. Raises StoreError when it cannot be noted."""
        self._stopping = True
        self._wake.set()
        if self._up is not None and self._deaf is not None:
            await self._store.set_last_seen(self._pbx, self._clock().utc)

    async def _work(self, now: Moment) -> None:
        """What is due: how long we were deaf, a read, a note. Raises StoreError."""
        deaf = self._deaf
        if deaf is None:
            deaf = self._deaf = await self._was_deaf(now)
        if self._overflowed():
            deaf = self._deaf = Deaf(since=now.utc - timedelta(seconds=NOTE), until=now.utc)
            self._schedule(now)
        due = {at for at in self._due if at <= now.steady}
        if due and now.steady >= self._least:
            self._due -= due
            await self._catch_up(deaf)
            after = self._clock().steady
            self._least = after + min(PAUSE * (after - now.steady), MOST_PAUSE)
        if now.steady >= self._note_at:
            self._note_at = now.steady + NOTE
            await self._store.set_last_seen(self._pbx, now.utc)

    def _overflowed(self) -> bool:
        """Events were dropped since we looked last, though the link was up all the time."""
        overflows = self._link().counters.get("queue_overflows", 0)
        grown, self._overflows = overflows > self._overflows, overflows
        return grown

    async def _was_deaf(self, now: Moment) -> Deaf:
        since = self._lost.utc if self._lost else await self._store.last_seen(self._pbx)
        until = self._up.utc if self._up is not None else now.utc
        if since is None:  # never ran before
            return Deaf(since=until, until=until)
        return Deaf(since=max(min(since, until), until - HORIZON), until=until)

    # --- one read ------------------------------------------------------------------------------

    async def _catch_up(self, deaf: Deaf) -> None:
        """Raises StoreError, and then has handed nothing on."""
        oldest = self._clock().utc - HORIZON
        without_end = await self._store.open_calls(self._pbx)
        since = max(min([deaf.since, *(call.started.utc for call in without_end)]), oldest)
        alive = set(self._link().alive())
        records = await self._read(since - MARGIN)
        alive |= set(self._link().alive())
        known = await self._store.known_calls(self._pbx, oldest - MARGIN)
        if self._up is None:
            return  # lost again meanwhile: who is alive is not known
        now = self._clock()
        found = choose(
            records,
            known=known,
            told=self._told,
            alive=alive,
            without_end=without_end,
            deaf=deaf,
            now=now,
            lose=lost,
        )
        for call in found:
            # What is handed on now is not handed on again, unless more is known of it then.
            self._told[call.key.uniqueid] = call.outcome
            self.standing.calls[call.source.value, call.outcome.value] += 1
            self._hand_on(call)
        self.standing.last_run = now.utc
        self._say(records, found, deaf)
        self._on_run()

    async def _read(self, since: datetime) -> Records:
        boot = self._link().boot
        try:
            return await asyncio.to_thread(self._reader.read, since.timestamp(), boot)
        except Exception:
            # A fault of ours in reading what strangers wrote. It is there at every start: the
            # service must not die of it.
            log.exception("catch_up_failed", pbx=self._pbx)
            return Nothing()

    def _say(self, records: Records, found: list[Call], deaf: Deaf) -> None:
        standing = self.standing
        for key, why in records.unreadable.items():
            if standing.unreadable.get(key) != why:
                log.warning("records_unreadable", pbx=self._pbx, source=key, error=why)
        for key in standing.unreadable.keys() - records.unreadable.keys():
            log.info("records_readable_again", pbx=self._pbx, source=key)
        standing.unreadable = dict(records.unreadable)
        if records.malformed > standing.malformed:
            log.warning("records_damaged", pbx=self._pbx, rows=records.malformed)
        standing.malformed = records.malformed
        outcomes = Counter(call.outcome for call in found)
        say = log.info if found else log.debug
        say(
            "catch_up_done",
            pbx=self._pbx,
            since=deaf.since.isoformat(timespec="seconds"),
            calls=len(found),
            answered=outcomes[Outcome.ANSWERED],
            unknown=outcomes[Outcome.UNKNOWN],
            in_records=len(records.calls),
        )

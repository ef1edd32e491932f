"""The AMI link to one Asterisk: connects, logs in, keeps in step, and never gives up.

The life of a connection is this table; `LinkState` says where it is, `detail` says it in words.

    CONNECTING   socket and TLS, then the banner             connect_timeout each
    LOGGING_IN   Login, only the `system` events wanted      login_timeout
    BOOTING      FullyBooted awaited: Asterisk may still     boot_timeout, then on without it
                 be loading
    SYNCING      CoreStatus (which start of Asterisk is      action_timeout each
                 this?), events on, CoreShowChannels
    UP           events flow; Ping every ping_interval with a deadline for the pong; a resync when
                 the queue overflowed, and every resync_interval for calls whose Hangup never came
    WAITING      after any failure: exponential back-off with full jitter
    REFUSED      the login was refused: a long wait, because trying again soon looks like an
                 attack to fail2ban and cures nothing
    STOPPED      `run` was cancelled

Events are switched on only after CoreStatus, so that every event is known to belong to this start
of Asterisk. A resync is CoreShowChannels followed by a Ping: the pong proves that every event from
before the list has been delivered.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from ami_listener import backoff
from ami_listener.actions import (
    ActionRefused,
    AmiAction,
    AmiError,
    NotConnected,
    describe,
)
from ami_listener.clicks import Clicks
from ami_listener.connection import Connection, LoginRefused
from ami_listener.introduction import Introduction
from ami_listener.journal import Journal
from ami_listener.presentation import PresentationAsker
from ami_listener.pump import Pump
from ami_listener.record import Recorder
from ami_listener.settings import LinkState, PbxSettings
from ami_listener.stream import LIST_ID, SYNC_ID, Stream
from ami_listener.tracker import Tracker
from textback.model import Call, Direction, Hint, Moment, Phase

__all__ = ["LinkState", "PbxLink", "PbxSettings"]

log = structlog.get_logger()

#: Least seconds between two resyncs that were asked for by an overflow or an error.
RESYNC_PAUSE = 5.0


class PbxLink:
    """One `[[pbx]]`; see the module's text. `on_call` is synchronous and must not block; so is
    `on_hint`, see `Tracker`."""

    def __init__(
        self,
        settings: PbxSettings,
        *,
        watch: Callable[[str], float | None],
        on_call: Callable[[Call], None],
        clock: Callable[[], Moment] = Moment.now,
        on_state: Callable[[LinkState, str], None] | None = None,
        on_hint: Callable[[Hint, Call | None], None] | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._journal = Journal(settings.name, on_state)
        self._clock = clock
        self._on_call = on_call
        self._dice = dice
        make_tracker = partial(
            Tracker,
            pbx=settings.name,
            inbound=settings.inbound,
            watch=watch,
            on_hint=on_hint,
            not_human=settings.not_human,
        )
        self._stream = Stream(lambda boot: make_tracker(boot=boot), timers_between=False)
        self._pump = Pump(
            self._stream,
            pbx=settings.name,
            size=settings.queue_size,
            clock=clock,
            on_call=self._fact,
            on_overflow=self.request_resync,
        )
        self.clicks = Clicks(
            self, self._stream, context=settings.dial_context, warn=self._journal.warn
        )
        self._recorder = Recorder(settings.record) if settings.record is not None else None
        self._introduction = Introduction(settings, self._journal, action=self.action, clock=clock)
        self._connection: Connection | None = None
        self._nudge = asyncio.Event()
        self._resync_wanted = False
        self._asker = PresentationAsker(self._introduction.denied)
        self._lists = 0
        self._last_sync = 0.0  # monotonic

    # --- what others see -----------------------------------------------------------------------

    @property
    def state(self) -> LinkState:
        return self._journal.state

    @property
    def detail(self) -> str:
        """The state in words, for people."""
        return self._journal.detail

    @property
    def boot(self) -> str:
        """Asterisk's start, ISO 8601 without zone; "" until known."""
        return self._introduction.boot

    @property
    def asterisk_version(self) -> str:
        return self._introduction.version

    @property
    def warnings(self) -> Mapping[str, str]:
        """What works, but not as it should, in words."""
        return self._journal.warnings

    @property
    def counters(self) -> dict[str, int]:
        """Everything that was done, dropped or went wrong, by name; only ever growing."""
        pump, connection = self._pump, self._connection
        return {
            **self._stream.counters,
            **self._asker.counters,
            **self._journal.counters_with(connection.counters if connection else {}),
            "queue_dropped": pump.dropped,
            "queue_overflows": pump.overflows,
            "feed_errors": pump.feed_errors,
            "call_errors": pump.call_errors,
            "record_bytes_lost": self._recorder.bytes_lost if self._recorder else 0,
        }

    @property
    def last_event(self) -> Moment | None:
        return self._pump.last_event

    @property
    def contexts_seen(self) -> Mapping[str, int]:
        """How many channels were born (in state Ring) in each context; for `doctor`."""
        return self._stream.contexts

    @property
    def contexts_unlisted(self) -> list[str]:
        """Those of `contexts_seen` that the inbound rule does not take, busiest first."""
        return list(self._stream.unlisted(self.settings.inbound))

    async def action(self, name: str, **fields: str) -> list[dict[str, str]]:
        """Send one AMI action; the response's headers, or a list's rows, with lower-case keys.

        Raises ValueError (CR, LF or NUL in a value), NotConnected at once while the link is
        down, ActionRefused, ActionTimeout after `action_timeout` seconds.
        """
        action = AmiAction({"Action": name, **fields})
        if self._connection is None:
            raise NotConnected(f"the AMI link to {self.settings.name} is down: {self.detail}")
        return await self._connection.ask(action, self.settings.action_timeout)

    def request_resync(self) -> None:
        """Have the channel list compared with what we believe, soon."""
        self._resync_wanted = True
        if self.state is LinkState.UP:
            self._nudge.set()

    def hint(self, hint: Hint, *, told: bool = False) -> None:
        """Hand a word of the dialplan to the tracker, in order with the events; see `Tracker`."""
        self._pump.call(lambda now: self._stream.tracker.hint(hint, now, told=told))

    def alive(self) -> frozenset[str]:
        """Uniqueids of the calls whose end the tracker will tell."""
        return self._stream.tracker.alive()

    def call(self, uniqueid: str) -> Call | None:
        """The call this channel belongs to, as it stands; None: not known."""
        return self._stream.tracker.call(uniqueid, self._clock())

    def retry_now(self) -> None:
        """End a wait between two attempts: the operator has changed something."""
        if self.state in (LinkState.WAITING, LinkState.REFUSED):
            self._nudge.set()

    # --- the life ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(self._pump.run(), name=f"ami-pump-{self.settings.name}")
            try:
                await self._supervise()
            finally:
                pump.cancel()
                self._journal.to(LinkState.STOPPED, "stopped")
                if self._recorder is not None:
                    self._recorder.close()

    async def _supervise(self) -> None:
        s = self.settings
        attempt = 0
        while True:
            up_since: float | None = None
            self._journal.to(LinkState.CONNECTING, f"connecting to {s.host}:{s.port}")
            try:
                async with Connection(
                    s, sink=self._pump.put, recorder=self._recorder
                ) as connection:
                    connection.on_lost(partial(self._on_lost, connection))
                    await self._start(connection)
                    up_since = time.monotonic()
                    await self._watch(connection)
            except LoginRefused as refusal:
                pause = backoff.around(s.refused_delay, dice=self._dice())
                state, why = LinkState.REFUSED, str(refusal)
            except (AmiError, OSError, ValueError) as error:
                # ValueError: a host name that no resolver can take (UnicodeError), a port too big.
                if up_since is not None and time.monotonic() - up_since >= s.backoff_max:
                    attempt = 0
                pause = backoff.delay(
                    attempt, first=s.backoff_first, maximum=s.backoff_max, dice=self._dice()
                )
                attempt += 1
                state, why = LinkState.WAITING, describe(error)
            finally:
                self._disconnected()
            self._journal.to(state, f"{why}; next attempt in {pause:.1f} s")
            self._nudge.clear()
            await self._sleep(pause)

    async def _start(self, connection: Connection) -> None:
        """From a fresh socket to UP."""
        s = self.settings
        self._journal.count("connects")
        await connection.open()
        self._journal.to(LinkState.LOGGING_IN, f"logging in as {s.username}")
        await connection.login()
        self._connection = connection
        self._journal.to(LinkState.BOOTING, "waiting for Asterisk to be fully booted")
        uptime = await self._introduction.booted(connection)
        self._journal.to(LinkState.SYNCING, "comparing the channels")
        # Before any event of it is looked at; the tracker hears of a restart by this.
        boot = await self._introduction.identify(uptime)
        self._pump.call(lambda now: self._stream.identify(boot, now))
        await self._introduction.check_rights(connection, self.clicks)
        await self.action("Events", EventMask="on")
        await self._resync()
        self._journal.to(
            LinkState.UP, f"up; Asterisk {self.asterisk_version or 'of unknown version'}"
        )

    async def _resync(self) -> None:
        """CoreShowChannels, a Ping to flush what came before, then the comparison, in order."""
        self._resync_wanted = False
        self._last_sync = time.monotonic()
        self._lists += 1
        tag = f"{self._lists}"
        try:
            rows = await self.action("CoreShowChannels", ActionID=LIST_ID + tag)
            await self.action("Ping", ActionID=SYNC_ID + tag)
            self._journal.count("resyncs")
            log.debug("ami_resync", pbx=self.settings.name, channels=len(rows))
        except ActionRefused as refusal:
            # Without the list nothing from before can be trusted: begin with a clean slate.
            self._introduction.denied(refusal)
            self._pump.call(self._stream.resync_blind)
        await self._pump.reached()

    async def _watch(self, connection: Connection) -> None:
        """UP until the connection is lost (raises)."""
        s = self.settings
        while True:
            await self._sleep(s.ping_interval)
            connection.raise_if_lost()
            self._asker.give_up(connection)
            idle = time.monotonic() - self._last_sync
            if idle >= s.resync_interval or (self._resync_wanted and idle >= RESYNC_PAUSE):
                await self._resync()
            await connection.ping(s.ping_timeout)

    async def _sleep(self, seconds: float) -> None:
        """Wait, unless nudged: the link was lost, a resync is wanted, the operator is impatient."""
        timer = asyncio.get_running_loop().call_later(seconds, self._nudge.set)
        try:
            await self._nudge.wait()
        finally:
            timer.cancel()
            self._nudge.clear()

    def _disconnected(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._asker.clear()
        self._journal.count_all(connection.counters)
        self._pump.call(self._stream.lost)

    def _on_lost(self, connection: Connection) -> None:
        # A connection that is already given up must not cut the wait for the next attempt short.
        if self._connection is connection:
            self._nudge.set()

    # --- facts and notes -----------------------------------------------------------------------

    def _fact(self, call: Call) -> None:
        """Called by the pump for every fact, in order."""
        inbound = call.direction is Direction.INBOUND
        if call.phase is Phase.STARTED and inbound and self._connection is not None:
            self._asker.ask(self._connection, call)
        self._on_call(call)

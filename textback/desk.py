"""Desk phones are told what handsets write: each text by SIP MESSAGE, until Asterisk has taken it.

    due        a text came in, its phone was to be tried again, or the link to its PBX came up
    told       Asterisk took every piece of it: on the disk as `sent`
    not told   the phone is off, or the link is down: again after a while, longer each time, and
               with it, in order, what else waits for that phone
    given up   after MAX_AGE, or when the phone has left the `desk` of the number: on the disk as
               `failed`; the text itself stays in `textback inbox`

What Asterisk took is written after each piece, so a restart goes on where it ended; a kill between
the two tells one piece again. It sleeps until the next text is due and never polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

import structlog

from textback import desk_words
from textback.config import Config
from textback.model import Moment, PhoneAnswer, PhoneMessage, PhoneResult
from textback.store.errors import StoreError
from textback.store.outage import Outage
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: A phone that is off gets its texts when it is on again, over a weekend at most.
MAX_AGE = timedelta(hours=72)
#: Seconds until the first repeat; doubled each time, up to the second. A repeat costs Asterisk
#: one look at its contacts.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0


class Line(Protocol):
    """`ami_listener.phones.PhoneLine`."""

    async def tell(self, endpoint: str, sender: str, name: str, body: str) -> PhoneAnswer: ...


def pause(attempts: int) -> timedelta:
    """How long a text waits that could not be told `attempts` times."""
    return timedelta(seconds=min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 1, 16)))


class DeskPhones:
    """The one task that tells phones; `run` is its life. `on_told(result)` counts."""

    def __init__(
        self,
        store: Store,
        rules: Callable[[], Config],
        lines: Callable[[], Mapping[str, Line]],
        *,
        on_told: Callable[[str], None] | None = None,
        clock: Callable[[], Moment] = Moment.now,
    ) -> None:
        """`lines()` has a `Line` for each [[pbx]] that is configured."""
        self._store = store
        self._rules = rules
        self._lines = lines
        self._on_told = on_told
        self._clock = clock
        self._wake = asyncio.Event()
        self._up: set[str] = set()  #: PBXs whose link came up and that were not hurried yet
        self._outage = Outage("desk")
        self._stopping = False
        self._running: asyncio.Task[None] | None = None
        self._denied: set[str] = set()  #: PBXs of which it has been said

    def kick(self) -> None:
        """There may be a text to tell."""
        self._wake.set()

    def link_up(self, pbx: str) -> None:
        """The link to this PBX is up again."""
        self._up.add(pbx)
        self._wake.set()

    async def stop(self) -> None:
        """Finish the piece at hand; what is not told yet is told after the next start."""
        self._stopping = True
        self._wake.set()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def run(self) -> None:
        """Until `stop`, or cancelled."""
        self._running = asyncio.current_task()
        while not self._stopping:
            self._wake.clear()
            try:
                wait = await self._turn()
            except StoreError as error:
                wait = self._outage.failed(error, 0)
            else:
                self._outage.over()
            if self._stopping:
                return
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _turn(self) -> float | None:
        """Tell all that is due; seconds until something is due again, None: nothing waits."""
        while self._up:
            pbx = self._up.pop()
            self._denied.discard(pbx)
            await self._store.phones_hurry(pbx, self._clock().utc)
        by_pbx: dict[str, list[tuple[str, str]]] = {}
        for phone in await self._store.phones_due(self._clock().utc):
            by_pbx.setdefault(phone[0], []).append(phone)
        if by_pbx:
            # A PBX that is slow holds up its own phones only.
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._pbx(phones), name=f"desk {pbx}")
                    for pbx, phones in by_pbx.items()
                ]
            for error in filter(None, (task.result() for task in tasks)):
                raise error
        due = await self._store.phone_next_due()
        return None if due is None else max(0.0, (due - self._clock().utc).total_seconds())

    async def _pbx(self, phones: list[tuple[str, str]]) -> StoreError | None:
        """Tell these phones; what went wrong with the store, if anything did."""
        try:
            for phone in phones:
                for message in await self._store.phone_waiting(phone):
                    if self._stopping or not await self._tell(message):
                        break
        except StoreError as error:
            return error
        return None

    async def _tell(self, message: PhoneMessage) -> bool:
        """One text, whole. False: what else waits for this phone has to wait on."""
        config = self._rules()
        if (message.pbx, message.endpoint) not in desk_words.phones_of(config, message.number):
            why = "not in `desk` of the number any more"
            await self._store.phone_given_up(message.id, why, self._clock().utc)
            log.info("desk_phone_left_out", pbx=message.pbx, endpoint=message.endpoint)
            self._count("given_up")
            return True
        line = self._lines().get(message.pbx)
        if line is None:
            return await self._not_told(message, f"there is no [[pbx]] {message.pbx} any more")
        bodies = desk_words.pieces(message, config)
        name = desk_words.sender_name(message)
        # Another configuration may cut it into fewer pieces than were told already.
        for done in range(min(message.parts_done, len(bodies) - 1), len(bodies)):
            answer = await line.tell(message.endpoint, message.handset, name, bodies[done])
            if answer.result is not PhoneResult.TOOK:
                if answer.result is PhoneResult.DENIED:
                    self._say_denied(message.pbx)
                return await self._not_told(message, answer.detail or answer.result.value)
            now = self._clock().utc
            whole = done + 1 == len(bodies)
            await self._store.phone_told(message.id, done + 1, now, whole=whole)
        log.info(
            "desk_phone_told",
            pbx=message.pbx,
            endpoint=message.endpoint,
            caller=message.handset,
            pieces=len(bodies),
            attempt=message.attempts + 1,
        )
        self._count("told")
        return True

    async def _not_told(self, message: PhoneMessage, why: str) -> bool:
        now = self._clock().utc
        if now - message.created >= MAX_AGE:
            await self._store.phone_given_up(message.id, why, now)
            log.warning(
                "desk_phone_given_up",
                pbx=message.pbx,
                endpoint=message.endpoint,
                caller=message.handset,
                attempts=message.attempts + 1,
                error=why,
            )
            self._count("given_up")
            return True
        again = now + pause(message.attempts + 1)
        await self._store.phone_failed(message.id, why, again, now)
        log.info(
            "desk_phone_not_told",
            pbx=message.pbx,
            endpoint=message.endpoint,
            attempt=message.attempts + 1,
            again=again.isoformat(timespec="seconds"),
            error=why,
        )
        self._count("not_told")
        return False

    def _say_denied(self, pbx: str) -> None:
        if pbx not in self._denied:
            self._denied.add(pbx)
            log.warning(
                "desk_denied",
                pbx=pbx,
                fix="write = reporting,message for the manager user; then asterisk -rx 'manager "
                "reload', and restart textback or let its link connect again",
            )

    def _count(self, result: str) -> None:
        if self._on_told is not None:
            self._on_told(result)

"""The store's verbs on telling others: events, and what is still to be delivered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from textback.model import DeliveryState, Event, Telling
from textback.store import events, telling, told
from textback.store.engine import Database
from textback.store.telling import Addressee, Batch, FannedOut, Tried
from textback.store.told import Waiting


class Tidings:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    def watch(
        self,
        *,
        on_events: Callable[[], None] | None = None,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """`on_events()` when a transaction that wrote events is on the disk; `on_trouble(why)` when
        a write failed. Both on the event loop."""
        if on_events is not None:
            self._db.on_events = on_events
        if on_trouble is not None:
            self._db.on_trouble = on_trouble

    async def put_event(self, event: Event, *, told: bool = False) -> None:
        """What happened outside of any other verb. `told`: nobody is to be told of it any more."""
        await self._db.write(lambda db: events.put_all(db, [event], told=told))

    async def fan_out(
        self, pick: Callable[[Event], Sequence[Addressee]], now: datetime, limit: int = 200
    ) -> FannedOut:
        """Write the deliveries of new events; `pick` says whose they are."""
        return await self._db.write(lambda db: telling.fan_out(db, pick, now, limit))

    async def pass_over(self) -> int:
        """There is nobody to tell: new events count as told. How many there were."""
        return await self._db.write(telling.pass_over)

    async def take_tellings(
        self,
        channel: str,
        target: str,
        *,
        now: datetime,
        head: int,
        longest: timedelta,
        limit: int,
    ) -> Batch:
        """What `target` may be told now, in its order."""
        return await self._db.read(
            lambda db: telling.take(
                db, channel, target, now=now, head=head, longest=longest, limit=limit
            )
        )

    async def record_tellings(self, tried: Sequence[Tried], now: datetime) -> None:
        await self._db.write(lambda db: telling.record(db, tried, now))

    async def drop_unknown_tellings(self, known: Collection[tuple[str, str]], now: datetime) -> int:
        """Drop what waits for targets that are not among `known` (channel, name)."""
        return await self._db.write(lambda db: telling.drop_unknown(db, known, now))

    async def hurry_tellings(self, now: datetime) -> int:
        """Whatever waits for its next try is due now."""
        return await self._db.write(lambda db: telling.hurry(db, now))

    # --- the operator ---

    async def tell_alone(self, event: Event, who: Addressee, now: datetime) -> int:
        """One event for one target; returns the number of its delivery."""
        return await self._db.write(lambda db: telling.put_for(db, event, who, now))

    async def retry_tellings(
        self, ids: Sequence[int] = (), target: str = "", *, now: datetime
    ) -> int:
        """These deliveries, or all of a target that wait or failed, go now. NoSuchRowError."""
        return await self._db.write(lambda db: telling.retry(db, ids, target, now=now))

    async def drop_tellings(
        self,
        ids: Sequence[int] = (),
        target: str = "",
        *,
        failed: bool = False,
        why: str,
        now: datetime,
    ) -> int:
        """These deliveries, or all of a target that wait (or `failed`), go no more."""
        return await self._db.write(
            lambda db: telling.drop(db, ids, target, failed=failed, why=why, now=now)
        )

    # --- looking ---

    async def tellings_waiting(self) -> list[Waiting]:
        """How much each target has still to be told, and since when."""
        return await self._db.read(told.waiting)

    async def tellings(
        self, states: Collection[DeliveryState] = (), target: str = "", limit: int = 200
    ) -> list[Telling]:
        """Deliveries in these states (none named: in any), the newest first."""
        return await self._db.read(lambda db: told.tellings(db, states, target, limit))

    async def telling(self, row_id: int) -> Telling:
        """Raises NoSuchRowError."""
        return await self._db.read(lambda db: told.telling(db, row_id))

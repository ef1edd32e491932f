"""The store's verbs on the figures by number, day and hour."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from textback.store import figures_keep
from textback.store.engine import Database
from textback.store.figures_keep import Counted, Filling, Write


class Figuring:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    async def figures_filling(self) -> Filling | None:
        """How far the figures have been counted; None: that has not begun."""
        return await self._db.read(figures_keep.filling)

    async def figures_first_day(self, zone: ZoneInfo) -> int | None:
        """The first day (ordinal) that can be counted; None: there is nothing to count."""
        return await self._db.read(lambda db: figures_keep.first_day(db, zone))

    async def figures_marked(self, zone: ZoneInfo) -> list[int]:
        """Days (ordinals) of which something has changed, the newest first."""
        return await self._db.read(lambda db: figures_keep.marked(db, zone))

    async def figures_look(self, day: int, zone: ZoneInfo, most: int) -> Counted:
        """A day counted now, against what is written of it, in writes of at most `most` rows."""
        work = partial(figures_keep.look, day=day, zone=zone, most=most)
        return await self._db.read(work)

    async def figures_write(self, some: Sequence[Write]) -> None:
        """Some rows of a day, in one transaction."""
        await self._db.write(lambda db: figures_keep.write(db, some))

    async def figures_answer(self, counted: Counted, state: Filling | None = None) -> None:
        """A day is written: its marks go, and where the filling stands is noted."""

        def work(db: Connection) -> None:
            figures_keep.answer(db, counted.marks)
            if state is not None:
                figures_keep.note(db, state)

        await self._db.write(work)

    async def figures_note(self, state: Filling) -> None:
        """Where the filling stands."""
        await self._db.write(lambda db: figures_keep.note(db, state))

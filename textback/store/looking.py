"""The store's verbs for the console's pages on calls: lists, what lives, and where a call is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from textback.model import CallbackCase
from textback.store import call_lines, call_lists
from textback.store.call_lines import CallLine, Position
from textback.store.call_lists import CallFilter
from textback.store.caseload import to_case
from textback.store.engine import Database
from textback.store.tables_people import cases


class Looking:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    async def call_page(
        self, wanted: CallFilter, *, after: Position | None = None, limit: int = 50
    ) -> list[CallLine]:
        """Calls that have ended, the newest first; `after`: `position` of the last one seen."""
        return await self._db.read(
            lambda db: call_lists.listed(db, wanted, after=after, limit=limit)
        )

    async def living_calls(self, now: datetime) -> list[CallLine]:
        """Calls from outside that ring, wait or talk just now, the newest first."""
        return await self._db.read(lambda db: call_lines.living(db, now))

    async def call_lines(self, wanted: Sequence[int]) -> list[CallLine]:
        """These calls as a list shows them; those that are not there are left out."""
        return await self._db.read(lambda db: call_lines.lines(db, wanted))

    async def find_calls(self, *spellings: str, limit: int = 20) -> list[CallLine]:
        """Calls by number or call-id, the newest first."""
        return await self._db.read(lambda db: call_lists.named(db, spellings, limit=limit))

    async def cases_of(self, callers: Sequence[str], *, limit: int = 20) -> list[CallbackCase]:
        """Cases of these callers (E.164), open and closed, the one missed last first."""
        return await self._db.read(lambda db: _cases_of(db, callers, limit))


def _cases_of(db: Connection, callers: Sequence[str], limit: int) -> list[CallbackCase]:
    found = []
    for caller in callers:
        # In the order of their index.
        query = select(cases).where(cases.c.caller == caller).order_by(cases.c.opened_at.desc())
        found += [to_case(row) for row in db.execute(query.limit(limit))]
    return sorted(found, key=lambda case: (case.missed, case.id), reverse=True)[:limit]

"""The store's verbs on changes of the configuration that were made in the console, and beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from textback.store import changes
from textback.store import samples as sampling
from textback.store.changes import Change, KeyChange
from textback.store.engine import Database
from textback.store.samples import Sample
from textback.store.tables_console import ChangeState


class Changing:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    async def begin_change(
        self,
        who: str,
        keys: Sequence[KeyChange],
        before: str | None,
        after: str | None,
        now: datetime,
        undoes: int | None = None,
    ) -> int:
        """On the disk before the file is touched; its number."""
        return await self._db.write(
            lambda db: changes.begin(db, who, keys, before, after, now, undoes)
        )

    async def end_change(self, change: int, state: ChangeState) -> None:
        await self._db.write(lambda db: changes.end(db, change, state))

    async def settle_changes(self, text: str | None) -> None:
        """What a kill left open, by the file as it is; nobody may be at work on it."""
        await self._db.write(lambda db: changes.settle(db, text))

    async def config_changes(self, *, before: int = 0, limit: int = 50) -> list[Change]:
        """The newest first."""
        return await self._db.read(lambda db: changes.recent(db, before=before, limit=limit))

    async def config_change(self, change: int) -> Change | None:
        return await self._db.read(lambda db: changes.by_id(db, change))

    # --- what is shown beside it ---

    async def sample_callers(self, of_network: Callable[[str], str]) -> dict[str, Sample]:
        """Of each [[number]] the last caller whose name is known."""
        return await self._db.read(lambda db: sampling.samples(db, of_network))

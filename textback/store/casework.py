"""The store's verbs on the cases of missed callers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textback.model import CallbackCase, CaseStage
from textback.store import caseboard, casefile, caseload, casestory
from textback.store.caseboard import Column
from textback.store.casefile import CaseFile
from textback.store.caseload import CaseFilter
from textback.store.casestory import CaseStory
from textback.store.engine import Database


class Casework:
    """Part of `Store`; raises as its other verbs do, and where people change a case CaseError."""

    _db: Database

    async def case(self, case_id: int) -> CallbackCase:
        """Raises NoSuchCaseError."""
        return await self._db.read(lambda db: caseload.get(db, case_id))

    async def cases(
        self, wanted: CaseFilter | None = None, *, limit: int = 50, after: int | None = None
    ) -> list[CallbackCase]:
        """Open cases in the order in which they are to be called back, or closed ones, the newest
        first; from the one behind case `after` on."""
        which = wanted or CaseFilter()
        return await self._db.read(lambda db: caseload.listed(db, which, limit=limit, after=after))

    async def case_names(self, found: Sequence[CallbackCase]) -> dict[int, str]:
        """What the callers of these cases are called, by the number of the case, where known."""
        return await self._db.read(lambda db: casestory.names(db, found))

    async def case_counts(self, now: datetime) -> tuple[dict[CaseStage, int], int]:
        """Open cases by stage, and how many are overdue."""
        return await self._db.read(lambda db: caseload.counts(db, now))

    async def case_board(self, wanted: CaseFilter, now: datetime) -> dict[CaseStage, Column]:
        """Of each open stage how many fit, and how many of those are overdue; capped."""
        return await self._db.read(lambda db: caseboard.columns(db, wanted, now))

    async def case_callers(self, found: Sequence[CallbackCase]) -> dict[int, str]:
        """What their callers are called on a page, by the number of the case, where known."""
        return await self._db.read(lambda db: caseboard.callers(db, found))

    async def cases_overdue(self, now: datetime) -> int:
        """Open cases past their due time, `caseboard.MOST` at most."""
        return await self._db.read(lambda db: caseboard.overdue(db, now))

    async def case_story(self, case_id: int) -> CaseStory:
        """Calls, texts, replies and changes of one case. Raises NoSuchCaseError."""
        return await self._db.read(lambda db: casestory.story(db, case_id))

    async def case_file(self, case_id: int) -> CaseFile:
        """The same as facts, with its conversation. Raises NoSuchCaseError."""
        return await self._db.read(lambda db: casefile.file(db, case_id))

    # --- what people do ---

    async def assign_case(
        self, case_id: int, owner: str, *, by: str, now: datetime, was: str | None = None
    ) -> CallbackCase:
        """Whose it is; "" nobody's. Raises NoSuchCaseError, CaseClosedError, CaseError; and
        CaseTakenError where it is not his any more who `was` its owner when it was looked at."""
        return await self._db.write(
            lambda db: caseload.assign(db, case_id, owner, by=by, now=now, was=was)
        )

    async def case_dialled(self, case_id: int, phone: str, *, by: str, now: datetime) -> None:
        """Its caller was called by a click, for its story. Raises NoSuchCaseError."""
        await self._db.write(lambda db: caseload.dialled(db, case_id, phone, by=by, now=now))

    async def set_case_due(
        self, case_id: int, due: datetime | None, *, by: str, now: datetime
    ) -> CallbackCase:
        """By when to call back. Raises NoSuchCaseError, CaseClosedError."""
        return await self._db.write(lambda db: caseload.set_due(db, case_id, due, by=by, now=now))

    async def note_case(self, case_id: int, words: str, *, by: str, now: datetime) -> CallbackCase:
        """What to know of it, in place of the note before. Raises NoSuchCaseError, CaseError."""
        return await self._db.write(lambda db: caseload.note(db, case_id, words, by=by, now=now))

    async def dismiss_case(
        self, case_id: int, *, reason: str, by: str, now: datetime
    ) -> CallbackCase:
        """Close it by hand. Raises NoSuchCaseError, CaseClosedError, CaseError."""
        return await self._db.write(
            lambda db: caseload.dismiss(db, case_id, reason=reason, by=by, now=now)
        )

    async def reopen_case(self, case_id: int, *, by: str, now: datetime) -> CallbackCase:
        """Raises NoSuchCaseError, CaseError."""
        return await self._db.write(lambda db: caseload.reopen(db, case_id, by=by, now=now))

    # --- what is overdue ---

    async def next_case_due(self) -> datetime | None:
        """When the next open case will be overdue that nobody was told of."""
        return await self._db.read(caseload.next_due)

    async def tell_overdue_cases(self, now: datetime) -> list[CallbackCase]:
        """Puts case.overdue for those past their time, once each; at most `caseload.SWEEP`."""
        return await self._db.write(lambda db: caseload.tell_overdue(db, now))

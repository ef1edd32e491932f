"""The store's verbs on consent: opt-outs, doubtful replies, the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from textback.model import ConsentSource
from textback.store import consents, doubts, optouts, outs
from textback.store.consents import Consent
from textback.store.doubts import Doubt
from textback.store.engine import Database
from textback.store.outs import OptedOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an import: a number that is not to be texted."""

    number: str  #: E.164
    word: str  #: where it is from: "list.csv:17"
    reason: str = ""
    scope: str = ""


class Consenting:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    async def opt_out(
        self,
        number: str,
        word: str,
        now: datetime,
        *,
        source: ConsentSource = ConsentSource.STAFF,
        scope: str = "",
        reason: str = "",
    ) -> tuple[int, ...]:
        """By hand; returns the texts that were cancelled. `word`: who entered it."""

        def work(db: Connection) -> tuple[int, ...]:
            _, gone = optouts.opt_out(
                db, number, now, source=source, word=word, scope=scope, by=word, reason=reason
            )
            return gone

        return await self._db.write(work)

    async def opt_in(self, number: str, by: str, now: datetime, *, reason: str = "") -> bool:
        """By hand, for every scope. False: this number had not opted out."""
        return await self._db.write(
            lambda db: optouts.opt_in(
                db, number, now, source=ConsentSource.STAFF, by=by, reason=reason
            )
        )

    async def import_opt_outs(
        self, entries: Sequence[Entry], by: str, now: datetime
    ) -> tuple[int, tuple[int, ...]]:
        """All of them, or none when it fails; returns how many were new, and the texts cancelled.

        Those that had opted out before stay as they are, and nobody is told of a list by events.
        """

        def work(db: Connection) -> tuple[int, tuple[int, ...]]:
            new = 0
            gone: tuple[int, ...] = ()
            for entry in entries:
                if outs.is_out(db, entry.number, entry.scope):
                    continue
                fresh, cancelled = optouts.opt_out(
                    db,
                    entry.number,
                    now,
                    source=ConsentSource.IMPORT,
                    word=entry.word,
                    scope=entry.scope,
                    by=by,
                    reason=entry.reason,
                    tell=False,
                )
                new += fresh
                gone += cancelled
            return new, gone

        return await self._db.write(work)

    async def opted_out(self) -> list[tuple[str, str, datetime]]:
        """(number, what it wrote, since when), the newest first."""
        return [(out.number, out.word, out.at) for out in await self.opt_outs()]

    async def opt_outs(self) -> list[OptedOut]:
        """Everybody who is not texted, the newest first."""
        return await self._db.read(outs.active)

    async def opt_out_of(self, number: str, did: str) -> OptedOut | None:
        """What keeps `did` from texting this number, where it is more than a hash."""
        return await self._db.read(lambda db: outs.active_of(db, number, did))

    async def optout_counts(self) -> tuple[dict[ConsentSource, int], int]:
        """Opt-outs in force by source, and replies that wait for a person's word."""
        return await self._db.read(lambda db: (outs.counts(db), doubts.count(db)))

    async def is_out(self, number: str, did: str = "") -> str:
        """Why `did` must not text this number, in words; "": it may."""
        return await self._db.read(lambda db: outs.is_out(db, number, did))

    async def outs_of(self, number: str) -> list[str]:
        """Why which numbers of ours must not text this one, in words; []: all may."""
        return await self._db.read(lambda db: outs.of_handset(db, number))

    # --- what is doubtful ---

    async def doubts(self, *, limit: int = 1_000) -> list[Doubt]:
        """Replies that wait for a person's word, the oldest first."""
        return await self._db.read(lambda db: doubts.waiting(db, limit))

    async def doubts_open(self) -> int:
        return await self._db.read(doubts.count)

    async def doubt(self, incoming_id: int) -> Doubt | None:
        """A text that came in; None: there is none of that number."""
        return await self._db.read(lambda db: doubts.find(db, incoming_id))

    async def decide_doubt(
        self, incoming_id: int, *, out: bool, scope: str, by: str, now: datetime
    ) -> tuple[bool, tuple[int, ...]]:
        """A person's word on a doubtful reply: whether it was still open, and the texts that were
        cancelled, or wait no more."""

        def work(db: Connection) -> tuple[bool, tuple[int, ...]]:
            found = doubts.find(db, incoming_id)
            if found is None:
                return False, ()
            return optouts.decide(db, found, out=out, scope=scope, by=by, at=now)

        return await self._db.write(work)

    # --- the evidence ---

    async def evidence(self, number: str) -> list[Consent]:
        """What there is on one handset, the newest first."""
        return await self._db.read(lambda db: consents.of_number(db, number))

    async def evidence_between(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        numbers: Sequence[str] = (),
        after: Consent | None = None,
        limit: int = 1_000,
    ) -> list[Consent]:
        """The evidence in its order of time, `limit` rows behind `after`."""
        behind = (after.at, after.id) if after is not None else None
        return await self._db.read(
            lambda db: consents.between(
                db, since=since, until=until, numbers=numbers, after=behind, limit=limit
            )
        )

"""The store's verbs beside the live link: what the dialplan said, what was learnt late, lookups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from textback.decide import Past
from textback.model import Call, Hint, Verdict
from textback.store import caller, contacts, hints, late
from textback.store.engine import Database
from textback.store.rows import CallerCard, KnownCall, Offered


class Besides:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    # --- the dialplan ---

    async def offer(
        self,
        hint: Hint,
        caller_e164: str,
        number: str,
        decide: Callable[[Past], Verdict],
        *,
        now: datetime | None = None,
        shadow: bool = False,
    ) -> Offered:
        """A text the caller asked for by a key: consent, verdict and text in one transaction.

        A second one for the same call is a no-op. `decide` gets a history of offers.
        """
        at = now or hint.at.utc
        return await self._db.write(
            lambda db: hints.offer(db, hint, caller_e164, number, decide, at, shadow=shadow)
        )

    async def opt_out_by_hint(
        self, hint: Hint, caller_e164: str, number: str, now: datetime, *, scope: str = ""
    ) -> tuple[int, ...]:
        """Opt-out with its evidence; returns the texts that were cancelled."""
        return await self._db.write(
            lambda db: hints.opt_out(db, hint, caller_e164, number, now, scope=scope)
        )

    async def opt_in_by_hint(
        self, hint: Hint, caller_e164: str, number: str, now: datetime, *, scope: str = ""
    ) -> bool:
        """Opt-in with its evidence. False: this caller had not opted out."""
        return await self._db.write(
            lambda db: hints.opt_in(db, hint, caller_e164, number, now, scope=scope)
        )

    async def lookup(self, caller_e164: str, now: datetime) -> CallerCard | None:
        """What is known of a caller. None: has never called, and is in no contacts."""
        return await self._db.read(
            lambda db: contacts.named(db, caller_e164, caller.lookup(db, caller_e164, now))
        )

    # --- catch-up ---

    async def known_calls(self, pbx: str, since: datetime) -> dict[str, KnownCall]:
        """Calls that began at `since` or later, by Uniqueid."""
        return await self._db.read(lambda db: late.known_calls(db, pbx, since))

    async def open_calls(self, pbx: str) -> list[Call]:
        """Calls without an end, as last told: living ones, and those a kill left behind.

        Of the second kind `late.lost` makes the fact that ends them, once nothing can tell more.
        """
        return await self._db.read(lambda db: late.open_calls(db, pbx))

    async def last_seen(self, pbx: str) -> datetime | None:
        """When the link to this PBX was last noted to be up."""
        return await self._db.read(lambda db: late.last_seen(db, pbx))

    async def set_last_seen(self, pbx: str, at: datetime) -> None:
        await self._db.write(lambda db: late.set_last_seen(db, pbx, at))

"""The store's verbs on contacts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textback.model import Contact
from textback.store import contacts
from textback.store.contacts import Exchanged
from textback.store.engine import Database


class Phonebook:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    async def exchange_contacts(
        self, source: str, found: Sequence[Contact], now: datetime
    ) -> Exchanged:
        """All that a source says now, in place of what it said before, in one transaction."""
        return await self._db.write(lambda db: contacts.exchange(db, source, found, now))

    async def keep_contact_sources(
        self, keep: Sequence[str], kinds: Sequence[str]
    ) -> dict[str, int]:
        """Forgets sources of these kinds that are not among `keep`; how many contacts each had."""
        return await self._db.write(lambda db: contacts.remove_sources(db, keep, kinds))

    async def put_contact(self, contact: Contact, now: datetime) -> None:
        """One contact, in place of what its source said of the number; "" is the operator."""
        await self._db.write(lambda db: contacts.put(db, contact, now))

    async def remove_contact(self, number: str, source: str = "") -> int:
        """Forgets a number (E.164); "" of every source. How many entries there were."""
        return await self._db.write(lambda db: contacts.remove(db, number, source))

    async def contact(self, number: str) -> Contact | None:
        """What counts for a verdict on this number (E.164), all its sources taken together."""
        return await self._db.read(lambda db: contacts.best(db, number))

    async def contact_names(self, numbers: Sequence[str]) -> dict[str, str]:
        """The name of each of these numbers (E.164) that has one."""
        return await self._db.read(lambda db: contacts.names(db, numbers))

    async def known_contacts(self, number: str) -> list[Contact]:
        """Every source's entry of this number, the one that counts first."""
        return await self._db.read(lambda db: contacts.known(db, number))

    async def contacts(
        self, *, tag: str = "", source: str = "", words: str = "", limit: int = 100
    ) -> list[Contact]:
        """By name; `words` anywhere in name or organization."""
        return await self._db.read(
            lambda db: contacts.listed(db, tag=tag, source=source, words=words, limit=limit)
        )

    async def contact_sources(self) -> list[tuple[str, int, datetime]]:
        """Every source: its name, how many numbers it knows, when one of them last changed."""
        return await self._db.read(contacts.sources)

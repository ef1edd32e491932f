"""The store's verbs on the console's own people: users, sessions, tokens, and who did what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from textback.store import auditing, sessions, tokens, tries, users
from textback.store.auditing import Entry
from textback.store.engine import Database
from textback.store.sessions import Session
from textback.store.tokens import Token
from textback.store.tries import Key, Rule
from textback.store.users import User

T = TypeVar("T")
R = TypeVar("R")


class ConsolePeople:
    """Part of `Store`; raises as its other verbs do, and UserError and TokenError."""

    _db: Database

    # --- users ---

    async def user(self, name: str) -> User | None:
        return await self._db.read(lambda db: users.by_name(db, name))

    async def users(self) -> list[User]:
        """All of them, by name."""
        return await self._db.read(users.every)

    async def has_users(self) -> bool:
        return await self._db.read(users.any_there)

    async def change_people(self, work: Callable[[Connection], T]) -> T:
        """Verbs of `users`, `sessions`, `tokens` and `auditing`, in one transaction: a change and
        its line in the log."""
        return await self._db.write(work)

    # --- sessions ---

    async def session(self, digest: str, now: datetime, idle_since: datetime) -> Session | None:
        """The session that counts at `now`; one last used before `idle_since` does not."""
        return await self._db.read(lambda db: sessions.by_hash(db, digest, now, idle_since))

    async def sessions_of(self, user_id: int, now: datetime, idle_since: datetime) -> list[Session]:
        return await self._db.read(lambda db: sessions.of_user(db, user_id, now, idle_since))

    async def touch_session(self, session_id: int, now: datetime) -> None:
        await self._db.write(lambda db: sessions.touch(db, session_id, now))

    # --- tokens ---

    async def token(self, digest: str) -> Token | None:
        """Also one that has expired."""
        return await self._db.read(lambda db: tokens.by_hash(db, digest))

    async def tokens(self) -> list[Token]:
        return await self._db.read(tokens.every)

    async def touch_token(self, token_id: int, now: datetime) -> None:
        await self._db.write(lambda db: tokens.touch(db, token_id, now))

    # --- sign-ins and the log ---

    async def count_tries(self, keys: Sequence[Key], rule: Rule[R], now: datetime) -> R:
        """What `rule` says to the counts under `keys`, and the counts as it makes them."""
        return await self._db.write(lambda db: tries.turn(db, keys, rule, now))

    async def audit(
        self,
        who: str,
        via: str,
        address: str,
        action: str,
        subject: str = "",
        detail: str = "",
        *,
        now: datetime,
    ) -> None:
        """One line of the audit log, for what has its own transaction."""
        await self._db.write(
            lambda db: auditing.audit(db, who, via, address, action, subject, detail, now=now)
        )

    async def audited(
        self,
        *,
        before: int = 0,
        since: datetime | None = None,
        who: str = "",
        action: str = "",
        limit: int = 100,
    ) -> list[Entry]:
        """The newest first."""
        return await self._db.read(
            lambda db: auditing.entries(
                db, before=before, since=since, who=who, action=action, limit=limit
            )
        )

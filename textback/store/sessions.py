"""Sessions of the console: a row for each browser that is signed in, found by its token's hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from textback.store.tables_console import sessions, users

#: Sessions of one user; the one that was not used for the longest time gives way.
MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that is signed in, and whose it is."""

    id: int
    user_id: int
    user: str
    role: str
    phone: str
    pbx: str
    language: str
    theme: str
    created: datetime
    seen: datetime
    expires: datetime
    address: str
    agent: str


_COLUMNS = (
    *(sessions.c.id, sessions.c.user_id, sessions.c.created_at, sessions.c.seen_at),
    *(sessions.c.expires_at, sessions.c.address, sessions.c.agent),
    *(users.c.name, users.c.role, users.c.phone, users.c.pbx, users.c.language, users.c.theme),
)
_JOINED = select(*_COLUMNS).join(users, users.c.id == sessions.c.user_id)
#: Of a disabled user none counts, should one be left.
_BY_HASH = _JOINED.where(sessions.c.hash == bindparam("hash_"), users.c.disabled.is_(False))


def by_hash(db: Connection, digest: str, now: datetime, idle_since: datetime) -> Session | None:
    """The session that counts at `now` and was used after `idle_since`; None: there is none."""
    row = db.execute(_BY_HASH, {"hash_": digest}).first()
    if row is None or row.expires_at <= now or row.seen_at <= idle_since:
        return None
    return _to_session(row)


def of_user(db: Connection, user_id: int, now: datetime, idle_since: datetime) -> list[Session]:
    """Those that count, the one used last first."""
    counts = (sessions.c.expires_at > now, sessions.c.seen_at > idle_since)
    query = _JOINED.where(sessions.c.user_id == user_id, *counts)
    rows = db.execute(query.order_by(sessions.c.seen_at.desc(), sessions.c.id.desc()).limit(MOST))
    return [_to_session(row) for row in rows]


def open_(
    db: Connection,
    user_id: int,
    digest: str,
    now: datetime,
    expires: datetime,
    *,
    address: str,
    agent: str,
) -> int:
    """A new session; returns its number."""
    mine = select(sessions.c.id).where(sessions.c.user_id == user_id)
    many = mine.order_by(sessions.c.seen_at.desc()).offset(MOST - 1).limit(MOST)
    db.execute(delete(sessions).where(sessions.c.id.in_(list(db.execute(many).scalars()))))
    made = insert(sessions).values(
        hash=digest,
        user_id=user_id,
        created_at=now,
        seen_at=now,
        expires_at=expires,
        address=address,
        agent=agent,
    )
    key: Any = db.execute(made).inserted_primary_key
    return int(key[0])


def touch(db: Connection, session_id: int, now: datetime) -> None:
    db.execute(update(sessions).where(sessions.c.id == session_id).values(seen_at=now))


def end(db: Connection, digest: str) -> int:
    """0: it was not there any more."""
    return db.execute(delete(sessions).where(sessions.c.hash == digest)).rowcount


def end_one(db: Connection, user_id: int, session_id: int) -> int:
    """One of a user's own sessions; 0: it is not there, or is not his."""
    mine = (sessions.c.id == session_id, sessions.c.user_id == user_id)
    return db.execute(delete(sessions).where(*mine)).rowcount


def sweep(db: Connection, now: datetime, idle_since: datetime) -> int:
    """Deletes those that ended by themselves."""
    over = or_(sessions.c.expires_at <= now, sessions.c.seen_at <= idle_since)
    return db.execute(delete(sessions).where(over)).rowcount


def _to_session(row: Any) -> Session:
    return Session(
        id=row.id,
        user_id=row.user_id,
        user=row.name,
        role=row.role,
        phone=row.phone,
        pbx=row.pbx,
        language=row.language,
        theme=row.theme,
        created=row.created_at,
        seen=row.seen_at,
        expires=row.expires_at,
        address=row.address,
        agent=row.agent,
    )

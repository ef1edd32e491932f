"""Users of the console: made by the command line, looked up at every request.

Whatever makes a session worthless (another password or role, disabling, removing) ends it in the
same transaction: a session that is still there is one that counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from textback.store.errors import StoreError
from textback.store.tables_console import sessions, users


class UserError(StoreError):
    """A user cannot be changed like that; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One who may sign in."""

    id: int
    name: str  #: lower case
    role: str  #: "viewer", "agent" or "admin"
    password: str  #: argon2id, "" for one who comes through a proxy only
    disabled: bool
    phone: str  #: "PJSIP/101", "" for none
    pbx: str  #: name of a [[pbx]]
    language: str
    theme: str
    created: datetime
    password_set: datetime
    seen: datetime | None  #: when he last signed in


_BY_NAME = select(users).where(users.c.name == bindparam("who"))


def spelt(name: str) -> str:
    """As names are kept."""
    return name.strip().casefold()


def by_name(db: Connection, name: str) -> User | None:
    row = db.execute(_BY_NAME, {"who": spelt(name)}).first()
    return to_user(row) if row is not None else None


def require(db: Connection, name: str) -> User:
    """Raises UserError."""
    found = by_name(db, name)
    if found is None:
        raise UserError(f"there is no user {spelt(name)}; textback user list names them all")
    return found


def every(db: Connection) -> list[User]:
    """All of them, by name."""
    return [to_user(row) for row in db.execute(select(users).order_by(users.c.name))]


def any_there(db: Connection) -> bool:
    """Whether anybody at all could sign in."""
    return db.execute(select(users.c.id).limit(1)).first() is not None


def add(
    db: Connection, name: str, role: str, password: str, now: datetime, *, phone: str, pbx: str
) -> User:
    """Raises UserError for a name that is there. `password` is its hash."""
    if by_name(db, name) is not None:
        raise UserError(f"there is a user {spelt(name)} already")
    db.execute(
        insert(users).values(
            name=spelt(name),
            role=role,
            password=password,
            disabled=False,
            phone=phone,
            pbx=pbx,
            language="",
            theme="",
            created_at=now,
            password_at=now,
        )
    )
    return require(db, name)


def set_password(
    db: Connection, name: str, password: str, now: datetime, *, keep_session: int = 0
) -> int:
    """Another password (its hash); how many sessions ended, `keep_session` not among them."""
    user = require(db, name)
    _put(db, user, password=password, password_at=now)
    return end_sessions(db, user.id, keep=keep_session)


def rehash(db: Connection, name: str, old: str, new: str) -> None:
    """The same password under other parameters; nothing where it was changed meanwhile."""
    same = (users.c.name == spelt(name), users.c.password == old)
    db.execute(update(users).where(*same).values(password=new))


def set_role(db: Connection, name: str, role: str) -> int:
    """How many sessions ended. Raises UserError when no admin would be left."""
    user = require(db, name)
    if user.role == role:
        return 0
    if user.role == "admin":
        _others_administer(db, user)
    _put(db, user, role=role)
    return end_sessions(db, user.id)


def set_disabled(db: Connection, name: str, disabled: bool) -> int:
    """How many sessions ended. Raises UserError when no admin would be left."""
    user = require(db, name)
    if disabled and user.role == "admin" and not user.disabled:
        _others_administer(db, user)
    _put(db, user, disabled=disabled)
    return end_sessions(db, user.id) if disabled else 0


def remove(db: Connection, name: str) -> None:
    """The user and his sessions; what he did stays in the audit log, under his name."""
    user = require(db, name)
    if user.role == "admin" and not user.disabled:
        _others_administer(db, user)
    db.execute(delete(users).where(users.c.id == user.id))


def set_phone(db: Connection, name: str, phone: str, pbx: str) -> None:
    _put(db, require(db, name), phone=phone, pbx=pbx)


def set_preferences(db: Connection, name: str, language: str, theme: str) -> None:
    _put(db, require(db, name), language=language, theme=theme)


def signed_in(db: Connection, user_id: int, now: datetime) -> None:
    db.execute(update(users).where(users.c.id == user_id).values(seen_at=now))


def end_sessions(db: Connection, user_id: int, *, keep: int = 0) -> int:
    mine = (sessions.c.user_id == user_id, sessions.c.id != keep)
    return db.execute(delete(sessions).where(*mine)).rowcount


def _put(db: Connection, user: User, **values: Any) -> None:
    db.execute(update(users).where(users.c.id == user.id).values(**values))


def _others_administer(db: Connection, user: User) -> None:
    """The last admin with others beside him stays: nobody could be helped from the console."""
    there = select(func.count()).select_from(users).where(users.c.id != user.id)
    admins = there.where(users.c.role == "admin", users.c.disabled.is_(False))
    if db.execute(there).scalar_one() and not db.execute(admins).scalar_one():
        raise UserError(f"{user.name} is the last admin; make another one first")


def to_user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        name=row.name,
        role=row.role,
        password=row.password,
        disabled=row.disabled,
        phone=row.phone,
        pbx=row.pbx,
        language=row.language,
        theme=row.theme,
        created=row.created_at,
        password_set=row.password_at,
        seen=row.seen_at,
    )

"""Tokens by which programs use the API; what is kept of each is its hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from textback.store.errors import StoreError
from textback.store.tables_console import tokens


class TokenError(StoreError):
    """A token cannot be changed like that; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One program that may use the API."""

    id: int
    name: str
    role: str
    created: datetime
    by: str
    expires: datetime | None  #: None: never
    used: datetime | None  #: to the minute
    phone: str = ""  #: the desk phone that its clicks ring: "PJSIP/101", "" for none
    pbx: str = ""  #: name of a [[pbx]]

    def counts(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires


_BY_HASH = select(tokens).where(tokens.c.hash == bindparam("hash_"))


def by_hash(db: Connection, digest: str) -> Token | None:
    """Also one that has expired: it is told apart in the log."""
    row = db.execute(_BY_HASH, {"hash_": digest}).first()
    return _to_token(row) if row is not None else None


def every(db: Connection) -> list[Token]:
    return [_to_token(row) for row in db.execute(select(tokens).order_by(tokens.c.name))]


def add(
    db: Connection,
    name: str,
    digest: str,
    role: str,
    now: datetime,
    *,
    by: str,
    expires: datetime | None,
    phone: str = "",
    pbx: str = "",
) -> None:
    """Raises TokenError for a name that is there."""
    if db.execute(select(tokens.c.id).where(tokens.c.name == name)).first() is not None:
        raise TokenError(f"there is a token {name} already; revoke it first, or take another name")
    db.execute(
        insert(tokens).values(
            name=name,
            hash=digest,
            role=role,
            created_at=now,
            created_by=by,
            expires_at=expires,
            phone=phone,
            pbx=pbx,
        )
    )


def touch(db: Connection, token_id: int, now: datetime) -> None:
    db.execute(update(tokens).where(tokens.c.id == token_id).values(used_at=now))


def set_phone(db: Connection, name: str, phone: str, pbx: str) -> None:
    """Raises TokenError."""
    there = update(tokens).where(tokens.c.name == name)
    if not db.execute(there.values(phone=phone, pbx=pbx)).rowcount:
        raise TokenError(f"there is no token {name}; textback token list names them all")


def revoke(db: Connection, name: str) -> None:
    """Raises TokenError."""
    if not db.execute(delete(tokens).where(tokens.c.name == name)).rowcount:
        raise TokenError(f"there is no token {name}; textback token list names them all")


def _to_token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=row.role,
        created=row.created_at,
        by=row.created_by,
        expires=row.expires_at,
        used=row.used_at,
        phone=row.phone,
        pbx=row.pbx,
    )

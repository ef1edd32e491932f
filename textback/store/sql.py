"""The few places where databases differ, and statements built once.

SQLAlchemy keys its compiled SQL by the statement object: a statement made anew on every call costs
more than running it. So the verbs hold theirs in module constants or behind `functools.cache`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Integer, Table, cast, extract, func
from sqlalchemy.dialects import postgresql, sqlite

S = TypeVar("S")

#: Values in one IN list; SQLite takes 32,766 and PostgreSQL 32,767 parameters a statement.
CHUNK = 500


def insert_for(dialect: str, table: Table) -> Any:
    """INSERT that knows ON CONFLICT, in the dialect of the connection."""
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)


def per_dialect(build: Callable[[str], S]) -> Callable[[Connection], S]:
    """A statement that depends on the dialect, built once for each."""
    cached = cache(build)

    @wraps(build)
    def statement(db: Connection) -> S:
        return cached(db.dialect.name)

    return statement


def chunks(values: list[S]) -> list[list[S]]:
    return [values[i : i + CHUNK] for i in range(0, len(values), CHUNK)]


def epoch(db: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Seconds since 1970 of a time, with its fraction."""
    if db.dialect.name == "sqlite":
        return (func.julianday(column) - 2440587.5) * 86_400.0
    return extract("epoch", column)


def whole_epoch(dialect: str, column: ColumnElement[Any]) -> ColumnElement[int]:
    """The same in whole seconds, which SQLite has at a fifth of the price."""
    if dialect == "sqlite":
        return cast(func.strftime("%s", column), Integer)
    return cast(func.floor(extract("epoch", column)), Integer)

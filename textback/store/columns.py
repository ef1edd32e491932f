"""What the tables are made of: instants, words from outside, words of a list; and the schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, MetaData, Text, TypeDecorator

#: The whole schema, once `schema` is imported.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: NUL ends a string in PostgreSQL; a lone surrogate has no UTF-8.
_UNSTORABLE = re.compile("[\\0\ud800-\udfff]")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, stored in UTC. A datetime without a zone is refused: it could be any hour."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a datetime without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite keeps text and hands back a naive value; it is UTC because we wrote it so.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text from outside. What a database refuses (NUL, half a surrogate pair) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return _UNSTORABLE.sub("\ufffd", value)


def choice(kind: type[StrEnum], name: str, *, closed: bool = True) -> Enum:
    """A word out of a list; `closed`: the database itself keeps it to that list."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=closed,
        length=24,
        name=name,
        values_callable=lambda members: [m.value for m in members],
    )


#: SQLite gives out row numbers by itself only for a plain INTEGER primary key.
Id = BigInteger().with_variant(Integer(), "sqlite")

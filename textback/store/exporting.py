"""Everything the store has about one number, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from textback.keeping_spelling import Spelling
from textback.store import suppression
from textback.store.finding import Mention, key_of, person
from textback.store.holdings import HELD, HOLDINGS
from textback.store.sql import chunks


def export(db: Connection, who: Spelling, mentioned: Sequence[Mention]) -> dict[str, Any]:
    """Rows by table, each with all its columns; `mentions`: rows of others that name the number.

    Bytes are hexadecimal, times ISO 8601 in UTC.
    """
    found = person(db, who)
    told: dict[str, Any] = {
        "number": who.e164,
        "suppressed": suppression.is_suppressed(db, who.e164),
    }
    for holding in HOLDINGS:
        ids = found.ids(holding.name)
        if not (holding.by or holding.via):
            continue
        column = key_of(holding.table) if "id" in holding.table.c else _parent(holding.name)
        rows: list[dict[str, Any]] = []
        for some in chunks(ids):
            query = select(holding.table).where(column.in_(some)).order_by(*_order(holding.name))
            rows += [_plain(row._mapping) for row in db.execute(query)]
        told[holding.name] = rows
    told["mentions"] = [
        _mention(db, mention)
        for mention in mentioned
        if mention.row not in found.rows.get(mention.table, ())
    ]
    return told


def _parent(name: str) -> Any:
    holding = HELD[name]
    return holding.table.c[holding.via[0][0]]


def _order(name: str) -> list[Any]:
    return list(HELD[name].table.primary_key)


def _plain(row: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value


def _mention(db: Connection, mention: Mention) -> dict[str, Any]:
    """Only the columns that name the number: the rest of the row is somebody else's."""
    table = HELD[mention.table].table
    query = select(*(table.c[name] for name in mention.columns)).where(key_of(table) == mention.row)
    row = db.execute(query.limit(1)).first()
    shown = _plain(row._mapping) if row is not None else {}
    return {"table": mention.table, "row": mention.row} | shown

"""The evidence: what was said about being texted, by whom and how; rows are only ever added.

Triggers keep it so, on SQLite and PostgreSQL, whoever uses the database. Erasing a person and
purging what is too old are the only ways around them: they stand inside `opened`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from textback.model import ConsentEvent, ConsentSource
from textback.store.tables import meta
from textback.store.tables_people import UNLOCKED, consents

#: Longest words and details kept, in characters: a text of ten segments.
_WORDS = 1_600

_KEEP = insert(consents)
_OF_NUMBER = (
    select(consents).where(consents.c.number == bindparam("who")).order_by(consents.c.at.desc())
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One row of the evidence."""

    id: int
    at: datetime
    number: str  #: E.164; "" once erased
    number_hash: str  #: keyed, hexadecimal; "" until erased
    scope: str  #: "": every number of the business, else the did of the [[number]]
    event: ConsentEvent
    source: ConsentSource
    by: str
    words: str
    detail: str
    call_id: int | None
    incoming_id: int | None
    row_id: int | None


def record(
    db: Connection,
    number: str,
    event: ConsentEvent,
    source: ConsentSource,
    at: datetime,
    *,
    scope: str = "",
    by: str = "",
    words: str = "",
    detail: str = "",
    call_id: int | None = None,
    incoming_id: int | None = None,
    row_id: int | None = None,
) -> None:
    """Keeps one piece of evidence; `words` exactly as they came."""
    db.execute(
        _KEEP,
        {
            "at": at,
            "number": number,
            "number_hash": "",
            "scope": scope,
            "event": event,
            "source": source,
            "by": by[:_WORDS],
            "words": words[:_WORDS],
            "detail": detail[:_WORDS],
            "call_id": call_id,
            "incoming_id": incoming_id,
            "row_id": row_id,
        },
    )


def of_number(db: Connection, number: str, *, limit: int = 1_000) -> list[Consent]:
    """What there is on one handset, the newest first."""
    rows = db.execute(_OF_NUMBER.limit(limit), {"who": number})
    return [Consent(**row._mapping) for row in rows]


def between(
    db: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    numbers: Sequence[str] = (),
    after: tuple[datetime, int] | None = None,
    limit: int = 1_000,
) -> list[Consent]:
    """The evidence in its order of time; `after`: behind this row (its time and number)."""
    query = select(consents).order_by(consents.c.at, consents.c.id).limit(limit)
    if since is not None:
        query = query.where(consents.c.at >= since)
    if until is not None:
        query = query.where(consents.c.at < until)
    if numbers:
        query = query.where(consents.c.number.in_(list(numbers)))
    if after is not None:
        at, row_id = after
        query = query.where(consents.c.at >= at, (consents.c.at > at) | (consents.c.id > row_id))
    return [Consent(**row._mapping) for row in db.execute(query)]


@contextmanager
def opened(db: Connection, why: str) -> Iterator[None]:
    """Inside it rows may be blanked or deleted; for `erase` and `purge` only.

    The key that opens it is written and taken away in the caller's transaction: no other sees it,
    and a rollback takes it away too.
    """
    db.execute(insert(meta), {"key": UNLOCKED, "value": why})
    yield
    db.execute(meta.delete().where(meta.c.key == UNLOCKED))


def plain(found: Consent) -> dict[str, Any]:
    """As it is exported: times in ISO 8601, UTC."""
    return {
        "id": found.id,
        "at": found.at.isoformat(),
        "number": found.number,
        "number_hash": found.number_hash,
        "scope": found.scope or "business",
        "event": found.event.value,
        "source": found.source.value,
        "by": found.by,
        "words": found.words,
        "detail": found.detail,
        "call": found.call_id,
        "incoming": found.incoming_id,
        "text": found.row_id,
    }

"""A caller to show a text by: the last one of a number whose name is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from textback.model import Direction
from textback.store import contacts
from textback.store.tables import calls

#: Calls of all numbers that are looked through, the newest.
LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """Somebody who called, and when."""

    name: str
    called: datetime


_NEWEST = (
    select(
        calls.c.caller_e164,
        calls.c.caller_name,
        calls.c.number,
        calls.c.started_at,
        calls.c.direction,
    )
    .order_by(calls.c.started_at.desc())
    .limit(bindparam("limit"))
)


def samples(db: Connection, of_network: Callable[[str], str]) -> dict[str, Sample]:
    """For each [[number]] that was called lately by somebody with a name.

    `of_network` says what of the network's name for a caller greets anybody; "" for nothing.
    """
    rows = [
        row
        for row in db.execute(_NEWEST, {"limit": LOOKED_AT})
        if row.direction is Direction.INBOUND and row.number
    ]
    known = contacts.best_of(db, [row.caller_e164 for row in rows if row.caller_e164])
    found: dict[str, Sample] = {}
    for row in rows:
        contact = known.get(row.caller_e164)
        name = contact.name if contact is not None and contact.name else of_network(row.caller_name)
        if name and row.number not in found:
            found[row.number] = Sample(name, row.started_at)
    return found

"""What happened, written down in the transaction in which it did."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import Connection, insert

from textback.model import Event
from textback.store.tables_tell import events


def put(db: Connection, event: Event) -> None:
    """Keep one event; who is to be told of it is found out afterwards, from the configuration."""
    db.execute(
        insert(events),
        {
            "key": str(uuid4()),
            "kind": event.kind,
            "at": event.at,
            "caller": event.caller,
            "number": event.number,
            "payload": event.payload,
            "fanned_out": False,
        },
    )

"""What a handset has said of texts, in one look: it opted out, was erased, or a doubtful reply."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, literal, select, true

from textback.store import doubts, outs, suppression

_OUT = outs.OUT.subquery("opted")
LOOK = select(
    _OUT,
    doubts.DOUBT.scalar_subquery().label("doubtful"),
    suppression.LISTED.label("listed"),
).select_from(select(literal(1).label("one")).subquery("asked").outerjoin(_OUT, true()))


class Wishes(NamedTuple):
    """Why a handset is not texted now, and by whose word."""

    opted_out: str = ""  #: how, since when and how far, in words; "": it has not
    doubtful: datetime | None = None  #: since when a reply waits for a person's word


def of(db: Connection, handset: str, number: str) -> Wishes:
    """What stands against a text from `number` (did of a [[number]], "" for none)."""
    row = db.execute(LOOK, {"who": handset, "told": number}).one()
    if row.id is not None:
        return Wishes(outs.in_words(row), row.doubtful)
    return Wishes(suppression.is_suppressed(db, handset, listed=row.listed), row.doubtful)

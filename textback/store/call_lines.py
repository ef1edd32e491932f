"""Calls as a list shows them: who, when, how it ended, what was decided, and where its text is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, text

from textback.model import Direction, OutboxState, Outcome, Presentation, Reason, TextKind
from textback.names import of_network
from textback.store import contacts
from textback.store.sql import chunks
from textback.store.tables import calls, outbox, verdicts

#: A call that rings or talks for longer was left behind by a kill; catch-up ends it.
LONGEST_RING, LONGEST_TALK = timedelta(hours=2), timedelta(hours=24)
#: Living calls that are shown.
MOST_LIVING = 100

#: Where a page ends: the next one begins behind it.
Position = tuple[datetime, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """One call as a list shows it."""

    id: int
    direction: Direction
    caller: str  #: E.164 where it could be read, else as received (hostile)
    name: str  #: of the contacts, else of the network (hostile), "" for none
    did: str  #: of the [[number]], else as dialled
    label: str
    watched: bool  #: belongs to a [[number]]
    queue: str
    withheld: bool
    started: datetime
    ringing: datetime | None
    answered: datetime | None
    ended: datetime | None
    outcome: Outcome  #: of a living call: what it would be if it ended now
    waited: float
    reason: Reason | None  #: None: nothing was decided yet
    found: str  #: by the gate that failed
    decided: datetime | None
    trail: Sequence[tuple[float, str]] = field(repr=False)
    case: int | None
    # The text to the missed caller, else the first of the call; None where there is none.
    text: int | None = None
    state: OutboxState | None = None
    state_since: datetime | None = None
    due: datetime | None = None
    thread: int | None = None

    @property
    def position(self) -> Position:
        return self.started, self.id

    @property
    def answered_by(self) -> str:
        """The endpoint that took the call last, as its trail says; "" where it does not."""
        for _, what in reversed(self.trail):
            for begins in ("bridged with ", "taken over by "):
                if what.startswith(begins):
                    return what.removeprefix(begins).partition(" through ")[0]
        return ""


#: Spelt out, so that the planner can use the partial index.
_LIVES: ColumnElement[bool] = text("calls.ended_at IS NULL")  # type: ignore[assignment]
LIVING = select(calls.c.id).where(_LIVES).limit(1_000)

_COLUMNS = (
    *calls.c,
    verdicts.c.decided_at,
    verdicts.c.gates,
)
_LINES = select(*_COLUMNS).outerjoin_from(calls, verdicts, verdicts.c.call_id == calls.c.id)
_TEXTS = select(
    outbox.c.id,
    outbox.c.call_id,
    outbox.c.kind,
    outbox.c.state,
    outbox.c.changed_at,
    outbox.c.due_at,
    outbox.c.thread_id,
)


def living(db: Connection, now: datetime) -> list[CallLine]:
    """Calls from outside that have not ended, the newest first."""
    inbound = db.execute(LIVING.where(calls.c.direction == Direction.INBOUND)).scalars()
    # Sorted here: told to sort, SQLite would go through all calls by time.
    found = [row for row in _rows(db, list(inbound)).values() if not _forgotten(row, now)]
    found.sort(key=lambda row: (row.started_at, row.id), reverse=True)
    return _lines(db, found[:MOST_LIVING])


def _forgotten(row: Row[Any], now: datetime) -> bool:
    return bool(now - row.started_at > (LONGEST_TALK if row.answered_at else LONGEST_RING))


def lines(db: Connection, wanted: Sequence[int]) -> list[CallLine]:
    """These calls, in this order."""
    rows = _rows(db, wanted)
    return _lines(db, [rows[call] for call in wanted if call in rows])


def _rows(db: Connection, wanted: Sequence[int]) -> dict[int, Row[Any]]:
    rows: dict[int, Row[Any]] = {}
    for some in chunks(list(wanted)):
        rows |= {row.id: row for row in db.execute(_LINES.where(calls.c.id.in_(some)))}
    return rows


def _lines(db: Connection, rows: Sequence[Row[Any]]) -> list[CallLine]:
    texts = _texts(db, [row.id for row in rows])
    named = contacts.names(db, [row.caller_e164 for row in rows if row.caller_e164])
    return [_line(row, texts.get(row.id), named) for row in rows]


def _texts(db: Connection, wanted: Sequence[int]) -> dict[int, Row[Any]]:
    """The text of each call: the one to the missed caller before any other."""
    found: dict[int, Any] = {}
    for some in chunks(list(wanted)):
        query = _TEXTS.where(outbox.c.call_id.in_(some)).order_by(outbox.c.id)
        for row in db.execute(query):
            if row.kind is TextKind.MISSED or row.call_id not in found:
                found[row.call_id] = row
    return found


def _line(row: Row[Any], sent: Row[Any] | None, named: Mapping[str, str]) -> CallLine:
    failed = next((gate[2] for gate in row.gates or () if not gate[1]), "")
    return CallLine(
        id=row.id,
        direction=row.direction,
        caller=row.caller_e164 or row.caller,
        name=named.get(row.caller_e164, "") or of_network(row.caller_name),
        did=row.number or row.did,
        label=row.number_label,
        watched=bool(row.number),
        queue=row.queue,
        withheld=row.presentation is Presentation.WITHHELD,
        started=row.started_at,
        ringing=row.ringing_at,
        answered=row.answered_at,
        ended=row.ended_at,
        outcome=row.outcome,
        waited=row.waited,
        reason=_reason(row.reason),
        found=failed,
        decided=row.decided_at,
        trail=[(float(after), str(what)) for after, what in row.trail],
        case=row.case_id,
        text=sent.id if sent is not None else None,
        state=sent.state if sent is not None else None,
        state_since=sent.changed_at if sent is not None else None,
        due=sent.due_at if sent is not None else None,
        thread=sent.thread_id if sent is not None else None,
    )


_REASONS = {reason.value: reason for reason in Reason}


def _reason(word: str) -> Reason | None:
    """None as well for a word of a newer version, which an older one may find after going back."""
    return _REASONS.get(word)

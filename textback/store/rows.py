"""What the verbs take and give, and how rows of the tables become values of `textback.model`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from textback.callback import CaseRules
from textback.decide import Past
from textback.model import (
    Call,
    CaseStage,
    Gate,
    OutboxRow,
    OutboxState,
    Outcome,
    Receipt,
    Submission,
    TextKind,
    Verdict,
)
from textback.routing import Routing
from textback.store.sql import chunks
from textback.store.tables import parts

#: Forms a message_id is kept under, by route: `sms_gateway.receipts.stored_forms`.
IdForms = Callable[[str, str], frozenset[str]]


def plain_forms(route: str, message_id: str) -> frozenset[str]:
    """For a store that meets no carrier: the id as it is."""
    return frozenset({message_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFact:
    """One fact about a call, with what intake knows of its numbers."""

    call: Call
    caller: str = ""  #: E.164, "" where it could not be read
    number: str = ""  #: the [[number]] it belongs to, "" for none
    label: str = ""  #: that number's label
    #: Asked inside the transaction when nothing was decided yet, with the call and what the store
    #: knew of it besides (the dialplan's words). None: nothing to decide here.
    decide: Callable[[Call, Past], Verdict | None] | None = None
    shadow: bool = False  #: shadow texts count as texts in the history
    called_back: str = ""  #: E.164 of whom the business reached with this call
    #: Asked inside the transaction at the end of a call; None: no case comes of it.
    cases: CaseRules | None = None


class CaseChange(NamedTuple):
    """A case that was opened or closed."""

    case_id: int
    stage: CaseStage  #: as it is now
    opened: bool = False  #: else closed
    due: datetime | None = None
    took: float | None = None  #: seconds from the first missed call to the conversation
    texted: bool = False  #: before the conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one fact."""

    call_id: int
    #: The verdict, when this fact brought it; None before it or after it.
    verdict: Verdict | None = None
    row: OutboxRow | None = None  #: the text it wrote
    cancelled: tuple[int, ...] = ()  #: texts not needed any more
    known: bool = False  #: learnt late, and it told nothing new
    cases: tuple[CaseChange, ...] = ()  #: opened and closed by it


class KnownCall(NamedTuple):
    """What catch-up asks of a call the store has."""

    boot: str
    outcome: Outcome  #: provisional while `ended` is None
    ended: datetime | None  #: None: no end was seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What became of an offer: a text the caller asked for by pressing a key."""

    call_id: int | None  #: None: the call is not known yet
    verdict: Verdict | None = None  #: None for a repeat
    row: OutboxRow | None = None  #: the text; of a repeat the one there is
    repeat: bool = False  #: this call has had this offer's text already: nothing was changed


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerCard:
    """What the dialplan may show of a caller, or sort a queue by."""

    last_missed: datetime | None  #: start of the last call nobody answered
    number: str  #: the number that call was for: the did of its [[number]], else as dialled
    name: str  #: of the contacts, else of the network, cleaned for a display; "" for none
    misses: int  #: of the open cases of the last 7 days: missed, and not spoken to since

    @property
    def open_case(self) -> bool:
        """The caller was missed, and nobody has spoken to him since."""
        return self.misses > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A submission that came back, and where its text goes from there."""

    row_id: int
    submission: Submission
    at: datetime
    state: OutboxState  #: ACCEPTED, REFUSED, QUEUED, EXPIRED (by way of QUEUED) or UNCERTAIN
    reason: str
    due: datetime | None = None  #: for QUEUED
    resend: bool = False  #: UNCERTAIN goes back to the queue, unless a receipt already resolves it
    route: str = ""  #: by which it was submitted; "": the one the row says


@dataclass(frozen=True, slots=True)
class Among:
    """All routes there are, and those that carry their texts (`textback.failover`)."""

    known: frozenset[str]
    standing: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a lane of delivery would take: rows for `route`, at most `room` segments."""

    route: str
    #: Routes of other lanes: what is for none of them is this lane's. None: only `route`'s own.
    others: frozenset[str] | None
    room: int
    segments: Callable[[str], int]
    idle: bool  #: nothing of this lane is in flight, so a text longer than `room` may go
    #: With these the lane takes over what waits at routes that are down; None: only its own.
    among: Among | None = None
    #: Which routes may carry a text: (sender, to, number, route so far, kind).
    choose: Callable[[str, str, str, str, TextKind], Routing] | None = None
    down: Mapping[str, str] = field(default_factory=dict)  #: routes that do not stand, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What one turn of delivery did."""

    claimed: tuple[OutboxRow, ...] = ()
    segments: tuple[int, ...] = ()  #: of each claimed row, parts already accepted left out
    expired: tuple[int, ...] = ()
    #: Final places of the finished ones: a receipt may have been waiting.
    states: Mapping[int, OutboxState] = field(default_factory=dict)
    next_due: datetime | None = None  #: when the next queued row may be claimed or expires
    more: bool = False  #: all that were looked at were taken; there may be more due
    blocked: bool = False  #: the next due row does not fit into the room there was
    refused: tuple[int, ...] = ()  #: no route may carry them
    stopped: tuple[int, ...] = ()  #: their handsets had opted out: cancelled
    moved: frozenset[str] = frozenset()  #: routes that were given texts by this turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What the start found in flight."""

    uncertain: int = 0
    resend: int = 0
    resolved: int = 0  #: by receipts that were waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Where a receipt went."""

    receipt: Receipt
    receipt_id: int
    row_id: int | None
    part: int | None
    note: str
    state: OutboxState | None = None  #: the text's state afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """Which texts an operator means; what is left empty does not narrow. Never all by accident."""

    ids: frozenset[int] = frozenset()
    states: frozenset[OutboxState] = frozenset()
    to: str = ""  #: E.164
    prefix: str = ""  #: with which `to` begins: "+1646555"
    route: str = ""
    older_than: datetime | None = None

    def __bool__(self) -> bool:
        return bool(
            self.ids or self.states or self.to or self.prefix or self.route or self.older_than
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A text that a verb could not take."""

    row: OutboxRow
    why: str  #: ends the sentence "text 17 was left: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a verb of the operator did."""

    rows: tuple[OutboxRow, ...] = ()  #: as they are now
    left: tuple[Left, ...] = ()  #: what the filter meant as well, and what stays as it was


def done_parts(db: Connection, row_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """Part numbers the SMSC has taken, by row."""
    found: dict[int, set[int]] = {}
    for some in chunks(list(row_ids)):
        query = select(parts.c.row_id, parts.c.number).where(parts.c.row_id.in_(some))
        for row_id, number in db.execute(query):
            found.setdefault(row_id, set()).add(number)
    return {row_id: frozenset(numbers) for row_id, numbers in found.items()}


def to_outbox_row(row: Row[Any], done: frozenset[int] = frozenset()) -> OutboxRow:
    return OutboxRow(
        id=row.id,
        call_id=row.call_id,
        state=row.state,
        to=row.recipient,
        sender=row.sender,
        text=row.text,
        route=row.route,
        # Follows from the row, so it is the same in every attempt; two texts to one handset get
        # the same one only 65,536 texts apart.
        reference=row.id & 0xFFFF,
        attempts=row.attempts,
        created=row.created_at,
        due=row.due_at,
        expires=row.expires_at,
        claimed=row.claimed_at,
        reason=row.reason,
        parts_done=done,
        kind=row.kind,
    )


def outbox_rows(db: Connection, rows: Sequence[Row[Any]]) -> list[OutboxRow]:
    """With the parts each has already got rid of."""
    done = done_parts(db, [row.id for row in rows if row.tries > 0])
    return [to_outbox_row(row, done.get(row.id, frozenset())) for row in rows]


def gates_to_json(gates: Iterable[Gate]) -> list[list[Any]]:
    return [[g.name, g.passed, g.value, g.rule] for g in gates]


def gates_from_json(found: Iterable[Sequence[Any]]) -> tuple[Gate, ...]:
    return tuple(Gate(str(n), bool(p), str(v), str(r)) for n, p, v, r in found)

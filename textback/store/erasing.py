"""Erasing a person: every row about one number, in one transaction; what stays is a keyed hash.

What becomes of each table's rows stands in `holdings`. The number is then looked for everywhere
else (`finding.mentions`): trails of other calls, notes, payloads, bytes of messages.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from textback.keeping_spelling import ERASED, Spelling
from textback.model import CaseStage, ConsentEvent, ConsentSource, OutboxState
from textback.store import consents as evidence
from textback.store import suppression
from textback.store.cancelling import cancel_handset
from textback.store.errors import StoreError
from textback.store.finding import Found, Mention, key_of, person, spoken_by_the_house
from textback.store.holdings import HELD, HOLDINGS, REACHED, Erase, Holding
from textback.store.sql import chunks
from textback.store.tables import calls, operator_log, outbox, verdicts
from textback.store.tables_people import cases, consents

#: A call without an end that began longer ago is one whose end was never seen.
_LIVING = timedelta(days=1)
#: Why a text that waited is not sent.
ERASURE = "the number was erased"


class UnderWayError(StoreError):
    """Something of this person is going on just now; nothing was changed, try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure did: rows by table, and the hash that stays."""

    number_hash: str
    rows: Mapping[str, int]
    mentions: int  #: rows of others in which the number stood
    words: tuple[str, ...] = field(repr=False, default=())  #: what was erased, to look for after

    @property
    def count(self) -> int:
        return sum(self.rows.values())


def under_way(db: Connection, who: Spelling, now: datetime) -> str:
    """What keeps the number from being erased just now, in words; "" for nothing."""
    sending = select(outbox.c.id).where(
        outbox.c.recipient == who.e164, outbox.c.state == OutboxState.SENDING
    )
    row = db.execute(sending.limit(1)).first()
    if row is not None:
        return f"text {row.id} is on its way to the carrier"
    for column in (calls.c.caller_e164, calls.c.caller):
        living = select(calls.c.id).where(
            column.in_(who.exact),
            calls.c.ended_at.is_(None),
            calls.c.started_at > now - _LIVING,
        )
        row = db.execute(living.limit(1)).first()
        if row is not None:
            return f"call {row.id} is not over yet"
    return ""


def erase(
    db: Connection,
    who: Spelling,
    mentioned: Sequence[Mention],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> Erased:
    """Everything about the number goes; `mentioned`: where else it stands, as `finding` told.

    Raises UnderWayError, and KeyMissingError when hashes are there whose key is not.
    """
    busy = under_way(db, who, now)
    if busy:
        raise UnderWayError(f"{busy}; nothing was erased")
    key = suppression.make_key(db)
    cancel_handset(db, who.e164, ERASURE, now)
    found = person(db, who)
    words = _words(db, found)
    done: Counter[str] = Counter()
    hashed = suppression.suppress(db, key, who.e164, now)
    with evidence.opened(db, "erase"):
        for holding in reversed(HOLDINGS):
            ids = found.ids(holding.name)
            if not ids or holding.erase is Erase.NOTHING:
                continue
            done[holding.name] = _one_table(db, holding, ids, who, hashed, now)
        others = _replace(db, who, [m for m in mentioned if not _is_gone(m, found)])
    if done.total() or others:
        _note(db, by=by, reason=reason, now=now, hashed=hashed)
    return Erased(number_hash=hashed, rows=dict(sorted(done.items())), mentions=others, words=words)


def _is_gone(mention: Mention, found: Found) -> bool:
    gone = HELD[mention.table].erase is Erase.DELETE
    return gone and mention.row in found.rows.get(mention.table, ())


def _note(db: Connection, *, by: str, reason: str, now: datetime, hashed: str) -> None:
    """That somebody was erased, by whom and why; whom, only by the hash."""
    values = {"at": now, "by": by, "verb": "erase", "row_id": None, "detail": reason}
    db.execute(insert(operator_log), values)
    db.execute(
        insert(consents),
        {
            "at": now,
            "number": "",
            "number_hash": hashed,
            "scope": "",
            "event": ConsentEvent.ERASED,
            "source": ConsentSource.ERASURE,
            "by": by,
            "words": "",
            "detail": "",
        },
    )


def _words(db: Connection, found: Found) -> tuple[str, ...]:
    """Texts of the person that nobody else wrote in the same words, for a look at the file."""
    table = HELD["replies"].table
    got: set[str] = set()
    for some in chunks(found.ids("replies")):
        got.update(db.execute(select(table.c.text).where(table.c.id.in_(some))).scalars())
    return tuple(sorted(text for text in got if len(text) >= 20))


# --- tables ------------------------------------------------------------------------------------


def _one_table(
    db: Connection, holding: Holding, ids: list[int], who: Spelling, hashed: str, now: datetime
) -> int:
    table = holding.table
    if holding.erase is Erase.DELETE:
        column = key_of(table) if "id" in table.c else table.c[holding.via[0][0]]
        return _run(db, delete(table), column, ids)
    if table is calls:
        return _calls(db, ids, who)
    if table is verdicts:
        return _verdicts(db, ids)
    blank = dict(holding.blank)
    if table is consents:
        blank["number_hash"] = hashed
    if table is cases:
        _close(db, ids, now)
    return _run(db, update(table).values(**blank), key_of(table), ids)


def _run(db: Connection, statement: Any, column: Any, ids: list[int]) -> int:
    return sum(db.execute(statement.where(column.in_(some))).rowcount for some in chunks(ids))


def _calls(db: Connection, ids: list[int], who: Spelling) -> int:
    """Calls from the person lose who it was; of calls to the person it stays that they reached."""
    mine = calls.c.caller_e164.in_((who.e164, "")) & (
        (calls.c.caller_e164 == who.e164) | calls.c.caller.in_(who.exact)
    )
    blank = update(calls).values(**HELD["calls"].blank).where(mine)
    reached = update(calls).values(called_back=REACHED, did=ERASED, trail=[], channel="")
    _run(db, reached.where(calls.c.called_back == who.e164), calls.c.id, ids)
    _run(db, blank, calls.c.id, ids)
    return len(ids)


def _verdicts(db: Connection, ids: list[int]) -> int:
    """Which gates were asked and which failed stays; what each found goes."""
    for some in chunks(ids):
        rows = db.execute(
            select(verdicts.c.call_id, verdicts.c.gates).where(verdicts.c.call_id.in_(some))
        ).all()
        for row in rows:
            gates = [[gate[0], gate[1], "", ""] for gate in row.gates]
            db.execute(
                update(verdicts).where(verdicts.c.call_id == row.call_id).values(gates=gates)
            )
    return len(ids)


def _close(db: Connection, ids: list[int], now: datetime) -> None:
    """A case nobody can call back is none; those closed already keep how they ended."""
    close = update(cases).values(
        stage=CaseStage.DISMISSED, closed_at=now, closed_by=ERASURE, changed_at=now
    )
    _run(db, close.where(cases.c.closed_at.is_(None)), cases.c.id, ids)


# --- where else it stood -----------------------------------------------------------------------


def _replace(db: Connection, who: Spelling, mentioned: Sequence[Mention]) -> int:
    """Puts `ERASED` in place of the number in what is left of these rows; how many had it."""
    by_table: dict[str, list[Mention]] = defaultdict(list)
    for mention in mentioned:
        by_table[mention.table].append(mention)
    return sum(_replace_in(db, who, HELD[name], some) for name, some in by_table.items())


def _replace_in(
    db: Connection, who: Spelling, holding: Holding, mentioned: Sequence[Mention]
) -> int:
    table, count = holding.table, 0
    keys = list(table.primary_key)
    names = sorted({name for mention in mentioned for name in mention.columns})
    rows = sorted({mention.row for mention in mentioned})
    for some in chunks(rows):
        columns = (*keys, *(table.c[name] for name in names))
        query = select(spoken_by_the_house(holding).label("dialled"), *columns)
        for row in db.execute(query.where(key_of(table).in_(some))).all():
            values = row._mapping
            reader = who.as_dialled if values["dialled"] else who
            fresh = {n: _without(values[n], reader) for n in names}
            changed = {n: v for n, v in fresh.items() if v != values[n]}
            if not changed:
                continue
            where = [key == values[key.name] for key in keys]
            db.execute(update(table).where(*where).values(**changed))
            count += 1
    return count


def _without(value: Any, who: Spelling) -> Any:
    """The same value with the number replaced wherever it stands."""
    if isinstance(value, str):
        return who.without(value)
    if isinstance(value, bytes):
        if not who.found_in(value.decode("latin-1")):
            return value
        # Of a PDU with a field cut out nothing can be read any more.
        return ERASED.encode()
    if isinstance(value, list):
        return [_without(entry, who) for entry in value]
    if isinstance(value, dict):
        return {_without(k, who): _without(v, who) for k, v in value.items()}
    return value

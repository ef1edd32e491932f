"""The store's verbs on desk phones: which are still to be told of a text.

One row for each text that came in and each phone. A phone is told its texts in their order: when
it cannot be told one, the others wait with it, and a new one is an occasion to try again. A text
is at least told once: a kill between Asterisk's answer and our record of it tells one again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select, update

from textback.model import PhoneMessage, PhoneState, PhoneTold
from textback.store.engine import Database
from textback.store.sql import chunks, insert_for, per_dialect
from textback.store.tables_people import contacts
from textback.store.tables_talk import incoming, phone_messages, threads

#: A phone: name of its [[pbx]], and the endpoint ("PJSIP/101").
Phone = tuple[str, str]

#: Texts taken at a time for one phone.
MOST = 50


@per_dialect
def _queue(dialect: str) -> Any:
    new = insert_for(dialect, phone_messages)
    # Told before with a gap, and whole now: told anew.
    again = ("state", "attempts", "parts_done", "created_at", "due_at", "changed_at", "error")
    return new.on_conflict_do_update(
        index_elements=["incoming_id", "pbx", "endpoint"],
        set_={name: new.excluded[name] for name in again},
    )


#: Written out, so that the partial indexes are seen to fit.
_QUEUED = phone_messages.c.state == literal_column(f"'{PhoneState.QUEUED.value}'")
_OF_PHONE = (
    phone_messages.c.pbx == bindparam("its_pbx"),
    phone_messages.c.endpoint == bindparam("its_endpoint"),
)
_DUE = (
    select(phone_messages.c.pbx, phone_messages.c.endpoint)
    .where(_QUEUED, phone_messages.c.due_at <= bindparam("now"))
    .distinct()
)
_NEXT_DUE = select(func.min(phone_messages.c.due_at)).where(_QUEUED)
_NAME = (
    select(contacts.c.name)
    .where(contacts.c.number == threads.c.handset, contacts.c.name != "")
    .order_by(contacts.c.updated_at.desc(), contacts.c.id)
    .limit(1)
    .scalar_subquery()
)
_MESSAGES = (
    select(
        phone_messages,
        threads.c.handset,
        threads.c.ours,
        threads.c.number,
        _NAME.label("name"),
        incoming.c.text,
        incoming.c.missing,
    )
    .join(incoming, incoming.c.id == phone_messages.c.incoming_id)
    .join(threads, threads.c.id == incoming.c.thread_id)
    .order_by(phone_messages.c.id)
)
_WAITING = _MESSAGES.where(_QUEUED, *_OF_PHONE).limit(MOST)
_SETTLE = update(phone_messages).where(phone_messages.c.id == bindparam("row_id"), _QUEUED)
_POSTPONE = update(phone_messages).where(_QUEUED, *_OF_PHONE).values(due_at=bindparam("due"))
_HURRY = (
    update(phone_messages)
    .where(_QUEUED, phone_messages.c.pbx == bindparam("its_pbx"))
    .values(due_at=bindparam("due"))
)


def queue(db: Connection, incoming_id: int, phones: Sequence[Phone], now: datetime) -> None:
    """Have these phones told of a text that came in; once more, if they were told before."""
    rows = [
        {
            "incoming_id": incoming_id,
            "pbx": pbx,
            "endpoint": endpoint,
            "state": PhoneState.QUEUED,
            "attempts": 0,
            "parts_done": 0,
            "created_at": now,
            "due_at": now,
            "changed_at": now,
            "error": "",
        }
        for pbx, endpoint in dict.fromkeys(phones)
    ]
    if rows:
        db.execute(_queue(db), rows)


def due(db: Connection, now: datetime) -> list[Phone]:
    """Phones for which a text is due."""
    return [(row.pbx, row.endpoint) for row in db.execute(_DUE, {"now": now})]


def next_due(db: Connection) -> datetime | None:
    """When the next text is due; None: none waits."""
    found: datetime | None = db.execute(_NEXT_DUE).scalar_one()
    return found


def waiting(db: Connection, phone: Phone) -> list[PhoneMessage]:
    """What this phone is still to be told, due or not, in order."""
    rows = db.execute(_WAITING, {"its_pbx": phone[0], "its_endpoint": phone[1]})
    return [_message(row) for row in rows]


def told(db: Connection, row_id: int, parts: int, now: datetime, *, whole: bool) -> None:
    """Asterisk took so many SIP MESSAGEs of it; `whole`: all there are."""
    values: dict[str, Any] = {"parts_done": parts, "changed_at": now}
    if whole:
        values |= {"state": PhoneState.SENT, "error": "", "attempts": phone_messages.c.attempts + 1}
    db.execute(_SETTLE.values(values), {"row_id": row_id})


def failed(db: Connection, row_id: int, error: str, due_at: datetime, now: datetime) -> None:
    """It could not be told; it and what else waits for this phone is tried again at `due_at`."""
    tried = {"attempts": phone_messages.c.attempts + 1, "error": error, "changed_at": now}
    phone = db.execute(
        _SETTLE.values(tried).returning(phone_messages.c.pbx, phone_messages.c.endpoint),
        {"row_id": row_id},
    ).one_or_none()
    if phone is not None:
        of_it = {"its_pbx": phone.pbx, "its_endpoint": phone.endpoint, "due": due_at}
        db.execute(_POSTPONE, of_it)


def give_up(db: Connection, row_id: int, error: str, now: datetime) -> None:
    """It is too old to be told any more."""
    values = {"state": PhoneState.FAILED, "error": error, "changed_at": now}
    db.execute(_SETTLE.values(values), {"row_id": row_id})


def hurry(db: Connection, pbx: str, now: datetime) -> int:
    """The link to this PBX is up again: whatever waits for its phones is due. How many wait."""
    return int(db.execute(_HURRY, {"its_pbx": pbx, "due": now}).rowcount)


def of_texts(db: Connection, incoming_ids: Sequence[int]) -> dict[int, list[PhoneTold]]:
    """What became of telling desk phones these texts, by text."""
    found: dict[int, list[PhoneTold]] = {}
    for some in chunks(list(incoming_ids)):
        query = select(phone_messages).where(phone_messages.c.incoming_id.in_(some))
        for row in db.execute(query.order_by(phone_messages.c.id)):
            found.setdefault(row.incoming_id, []).append(
                PhoneTold(
                    pbx=row.pbx,
                    endpoint=row.endpoint,
                    state=PhoneState(row.state),
                    attempts=row.attempts,
                    changed=row.changed_at,
                    error=row.error,
                )
            )
    return found


def _message(row: Any) -> PhoneMessage:
    return PhoneMessage(
        id=row.id,
        pbx=row.pbx,
        endpoint=row.endpoint,
        handset=row.handset,
        ours=row.ours,
        number=row.number,
        name=row.name or "",
        text=row.text,
        missing=row.missing,
        parts_done=row.parts_done,
        attempts=row.attempts,
        created=row.created_at,
    )


# --- which thread a desk phone's answer belongs to --------------------------------------------

#: A handset that has more conversations than these with us is a machine.
MOST_THREADS = 100

_THREADS = (
    select(threads.c.ours, threads.c.number)
    .where(threads.c.handset == bindparam("handset"))
    .order_by(
        threads.c.last_in_at.is_(None),
        threads.c.last_in_at.desc(),
        threads.c.last_at.desc(),
        threads.c.id.desc(),
    )
    .limit(MOST_THREADS)
)


def conversations(db: Connection, handset: str) -> list[tuple[str, str]]:
    """(our number, did of its [[number]]) of each conversation with `handset` (E.164): where it
    wrote last comes first, for that is what people answer, whatever we sent it since."""
    return [(row.ours, row.number) for row in db.execute(_THREADS, {"handset": handset})]


class Telephones:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    async def phones_due(self, now: datetime) -> list[Phone]:
        """Phones for which a text is due."""
        return await self._db.read(lambda db: due(db, now))

    async def phone_next_due(self) -> datetime | None:
        """When the next text for a phone is due; None: none waits."""
        return await self._db.read(next_due)

    async def phone_waiting(self, phone: Phone) -> list[PhoneMessage]:
        """What this phone is still to be told, in order."""
        return await self._db.read(lambda db: waiting(db, phone))

    async def phone_told(self, row_id: int, parts: int, now: datetime, *, whole: bool) -> None:
        """Asterisk took so many SIP MESSAGEs of it; `whole`: all there are."""
        await self._db.write(lambda db: told(db, row_id, parts, now, whole=whole))

    async def phone_failed(self, row_id: int, error: str, due_at: datetime, now: datetime) -> None:
        """It could not be told; this phone is tried again at `due_at`."""
        await self._db.write(lambda db: failed(db, row_id, error, due_at, now))

    async def phone_given_up(self, row_id: int, error: str, now: datetime) -> None:
        """It is too old to be told any more."""
        await self._db.write(lambda db: give_up(db, row_id, error, now))

    async def phones_hurry(self, pbx: str, now: datetime) -> int:
        """The link to this PBX is up: whatever waits for its phones is due."""
        return await self._db.write(lambda db: hurry(db, pbx, now))

    async def conversations_of(self, handset: str) -> list[tuple[str, str]]:
        """(our number, did) of each conversation with `handset`, the newest first."""
        return await self._db.read(lambda db: conversations(db, handset))

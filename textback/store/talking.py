"""What a person of the business writes to a handset: from command line, console and desk phone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from textback.model import OutboxRow, Send, TextKind
from textback.store import optouts, threads
from textback.store.calls import new_text
from textback.store.errors import (
    NoThreadError,
    OptedOutError,
    ReplyRefusedError,
    WhichNumberError,
)
from textback.store.rows import to_outbox_row
from textback.store.tables import operator_log, outbox

#: Characters a person may write at once: ten segments of the plain alphabet.
MOST = 1_530
#: An answer to a person is of use for longer than "we missed your call".
LASTS = timedelta(hours=24)

_NEW = insert(outbox).returning(*outbox.c)
_ASKED = select(outbox).where(outbox.c.request == bindparam("name"), outbox.c.request != "")


def reply(
    db: Connection,
    handset: str,
    ours: str,
    text: str,
    *,
    by: str,
    now: datetime,
    number: str | None = None,
    route: str | None = None,
    request: str = "",
    expires: datetime | None = None,
) -> OutboxRow:
    """Writes a text by `by` to `handset` (E.164) from `ours`, as handsets see that number.

    `ours` "": of the handset's one thread. `number` (did of a [[number]], or "") opens a thread
    where there is none; without it there must be one. `route` is else the one the handset last
    wrote on. Asked again with the same `request`, it is written once. Raises ReplyRefusedError.
    """
    there = requested(db, request)
    if there is not None:
        return there
    _require_text(text)
    thread = _thread(db, handset, ours, number)
    ours = thread.ours if thread is not None else ours
    number = thread.number if thread is not None else number or ""
    why = optouts.is_out(db, handset, number)
    if why:
        raise OptedOutError(f"{handset} does not want to be texted: {why}")
    if route is None:
        route = thread.route if thread is not None else ""
    send = Send(
        to=handset,
        sender=ours,
        text=text,
        expires=expires or now + LASTS,
        route=route,
        kind=TextKind.REPLY,
    )
    thread_id = threads.touch_out(db, handset, ours, number=number, at=now)
    values: dict[str, Any] = new_text(None, send, number, now)
    values |= {"thread_id": thread_id, "author": by, "request": request}
    row = db.execute(_NEW, values).one()
    said = {"at": now, "by": by, "verb": "reply", "row_id": row.id, "detail": ""}
    db.execute(insert(operator_log), said)
    threads.read(db, thread_id)
    threads.done(db, thread_id)
    return to_outbox_row(row)


def requested(db: Connection, request: str) -> OutboxRow | None:
    """What was written for a request of this name; None: nothing was."""
    there = db.execute(_ASKED, {"name": request}).one_or_none() if request else None
    return to_outbox_row(there) if there is not None else None


def _require_text(text: str) -> None:
    if not text.strip():
        raise ReplyRefusedError("there is no text to send")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ReplyRefusedError(f"character {error.start + 1} of the text is none") from None
    if "\0" in text:
        raise ReplyRefusedError("the text has a NUL in it")
    if len(text) > MOST:
        raise ReplyRefusedError(f"the text has {len(text)} characters, {MOST} are the most")


def _thread(db: Connection, handset: str, ours: str, number: str | None) -> Row[Any] | None:
    """The thread that is meant; None: it is to be opened."""
    found = threads.of_handset(db, handset)
    if ours:
        there = next((row for row in found if row.ours == ours), None)
        if there is None and number is None:
            raise NoThreadError(f"{handset} and {ours} have no conversation")
        if there is None and not handset.startswith("+"):
            raise ReplyRefusedError(f"{handset!r} is no telephone number in full")
        return there
    if not found:
        raise NoThreadError(f"there is no conversation with {handset}")
    if len(found) > 1:
        raise WhichNumberError(handset, tuple(row.ours for row in found))
    return found[0]

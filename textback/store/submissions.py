"""Recording what came back from the carrier, and putting things right after a crash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    func,
    or_,
    select,
    update,
)

from textback.model import Accepted, Later, OutboxState, PartId, Refused, Submission, Unsure
from textback.store import casefacts, cases, happened, overtaking, standing
from textback.store.errors import NoSuchRowError
from textback.store.rows import (
    Finished,
    IdForms,
    Recovered,
)
from textback.store.sql import chunks, insert_for, per_dialect
from textback.store.tables import AttemptResult, attempts, message_ids, outbox, parts
from textback.store.transitions import sources

_FINISH = (
    update(outbox)
    .where(
        outbox.c.id == bindparam("row"),
        # From UNCERTAIN as well: the answer may come after somebody gave the row up.
        or_(
            outbox.c.state == OutboxState.SENDING,
            outbox.c.state == OutboxState.UNCERTAIN,
        ),
    )
    .values(
        state=bindparam("new"),
        reason=bindparam("why"),
        due_at=func.coalesce(bindparam("due"), outbox.c.due_at),
        attempts=outbox.c.attempts - bindparam("uncounted"),
        maybe_sent=or_(outbox.c.maybe_sent, bindparam("sent")),
        changed_at=bindparam("at"),
    )
)
_CLOSE_ATTEMPT = (
    update(attempts)
    .where(attempts.c.row_id == bindparam("row"), attempts.c.finished_at.is_(None))
    .values(
        finished_at=bindparam("at"),
        result=bindparam("how"),
        status=bindparam("status_"),
        name=bindparam("name_"),
        detail=bindparam("detail_"),
    )
)


@per_dialect
def _new_part(dialect: str) -> Any:
    # A part is taken once; a carrier that took it twice is asked about by the first id.
    return insert_for(dialect, parts).on_conflict_do_nothing()


@per_dialect
def _new_form(dialect: str) -> Any:
    return insert_for(dialect, message_ids).on_conflict_do_nothing()


# --- what came back ---------------------------------------------------------------------------


def _attempt_values(submission: Submission) -> tuple[AttemptResult, int, str, str]:
    match submission:
        case Accepted():
            return AttemptResult.ACCEPTED, 0, "ESME_ROK", ""
        case Refused(status=status, name=name, detail=detail):
            return AttemptResult.REFUSED, status, name, detail
        case Later(status=status, name=name, detail=detail):
            return AttemptResult.LATER, status, name, detail
        case Unsure(detail=detail):
            return AttemptResult.UNSURE, 0, "", detail


def record(db: Connection, finished: Sequence[Finished], forms: IdForms) -> dict[int, OutboxState]:
    """Submissions that came back; returns where each text stands now.

    A receipt that overtook its submit_sm_resp is found here, and an uncertain text may be resolved
    by one that had no id to go by.
    """
    states = {f.row_id: f.state for f in finished}
    db.execute(_FINISH, [_finish_values(f) for f in finished])
    db.execute(_CLOSE_ATTEMPT, [_close_values(f) for f in finished])
    taken = [(f.row_id, f.at, f.submission.parts, f.route) for f in finished]
    _keep_parts(db, taken, forms, states)
    again = {
        f.row_id
        for f in finished
        if f.state is OutboxState.ACCEPTED
        # Earlier parts of it may have their receipts already.
        and not (f.submission.parts and f.submission.parts[0].total == 1)
    }
    if again:
        states.update(standing.reconsider(db, sorted(again)))
    unsure = [f for f in finished if f.state is OutboxState.UNCERTAIN]
    if unsure:
        states.update(overtaking.resolve(db, [f.row_id for f in unsure], forms))
        states.update(
            requeue(
                db,
                [
                    (f.row_id, f.due or f.at)
                    for f in unsure
                    if f.resend and states[f.row_id] is OutboxState.UNCERTAIN
                ],
                now=max(f.at for f in unsure),
            )
        )
    failed = [f.row_id for f in finished if f.state in happened.FAILED]
    happened.texts_failed(db, failed, max(f.at for f in finished))
    cases.texted(db, {f.row_id: f.at for f in finished if states[f.row_id] in casefacts.TAKEN})
    return states


def _keep_parts(
    db: Connection,
    taken: Iterable[tuple[int, datetime, Sequence[PartId], str]],
    forms: IdForms,
    states: dict[int, OutboxState],
) -> None:
    """Parts the SMSC has taken; `states` learns of texts whose receipt was there first."""
    wanted = [(row_id, at, got, route) for row_id, at, got, route in taken if got]
    if not wanted:
        return
    # An id belongs to the carrier that gave it, also when the text has gone on to another.
    routes = _routes(db, [row_id for row_id, _, _, route in wanted if not route])
    new_parts = [
        {
            "row_id": row_id,
            "number": part.number,
            "total": part.total,
            "route": route or routes[row_id],
            "message_id": part.message_id,
            "accepted_at": at,
            "receipt": None,
            "receipt_at": None,
            "error": "",
        }
        for row_id, at, got, route in wanted
        for part in got
    ]
    db.execute(_new_part(db), new_parts)
    states.update(overtaking.overtaken(db, add_forms(db, new_parts, forms)))


def _finish_values(f: Finished) -> dict[str, Any]:
    counted = not (isinstance(f.submission, Later) and not f.submission.counts)
    return {
        "row": f.row_id,
        "new": f.state,
        "why": f.reason,
        "due": f.due if f.state is OutboxState.QUEUED else None,
        "uncounted": 0 if counted else 1,
        "sent": isinstance(f.submission, Accepted | Unsure) or bool(f.submission.parts),
        "at": f.at,
    }


def _close_values(f: Finished) -> dict[str, Any]:
    how, status, name, detail = _attempt_values(f.submission)
    return {
        "row": f.row_id,
        "at": f.at,
        "how": how,
        "status_": status,
        "name_": name,
        "detail_": detail,
    }


def _routes(db: Connection, row_ids: list[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for some in chunks(row_ids):
        query = select(outbox.c.id, outbox.c.route).where(outbox.c.id.in_(some))
        found.update((row.id, row.route) for row in db.execute(query))
    return found


def add_forms(
    db: Connection, new_parts: Sequence[Mapping[str, Any]], forms: IdForms
) -> list[dict[str, Any]]:
    """Makes the parts findable by every form their id may come back in."""
    rows = [
        {"route": p["route"], "form": form, "row_id": p["row_id"], "number": p["number"]}
        for p in new_parts
        if p["message_id"]
        for form in sorted(forms(p["route"], p["message_id"]))
    ]
    if rows:
        db.execute(_new_form(db), rows)
    return rows


_REQUEUE = (
    update(outbox)
    .where(
        outbox.c.id == bindparam("row"),
        outbox.c.state.in_(sources(OutboxState.QUEUED)),
        # Past its time it stays `uncertain`, which is what is known of it.
        outbox.c.expires_at > bindparam("now"),
    )
    .values(
        state=OutboxState.QUEUED,
        due_at=bindparam("due"),
        changed_at=bindparam("now"),
    )
    .returning(outbox.c.id)
)


def requeue(
    db: Connection, rows: Sequence[tuple[int, datetime]], now: datetime
) -> dict[int, OutboxState]:
    """`resend`: back into the queue, keeping the reason, unless the text is past its time."""
    again: dict[int, OutboxState] = {}
    for row_id, due in rows:
        found = db.execute(_REQUEUE, {"row": row_id, "due": due, "now": now}).scalar_one_or_none()
        if found is not None:
            again[row_id] = OutboxState.QUEUED
    return again


# --- answers after we gave up waiting ---------------------------------------------------------

_LATE_NOTE = (
    update(attempts)
    .where(
        attempts.c.row_id == bindparam("row"),
        attempts.c.number
        == select(func.max(attempts.c.number))
        .where(attempts.c.row_id == bindparam("row"))
        .scalar_subquery(),
    )
    .values(detail=attempts.c.detail + bindparam("note"))
)


def late(
    db: Connection,
    row_id: int,
    submission: Submission,
    at: datetime,
    forms: IdForms,
    route: str = "",
) -> OutboxState:
    """The answer to a submission that was recorded as `Unsure`; returns where the text stands.

    Where the text waits to be sent again, the parts that were taken after all are not. Where it has
    gone on to another route, what this one refuses says nothing of it. `route`: which answers.
    Raises NoSuchRowError.
    """
    query = select(outbox.c.state, outbox.c.route).where(outbox.c.id == row_id)
    row = db.execute(query).one_or_none()
    if row is None:
        raise NoSuchRowError(f"no text {row_id}")
    state, elsewhere = row.state, bool(route) and route != row.route
    how, _, name, detail = _attempt_values(submission)
    words = " ".join(word for word in (how.value, name, detail) if word)
    db.execute(_LATE_NOTE, {"row": row_id, "note": f"; answered late: {words}"})
    if state is not OutboxState.UNCERTAIN or (elsewhere and not isinstance(submission, Accepted)):
        states: dict[int, OutboxState] = {row_id: state}
        _keep_parts(db, [(row_id, at, submission.parts, route)], forms, states)
        return states[row_id]
    wanted = {
        Accepted: OutboxState.ACCEPTED,
        Later: OutboxState.QUEUED,
        Refused: OutboxState.REFUSED,
    }.get(type(submission))
    finished = Finished(
        row_id=row_id,
        submission=submission,
        at=at,
        state=wanted or OutboxState.UNCERTAIN,
        reason=f"answered late: {words}",
        due=at,
        route=route,
    )
    return record(db, [finished], forms)[row_id]


# --- start-up ---------------------------------------------------------------------------------

#: What the operator reads on a row that a crash left in flight.
FOUND_SENDING = "found sending at start: it may or may not have been sent"


def recover(db: Connection, now: datetime, resend: frozenset[str], forms: IdForms) -> Recovered:
    """Rows found `sending`: their bytes may have left. `resend`: routes that send them again."""
    query = select(outbox.c.id, outbox.c.route).where(outbox.c.state == OutboxState.SENDING)
    found = [(row.id, row.route) for row in db.execute(query)]
    if not found:
        return Recovered()
    lost = [
        Finished(
            row_id=row_id,
            submission=Unsure(detail=FOUND_SENDING),
            at=now,
            state=OutboxState.UNCERTAIN,
            reason=FOUND_SENDING,
            resend=route in resend,
        )
        for row_id, route in found
    ]
    states = record(db, lost, forms)
    for some in chunks([row_id for row_id, _ in found]):
        db.execute(
            update(attempts)
            .where(
                attempts.c.row_id.in_(some),
                attempts.c.finished_at == now,
                attempts.c.result == AttemptResult.UNSURE,
            )
            .values(result=AttemptResult.LOST)
        )
    again = sum(s is OutboxState.QUEUED for s in states.values())
    still = sum(s is OutboxState.UNCERTAIN for s in states.values())
    return Recovered(uncertain=still, resend=again, resolved=len(states) - again - still)

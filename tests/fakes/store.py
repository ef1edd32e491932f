"""Calls, texts and receipts for tests of the store, with telling defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from textback.callback import is_missed
from textback.decide import History
from textback.model import (
    Accepted,
    Call,
    CallKey,
    Direction,
    Gate,
    Hint,
    HintKind,
    Moment,
    OutboxRow,
    OutboxState,
    Outcome,
    PartId,
    Phase,
    Presentation,
    Receipt,
    ReceiptState,
    Reply,
    Send,
    Source,
    Submission,
    Verdict,
)
from textback.store.rows import CallFact, Claim, Finished, Settled
from textback.store.store import Store

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
CALLER = "+12125550123"
NUMBER = "+12125550100"


def at(seconds: float) -> datetime:
    """`seconds` after NOW."""
    return NOW + timedelta(seconds=seconds)


def call(uniqueid: str = "1700000000.1", **changes: Any) -> Call:
    """An inbound call that rang out; `changes` as for `dataclasses.replace`."""
    moment = Moment(NOW, 1000.0)
    plain = Call(
        key=CallKey(pbx="pbx", boot="2026-11-01T00:00:00", uniqueid=uniqueid),
        phase=Phase.ENDED,
        at=moment.plus(20),
        direction=Direction.INBOUND,
        linkedid=uniqueid,
        channel="PJSIP/trunk-00000001",
        context="from-trunk",
        caller=CALLER,
        caller_name="",
        caller_final=CALLER,
        did=NUMBER,
        presentation=Presentation.ALLOWED,
        started=moment,
        ringing=moment.plus(1),
        answered=None,
        outcome=Outcome.NO_ANSWER,
        waited=19.0,
        may_become=frozenset({Outcome.NO_ANSWER}),
    )
    return replace(plain, **changes)


def hint(kind: HintKind = HintKind.OFFER, uniqueid: str = "1700000000.1", **changes: Any) -> Hint:
    plain = Hint(
        kind=kind,
        pbx="pbx",
        uniqueid=uniqueid,
        at=Moment(at(5), 1005.0),
        source="agi",
        caller="2125550123",
    )
    return replace(plain, **changes)


def late(uniqueid: str = "1700000000.1", source: Source = Source.CEL, **changes: Any) -> Call:
    """The same call as `call()`, learnt from CEL: Asterisk's own start is not in there."""
    return call(
        uniqueid,
        **{
            "key": CallKey(pbx="pbx", boot="", uniqueid=uniqueid),
            "source": source,
            "late": True,
            "trail": ((0.0, "CEL: began"),),
            **changes,
        },
    )


def send(to: str = CALLER, **changes: Any) -> Send:
    plain = Send(
        to=to,
        sender=NUMBER,
        text="Sorry we missed you",
        expires=at(900),
        gates=(Gate("watched", True, NUMBER, "any [[number]]"),),
    )
    return replace(plain, **changes)


class EveryMiss:
    """Every missed call makes a case, due in two hours, of extension 101."""

    def __init__(self, within: timedelta | None = timedelta(hours=2)) -> None:
        self.within = within

    def objection(self, call: Call) -> str:
        missed = is_missed(call) and not call.handled and call.direction is Direction.INBOUND
        return "" if missed else "not a missed call"

    def due(self, number: str, missed: datetime) -> datetime | None:
        return None if self.within is None else missed + self.within

    def owner(self, number: str) -> str:
        return "101"


def fact(
    the_call: Call | None = None,
    verdict: Verdict | Callable[[History], Verdict | None] | None = None,
    **changes: Any,
) -> CallFact:
    """A fact that is decided as told; without a verdict: to be sent."""
    said = verdict if verdict is not None else send()
    plain = CallFact(
        call=the_call or call(),
        caller=CALLER,
        number=NUMBER,
        label="Main",
        decide=lambda _, history: said(history) if callable(said) else said,
        cases=EveryMiss(),
    )
    return replace(plain, **changes)


async def queued(store: Store, count: int = 1, **changes: Any) -> list[OutboxRow]:
    """`count` calls that wrote a text each."""
    rows = []
    for _ in range(count):
        uniqueid = f"1700000000.{len(await store.calls(limit=10_000)) + 1}"
        judged = await store.judge(fact(call(uniqueid), send(**changes)), NOW)
        assert judged.row is not None
        rows.append(judged.row)
    return rows


def claim(room: int = 100, **changes: Any) -> Claim:
    plain = Claim(route="smsc", others=frozenset(), room=room, segments=lambda text: 1, idle=True)
    return replace(plain, **changes)


async def sending(store: Store, count: int = 1, **changes: Any) -> list[OutboxRow]:
    """`count` texts whose bytes may leave now."""
    await queued(store, count, **changes)
    settled: Settled = await store.turn((), claim(), at(1))
    return list(settled.claimed)


def finished(row: OutboxRow | int, submission: Submission, **changes: Any) -> Finished:
    state = OutboxState.ACCEPTED if isinstance(submission, Accepted) else OutboxState.UNCERTAIN
    row_id = row if isinstance(row, int) else row.id
    plain = Finished(row_id=row_id, submission=submission, at=at(2), state=state, reason="")
    return replace(plain, **changes)


def accepted(*ids: str, total: int = 0) -> Accepted:
    parts = tuple(PartId(n, total or len(ids), i) for n, i in enumerate(ids, 1))
    return Accepted(parts=parts, at=at(2))


def receipt(
    message_id: str, state: ReceiptState = ReceiptState.DELIVERED, **changes: Any
) -> Receipt:
    plain = Receipt(
        route="smsc",
        message_id=message_id,
        id_forms=frozenset({message_id}) if message_id else frozenset(),
        state=state,
        error="000",
        sender=CALLER,
        recipient=NUMBER,
        done=None,
        at=at(5),
        raw=b"id:",
    )
    return replace(plain, **changes)


def reply(text: str, **changes: Any) -> Reply:
    plain = Reply(route="smsc", sender=CALLER, recipient=NUMBER, text=text, at=at(60))
    return replace(plain, **changes)

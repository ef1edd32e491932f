"""Some days of a business at random, told to a store by its own verbs: for tests of figures."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.store import accepted, call, claim, fact, finished, receipt, reply, send
from textback.model import (
    TEXTABLE_OUTCOMES,
    Direction,
    Moment,
    OutboxState,
    Outcome,
    Reason,
    ReceiptState,
    Refused,
    Skip,
    Unsure,
)
from textback.store.store import Store

NUMBERS = ("+12125550100", "+12125550101", "+12125550102")
CALLERS = tuple(f"+1646555{n:04}" for n in range(110, 122))


@dataclass
class BusyDays:
    """Every step is something that happens at `now`, which goes on by up to two hours."""

    store: Store
    random: random.Random
    now: datetime
    written: int = 0
    accepted: list[str] = field(default_factory=list)

    async def step(self) -> None:
        self.now += timedelta(seconds=self.random.uniform(1, 7_200))
        things = (
            *(self.missed, self.missed, self.missed, self.answered, self.sent, self.sent),
            *(self.receipt, self.wrote, self.reached, self.dismissed, self.came_again),
        )
        await self.random.choice(things)()

    def _call(self, **changes: Any) -> Any:
        self.written += 1
        start = Moment(self.now, 1000.0)
        return call(
            f"1700000000.{self.written}",
            **{"started": start, "ringing": start.plus(1), "at": start.plus(25), **changes},
        )

    async def missed(self) -> None:
        caller, number = self.random.choice(CALLERS), self.random.choice(NUMBERS)
        outcome = self.random.choice((*TEXTABLE_OUTCOMES, Outcome.UNKNOWN))
        told = self._call(caller=caller, caller_final=caller, did=number, outcome=outcome)
        due = self.now + timedelta(seconds=30)
        verdict = self.random.choice(
            (
                Skip(reason=Reason.COOLDOWN, gates=()),
                *[replace(send(caller), sender=number, expires=due + timedelta(days=1))] * 3,
            )
        )
        if outcome is Outcome.UNKNOWN:
            verdict = Skip(reason=Reason.UNKNOWN_CALL, gates=())
        await self.store.judge(
            replace(fact(told, verdict), number=number, caller=caller), told.at.utc
        )

    async def answered(self) -> None:
        await self._talked(self.random.choice(CALLERS))

    async def came_again(self) -> None:
        if cases := await self.store.cases(limit=50):
            await self._talked(self.random.choice(cases).caller)

    async def _talked(self, caller: str) -> None:
        number = self.random.choice(NUMBERS)
        told = self._call(
            caller=caller,
            caller_final=caller,
            did=number,
            outcome=Outcome.ANSWERED,
            answered=Moment(self.now + timedelta(seconds=5), 1005.0),
        )
        skip = Skip(reason=Reason.ANSWERED, gates=())
        await self.store.judge(replace(fact(told, skip), number=number, caller=caller), self.now)

    async def reached(self) -> None:
        if not (cases := await self.store.cases(limit=50)):
            return
        caller = self.random.choice(cases).caller
        told = self._call(
            direction=Direction.OUTBOUND,
            channel="PJSIP/102-0000000a",
            caller="102",
            did="9" + caller[2:],
            outcome=Outcome.ANSWERED,
            answered=Moment(self.now + timedelta(seconds=5), 1005.0),
        )
        skip = Skip(reason=Reason.OUTBOUND, gates=())
        told_back = fact(told, skip, caller="", number="", called_back=caller)
        await self.store.judge(told_back, self.now)

    async def sent(self) -> None:
        settled = await self.store.turn((), claim(room=2), self.now)
        done = []
        for row in settled.claimed:
            name = f"id{row.id}"
            what = self.random.choice(
                (accepted(name), accepted(name), Refused(status=11, name="no", detail=""))
            )
            if self.random.random() < 0.1:
                what = Unsure(detail="lost")  # type: ignore[assignment]
            if what == accepted(name):
                self.accepted.append(name)
            when = self.now + timedelta(seconds=self.random.uniform(0, 40))
            one = finished(row, what)
            state = OutboxState.REFUSED if isinstance(what, Refused) else one.state
            done.append(replace(one, at=when, state=state))
        await self.store.turn(done, None, self.now)

    async def receipt(self) -> None:
        if self.accepted:
            name = self.accepted.pop(self.random.randrange(len(self.accepted)))
            state = self.random.choice((ReceiptState.DELIVERED, ReceiptState.UNDELIVERABLE))
            await self.store.record_receipt(receipt(name, state, at=self.now))

    async def wrote(self) -> None:
        caller, number = self.random.choice(CALLERS), self.random.choice(NUMBERS)
        said = self.random.choice(("Yes please", "Thank you", "STOP"))
        await self.store.record_reply(reply(said, sender=caller, recipient=number, at=self.now))

    async def dismissed(self) -> None:
        if cases := await self.store.cases(limit=50):
            case = self.random.choice(cases)
            await self.store.dismiss_case(case.id, reason="", by="operator", now=self.now)

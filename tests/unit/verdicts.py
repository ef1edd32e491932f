"""A missed call, a configuration and their verdict, to vary in tests of the verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from textback.config import Config
from textback.decide import History, decide
from textback.model import (
    Call,
    CallKey,
    Direction,
    Gate,
    Moment,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Verdict,
)

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # Monday noon in New York
MOMENT = Moment(NOW, 1000.0)
CALL = Call(
    key=CallKey(pbx="pbx", boot="2026-11-20T06:00:00", uniqueid="1763917200.1"),
    phase=Phase.ENDED,
    at=MOMENT,
    direction=Direction.INBOUND,
    linkedid="1763917200.1",
    channel="PJSIP/trunk-00000001",
    context="from-trunk",
    caller="+12125550123",
    caller_name="WIN http://evil.example",
    caller_final="",
    did="12125550100",
    presentation=Presentation.ALLOWED,
    started=MOMENT.plus(-20),
    ringing=MOMENT.plus(-18),
    answered=None,
    outcome=Outcome.NO_ANSWER,
    waited=18.0,
    may_become=frozenset({Outcome.NO_ANSWER}),
)
NOBODY = History()


def config(raw: dict[str, Any] | None = None, **number: Any) -> Config:
    base: dict[str, Any] = {
        "business": {"name": "Acme Dental"},
        "pbx": [{"secret": "x"}],
        "number": [{"did": "+12125550100", "label": "Main line", **number}],
    }
    return Config.model_validate({**base, **(raw or {})})


def verdict(
    call: Call = CALL,
    history: History = NOBODY,
    rules: Config | None = None,
    now: datetime = NOW,
) -> Verdict | None:
    return decide(call, history, rules or config(), now)


def gate(made: Verdict | None, name: str) -> Gate:
    """The answer of one gate; the verdict must have asked it."""
    assert made is not None
    return next(g for g in made.gates if g.name == name)


def reason(made: Verdict | None) -> Reason | None:
    return None if made is None else made.reason


def ahead(**changes: Any) -> Call:
    return replace(CALL, **changes)

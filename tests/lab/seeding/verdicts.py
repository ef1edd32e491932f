"""Verdicts with every gate as the product itself gives them, made once for each kind of call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from tests.lab.seeding.rows import as_json
from textback.config import Config
from textback.decide import History, decide
from textback.model import (
    Call,
    CallKey,
    Contact,
    Direction,
    Moment,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Send,
)

#: Stand in a verdict for what is put in afterwards.
_CALLER, _NAME = "+12125550199", "Sentinel"
_SHORT = 3.0


@dataclass(frozen=True, slots=True)
class Decided:
    """A verdict in the form in which the store keeps it."""

    send: bool
    reason: str
    gates: str
    text: str
    expires: float  #: seconds after the decision


class Verdicts:
    """Asks `decide` once for each kind of call, and fills in caller and name."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._cached = lru_cache(maxsize=None)(self._ask)

    def of(
        self, reason: Reason, outcome: Outcome, did: str, caller: str, name: str, hours_ago: int = 0
    ) -> Decided:
        """The verdict `reason` on a call that ended so."""
        made = self._cached(reason, outcome, did, bool(name), hours_ago)
        given = name.split(" ")[0]
        return replace(
            made,
            gates=made.gates.replace(_CALLER, caller or "withheld").replace(_NAME, given),
            text=made.text.replace(_NAME, given),
        )

    def _ask(
        self, reason: Reason, outcome: Outcome, did: str, named: bool, hours_ago: int
    ) -> Decided:
        now = datetime(2026, 6, 3, 15, 0, tzinfo=UTC)  # in every number's hours
        call, past = _call(reason, outcome, did, Moment(now, 1000.0)), History()
        contact = Contact(number=_CALLER, name=f"{_NAME} Doe")
        if named:
            past = replace(past, contact=contact)
        if reason is Reason.COOLDOWN:
            last = now - timedelta(hours=hours_ago)
            past = replace(past, last_text=last, recent_texts=(last,))
        elif reason is Reason.OPTED_OUT:
            past = replace(past, opted_out="wrote STOP, for all of the business")
        elif reason is Reason.OPT_OUT_REVIEW:
            past = replace(past, doubtful="a reply may be an opt-out")
        elif reason is Reason.CONTACT_NO_TEXT:
            past = replace(past, contact=replace(contact, no_text=True))
        verdict = decide(call, past, self._config, now)
        if verdict is None or verdict.reason is not reason:
            raise ValueError(f"asked for {reason}, decided {verdict}")
        gates = as_json([[g.name, g.passed, g.value, g.rule] for g in verdict.gates])
        if not isinstance(verdict, Send):
            return Decided(False, reason.value, gates, "", 0.0)
        expires = (verdict.expires - now).total_seconds()
        return Decided(True, reason.value, gates, verdict.text, expires)


def _call(reason: Reason, outcome: Outcome, did: str, at: Moment) -> Call:
    waited = _SHORT if reason is Reason.TOO_SHORT else 18.0
    withheld = reason is Reason.WITHHELD
    answered = outcome is Outcome.ANSWERED
    return Call(
        key=CallKey(pbx="pbx", boot="", uniqueid="1.1"),
        phase=Phase.ENDED,
        at=at,
        direction=Direction.OUTBOUND if reason is Reason.OUTBOUND else Direction.INBOUND,
        linkedid="1.1",
        channel="PJSIP/trunk-00000001",
        context="from-trunk",
        caller="" if withheld else _CALLER,
        caller_name="",
        caller_final="",
        did=did,
        presentation=Presentation.WITHHELD if withheld else Presentation.ALLOWED,
        started=at.plus(-waited - 2),
        ringing=at.plus(-waited),
        answered=at.plus(-10) if answered else None,
        outcome=outcome,
        waited=waited,
        may_become=frozenset({outcome}),
    )

"""Rows of events, as the store puts them down for webhooks: of the last ninety days."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.lab.seeding.calls import PBX, Ring
from tests.lab.seeding.cases import Open
from tests.lab.seeding.people import Number, Person
from tests.lab.seeding.rows import Rows, as_json, instant
from tests.lab.seeding.talk import Line
from textback import tell_shapes
from textback.names import clean

NAME = "Riverside Dental"
_KEPT = 90 * 86_400.0


def _said(at: float | None) -> str | None:
    return None if at is None else tell_shapes.instant(datetime.fromtimestamp(at, UTC))


class Tidings:
    """Writes them; `until` is the present."""

    def __init__(self, rows: Rows, rng: random.Random, until: float) -> None:
        self._rows, self._rng, self._least = rows, rng, until - _KEPT

    def _put(self, kind: str, at: float, caller: str, number: str, payload: dict[str, Any]) -> None:
        if at < self._least:
            return
        self._rows.add(
            "events",
            {
                "id": self._rows.id("events"),
                "key": str(UUID(int=self._rng.getrandbits(128), version=4)),
                "kind": kind,
                "at": instant(at),
                "caller": caller,
                "number": number,
                "payload": as_json(payload),
                "fanned_out": 1,
            },
        )

    def call_missed(
        self, person: Person, number: Number, ring: Ring, reason: str, text: int | None
    ) -> None:
        withheld = person.trait == "withheld"
        payload = {
            "call": ring.call_id,
            "call_id": f"{PBX}:{ring.uniqueid}",
            "outcome": ring.outcome.value,
            "verdict": "send" if text else "skip",
            "reason": reason,
            "text": text,
            "label": number.label,
            "name": "" if withheld else clean(person.cnam),
            "started": _said(ring.started),
            "waited": round(ring.waited, 3),
            "queue": "",
            "late": False,
            "shadow": False,
        }
        caller = "" if withheld else person.number
        self._put("call.missed", ring.ended, caller, number.did, payload)

    def text_failed(
        self, person: Person, number: Number, row: int, state: str, at: float, call: int
    ) -> None:
        payload = {
            "text": row,
            "text_kind": "missed",
            "state": state,
            "reason": "",
            "sender": number.did,
            "route": "carrier",
            "attempts": 1,
            "call": call,
            "label": number.label,
        }
        self._put("text.failed", at, person.number, number.did, payload)

    def reply(
        self, person: Person, number: Number, at: float, incoming: int, thread: int, line: Line
    ) -> None:
        plain = {
            "incoming": incoming,
            "thread": thread,
            "text": line.text,
            "name": person.name if person.known else "",
            "label": number.label,
        }
        payload = {
            **plain,
            "parts": 1,
            "missing": 0,
            "completed": False,
            "request": line.word,
            "review": line.review,
            "keyword": line.keyword,
            "route": "carrier",
        }
        self._put("reply.received", at, person.number, number.did, payload)
        if line.keyword:
            found = {**plain, "keyword": line.keyword, "word": line.keyword.upper()}
            self._put("keyword.matched", at, person.number, number.did, found)

    def opted_out(self, person: Person, number: Number, at: float, word: str) -> None:
        payload = {"source": "handset", "scope": "", "word": word, "reason": "", "by": ""}
        self._put("optout.added", at, person.number, number.did, payload)

    def review(self, person: Person, number: Number, at: float, incoming: int, text: str) -> None:
        payload = {
            "incoming": incoming,
            "thread": 0,
            "text": text,
            "why": "don't text",
            "label": number.label,
        }
        self._put("optout.review", at, person.number, number.did, payload)

    def case_opened(self, case: Open) -> None:
        self._put(
            "case.opened", case.opened, case.person.number, case.number.did, _case(case, case.stage)
        )

    def case_closed(self, case: Open, stage: str, at: float, by: str, call: int | None) -> None:
        payload = _case(case, stage) | {
            "closed_by": by,
            "call": call,
            "seconds": None if call is None else at - case.opened,
        }
        self._put("case.closed", at, case.person.number, case.number.did, payload)


def _case(case: Open, stage: str) -> dict[str, Any]:
    return {
        "case": case.id,
        "stage": stage,
        "misses": case.misses,
        "owner": case.owner,
        "due": _said(case.due),
        "name": case.person.name if case.person.known else "",
        "label": case.number.label,
    }

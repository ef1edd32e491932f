"""Rows of calls and their verdicts: what the PBX told of them, and what was decided."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.lab.seeding.people import Number, Person
from tests.lab.seeding.rows import Rows, as_json, instant
from tests.lab.seeding.verdicts import Verdicts
from textback.model import Outcome, Reason

PBX, BOOT = "pbx", "2025-09-01T04:12:09"


@dataclass(slots=True)
class Ring:
    """A call that has just ended, as the rest needs it."""

    call_id: int
    started: float
    decided: float
    ended: float
    uniqueid: str
    waited: float
    outcome: Outcome


class Calls:
    """Writes them; knows nothing of texts and cases."""

    def __init__(self, rows: Rows, verdicts: Verdicts, rng: random.Random) -> None:
        self._rows, self._verdicts, self._rng = rows, verdicts, rng

    def answered(self, person: Person, number: Number, at: float) -> Ring:
        rng = self._rng
        phone, rang = rng.choice(number.extensions), min(24.0, 2 + rng.expovariate(0.15))
        talked = min(1800.0, 20 + rng.expovariate(1 / 140))
        trail = [
            *self._begin(number, phone),
            [0.7 + rang, f"bridged with {phone}"],
            [0.7 + rang + talked, "hung up (cause 16)"],
        ]
        return self._write(
            person,
            number,
            at,
            Outcome.ANSWERED,
            Reason.ANSWERED,
            rang,
            trail,
            answered=at + 0.7 + rang,
            ended=at + 0.7 + rang + talked,
            case=None,
        )

    def missed(
        self,
        person: Person,
        number: Number,
        at: float,
        outcome: Outcome,
        reason: Reason,
        *,
        case: int | None,
        hours_ago: int = 0,
    ) -> Ring:
        rng = self._rng
        waited = {
            Outcome.ABANDONED: 2.5 if reason is Reason.TOO_SHORT else rng.uniform(6, 14.5),
            Outcome.BUSY: 0.0,
            Outcome.UNAVAILABLE: 0.0,
            Outcome.QUEUE_ABANDONED: rng.uniform(20, 140),
        }.get(outcome, rng.uniform(15.5, 32))
        trail = self._begin(number, number.extensions[0])
        ended = at + 0.8 + waited
        decided = ended
        if outcome in (Outcome.NO_ANSWER, Outcome.VOICEMAIL_LEFT, Outcome.VOICEMAIL_NO_MESSAGE):
            decided = at + 0.7 + 15
            trail.append([15.7, "nobody answered for 15 s"])
        if outcome is Outcome.BUSY:
            trail[2:] = [[0.9, f"{number.extensions[0]}: busy"]]
        elif outcome is Outcome.UNAVAILABLE:
            trail[2:] = [[0.5, "no phone could be dialled: chanunavail"]]
        elif outcome is Outcome.QUEUE_ABANDONED:
            trail = [trail[0], [0.4, "enters queue desk"], *trail[1:]]
            trail.append([waited + 0.7, "gives up waiting in queue desk"])
        elif outcome in (Outcome.VOICEMAIL_LEFT, Outcome.VOICEMAIL_NO_MESSAGE):
            ended += rng.uniform(6, 45)
            box = f"{number.extensions[0].partition('/')[2]}@default"
            trail.append([waited + 0.8, f"voicemail {box}"])
            if outcome is Outcome.VOICEMAIL_LEFT:
                trail.append([ended - at - 0.5, f"a message was left for {box}"])
        trail.append([ended - at, "hung up (cause 16)"])
        queue = "desk" if outcome is Outcome.QUEUE_ABANDONED else ""
        return self._write(
            person,
            number,
            at,
            outcome,
            reason,
            waited,
            trail,
            decided=decided,
            ended=ended,
            case=case,
            queue=queue,
            hours_ago=hours_ago,
        )

    def outbound(self, person: Person, number: Number, at: float, *, reached: bool) -> Ring:
        rng = self._rng
        phone, rang = rng.choice(number.extensions), rng.uniform(4, 18)
        talked = min(1500.0, 25 + rng.expovariate(1 / 120)) if reached else 0.0
        trail: list[list[object]] = [
            [0.0, f"call for {person.number[1:]} in context from-internal"],
            [0.2, "dials PJSIP/trunk"],
        ]
        if reached:
            trail.append([rang, f"bridged with {phone}"])
        trail.append([rang + talked, "hung up (cause 16)"])
        call_id = self._rows.id("calls")
        uniqueid = self._uniqueid(at, call_id)
        extension = phone.partition("/")[2]
        row = self._row(
            call_id,
            at,
            uniqueid,
            direction="outbound",
            channel=f"{phone}-{call_id:08x}",
            context="from-internal",
            caller=extension,
            caller_name="",
            did=person.number[1:],
            outcome="answered" if reached else "no_answer",
            waited=rang,
            trail=trail,
            answered=at + rang if reached else None,
            ended=at + rang + talked,
        )
        row["called_back"] = person.number if reached else ""
        self._rows.add("calls", row)
        self._verdict(call_id, Reason.OUTBOUND, Outcome.NO_ANSWER, person, number, row_at=at + rang)
        return Ring(call_id, at, at, at + rang + talked, uniqueid, rang, Outcome.ANSWERED)

    def living(self, person: Person, number: Number, at: float, *, talks: bool) -> None:
        """A call that goes on."""
        phone = number.extensions[0]
        call_id = self._rows.id("calls")
        trail = self._begin(number, phone)
        if talks:
            trail.append([6.2, f"bridged with {phone}"])
        row = self._row(
            call_id,
            at,
            self._uniqueid(at, call_id),
            caller=person.number[1:],
            caller_name=person.cnam,
            did=number.did[1:],
            e164=person.number,
            number=number,
            outcome="answered" if talks else "abandoned",
            waited=6.2 if talks else 5.0,
            trail=trail,
            answered=at + 6.2 if talks else None,
            phase="answered" if talks else "ringing",
        )
        self._rows.add("calls", row)

    # --- how they are written ---

    def _begin(self, number: Number, phone: str) -> list[list[object]]:
        return [
            [0.0, f"call for {number.did[1:]} in context from-trunk"],
            [0.4, f"dials phone {phone}"],
            [0.7, f"phone {phone} rings"],
        ]

    def _uniqueid(self, at: float, call_id: int) -> str:
        return f"{int(at)}.{call_id * 2}"

    def _write(
        self,
        person: Person,
        number: Number,
        at: float,
        outcome: Outcome,
        reason: Reason,
        waited: float,
        trail: list[list[object]],
        *,
        ended: float,
        case: int | None,
        answered: float | None = None,
        decided: float | None = None,
        queue: str = "",
        hours_ago: int = 0,
    ) -> Ring:
        call_id = self._rows.id("calls")
        uniqueid = self._uniqueid(at, call_id)
        withheld = person.trait == "withheld"
        row = self._row(
            call_id,
            at,
            uniqueid,
            caller="" if withheld else person.number[1:],
            caller_name="" if withheld else person.cnam,
            did=number.did[1:],
            e164="" if withheld else person.number,
            number=number,
            outcome=outcome.value,
            waited=waited,
            trail=trail,
            answered=answered,
            ended=ended,
            case=case,
            queue=queue,
        )
        if withheld:
            row["presentation"] = "withheld"
        self._rows.add("calls", row)
        at_verdict = ended if decided is None else decided
        self._verdict(call_id, reason, outcome, person, number, at_verdict, hours_ago)
        return Ring(call_id, at, at_verdict, ended, uniqueid, waited, outcome)

    def _verdict(
        self,
        call_id: int,
        reason: Reason,
        outcome: Outcome,
        person: Person,
        number: Number,
        row_at: float,
        hours_ago: int = 0,
    ) -> None:
        caller = "" if person.trait == "withheld" else person.number
        name = person.name if person.known else ""
        made = self._verdicts.of(reason, outcome, number.did, caller, name, hours_ago)
        rings = outcome is Outcome.NO_ANSWER and made.send
        self._rows.add(
            "verdicts",
            {
                "call_id": call_id,
                "send": int(made.send),
                "reason": made.reason,
                "phase": "ring_timeout" if rings else "ended",
                "decided_at": instant(row_at),
                "gates": made.gates,
            },
        )

    def _row(
        self,
        call_id: int,
        at: float,
        uniqueid: str,
        *,
        caller: str,
        caller_name: str,
        did: str,
        outcome: str,
        waited: float,
        trail: list[list[object]],
        e164: str = "",
        number: Number | None = None,
        direction: str = "inbound",
        channel: str = "",
        context: str = "from-trunk",
        answered: float | None = None,
        ended: float | None = None,
        case: int | None = None,
        phase: str = "ended",
        queue: str = "",
    ) -> dict[str, object]:
        begun = at + 0.7 if outcome != Outcome.UNAVAILABLE else None
        return {
            "id": call_id,
            "pbx": PBX,
            "boot": BOOT,
            "uniqueid": uniqueid,
            "linkedid": uniqueid,
            "phase": phase,
            "phase_at": instant(ended or answered or at + 0.7),
            "direction": direction,
            "channel": channel or f"PJSIP/trunk-{call_id:08x}",
            "context": context,
            "caller": caller,
            "caller_name": caller_name,
            "caller_final": "",
            "caller_e164": e164,
            "did": did,
            "number": number.did if number else "",
            "number_label": number.label if number else "",
            "presentation": "allowed",
            "queue": queue,
            "started_at": instant(at),
            "ringing_at": instant(begun),
            "answered_at": instant(answered),
            "ended_at": instant(ended),
            "outcome": outcome,
            "waited": round(waited, 3),
            "gap": 0,
            "tainted": "",
            "late": 0,
            "trail": as_json([[round(float(str(s)), 3), w] for s, w in trail]),
            "source": "ami",
            "called_back": "",
            "case_id": case,
        }

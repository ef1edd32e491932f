"""Rows of texts both ways with all they leave behind: tries, parts, receipts, threads, consents."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.lab.seeding.people import Number, Person
from tests.lab.seeding.rows import Rows, instant
from tests.lab.seeding.talk import Line

ROUTE = "carrier"
_DAY = 86_400.0
#: How the texts of a month end, per thousand; the rest is delivered.
_FATES = (("accepted", 40), ("undelivered", 22), ("refused", 12), ("expired", 4), ("uncertain", 3))
_WHY = {
    "undelivered": "UNDELIV, error 001 of the carrier: the subscriber is absent",
    "refused": "refused: RINVDSTADR (0x0000000b)",
    "expired": "older than max_age before it could be sent",
    "uncertain": "bytes may have left, no answer came: connection lost",
    "shadow": "shadow mode",
    "held": "a reply may be an opt-out: see textback optout review",
}


@dataclass(slots=True)
class Thread:
    """A conversation as it stands."""

    id: int
    handset: str
    number: Number
    opened: float
    last: float
    last_in: float | None = None
    last_out: float | None = None
    unread: int = 0
    waits: float | None = None


class Texts:
    """Writes them; `until` is the present: nothing later is on record."""

    def __init__(self, rows: Rows, rng: random.Random, until: float) -> None:
        self._rows, self._rng, self._until = rows, rng, until
        self.threads: dict[tuple[str, str], Thread] = {}

    def thread(self, handset: str, number: Number, at: float) -> Thread:
        found = self.threads.get((handset, number.did))
        if found is None:
            found = Thread(self._rows.id("threads"), handset, number, at, at)
            self.threads[handset, number.did] = found
        return found

    def out(
        self,
        person: Person,
        number: Number,
        at: float,
        text: str,
        *,
        kind: str,
        call: int | None = None,
        author: str = "",
        state: str = "",
        expires: float = 900.0,
    ) -> tuple[int, str, float]:
        """One text to a handset: its row, how it ended, and when the carrier took it."""
        row_id = self._rows.id("outbox")
        thread = self.thread(person.number, number, at)
        thread.last = thread.last_out = max(thread.last, at)
        if author:
            thread.unread, thread.waits = 0, None
        fate = state or self._fate()
        took = at + 0.05 + self._rng.expovariate(8)
        sent = fate in {"accepted", "delivered", "undelivered", "refused", "uncertain"}
        segments = 1 if len(text) <= 160 else 2
        self._rows.add(
            "outbox",
            {
                "id": row_id,
                "call_id": call,
                "kind": kind,
                "state": fate,
                "recipient": person.number,
                "sender": number.did,
                "number": number.did,
                "text": text,
                "route": ROUTE if sent or fate == "expired" else "",
                "attempts": int(sent),
                "tries": int(sent),
                "segments": segments if sent else 0,
                "maybe_sent": int(sent and fate != "refused"),
                "created_at": instant(at),
                "due_at": instant(at),
                "expires_at": instant(at + expires),
                "claimed_at": instant(at + 0.03) if sent else None,
                "changed_at": instant(took + 2 if fate == "delivered" else took),
                "reason": _WHY.get(fate, ""),
                "thread_id": thread.id,
                "author": author,
                "routes": f"/{ROUTE}/" if sent else "",
                "routed": "the only [[smsc]]" if sent else "",
            },
        )
        if sent:
            self._attempt(row_id, at + 0.03, took, fate)
        if fate in {"accepted", "delivered", "undelivered"}:
            for part in range(1, segments + 1):
                self._part(row_id, part, segments, person, number, took, fate)
        return row_id, fate, took

    def _fate(self) -> str:
        chance = self._rng.random() * 1000
        for fate, share in _FATES:
            if chance < share:
                return fate
            chance -= share
        return "delivered"

    def _attempt(self, row_id: int, begun: float, took: float, fate: str) -> None:
        refused, unsure = fate == "refused", fate == "uncertain"
        result = "refused" if refused else "unsure" if unsure else "accepted"
        self._rows.add(
            "attempts",
            {
                "row_id": row_id,
                "number": 1,
                "route": ROUTE,
                "started_at": instant(begun),
                "finished_at": instant(took),
                "result": result,
                "status": 11 if refused else 0,
                "name": "RINVDSTADR" if refused else "",
                "detail": "connection lost" if unsure else "",
            },
        )

    def _part(
        self,
        row_id: int,
        part: int,
        total: int,
        person: Person,
        number: Number,
        took: float,
        fate: str,
    ) -> None:
        message_id = f"{row_id:08x}{part}"
        state = {"delivered": "DELIVRD", "undelivered": "UNDELIV"}.get(fate)
        # DELIVRD comes within seconds, UNDELIV when the carrier has given up.
        at = took + self._rng.uniform(1, 4) + (600 if fate == "undelivered" else 0)
        error = "001" if fate == "undelivered" else ""
        self._rows.add(
            "parts",
            {
                "row_id": row_id,
                "number": part,
                "total": total,
                "route": ROUTE,
                "message_id": message_id,
                "accepted_at": instant(took),
                "receipt": state,
                "receipt_at": instant(at) if state else None,
                "error": error,
            },
        )
        self._rows.add(
            "message_ids", {"route": ROUTE, "form": message_id, "row_id": row_id, "number": part}
        )
        if state is None or at < self._until - 90 * _DAY:
            return
        self._rows.add(
            "receipts",
            {
                "id": self._rows.id("receipts"),
                "route": ROUTE,
                "message_id": message_id,
                "state": state,
                "error": error,
                "sender": person.number,
                "recipient": number.did,
                "done_at": instant(at),
                "at": instant(at + 0.2),
                "raw": f"id:{message_id} sub:001 stat:{state} err:{error or '000'}".encode(),
                "row_id": row_id,
                "part": part,
                "note": "by message id",
            },
        )

    def come_in(self, person: Person, number: Number, at: float, line: Line) -> int:
        """One text from a handset."""
        thread = self.thread(person.number, number, at)
        thread.last = thread.last_in = max(thread.last, at)
        thread.unread += 1
        if not line.word and thread.waits is None:
            thread.waits = at
        row_id = self._rows.id("incoming")
        parts = 1 if len(line.text) <= 160 else 1 + len(line.text) // 153
        self._rows.add(
            "incoming",
            {
                "id": row_id,
                "thread_id": thread.id,
                "route": ROUTE,
                "sender": person.number,
                "recipient": number.did[1:],
                "text": line.text,
                "at": instant(at),
                "whole_at": instant(at),
                "reference": row_id % 256 if parts > 1 else None,
                "parts": parts,
                "missing": 0,
                "given_up_at": None,
                "word": line.word,
                "review": "open" if line.review else "none",
                "reviewed_at": None,
                "reviewed_by": "",
                "keyword": line.keyword,
            },
        )
        for part in range(1, parts + 1):
            self._reply(row_id, part, parts, person, number, at, line)
        return row_id

    def _reply(
        self,
        row_id: int,
        part: int,
        parts: int,
        person: Person,
        number: Number,
        at: float,
        line: Line,
    ) -> None:
        words = line.text if parts == 1 else line.text[(part - 1) * 153 : part * 153]
        self._rows.add(
            "replies",
            {
                "id": self._rows.id("replies"),
                "route": ROUTE,
                "sender": person.number,
                "recipient": number.did[1:],
                "text": words,
                "at": instant(at + part / 10),
                "reference": row_id % 256 if parts > 1 else None,
                "part": part,
                "parts": parts,
                "word": line.word,
                "raw": b"",
                "incoming_id": row_id,
                "octets": words.encode("utf-16-be"),
                "coding": 8,
            },
        )

    def opted_out(self, person: Person, at: float, words: str, incoming: int) -> None:
        """The evidence, and that nobody texts them any more."""
        self._rows.add(
            "opt_outs",
            {
                "id": self._rows.id("opt_outs"),
                "number": person.number,
                "scope": "",
                "word": words,
                "source": "handset",
                "reason": "",
                "at": instant(at),
                "lifted_at": None,
                "lifted_by": "",
            },
        )
        self.evidence(person, at, "opt_out", words, incoming)

    def evidence(self, person: Person, at: float, event: str, words: str, incoming: int) -> None:
        self._rows.add(
            "consents",
            {
                "id": self._rows.id("consents"),
                "at": instant(at),
                "number": person.number,
                "number_hash": "",
                "scope": "",
                "event": event,
                "source": "handset",
                "by": "",
                "words": words,
                "detail": "",
                "call_id": None,
                "incoming_id": incoming,
                "row_id": None,
            },
        )

    def close(self) -> None:
        """Writes the threads as they stand."""
        for thread in self.threads.values():
            row: dict[str, Any] = {
                "id": thread.id,
                "handset": thread.handset,
                "ours": thread.number.did,
                "number": thread.number.did,
                "route": ROUTE if thread.last_in is not None else "",
                "opened_at": instant(thread.opened),
                "last_at": instant(thread.last),
                "last_in_at": instant(thread.last_in),
                "last_out_at": instant(thread.last_out),
                "unread": thread.unread,
                "waits_since": instant(thread.waits),
            }
            self._rows.add("threads", row)

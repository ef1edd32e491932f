#!/usr/bin/env python3
"""A small connector between textback and a CRM: Python's standard library and nothing else.

Take it as it is or as a beginning; textback-api(7) describes all that it asks. As a command it
follows what happens and prints it, one JSON object a line:

    TEXTBACK_TOKEN_FILE=crm.token python3 textback_crm.py http://127.0.0.1:8480 place.json
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

#: Seconds for an answer, and how often a request is tried in all.
PATIENCE, TRIES = 20.0, 6
#: What is worth another try: the same request may be answered in a moment.
AGAIN = frozenset({429, 502, 503, 504})
#: A connection that is refused, silent, or cut: in the middle of an answer is not an OSError.
CUT = (OSError, http.client.HTTPException)


class Refused(Exception):  # noqa: N818 - it is an answer
    """What textback answered instead (RFC 9457): `code` for programs, `detail` for people."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail", ""))
        self.fields: dict[str, str] = problem.get("fields", {})
        super().__init__(f"{status} {self.code}: {self.detail} {self.fields or ''}".rstrip())


class Textback:
    """One textback, asked with one token. Not to be shared between threads."""

    def __init__(
        self, address: str, token: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._base = address.rstrip("/") + "/api/v1"
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._pause = pause

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One answer. Raises Refused, and what is in CUT when textback cannot be reached.

        Tried again where nothing can be done twice by it: a GET, and what is named by `request`.
        """
        twice = method == "GET" or (isinstance(body, dict) and "request" in body)
        for left in reversed(range(TRIES)):
            try:
                return self._once(method, path, body, query)
            except Refused as refused:
                if refused.status not in AGAIN or not twice or not left:
                    raise
                wait = float(refused.fields.get("Retry-After", 0)) or 2.0 ** (TRIES - 1 - left)
            except CUT:
                if not twice or not left:
                    raise
                wait = 2.0 ** (TRIES - 1 - left)
            self._pause(min(wait, 60.0))
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: Any, query: dict[str, Any]) -> Any:
        given = {k: v for k, v in query.items() if v not in ("", None)}
        address = self._base + path + ("?" + urlencode(given, doseq=True) if given else "")
        data = None if body is None else json.dumps(body).encode()
        headers = dict(self._headers)
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                try:
                    problem = json.load(error)
                except ValueError:  # a proxy between us and textback
                    problem = {"code": "proxy", "detail": error.reason}
            refused = Refused(error.code, problem)
            if (later := error.headers.get("Retry-After", "")).isdigit():
                refused.fields = {**refused.fields, "Retry-After": later}
            raise refused from None

    # --- what happens ---

    def now(self) -> str:
        """The place in the events after everything that has happened."""
        return str(self.ask("GET", "/events", start="now")["next"])

    def events(self, place: str) -> Iterator[tuple[dict[str, Any], str]]:
        """What happened after `place`, each event with the place behind it; ends when all is told.

        Keep the place once you have dealt with the event: whoever is cut off goes on there.
        """
        more = True
        while more:
            page = self.ask("GET", "/events", cursor=place, limit=100)
            if page["gap"]:
                raise LookupError("some events are deleted already: read the lists anew")
            for event in page["events"]:
                yield event, event["cursor"]
            place, more = page["next"], page["more"]

    def changes(self, topics: frozenset[str]) -> Iterator[None]:
        """Says when to ask again, at once and after each change of these topics (`/live`)."""
        address = self._base.removesuffix("/api/v1") + "/live"
        request = urllib.request.Request(address, headers=self._headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as stream:  # noqa: S310 - a beat each 15 s
            kind = ""
            for raw in stream:
                name, _, said = raw.decode().rstrip("\n").partition(": ")
                kind = said if name == "event" else kind
                if name != "data":
                    continue
                if kind == "hello" or (topics | {"*"}) & set(said.split()):
                    yield

    # --- lists ---

    def pages(self, path: str, rows: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page."""
        cursor = ""
        while True:
            page = self.ask("GET", path, cursor=cursor, **query)
            yield from page[rows]
            cursor = page["next"]
            if not cursor:
                return

    def mirror(self) -> tuple[dict[int, dict[str, Any]], str]:
        """All conversations by their number, and the place in the events to go on from.

        The place is taken first: what is written to while the pages are read moves to their front,
        where it may be missed, and is told as an event afterwards.
        """
        place = self.now()
        found = {row["id"]: row for row in self.pages("/threads", "threads", list="all", limit=200)}
        return found, place

    # --- what people do ---

    def answer(self, thread: int, text: str, name: str = "") -> dict[str, Any]:
        """Write in a conversation, once: `name` (a ticket, an id of yours) is who asks again."""
        body = {"text": text, "request": name or str(uuid.uuid4())}
        told: dict[str, Any] = self.ask("POST", f"/threads/{thread}/replies", body)
        return told

    def until_over(self, message: int, every: float = 2.0, tries: int = 300) -> dict[str, Any]:
        """The text once nothing more is expected of it: delivered, refused..."""
        told: dict[str, Any] = {}
        for _ in range(tries):
            told = self.ask("GET", f"/messages/{message}")
            if told["over"]:
                break
            self._pause(every)
        return told

    def take(self, case: int, owner: str, was: str = "") -> dict[str, Any]:
        """Make a case somebody's; Refused 409 "taken" when somebody else was faster."""
        told: dict[str, Any] = self.ask(
            "POST", f"/cases/{case}/assign", {"owner": owner, "was": was}
        )
        return told

    def close(self, case: int, reason: str) -> dict[str, Any]:
        told: dict[str, Any] = self.ask("POST", f"/cases/{case}/dismiss", {"reason": reason})
        return told

    def dial(self, case: int, phone: str = "") -> dict[str, Any]:
        """Ring a desk phone, then the caller of a case."""
        body = {"phone": phone} if phone else None
        told: dict[str, Any] = self.ask("POST", f"/cases/{case}/dial", body)
        return told

    def why(self, call: int) -> dict[str, Any]:
        told: dict[str, Any] = self.ask("GET", f"/calls/{call}")
        return told


def main(address: str, kept: Path) -> None:
    """Print what happens, from where the last run stopped; `kept` remembers where that was."""
    token = Path(os.environ["TEXTBACK_TOKEN_FILE"]).read_text(encoding="ascii").strip()
    textback = Textback(address, token)
    place = json.loads(kept.read_text(encoding="ascii")) if kept.exists() else textback.now()
    while True:
        try:
            for _change in textback.changes(frozenset({"inbox", "calls", "cases"})):
                for event, after in textback.events(place):
                    print(json.dumps(event), flush=True)
                    place = after
                    kept.write_text(json.dumps(place), encoding="ascii")
        except CUT:
            time.sleep(2.0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

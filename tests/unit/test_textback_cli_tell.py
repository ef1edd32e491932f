"""`textback tell`: what waits is listed, tried again, dropped; a test goes out from here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from textback.cli import app
from textback.model import DeliveryState, Event, EventKind
from textback.store.store import Store
from textback.store.telling import Addressee, Tried

pytestmark = pytest.mark.usefixtures("logging_as_before")

CALLER = "+12125550123"
CONFIG = """
[business]
name = "Acme Dental"
[store]
path = "{store}"
[[pbx]]
secret = "hunter2-ami"
[[smsc]]
host = "127.0.0.1"
system_id = "acme"
password = "hunter2"
[[number]]
did = "+12125550100"
[[webhook]]
name = "crm"
url = "http://127.0.0.1:{port}/hidden"
secret = "0123456789abcdef0123456789abcdef"
[[notify]]
name = "office"
url = "json://127.0.0.1:{port}/hidden"
"""
Run = Callable[..., Result]


@pytest.fixture
def other() -> Iterator[Any]:
    """The other side; `status` is what it answers, `got` what it was told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            server.got.append((dict(self.headers), self.rfile.read(length)))  # type: ignore[attr-defined]
            self.send_response(server.status)  # type: ignore[attr-defined]
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, name="other side")
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Any) -> Run:
    monkeypatch.delenv("TEXTBACK_CONFIG", raising=False)
    path = tmp_path / "textback.toml"
    body = CONFIG.format(store=tmp_path / "textback.db", port=other.server_port)
    path.write_text(body, encoding="utf-8")
    path.chmod(0o640)
    return lambda *words: CliRunner().invoke(app, ["--config", str(path), "tell", *words])


@pytest.fixture
def filled(tmp_path: Path) -> list[int]:
    """Two that wait and one that was given up."""

    async def work() -> list[int]:
        store = await Store.open(tmp_path / "textback.db")
        now = datetime.now(UTC)
        payload = {"alarm": "x", "because": "y", "count": 1}
        event = Event(kind=EventKind.ALARM_RAISED, at=now, caller=CALLER, payload=payload)
        who = Addressee("webhook", "crm", 1)
        ids = [await store.tell_alone(event, who, now) for _ in range(3)]
        failed = Tried(id=ids[0], state=DeliveryState.FAILED, due=now, status=500, error="too old")
        await store.record_tellings([failed], now)
        await store.close()
        return ids

    return asyncio.run(work())


def test_the_list_shows_what_waits_and_what_was_given_up(run: Run, filled: list[int]) -> None:
    found = run("list")
    assert found.exit_code == 0, found.output
    for word in ("failed", "queued", "alarm.raised", "too old", "2 events to tell"):
        assert word in found.output
    rows = [json.loads(line) for line in run("list", "--json", "--mask").stdout.splitlines()]
    assert [row["delivery"] for row in rows] == filled[::-1]
    assert CALLER not in str(rows)
    assert "because" not in str(rows)


def test_a_state_or_a_target_narrows_the_list(run: Run, filled: list[int]) -> None:
    rows = run("list", "--json", "--state", "failed").stdout.splitlines()
    assert [json.loads(row)["delivery"] for row in rows] == [filled[0]]
    assert "nothing waits" not in run("list", "--target", "office").output
    bad = run("list", "--state", "lost")
    assert bad.exit_code == 2


def test_what_was_given_up_is_tried_again_and_what_waits_dropped(
    run: Run, filled: list[int]
) -> None:
    assert run("retry", str(filled[0])).stdout.strip() == "1 event tried again"
    assert run("drop", "--target", "crm").stdout.strip() == "3 events dropped"
    assert run("list").stdout.strip() == "nothing waits"
    assert "dropped by" in run("list", "--all").output


@pytest.mark.parametrize("words", [("retry",), ("drop",), ("retry", "1", "--target", "crm")])
def test_which_are_meant_has_to_be_said(
    run: Run, filled: list[int], words: tuple[str, ...]
) -> None:
    found = run(*words)
    assert found.exit_code == 2
    assert "say which are meant" in found.output


def test_a_name_or_number_that_is_not_there_is_a_users_mistake(run: Run, filled: list[int]) -> None:
    assert run("retry", "--target", "nobody").exit_code == 2
    assert run("test", "nobody").exit_code == 2
    assert run("retry", "4711").exit_code == 2


@pytest.mark.parametrize("name", ["crm", "office"])
def test_without_the_service_a_test_goes_out_from_here(
    run: Run, filled: list[int], other: Any, name: str
) -> None:
    found = run("test", name)
    assert found.exit_code == 0, found.output
    assert f"{name}: taken, sent by this command" in found.output
    (_, content) = other.got[0]
    assert b"This is a test of textback" in content


@pytest.mark.parametrize(("name", "says"), [("crm", "answered 500"), ("office", "did not take")])
def test_a_test_that_is_not_taken_says_why(
    run: Run, filled: list[int], other: Any, name: str, says: str
) -> None:
    other.status = 500
    found = run("test", name, "--here")
    assert found.exit_code == 1
    assert says in found.output

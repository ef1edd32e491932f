"""Calling back out of a conversation: the button, what it does, and what it is refused for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.store import CALLER, NOW, NUMBER, at, reply
from tests.unit.console_rig import as_role, console
from textback.console.who import Who
from textback.model import Dialled, DialRefusal, DialRefusedError, DialStage

BUTTON = 'action="/inbox/1/dial"'
FORM = {"csrf": "test-csrf"}


@dataclass
class FakeDialler:
    why: DialRefusal | None = None
    refuses: DialRefusal | None = None
    placed: list[tuple[str, str, str, str]] = field(default_factory=list)

    def refusal(self, who: Who) -> DialRefusal | None:
        return self.why

    async def dial(self, who: Who, number: str, *, name: str, ours: str) -> Dialled:
        if self.refuses is not None:
            raise DialRefusedError(self.refuses)
        self.placed.append((who.name, number, name, ours))
        return Dialled(id="1", phone="PJSIP/101", number=number, stage=DialStage.RINGING, at=NOW)

    def last(self, who: Who) -> Dialled | None:
        return None


async def test_the_handset_is_called_says_so_and_is_written_down(tmp_path: Path) -> None:
    dialler = FakeDialler()
    async with console(tmp_path, role="agent", dialler=dialler) as (client, backend):
        await backend.store.record_reply(reply("call me", sender=CALLER, at=at(60)))
        shown = await client.get("/inbox/1", headers=as_role("agent"))
        assert BUTTON in await shown.text()
        answer = await client.post(
            "/inbox/1/dial", data=FORM, headers=as_role("agent"), allow_redirects=False
        )
        assert (answer.status, answer.headers["Location"]) == (303, "/inbox/1")
        assert dialler.placed == [("agent", CALLER, "", NUMBER)]
        assert [(e.action, e.subject) for e in await backend.store.audited(limit=5)] == [
            ("dial", "thread 1")
        ]


@pytest.mark.parametrize(
    ("why", "status"),
    [(DialRefusal.TOO_MANY, 429), (DialRefusal.DOWN, 503), (DialRefusal.NO_PHONE, 409)],
)
async def test_a_refused_call_shows_the_conversation_and_why(
    tmp_path: Path, why: DialRefusal, status: int
) -> None:
    async with console(tmp_path, role="agent", dialler=FakeDialler(refuses=why)) as (
        client,
        backend,
    ):
        await backend.store.record_reply(reply("call me", sender=CALLER, at=at(60)))
        answer = await client.post("/inbox/1/dial", data=FORM, headers=as_role("agent"))
        shown = await answer.text()
        assert answer.status == status
        assert "call me" in shown and "notice-bad" in shown


@pytest.mark.parametrize(
    ("role", "why"), [("agent", DialRefusal.OFF), ("agent", DialRefusal.NO_PHONE), ("viewer", None)]
)
async def test_there_is_no_button_where_no_call_would_come_of_it(
    tmp_path: Path, role: str, why: DialRefusal | None
) -> None:
    async with console(tmp_path, role=role, dialler=FakeDialler(why=why)) as (client, backend):
        await backend.store.record_reply(reply("call me", sender=CALLER, at=at(60)))
        shown = await client.get("/inbox/1", headers=as_role(role))
        assert BUTTON not in await shown.text()
        if role == "viewer":
            answer = await client.post("/inbox/1/dial", data=FORM, headers=as_role(role))
            assert answer.status == 403


async def test_no_such_conversation_is_no_call(tmp_path: Path) -> None:
    dialler = FakeDialler()
    async with console(tmp_path, role="agent", dialler=dialler) as (client, _backend):
        answer = await client.post("/inbox/99/dial", data=FORM, headers=as_role("agent"))
        assert answer.status == 404
        assert dialler.placed == []

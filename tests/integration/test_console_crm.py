"""A CRM of somebody else over a real service: the connector we ship (`conf/crm`), from outside.

It knows nothing but textback-api(7), speaks over real sockets, and some of these are cut.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sms_gateway.simulator import SimulatedText
from tests.fakes.asterisk import FakeAsterisk
from tests.integration.daemon_rig import CALLER, DID, ROOT, Rig
from tests.lab.pictured import PicturedRig

T = TypeVar("T")
NUMBER = DID.lstrip("+")
SHIPPED = ROOT / "conf" / "crm" / "textback_crm.py"


def shipped() -> Any:
    """The connector as a module of its own, as somebody else's program has it."""
    spec = importlib.util.spec_from_file_location("textback_crm", SHIPPED)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CRM = shipped()


async def outside(work: Callable[..., T], *given: Any, **named: Any) -> T:
    """The connector blocks; so it has a thread."""
    return await asyncio.to_thread(partial(work, *given, **named))


def never(_seconds: float) -> None:
    """A pause of the connector that costs a test nothing."""


async def test_an_answer_that_is_cut_in_its_middle_is_asked_for_again() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
    answers = [head + b'{"next":', head + b'{"next":"x"}']

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        crm = CRM.Textback(f"http://127.0.0.1:{port}", "x", pause=never)
        assert await outside(crm.now) == "x"
    assert answers == []


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[PicturedRig]:
    async with FakeAsterisk() as asterisk:
        rig = PicturedRig(tmp_path, asterisk)
        async with rig.simulator:
            Rig.configure(rig, smpp=rig.simulator.port)
            text = rig.path.read_text(encoding="utf-8")
            text = text.replace(
                'secret = "secret"\n', 'secret = "secret"\ndial_context = "in"\n', 1
            )
            rig.path.write_text(text, encoding="utf-8")
            try:
                await rig.start()
                await rig.until_logged("ami_up")
                await rig.until_logged("smpp_state", state="bound")
                yield rig
            finally:
                await rig.kill()


async def token(site: Rig, *more: str, name: str = "crm") -> str:
    code, out, error = await site.cli("token", "add", name, "--role", "agent", *more)
    assert code == 0, error
    return out.strip()


async def conversation(
    site: Rig, caller: str = CALLER, text: str = "Can you call?"
) -> SimulatedText:
    """A missed caller who was texted and wrote back; what the carrier got before."""
    uniqueid = f"1700000000.{caller[-4:]}"
    site.ring(uniqueid, caller)
    sent = await site.text()
    site.hang_up(uniqueid, caller)
    site.simulator.reply(caller.lstrip("+"), NUMBER, text)
    return sent


async def happened(
    crm: Any, place: str, wanted: str, *, count: int = 1
) -> tuple[list[dict[str, Any]], str]:
    """Events of a kind, followed until there are so many; every event is told once."""
    found: list[dict[str, Any]] = []

    def follow() -> str:
        at = place
        for _change in crm.changes(frozenset({"inbox", "calls", "cases"})):
            for event, after in crm.events(at):
                found.append(event)
                at = after
            if sum(one["type"] == wanted for one in found) >= count:
                return str(at)
        raise AssertionError("the stream ended")

    async with asyncio.timeout(30):
        at = await outside(follow)
    assert len({one["id"] for one in found}) == len(found)
    return [one for one in found if one["type"] == wanted], at


async def test_a_crm_follows_what_happens_answers_and_sees_it_arrive(site: PicturedRig) -> None:
    crm = CRM.Textback(site.url, await token(site), pause=never)
    start = await outside(crm.now)
    await conversation(site)
    (reply,), place = await happened(crm, start, "reply.received")
    assert (reply["caller"], reply["data"]["text"]) == (CALLER, "Can you call?")

    waiting = await outside(lambda: list(crm.pages("/threads", "threads", list="needs_you")))
    assert [one["id"] for one in waiting] == [reply["data"]["thread"]]
    sent = await outside(crm.answer, waiting[0]["id"], "We call you at four.", "ticket-1")
    assert (await site.text()).text == "We call you at four."
    await site.until_delivered(sent["id"])
    told = await outside(crm.until_over, sent["id"])
    assert (told["state"], told["over"], told["kind"]) == ("delivered", True, "reply")
    assert await outside(lambda: list(crm.pages("/threads", "threads", list="needs_you"))) == []

    told = {event["type"]: event for event, _ in await outside(lambda: list(crm.events(start)))}
    why = await outside(crm.why, told["call.missed"]["data"]["call"])
    assert (why["verdict"], why["gates"][-1]["passed"]) == ("send", True)
    figures = await outside(crm.ask, "GET", "/figures/summary")
    assert figures["timezone"]
    # Nothing is told a second time to who goes on where it stopped.
    assert await outside(lambda: list(crm.events(place))) == []


class Cutter:
    """Stands between, hands requests on, and hangs up before the answer to the first one that
    writes comes back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cut = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # closed
            with client, socket.create_connection(("127.0.0.1", self._port)) as server:
                asked = self._whole(client)
                server.sendall(asked)
                answer = server.recv(65536)
                if asked.startswith(b"POST") and not self.cut:
                    self.cut += 1
                    continue  # the text is written, and nobody hears of it
                while answer:
                    client.sendall(answer)
                    answer = server.recv(65536)

    @staticmethod
    def _whole(client: socket.socket) -> bytes:
        found = b""
        while b"\r\n\r\n" not in found:
            found += client.recv(65536)
        head, _, body = found.partition(b"\r\n\r\n")
        lengths = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        ]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        while len(body) < length:
            body += client.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@contextmanager
def between(site: Rig) -> Iterator[Cutter]:
    cutter = Cutter(site.values["console"])
    thread = threading.Thread(target=cutter.serve, name="cutter")
    thread.start()
    try:
        yield cutter
    finally:
        cutter.close()
        thread.join()


async def test_an_answer_is_sent_once_though_the_connection_broke_and_the_handset_wrote_stop(
    site: PicturedRig,
) -> None:
    secret = await token(site)
    direct = CRM.Textback(site.url, secret, pause=never)
    start = await outside(direct.now)
    await conversation(site)
    (reply,), _ = await happened(direct, start, "reply.received")
    thread = reply["data"]["thread"]
    with between(site) as cutter:
        crm = CRM.Textback(cutter.url, secret, pause=never)
        sent = await outside(crm.answer, thread, "At four.", "ticket-2")
        assert cutter.cut == 1
    assert (await site.text()).text == "At four."

    # The answer that was lost is still to be had when nobody may write there any more.
    site.simulator.reply(CALLER.lstrip("+"), NUMBER, "STOP")
    await happened(direct, start, "optout.added")
    again = await outside(direct.answer, thread, "At four.", "ticket-2")
    assert (again["id"], again["thread"]) == (sent["id"], thread)
    with pytest.raises(CRM.Refused) as other:
        await outside(direct.answer, thread, "At five.", "ticket-2")
    assert (other.value.status, other.value.code) == (409, "request_used")
    with pytest.raises(CRM.Refused) as stopped:
        await outside(direct.answer, thread, "At five.", "ticket-3")
    assert (stopped.value.status, stopped.value.code) == (409, "opted_out")
    lines = (await outside(direct.ask, "GET", f"/threads/{thread}"))["lines"]
    assert [one["text"] for one in lines if one.get("kind") == "reply"] == ["At four."]
    code, out, _ = await site.cli("audit", "--action", "thread.reply", "--json")
    assert code == 0
    assert [json.loads(line)["subject"] for line in out.splitlines()] == [f"thread {thread}"]


async def test_cases_are_taken_called_and_closed_from_the_desk_of_whoever_asks(
    site: PicturedRig,
) -> None:
    crm = CRM.Textback(site.url, await token(site), pause=never)
    start = await outside(crm.now)
    await conversation(site)
    (opened,), _ = await happened(crm, start, "case.opened")
    case = opened["data"]["case"]
    with pytest.raises(CRM.Refused) as nobodys:
        await outside(crm.dial, case)
    assert (nobodys.value.status, nobodys.value.code) == (409, "dial_no_phone")
    with pytest.raises(CRM.Refused) as unknown:
        await outside(crm.dial, case, "PJSIP/101")
    assert (unknown.value.status, unknown.value.code) == (409, "phone")

    code, _, error = await site.cli("user", "add", "anna", "--no-password", "--phone", "PJSIP/101")
    assert code == 0, error
    taken = await outside(crm.take, case, "anna")
    assert taken["owner"] == "anna"
    with pytest.raises(CRM.Refused) as late:
        await outside(crm.take, case, "ben")
    assert (late.value.code, late.value.fields) == ("taken", {"owner": "anna"})
    called = await outside(crm.dial, case, "PJSIP/101")
    assert (called["phone"], called["over"]) == ("PJSIP/101", False)
    with pytest.raises(CRM.Refused) as busy:
        await outside(crm.dial, case, "PJSIP/101")
    assert busy.value.code == "dial_busy"
    standing = await outside(crm.ask, "GET", f"/cases/{case}/dial", phone="PJSIP/101")
    assert (standing["possible"], standing["call"]["phone"]) == (True, "PJSIP/101")
    site.desk.ends()

    # Whoever is shut out rings no more; a phone of the token's own needs no user.
    assert (await site.cli("user", "disable", "anna"))[0] == 0
    with pytest.raises(CRM.Refused) as shut:
        await outside(crm.dial, case, "PJSIP/101")
    assert shut.value.code == "phone"
    own = CRM.Textback(
        site.url, await token(site, "--phone", "PJSIP/101", name="desk"), pause=never
    )
    assert (await outside(own.ask, "GET", "/whoami"))["phone"] == "PJSIP/101"
    assert (await outside(own.ask, "GET", f"/cases/{case}/dial"))["possible"] is True

    closed = await outside(crm.close, case, "came by")
    assert (closed["open"], closed["stage"]) == (False, "dismissed")
    with pytest.raises(CRM.Refused) as gone:
        await outside(crm.close, 999_999, "never was")
    assert gone.value.status == 404


async def test_what_is_wrong_is_told_by_field_and_a_token_that_ended_by_401(
    site: PicturedRig,
) -> None:
    crm = CRM.Textback(site.url, await token(site), pause=never)
    with pytest.raises(CRM.Refused) as wrong:
        await outside(crm.ask, "GET", "/threads", limit=0)
    assert (wrong.value.status, list(wrong.value.fields)) == (422, ["limit"])
    with pytest.raises(CRM.Refused) as role:
        await outside(crm.ask, "GET", "/audit")
    assert (role.value.status, role.value.code) == (403, "role")
    with pytest.raises(CRM.Refused) as other:
        await outside(lambda: list(crm.events("AAAAAAAAAAAA")))
    assert (other.value.status, other.value.code) == (400, "cursor")
    assert (await site.cli("token", "revoke", "crm"))[0] == 0
    with pytest.raises(CRM.Refused) as over:
        await outside(crm.ask, "GET", "/whoami")
    assert (over.value.status, over.value.code) == (401, "token")


async def test_pages_are_whole_and_single_while_texts_come_in(site: PicturedRig) -> None:
    """Far more conversations than a page has; some are written to and some begun meanwhile."""
    callers = [f"+1646555{n:04d}" for n in range(1000, 2100)]
    for number in callers:
        site.simulator.reply(number.lstrip("+"), NUMBER, "hello")
    crm = CRM.Textback(site.url, await token(site), pause=never)
    _, place = await happened(crm, "", "reply.received", count=len(callers))

    begun = [f"+1212555{n:04d}" for n in range(100, 110)]
    pages = await outside(lambda: crm.pages("/threads", "threads", list="all", limit=50))
    seen: list[dict[str, Any]] = [await outside(next, pages) for _ in range(120)]
    # Late in the list and so not read yet: they move to its front, where nobody looks any more.
    moved = callers[:7]
    for number in (*begun, *moved):
        site.simulator.reply(number.lstrip("+"), NUMBER, "me again")
    events, _ = await happened(crm, place, "reply.received", count=len(begun) + len(moved))
    seen += await outside(lambda: list(pages))
    rows = [one["handset"] for one in seen]
    assert len(rows) == len(set(rows))
    assert {one["caller"] for one in events} == {*begun, *moved}
    assert {*rows, *(one["caller"] for one in events)} == {*callers, *begun}
    assert set(callers) - set(rows) == set(moved)

"""Webhooks and notifications on real connections: answers of every kind, TLS, mail, and a flood."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.fakes.certificates import Authority
from tests.fakes.receiver import Receiver
from tests.fakes.store import at, call, fact
from tests.unit.configs import BASE
from textback.config import Config
from textback.config_load import loads
from textback.log import LIBRARY_LEVELS
from textback.model import DeliveryState, Event, EventKind, Telling
from textback.store.store import Store
from textback.store.telling import Addressee
from textback.tell import Teller
from textback.tell_apprise import Messenger
from textback.tell_rules import Again, Gone, Told
from textback.tell_senders import ToPeople, sender
from textback.tell_webhook import Poster, signature
from textback.tell_words import Note

SECRET, OLD = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
PATIENCE = 60.0


def telling(event: Event | None = None, **changes: Any) -> Telling:
    now = datetime.now(UTC)
    plain: dict[str, Any] = {
        "id": 1,
        "event_id": 1,
        "event": event or reply("hello"),
        "channel": "webhook",
        "target": "crm",
        "state": DeliveryState.QUEUED,
        "urgent": False,
        "attempts": 0,
        "created": now,
        "due": now,
        "changed": now,
    }
    return Telling(**{**plain, **changes})


def reply(text: str, **payload: Any) -> Event:
    told: dict[str, Any] = {"text": text, "name": "Ann", "label": "Front desk", **payload}
    return Event(
        kind=EventKind.REPLY_RECEIVED,
        at=datetime.now(UTC),
        caller="+12125550123",
        number="+12125550100",
        payload=told,
        key="00000000-0000-4000-8000-000000000001",
    )


async def post(receiver: Receiver, *secrets: str, timeout: float = 5.0, ca: str = "") -> Any:  # noqa: ASYNC109
    poster = Poster(receiver.url, secrets or (SECRET,), timeout=timeout, ca=ca)
    try:
        return await poster.send(telling())
    finally:
        await poster.close()


# --- webhooks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_taken(status: int) -> None:
    async with Receiver(status) as receiver:
        assert await post(receiver) == Told(status)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 500, 502, 504])
async def test_any_other_status_is_tried_again(status: int) -> None:
    async with Receiver(status) as receiver:
        assert await post(receiver) == Again(f"answered {status}", status)


async def test_410_ends_it() -> None:
    async with Receiver(410) as receiver:
        assert isinstance(await post(receiver), Gone)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_retry_after_is_heard_as_seconds_or_date(status: int) -> None:
    seconds = web.Response(status=status, headers={"Retry-After": "120"})
    date = web.Response(status=status, headers={"Retry-After": "Fri, 31 Dec 2066 23:59:59 GMT"})
    odd = web.Response(status=status, headers={"Retry-After": "soon"})
    async with Receiver(seconds, date, odd) as receiver:
        assert await post(receiver) == Again(f"answered {status}", status, 120.0)
        dated = await post(receiver)
        assert dated.after > 86_400
        assert (await post(receiver)).after is None


async def test_a_redirect_is_not_followed() -> None:
    async with Receiver() as elsewhere:
        away = web.Response(status=307, headers={"Location": elsewhere.url})
        async with Receiver(away) as receiver:
            answer = await post(receiver)
        assert isinstance(answer, Again)
        assert answer.status == 307
        assert elsewhere.got == []


@pytest.mark.parametrize("how", ["reset", "garbage", "half"])
async def test_an_answer_that_is_none_is_tried_again(how: str) -> None:
    async with Receiver(how, 200) as receiver:
        poster = Poster(receiver.url, [SECRET], timeout=5)
        answer = await poster.send(telling())
        assert isinstance(answer, Again)
        assert "hidden" not in answer.why
        assert await poster.send(telling()) == Told(200)
        await poster.close()


async def test_a_receiver_that_hangs_is_left() -> None:
    async with Receiver("hang") as receiver:
        assert await post(receiver, timeout=0.2) == Again("no answer within 0.2 s")


async def test_nobody_listens() -> None:
    async with Receiver() as receiver:
        pass
    answer = await post(receiver)
    assert isinstance(answer, Again)
    assert answer.why.startswith("no connection")


async def test_an_endless_answer_is_not_read() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            ended.set()
        finally:
            writer.close()

    ended = asyncio.Event()
    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    poster = Poster(f"http://127.0.0.1:{port}/", [SECRET], timeout=5)
    async with server, asyncio.timeout(PATIENCE):
        assert await poster.send(telling()) == Told(200)
        await ended.wait()
    await poster.close()


async def test_each_try_is_signed_anew_over_the_same_body_with_each_secret() -> None:
    async with Receiver(500, 200) as receiver:
        poster = Poster(receiver.url, [SECRET, OLD], timeout=5)
        event = reply("hello")
        await poster.send(telling(event))
        await poster.send(telling(event, attempts=1))
        await poster.close()
    first, second = receiver.got
    assert first.content == second.content
    assert [g.headers["X-Textback-Attempt"] for g in receiver.got] == ["1", "2"]
    for got in receiver.got:
        stamp, *found = got.headers["X-Textback-Signature"].split(",")
        signed = stamp.removeprefix("t=").encode() + b"." + got.content
        assert found == [f"v1={_openssl(secret, signed)}" for secret in (SECRET, OLD)]


def _openssl(secret: str, content: bytes) -> str:
    command = ["openssl", "dgst", "-sha256", "-hmac", secret]
    done = subprocess.run(command, input=content, capture_output=True, check=True)
    return done.stdout.decode().strip().rpartition(" ")[2]


def test_the_signature_is_what_openssl_makes_of_it() -> None:
    assert signature([SECRET], 1_700_000_000, b"{}") == (
        f"t=1700000000,v1={_openssl(SECRET, b'1700000000.{}')}"
    )


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    made = [Authority.create(tmp_path_factory.mktemp(name)) for name in ("ours", "other")]
    return made[0], made[1]


def _tls(authority: Authority, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.certificate(name))
    return context


async def test_a_certificate_is_verified_by_ca_and_by_name(
    authorities: tuple[Authority, Authority],
) -> None:
    ours, other = authorities
    for name, ca, taken in (
        ("localhost", ours.ca, True),
        ("localhost", other.ca, False),
        ("localhost", "", False),
        ("elsewhere.example", ours.ca, False),
    ):
        async with Receiver(tls=_tls(ours, name)) as receiver:
            url = receiver.url.replace("127.0.0.1", "localhost")
            poster = Poster(url, [SECRET], timeout=5, ca=str(ca))
            answer = await poster.send(telling())
            await poster.close()
            assert isinstance(answer, Told) == taken, (name, ca, answer)
            if not taken:
                assert "certificate" in answer.why
                assert receiver.got == []


# --- people -----------------------------------------------------------------------------------


@pytest.fixture
def silent() -> Iterator[None]:
    """The libraries log as in the service."""
    before = {name: logging.getLogger(name).level for name in LIBRARY_LEVELS}
    for name, level in LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(level)
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def people(url: str, **keys: str) -> ToPeople:
    more = "".join(f'{name} = "{value}"\n' for name, value in keys.items())
    config = loads(BASE + f'[[notify]]\nname = "office"\nurl = "{url}"\n{more}')
    from textback.tell_rules import targets

    (target,) = targets(config)
    made = sender(config, target)
    assert isinstance(made, ToPeople)
    return made


@pytest.mark.usefixtures("silent")
async def test_apprise_takes_a_message_to_a_service() -> None:
    async with Receiver() as receiver:
        way = people(f"json://127.0.0.1:{receiver.port}/inbox")
        assert await way.send([telling(reply("<b>secret</b> @everyone"))]) == Told()
    (got,) = receiver.got
    assert got.body["title"] == "Acme Dental: reply +12125550123"
    assert "reply from Ann (+12125550123) to Front desk" in got.body["message"]
    assert "secret" not in got.body["message"]


@pytest.mark.usefixtures("silent")
async def test_in_full_a_customers_words_are_told_and_are_no_markup() -> None:
    async with Receiver() as receiver:
        way = people(f"json://127.0.0.1:{receiver.port}/inbox", body="full")
        await way.send([telling(reply("<b>ouch</b> @everyone {{x}} \\n :smile:"))])
    (got,) = receiver.got
    said = got.body["message"]
    assert "\u2039b\u203aouch\u2039/b\u203a \uff20everyone {{x}} \\n :smile:" in said


@pytest.mark.usefixtures("silent")
async def test_a_service_that_refuses_or_is_away_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Receiver(500) as receiver:
        way = people(f"json://user:pa55word@127.0.0.1:{receiver.port}/hidden")
        assert await way.send([telling()]) == Again("the service did not take it")
    assert await way.send([telling()]) == Again("the service did not take it")
    assert "pa55word" not in caplog.text
    assert "hidden" not in caplog.text
    way.listening = True
    await way.send([telling()])
    assert "JSON" in way.messenger.words


@pytest.mark.usefixtures("silent")
async def test_a_service_that_hangs_holds_up_nothing_and_is_not_asked_twice_at_once() -> None:
    async with Receiver("hang") as receiver:
        url = f"json://127.0.0.1:{receiver.port}/?rto=30"
        messenger = Messenger(url, timeout=0.2)
        note = Note("title", "body")
        assert await messenger.send(note) == Again("the service did not answer within 0.2 s")
        assert await messenger.send(note) == Again("the try before this one has not come back")
        thread = messenger._busy
    assert thread is not None
    assert thread.daemon
    await asyncio.to_thread(thread.join, PATIENCE)
    assert not thread.is_alive()


class Mailbox:
    """What aiosmtpd took."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.come = asyncio.Event()

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        made = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(made, EmailMessage)
        self.mails.append(made)
        self.come.set()
        return "250 OK"


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, int]]:
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
    yield box, server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.mark.usefixtures("silent")
async def test_a_mail_arrives_with_hostile_names_made_harmless(
    mailbox: tuple[Mailbox, int],
) -> None:
    box, port = mailbox
    way = people(f"mailto://127.0.0.1:{port}?from=pbx@example.net&to=office@example.net")
    hostile = reply("x", name="Ann\r\nBcc: all@example.net <script>")
    assert await way.send([telling(hostile)]) == Told()
    (mail,) = box.mails
    assert mail["Subject"] == "Acme Dental: reply +12125550123"
    assert mail["To"] == "office@example.net"
    assert "Bcc" not in mail
    body = mail.get_body()
    assert body is not None
    assert "<script>" not in body.get_content()
    assert "Bcc: all" in body.get_content()


# --- all of it --------------------------------------------------------------------------------


def crm(url: str) -> Config:
    table = f'[[webhook]]\nname = "crm"\nurl = "{url}"\nsecret = "{SECRET}"\n'
    return loads(BASE + table)


async def test_ten_thousand_events_are_drained_and_calls_go_on_meanwhile(tmp_path: Path) -> None:
    """Each event comes once and in order; a call is recorded between any fifty of them."""
    count = 10_000
    store = await Store.open(tmp_path / "textback.db")
    async with Receiver() as receiver:
        config = crm(receiver.url)
        teller = Teller(store, lambda: config)
        store.watch(on_events=teller.kick)
        now = datetime.now(UTC)

        def flood(db: Any) -> None:
            from textback.store import events

            payload = {"alarm": "cap_reached", "because": "x", "count": 1}
            events.put_all(
                db,
                [
                    Event(kind=EventKind.ALARM_RAISED, at=now, payload={**payload, "count": n})
                    for n in range(count)
                ],
            )

        await store._db.write(flood)
        task = asyncio.create_task(teller.run(), name="teller")
        calls = 0
        while len(receiver.got) < count:
            calls += 1
            came = fact(call(f"1700000000.{calls}"), number="", cases=None)
            await store.judge(came, at(calls))
            await receiver.until(min(count, len(receiver.got) + 50))
        await teller.stop()
        await task
    assert [got.body["data"]["count"] for got in receiver.got[:count]] == list(range(count))
    done = await store.tellings([DeliveryState.DELIVERED], limit=count + 1)
    assert len(done) == count
    await store.close()
    # Starved, it would have come round a few times only.
    assert calls > 100


async def test_a_keyword_overtakes_everything_that_waits(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "textback.db")
    async with Receiver("hang") as receiver:
        config = crm(receiver.url)
        teller = Teller(store, lambda: config)
        store.watch(on_events=teller.kick)
        task = asyncio.create_task(teller.run(), name="teller")
        payload = {"alarm": "cap_reached", "because": "x", "count": 1}
        for _ in range(30):
            await store.put_event(
                Event(kind=EventKind.ALARM_RAISED, at=datetime.now(UTC), payload=payload)
            )
        await receiver.until(1)
        hit = {"keyword": "urgent", "word": "urgent", "incoming": 1, "thread": 1, "text": "urgent"}
        urgent = Event(
            kind=EventKind.KEYWORD_MATCHED,
            at=datetime.now(UTC),
            payload={**hit, "name": "", "label": ""},
        )
        row_id = await store.tell_alone(urgent, Addressee("webhook", "crm", 0), datetime.now(UTC))
        teller.look_again()
        receiver.answers[0] = 200
        receiver._release.set()
        got = await receiver.until(2)
        await teller.stop()
        await task
    assert [g.body["type"] for g in got[:2]] == ["alarm.raised", "keyword.matched"]
    assert (await store.telling(row_id)).state is DeliveryState.DELIVERED
    await store.close()

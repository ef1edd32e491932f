"""The console's port over real sockets: TLS, its renewal, connections that only hold on to it."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.fakes.certificates import Authority
from tests.unit.console_door import Clock, console_config
from tests.unit.console_rig import backend
from textback.config_console import Console
from textback.console import headers, listening, tls
from textback.console.app import build_app
from textback.console.listening import WIRES, Listening, Wires
from textback.store.store import Store


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@asynccontextmanager
async def port(
    folder: Path, lines: str = "", *, most: int = listening.MOST
) -> AsyncIterator[tuple[Listening, web.Application, Console]]:
    config = console_config(f'listen = "127.0.0.1:{free_port()}"\n{lines}')
    store = await Store.open(folder / "textback.db")
    try:
        made = backend(store, folder, config, identify=None, clock=Clock())
        app = build_app(made)
        found = Listening(app, config.console, most=most)
        await found.start()
        try:
            yield found, app, config.console
        finally:
            await found.close()
    finally:
        await store.close()


async def connect(
    console: Console, context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    number = int(console.listen.rpartition(":")[2])
    name = "pbx.example.net" if context else None
    return await asyncio.open_connection("127.0.0.1", number, ssl=context, server_hostname=name)


async def ask(console: Console, context: ssl.SSLContext | None = None) -> tuple[bytes, str]:
    """The answer to GET /login, and the serial number of the certificate that was shown."""
    reader, writer = await connect(console, context)
    writer.write(b"GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    shown = writer.get_extra_info("ssl_object")
    serial = shown.getpeercert()["serialNumber"] if shown else ""
    await gone(writer)
    return answer, serial


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "ca").mkdir()
    return Authority.create(tmp_path / "ca")


def trusting(authority: Authority, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.ca))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def keys(authority: Authority, folder: Path) -> str:
    cert, key = authority.certificate("pbx.example.net")
    (folder / "cert.pem").write_bytes(cert.read_bytes())
    (folder / "key.pem").write_bytes(key.read_bytes())
    return f'tls_cert = "{folder}/cert.pem"\ntls_key = "{folder}/key.pem"'


async def test_with_a_certificate_the_pages_are_https_and_the_cookie_secure(
    tmp_path: Path, authority: Authority
) -> None:
    async with port(tmp_path, keys(authority, tmp_path)) as (_found, _app, console):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            answer, _serial = await ask(console, trusting(authority, version))
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"Set-Cookie: __Host-textback-visitor-" in answer
            assert b"; Secure" in answer


async def test_nothing_older_than_tls_1_2_is_spoken(tmp_path: Path, authority: Authority) -> None:
    console = console_config(keys(authority, tmp_path)).console
    made = tls.context(console)
    assert made is not None
    assert made.minimum_version is ssl.TLSVersion.TLSv1_2
    names = {one["name"] for one in made.get_ciphers()}
    assert names
    assert all(n.startswith(("TLS_", "ECDHE-")) for n in names)
    assert not [n for n in names if any(w in n for w in ("CBC", "SHA1", "RC4", "3DES", "NULL"))]


async def test_plain_http_to_the_port_of_tls_gets_nothing(
    tmp_path: Path, authority: Authority
) -> None:
    async with port(tmp_path, keys(authority, tmp_path)) as (_found, _app, console):
        answer, _serial = await ask(console)
        assert b"HTTP/1.1 200" not in answer


async def test_a_renewed_certificate_is_shown_after_a_reload_without_a_restart(
    tmp_path: Path, authority: Authority
) -> None:
    async with port(tmp_path, keys(authority, tmp_path)) as (found, _app, console):
        context = trusting(authority)
        _answer, first = await ask(console, context)
        keys(authority, tmp_path)
        assert (await ask(console, context))[1] == first
        await found.reload(console)
        answer, second = await ask(console, context)
        assert answer.startswith(b"HTTP/1.1 200")
        assert second != first
        # One that cannot be used leaves what there is.
        (tmp_path / "cert.pem").write_text("nonsense")
        await found.reload(console)
        assert (await ask(console, context))[1] == second


async def test_a_certificate_that_cannot_be_used_is_no_port(tmp_path: Path) -> None:
    config = console_config(f'listen = "127.0.0.1:{free_port()}"')
    wrong = config.console.model_copy(update={"tls_cert": str(tmp_path / "nothing.pem")})
    found = Listening(web.Application(), wrong)
    with pytest.raises(OSError, match="No such file"):
        await found.start()


# --- connections that hold on --------------------------------------------------------------------


async def gone(writer: asyncio.StreamWriter) -> None:
    """Closed from here, whatever the other side did."""
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def ended(reader: asyncio.StreamReader) -> bool:
    """That the other side goes, whatever it still says. Raises TimeoutError when it does not."""
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 20)
    return True


async def arrived(found: Listening, count: int) -> None:
    async with asyncio.timeout(20):
        while len(found._runner.server.connections) != count:  # type: ignore[union-attr]  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_who_sends_a_byte_now_and_then_is_let_go(tmp_path: Path) -> None:
    async with port(tmp_path) as (found, app, console):
        now = 1000.0
        wires = Wires(lambda: now)
        reader, writer = await connect(console)
        writer.write(b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        await writer.drain()
        await arrived(found, 1)
        assert found.sweep(wires) == 0
        now += listening.FIRST - 0.1
        writer.write(b"x")
        assert found.sweep(wires) == 0
        now += 0.2
        assert found.sweep(wires) == 1
        assert await ended(reader)
        assert app[WIRES] is not wires
        await gone(writer)


async def test_who_sends_a_body_byte_by_byte_is_let_go(tmp_path: Path) -> None:
    async with port(tmp_path) as (found, app, console):
        now = 1000.0
        wires = Wires(lambda: now)
        app[WIRES]._clock = lambda: now
        reader, writer = await connect(console)
        writer.write(
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\nname="
        )
        await writer.drain()
        async with asyncio.timeout(20):
            while not app[WIRES]._under_way:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert found.sweep(app[WIRES]) == 0
        now += listening.BODY
        assert found.sweep(app[WIRES]) == 1
        assert await ended(reader)
        assert wires.overdue([]) == []
        await gone(writer)


async def test_who_is_served_may_be_quiet_for_longer_but_not_for_ever(tmp_path: Path) -> None:
    async with port(tmp_path) as (found, app, console):
        now = 1000.0
        app[WIRES]._clock = lambda: now
        reader, writer = await connect(console)
        writer.write(b"GET /static/icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"</svg>")
        now += listening.FIRST + 1
        assert found.sweep(app[WIRES]) == 0
        now += listening.IDLE
        assert found.sweep(app[WIRES]) == 1
        assert await ended(reader)
        await gone(writer)


async def test_a_connection_that_is_one_too_many_is_not_taken(tmp_path: Path) -> None:
    async with port(tmp_path, most=3) as (found, _app, console):
        held = []
        for count in range(1, 4):
            held.append(await connect(console))
            await arrived(found, count)
        reader, writer = await connect(console)
        assert await ended(reader)
        await gone(writer)
        await gone(held.pop()[1])
        await arrived(found, 2)
        answer, _serial = await ask(console)
        assert answer.startswith(b"HTTP/1.1 200")
        for _reader, one in held:
            await gone(one)


async def test_who_never_finishes_his_handshake_counts_and_is_let_go(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE", 3.0)
    async with port(tmp_path, keys(authority, tmp_path), most=3) as (found, _app, console):
        hello = b"\x16\x03\x01\x02\x00\x01"  # of a ClientHello, and no more of it
        held = [await connect(console) for _ in range(3)]
        for _reader, writer in held:
            writer.write(hello)
        async with asyncio.timeout(20):
            while found.count != 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not found._runner.server.connections  # type: ignore[union-attr]
        reader, writer = await connect(console)
        assert await ended(reader), "one too many"
        await gone(writer)
        for reader, writer in held:
            assert await ended(reader)
            await gone(writer)
        async with asyncio.timeout(20):
            while found.count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (await ask(console, trusting(authority)))[0].startswith(b"HTTP/1.1 200")


async def test_a_handshake_that_fails_leaves_nothing_behind(
    tmp_path: Path, authority: Authority
) -> None:
    async with port(tmp_path, keys(authority, tmp_path), most=3) as (found, _app, console):
        for _ in range(6):
            reader, writer = await connect(console)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await ended(reader)
            await gone(writer)
        async with asyncio.timeout(20):
            while found.count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (await ask(console, trusting(authority)))[0].startswith(b"HTTP/1.1 200")


async def test_a_handshake_under_way_keeps_no_service_from_stopping(
    tmp_path: Path, authority: Authority
) -> None:
    async with port(tmp_path, keys(authority, tmp_path)) as (found, _app, console):
        reader, writer = await connect(console)
        writer.write(b"\x16\x03\x01")
        async with asyncio.timeout(20):
            while found.count != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            await found.close()
        assert await ended(reader)
        await gone(writer)
        with pytest.raises(ConnectionError):
            await connect(console)


async def test_a_machine_without_a_file_left_takes_connections_again_when_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "NO_ROOM", 0.01)
    async with port(tmp_path) as (_found, _app, console):
        loop = asyncio.get_running_loop()
        take, failed = loop.sock_accept, []

        async def full(sock: socket.socket) -> tuple[socket.socket, object]:
            if len(failed) < 3:
                failed.append(sock)
                raise OSError(errno.EMFILE, "Too many open files")
            return await take(sock)

        monkeypatch.setattr(loop, "sock_accept", full)
        with capture_logs() as logs:
            # The one that is being waited for takes the first of these.
            answers = [await ask(console), await ask(console)]
        assert [answer.startswith(b"HTTP/1.1 200") for answer, _serial in answers] == [True, True]
        assert [one["event"] for one in logs].count("console_no_room") == 3


async def test_a_name_with_several_addresses_is_listened_on_at_each(tmp_path: Path) -> None:
    config = console_config(f'listen = "127.0.0.1:{free_port()}"')
    named = config.console.model_copy(
        update={"listen": config.console.listen.replace("127.0.0.1", "localhost")}
    )
    found = Listening(web.Application(), named)
    made = await found._bound()
    try:
        assert "127.0.0.1" in [one.getsockname()[0] for one in made]
    finally:
        for one in made:
            one.close()


async def test_a_machine_without_ipv6_is_listened_on_by_ipv4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = socket.create_server

    def without(address: tuple[str, int], **known: Any) -> socket.socket:
        if known["family"] == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return create(address, **known)

    number = free_port()
    addresses = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", number, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number)),
    ]

    async def resolved(*_asked: object, **_known: object) -> list[Any]:
        return addresses

    monkeypatch.setattr(socket, "create_server", without)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    config = console_config(f'listen = "127.0.0.1:{number}"')
    found = Listening(web.Application(), config.console)
    (made,) = await found._bound()
    try:
        assert made.getsockname() == ("127.0.0.1", number)
        with pytest.raises(OSError, match="in use"):
            await found._bound()
    finally:
        made.close()
    del addresses[1]
    with pytest.raises(OSError, match="not supported"):
        await found._bound()


async def test_who_connects_faster_than_he_is_sent_away_leaves_the_others_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Listening(web.Application(), console_config("").console, most=0)
    loop, enough = asyncio.get_running_loop(), asyncio.Event()
    turns, taken = 0, 0

    async def at_once(_port: socket.socket) -> tuple[socket.socket, object]:
        nonlocal taken
        taken += 1
        if taken > 50:
            enough.set()
            await asyncio.Event().wait()
        return socket.socket(), None

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not enough.is_set():
            loop.call_soon(turn)

    monkeypatch.setattr(loop, "sock_accept", at_once)
    loop.call_soon(turn)
    with socket.socket() as port_:
        taking = asyncio.create_task(found._take(port_))
        await enough.wait()
        taking.cancel()
        with suppress(asyncio.CancelledError):
            await taking
    assert turns >= 50


async def test_a_port_that_fails_is_told_and_the_rest_is_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def fails(_self: Listening) -> None:
        failed.set()
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Listening, "_sweep", fails)
    with capture_logs() as logs:
        async with port(tmp_path) as (found, _app, console):
            await failed.wait()
            assert (await ask(console))[0].startswith(b"HTTP/1.1 200")
            await found.close()
            with pytest.raises(ConnectionError):
                await connect(console)
    told = [one for one in logs if one["event"] == "console_port_failed"]
    assert [(one["log_level"], one["task"]) for one in told] == [("error", "console connections")]


# --- what is no request --------------------------------------------------------------------------


#: Each goes in one piece: what comes after an answer is a connection reset, not an answer.
NO_REQUESTS = {
    "no HTTP": b"\x16\x03\x01\x00\xff\x01\x00",
    "no method": b"{} / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header without its name": b"GET / HTTP/1.1\r\n: password=hunter2\r\n\r\n",
    "a header that goes on": b"GET / HTTP/1.1\r\nHost: localhost\r\n X: y\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a negative length": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "another version": b"GET / HTTP/7.7\r\nHost: localhost\r\n\r\n",
    "HTTP/2 unasked": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an address that is none": b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a line too long": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header too long": b"GET / HTTP/1.1\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("sent", NO_REQUESTS.values(), ids=NO_REQUESTS.keys())
async def test_what_is_no_request_is_answered_in_our_words(
    tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with port(tmp_path) as (_found, _app, console):
        reader, writer = await connect(console)
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 20)
        await gone(writer)
        # It is no more than that: the next one is served.
        assert (await ask(console))[0].startswith(b"HTTP/1.1 200")
    head, _empty, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert re.fullmatch(r"HTTP/1\.[01] 400 Bad Request", first), answer
    told = {name: value for name, _colon, value in (line.partition(": ") for line in lines)}
    assert told.items() >= headers.HEADERS.items()
    assert told["Cache-Control"] == "no-store"
    assert told["Content-Type"] == "text/plain; charset=utf-8"
    assert body == b"This request cannot be read."
    # Nobody fills the log with it, and no piece of it stands there.
    assert not [one for one in caplog.records if one.levelname in ("WARNING", "ERROR")]
    assert "hunter2" not in caplog.text


async def test_what_goes_wrong_beneath_the_pages_is_answered_in_our_words_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("of a test")

    app = web.Application()
    app[WIRES] = Wires()
    app.router.add_get("/login", broken)
    console = console_config(f'listen = "127.0.0.1:{free_port()}"').console
    found = Listening(app, console)
    await found.start()
    try:
        answer, _serial = await ask(console)
    finally:
        await found.close()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"\r\nServer: textback\r\n" in answer
    assert answer.endswith(b"Something went wrong here. The log says what.")
    assert b"of a test" not in answer
    assert "of a test" in caplog.text

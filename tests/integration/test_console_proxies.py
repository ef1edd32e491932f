"""The console behind Debian's nginx and Apache, configured by the samples in conf/."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from structlog.testing import capture_logs
from yarl import URL

from tests.proxies.servers import CLIENT, NAME, SECRET, Proxy, free_ports, proxy
from tests.unit.console_door import CHEAP, PASSWORD, Clock, console_config, csrf_of
from tests.unit.console_rig import backend
from textback.console import live
from textback.console.app import build_app
from textback.console.auth import TOKEN_MARK
from textback.console.backend import Backend
from textback.console.cookies import digest, fresh
from textback.console.feed import Feed
from textback.console.gate import Gate
from textback.console.guard import LARGEST
from textback.console.listening import Listening
from textback.console.passwords import Passwords
from textback.store import tokens, users
from textback.store.store import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Who signs in to the proxy: three users of textback, one whose role only the proxy knows, and one
#: who has none anywhere.
PEOPLE = {one: f"{one}'s password" for one in ("vera", "dana", "root", "boss", "guest")}
USERS = {"vera": "viewer", "dana": "agent", "root": "admin"}
BROWSER, ELSEWHERE = "203.0.113.9", "198.51.100.77"
PATIENCE = 30.0
SIGNS_IN = f"""
proxy_user_header = "X-Remote-User"
proxy_role_header = "X-Remote-Role"
proxy_secret = "{SECRET}"
"""


# --- the stage -----------------------------------------------------------------------------------


@dataclass
class Street:
    """All proxies, before one port on which a test has its textback."""

    port: int
    proxies: dict[tuple[str, bool], Proxy]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street() -> AsyncIterator[Street]:
    (port,) = free_ports(1)
    made = Street(port, {})
    async with AsyncExitStack() as stack:
        for kind in ("nginx", "apache"):
            plain = await stack.enter_async_context(proxy(kind, port))
            asking = await stack.enter_async_context(proxy(kind, port, people=PEOPLE, admin="boss"))
            made.proxies |= {(kind, False): plain, (kind, True): asking}
        yield made


@dataclass
class Desk:
    """One textback, and what it was sent."""

    backend: Backend
    listening: Listening
    asked: list[web.BaseRequest] = field(default_factory=list)

    async def open(self) -> None:
        """On the port again, as after a restart."""
        app = build_app(self.backend)
        app.on_response_prepare.append(self._keep)
        self.listening = Listening(app, self.backend.config().console)
        await self.listening.start()

    async def _keep(self, request: web.Request, _response: web.StreamResponse) -> None:
        self.asked.append(request)

    async def audited(self) -> list[tuple[str, str, str]]:
        """Who, by what address, did what; the oldest first."""
        found = await self.backend.store.audited(limit=100)
        return [(one.who, one.address, one.action) for one in reversed(found)]

    async def token(self, role: str = "viewer") -> str:
        made = TOKEN_MARK + fresh()
        await self.backend.store.change_people(
            lambda db: tokens.add(
                db, "monitor", digest(made), role, self.backend.clock(), by="test", expires=None
            )
        )
        return made


@asynccontextmanager
async def textback(folder: Path, street: Street, lines: str = "") -> AsyncIterator[Desk]:
    config = console_config(f'listen = "127.0.0.1:{street.port}"\nhosts = ["{NAME}"]\n{lines}')
    store = await Store.open(folder / "textback.db")
    try:
        gate = Gate(Passwords(CHEAP))
        made = backend(store, folder, config, identify=None, clock=Clock(), gate=gate)
        hashed = made.gate.passwords.hash(PASSWORD)
        for name, role in USERS.items():
            await store.change_people(
                lambda db, name=name, role=role: users.add(  # type: ignore[misc]
                    db, name, role, hashed, made.clock(), phone="", pbx=""
                )
            )
        desk = Desk(made, Listening(web.Application(), config.console))
        await desk.open()
        try:
            yield desk
        finally:
            await desk.listening.close()
    finally:
        await store.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(tmp_path: Path, street: Street) -> AsyncIterator[Desk]:
    async with textback(tmp_path, street, 'proxies = ["127.0.0.1"]' + SIGNS_IN) as made:
        yield made


@pytest.fixture(params=["nginx", "apache"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def plain(street: Street, kind: str) -> Proxy:
    """The proxy that leaves signing in to textback."""
    return street.proxies[kind, False]


@pytest.fixture
def asking(street: Street, kind: str) -> Proxy:
    """The proxy that asks for name and password."""
    return street.proxies[kind, True]


class _Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": 2,
                "proto": 0,
                "flags": 0,
            }
        ]

    async def close(self) -> None:
        pass


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@asynccontextmanager
async def browser(
    found: Proxy, *, at: str = BROWSER, name: str = "", **headers: str
) -> AsyncIterator[aiohttp.ClientSession]:
    """A visitor at this address; with a name he tells the proxy his password."""
    if name:
        headers["Authorization"] = basic(name, PEOPLE[name])
    async with aiohttp.ClientSession(
        found.url,
        connector=aiohttp.TCPConnector(resolver=_Here(), ssl=found.context(), force_close=True),
        cookie_jar=aiohttp.CookieJar(quote_cookie=False),
        headers={CLIENT: at, **headers},
        timeout=aiohttp.ClientTimeout(total=PATIENCE),
    ) as made:
        yield made


async def sign_in(
    client: aiohttp.ClientSession, name: str, password: str = PASSWORD, **headers: str
) -> aiohttp.ClientResponse:
    async with client.get("/login", allow_redirects=False) as page:
        token = csrf_of(await page.text())
    sent = {"name": name, "password": password, "csrf": token}
    return await client.post("/login", data=sent, headers=headers, allow_redirects=False)


async def status(client: aiohttp.ClientSession, path: str, **headers: str) -> int:
    async with client.get(path, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer.status


async def whoami(client: aiohttp.ClientSession, **headers: str) -> tuple[str, str]:
    """The name and the role the API sees; ("", "") for nobody."""
    async with client.get("/api/v1/whoami", headers=headers) as answer:
        if answer.status == 401:
            return "", ""
        assert answer.status == 200
        told = await answer.json()
        return told["name"], told["role"]


# --- signing in by textback's own form ------------------------------------------------------------


async def test_a_person_signs_in_works_and_signs_out(desk: Desk, plain: Proxy) -> None:
    async with browser(plain) as client:
        async with client.get("/", allow_redirects=False) as answer:
            assert answer.status == 303
        async with client.get("/calls", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/login?next=/calls")
        answer = await sign_in(client, "dana", Origin=plain.url)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        for told in answer.headers.getall("Set-Cookie"):
            assert re.match(r"__Host-textback(-visitor)?-\d+=", told)
            words = set(told.split("; ")[1:])
            assert words >= {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
            assert not [word for word in words if word.startswith("Domain")]
        assert await whoami(client) == ("dana", "agent")
        kept = {one.key: one.value for one in client.cookie_jar}
        async with client.get("/account") as page:
            assert page.status == 200
            token = csrf_of(await page.text())
        # A form of ours is taken, one of another page is not, though it has the right token.
        sent = {"csrf": token, "language": "", "theme": ""}
        for origin, wanted in (
            (plain.url, 303),
            (f"https://{NAME}.evil.example", 403),
            (f"https://{NAME}:1", 403),
            (plain.url.replace("https", "http"), 403),
        ):
            async with client.post(
                "/account/preferences", data=sent, headers={"Origin": origin}, allow_redirects=False
            ) as done:
                assert (origin, done.status) == (origin, wanted)
        async with client.post("/logout", data={"csrf": token}, allow_redirects=False) as done:
            assert (done.status, done.headers["Location"]) == (303, "/login")
        assert await whoami(client) == ("", "")
        # The session itself has ended, not only its cookie gone.
        client.cookie_jar.update_cookies(kept, URL(plain.url))
        assert await whoami(client) == ("", "")
    assert await desk.audited() == [("dana", BROWSER, "login"), ("dana", BROWSER, "logout")]


async def test_what_is_asked_by_http_is_led_to_https(desk: Desk, plain: Proxy) -> None:
    async with browser(plain) as client:
        url = f"http://{NAME}:{plain.plain}/calls?page=2"
        async with client.get(url, allow_redirects=False) as answer:
            assert answer.status == 301
            assert answer.headers["Location"] == f"{plain.url}/calls?page=2"
    assert not desk.asked


async def test_answers_keep_our_headers_and_say_no_version(desk: Desk, plain: Proxy) -> None:
    async with browser(plain) as client:
        for path in ("/login", "/static/console.css", "/nothing", "/api/v1/whoami"):
            async with client.get(path) as answer:
                assert answer.headers.getall("Content-Security-Policy")[0].startswith(
                    "default-src 'none'"
                )
                assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
                assert not re.search(r"\d", answer.headers["Server"])
        # A port that is not the usual one: the name may have others, without TLS.
        assert "Strict-Transport-Security" not in answer.headers
        async with client.get("/login", headers={"Host": NAME}) as answer:
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with client.get("/login", headers={"Host": "pbx.evil.example"}) as answer:
            assert answer.status == 421


async def test_pages_are_not_compressed(desk: Desk, plain: Proxy) -> None:
    async with browser(plain) as client:
        async with client.get("/login", headers={"Accept-Encoding": "gzip"}) as page:
            assert "Content-Encoding" not in page.headers
        if plain.kind == "nginx":
            headers = {"Accept-Encoding": "gzip"}
            async with client.get("/static/console.css", headers=headers) as file:
                assert file.headers["Content-Encoding"] == "gzip"


async def test_a_body_that_is_too_large_is_refused_and_a_large_one_is_not(
    desk: Desk, plain: Proxy
) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"a" * 1024

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with browser(plain, **form) as client:
        for body in (
            b"a" * (LARGEST + 1),
            io.BytesIO(b"a" * 5_000_000),
            pieces(300),
            pieces(5_000),
        ):
            async with client.post("/login", data=body) as answer:
                assert answer.status == 413
        for body in (b"a" * LARGEST, pieces(200)):
            async with client.post("/login", data=body) as answer:
                assert answer.status == 403, "no token in it"


# --- who somebody is, and where -------------------------------------------------------------------


async def test_who_guesses_is_locked_out_by_his_own_address(desk: Desk, plain: Proxy) -> None:
    with capture_logs() as logs:
        # What he says of his address changes nothing.
        for turn in range(5):
            forged = f"192.0.2.{turn}"
            said = {
                "X-Forwarded-For": forged,
                "X-Real-IP": forged,
                "Forwarded": f"for={forged}",
            }
            async with browser(plain, at=ELSEWHERE, **said) as client:
                assert (await sign_in(client, "dana", "wrong")).status == 403
        async with browser(plain, at=ELSEWHERE) as client:
            assert (await sign_in(client, "dana")).status == 429
    failed = [one["address"] for one in logs if one["event"] == "console_login_failed"]
    assert failed == [ELSEWHERE] * 6
    async with browser(plain, at=BROWSER) as client:
        assert (await sign_in(client, "dana")).status == 303
    assert await desk.audited() == [
        ("dana", ELSEWHERE, "login.failed"),
        ("", ELSEWHERE, "login.failed"),
        ("dana", BROWSER, "login"),
    ]


async def test_a_programme_on_the_proxy_s_host_is_nobody_else_either(
    desk: Desk, plain: Proxy
) -> None:
    """Its address is one of `proxies`, so what stands left of it would be believed."""
    async with browser(plain, at="127.0.0.1", **{"X-Forwarded-For": "192.0.2.1"}) as client:
        assert (await sign_in(client, "dana")).status == 303
    assert await desk.audited() == [("dana", "127.0.0.1", "login")]


async def test_what_monitors_ask_is_not_open_to_the_world(
    desk: Desk, plain: Proxy, asking: Proxy
) -> None:
    forged = {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=[::1]"}
    token = await desk.token()
    for path in ("/metrics", "/healthz"):
        async with browser(plain) as client:
            assert await status(client, path) == 401
            assert await status(client, path, **forged) == 401
            assert await status(client, path, Host="127.0.0.1") == 401
            assert await status(client, path, Authorization=f"Bearer {token}") == 200
        async with browser(asking) as client:
            assert await status(client, path, **forged) == 401
            assert await status(client, path, Authorization="Bearer nonsense") == 401
            assert await status(client, path, Authorization=f"Bearer {token}") == 200
        async with browser(plain, at="127.0.0.1") as client:
            assert await status(client, path) == 200, "a programme on this very host"


async def test_a_proxy_that_textback_was_not_told_of_opens_nothing(
    tmp_path: Path, street: Street, kind: str
) -> None:
    async with textback(tmp_path, street) as desk:
        found = street.proxies[kind, False]
        async with browser(found) as client:
            assert await status(client, "/metrics") == 401
            assert await status(client, "/healthz") == 401
            # People can sign in all the same, and their address is not known.
            assert (await sign_in(client, "dana", Origin=found.url)).status == 303
        assert await desk.audited() == [("dana", "127.0.0.1", "login")]


# --- signing in to the proxy ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "role", "audit"),
    [
        *(("vera", "viewer", 403), ("dana", "agent", 403), ("root", "admin", 200)),
        *(("boss", "admin", 200), ("guest", "", 303)),
    ],
)
async def test_who_signed_in_to_the_proxy_has_his_role(
    desk: Desk, asking: Proxy, name: str, role: str, audit: int
) -> None:
    async with browser(asking, name=name) as client:
        assert await whoami(client) == (name if role else "", role)
        assert await status(client, "/audit") == audit
    # His password stays with the proxy, and the secret is not shown to anybody.
    for request in desk.asked:
        assert "Authorization" not in request.headers
        assert request.headers.getall("X-Textback-Proxy") == [SECRET]
        assert CLIENT not in request.headers or request.headers[CLIENT] == BROWSER


async def test_who_has_not_signed_in_to_the_proxy_gets_nothing(desk: Desk, asking: Proxy) -> None:
    async with browser(asking) as client:
        for path in ("/", "/login", "/calls", "/live", "/static/console.css", "/api/v1/whoami"):
            async with client.get(path, allow_redirects=False) as answer:
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"].startswith('Basic realm="textback"')
        wrong = basic("root", PEOPLE["vera"])
        assert await status(client, "/calls", Authorization=wrong) == 401
    assert not desk.asked


async def test_a_form_of_who_signed_in_to_the_proxy_is_taken(desk: Desk, asking: Proxy) -> None:
    async with browser(asking, name="dana") as client:
        async with client.get("/account") as page:
            token = csrf_of(await page.text())
        for origin, csrf, wanted in (
            (asking.url, token, 303),
            ("https://evil.example", token, 403),
            (asking.url, "wrong", 403),
        ):
            async with client.post(
                "/account/preferences",
                data={"csrf": csrf, "language": "de", "theme": ""},
                headers={"Origin": origin},
                allow_redirects=False,
            ) as answer:
                assert answer.status == wanted


FORGED = [
    {"X-Remote-User": "root"},
    {"X-Remote-User": "root", "X-Textback-Proxy": SECRET},
    {"X-Remote-User": "root", "X-Textback-Proxy": SECRET, "X-Remote-Role": "admin"},
    {"x-remote-user": "root", "x-textback-proxy": SECRET, "x-remote-role": "admin"},
    {"X_Remote_User": "root", "X_Textback_Proxy": SECRET, "X_Remote_Role": "admin"},
    {"Connection": "X-Remote-User, X-Textback-Proxy", "X-Remote-User": "root"},
    {"X-Remote-User": "boss", "X-Remote-Role": "admin", "X-Textback-Proxy": SECRET},
]


@pytest.mark.parametrize("forged", FORGED)
async def test_what_a_browser_says_of_itself_does_not_get_through(
    desk: Desk, plain: Proxy, asking: Proxy, forged: dict[str, str]
) -> None:
    async with browser(plain, **forged) as client:
        assert await whoami(client) == ("", "")
        assert await status(client, "/audit") == 303
    async with browser(asking, **forged) as client:
        assert await status(client, "/audit") == 401
        # Past the proxy's own sign-in, as programs go.
        assert await status(client, "/audit", Authorization="Bearer x") == 401
        assert await status(client, "/audit", Authorization="bearer ") == 401
    async with browser(asking, name="vera", **forged) as client:
        assert await whoami(client) == ("vera", "viewer")
        assert await status(client, "/audit") == 403
    for request in desk.asked:
        assert "root" not in request.headers.getall("X-Remote-User", [])
        assert "boss" not in request.headers.getall("X-Remote-User", [])


async def test_a_name_without_its_password_is_nobody_where_the_proxy_does_not_ask(
    desk: Desk, plain: Proxy
) -> None:
    """nginx knows a $remote_user from the header alone."""
    told = basic("root", "whatever")
    async with browser(plain) as client:
        assert await whoami(client, Authorization=told) == ("", "")
        assert await status(client, "/audit", Authorization=told) == 303


@pytest.mark.parametrize(
    "lines",
    [
        ["Bearer x", "Basic cm9vdDp3cm9uZw=="],
        ["Basic cm9vdDp3cm9uZw==", "Bearer x"],
        ["Bearer x, Basic cm9vdDp3cm9uZw=="],
        ["Basic cm9vdDp3cm9uZw==, Bearer x"],
        ["bEARER x"],
        ["Bearer\tx"],
        ["Basic Bearer x"],
    ],
)
async def test_no_mixture_of_token_and_password_gets_in(
    desk: Desk, asking: Proxy, lines: list[str]
) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", asking.port, ssl=asking.context(), server_hostname=NAME
    )
    sent = "".join(f"Authorization: {line}\r\n" for line in lines)
    forged = f"X-Remote-User: root\r\nX-Textback-Proxy: {SECRET}\r\n"
    head = f"GET /audit HTTP/1.1\r\nHost: {NAME}\r\n{sent}{forged}Connection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    assert re.match(rb"HTTP/1\.1 40[01] ", answer)
    assert not [one for one in desk.asked if one.headers.get("X-Remote-User")]


async def test_a_program_s_token_goes_past_the_proxy_s_own_sign_in(
    desk: Desk, asking: Proxy
) -> None:
    token = await desk.token("agent")
    async with browser(asking) as client:
        assert await whoami(client, Authorization=f"Bearer {token}") == ("monitor", "agent")
        assert await whoami(client, Authorization=f"Bearer {token[:-1]}") == ("", "")
        # It is no way around the proxy for people.
        assert await status(client, "/login", Authorization="Bearer x") == 401


# --- the stream -----------------------------------------------------------------------------------


async def event(answer: aiohttp.ClientResponse, name: str) -> None:
    """Waits for this event; everything before it is passed over."""
    async with asyncio.timeout(PATIENCE):
        while (line := await answer.content.readline()) != f"event: {name}\n".encode():
            assert line, "the stream has ended"


async def left(desk: Desk) -> None:
    """Until nobody listens any more."""
    async with asyncio.timeout(PATIENCE):
        while len(desk.backend.feed):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_stream_is_told_at_once_and_ends_with_the_session(
    desk: Desk, plain: Proxy
) -> None:
    async with browser(plain) as client:
        await sign_in(client, "dana")
        async with client.get("/account") as page:
            token = csrf_of(await page.text())
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
        async with client.get("/live", headers=headers) as stream:
            assert stream.status == 200
            assert stream.content_type == "text/event-stream"
            assert "Content-Encoding" not in stream.headers
            await event(stream, "hello")
            for topic in ("calls", "inbox", "calls"):
                desk.backend.feed.say(topic)
                await event(stream, "topics")
            async with client.post("/logout", data={"csrf": token}, allow_redirects=False) as done:
                assert done.status == 303
            async with asyncio.timeout(PATIENCE):
                await stream.read()
        await left(desk)
        assert await status(client, "/live") == 401


async def test_a_tab_that_is_closed_is_missed(
    desk: Desk, asking: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Apache learns of it when it has something to tell, which is the next sign of life.
    monkeypatch.setattr(live, "BEAT", 0.1)
    async with browser(asking, name="vera") as client:
        stream = await client.get("/live")
        await event(stream, "hello")
        assert len(desk.backend.feed) == 1
        stream.close()
        await left(desk)


async def test_a_restart_ends_streams_and_is_over_when_textback_is_back(
    desk: Desk, plain: Proxy
) -> None:
    async with browser(plain) as client:
        await sign_in(client, "dana")
        async with client.get("/live") as stream:
            await event(stream, "hello")
            await desk.listening.close()
            async with asyncio.timeout(PATIENCE):
                await stream.read()
        assert await status(client, "/calls") in (502, 503)
        assert await status(client, "/live") in (502, 503)
        desk.backend = replace(desk.backend, feed=Feed())
        await desk.open()
        # At once: no proxy is to remember that it was gone.
        assert await status(client, "/calls") == 200
        async with client.get("/live") as stream:
            await event(stream, "hello")

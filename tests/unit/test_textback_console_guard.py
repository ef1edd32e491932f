"""What the console lets in at all: forms of other pages, hosts, headers, sizes, paths."""

from __future__ import annotations

import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from yarl import URL

from tests.unit.console_door import (
    PASSWORD,
    change,
    csrf_in,
    csrf_of,
    door,
    raw,
)
from textback.config_console import Console
from textback.console import csrf, guard, headers, hosts, proxy
from textback.console.app import ENDPOINTS, PAGES

# --- forms of other pages ------------------------------------------------------------------------


async def test_a_form_with_its_token_is_taken_and_one_without_is_not(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        token = await csrf_in(client)
        assert await change(client, csrf=token) == 303
        assert await change(client, {"X-CSRF-Token": token}) == 303
        wrong = ("", "x", token[:-1], token + "x", token.swapcase(), "\u00fc", "\x00")
        assert [await change(client, csrf=one) for one in wrong] == [403] * len(wrong)
        assert await change(client) == 403
        assert (await there.store.user("anna")).theme == "dark"  # type: ignore[union-attr]


async def test_the_token_of_another_session_is_none(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        anna, bert = await there.signed_in("anna"), await there.signed_in("bert")
        again = await there.signed_in("anna")
        for other in (bert, again):
            assert await change(anna, csrf=await csrf_in(other)) == 403
        page = await (await (await there.client()).get("/login")).text()
        assert await change(anna, csrf=csrf_of(page)) == 403


async def test_whatever_is_no_question_needs_the_token_and_signing_out_too(tmp_path: Path) -> None:
    """Every route that is no GET: that the role would do is not enough."""
    async with door(tmp_path) as there:
        client = await there.signed_in("anna", "admin")
        asked = [(p.method, p.path) for p in PAGES if p.path != "/login"]
        asked += [(e.method, f"/api/v1{e.path}") for e in ENDPOINTS]
        unsafe = {(m, re.sub(r"\{[^}]*\}", "1", path)) for m, path in asked if m != "GET"}
        assert {"POST", "PATCH"} <= {method for method, _ in unsafe}
        for method, path in sorted(unsafe):
            answer = await client.request(method, path, allow_redirects=False)
            assert (answer.status, there.backend.gate.counts["csrf"] > 0) == (403, True), path
            there.backend.gate.counts["csrf"] = 0
        assert (await client.get("/account", allow_redirects=False)).status == 200


def test_secrets_are_compared_in_the_same_time_wherever_they_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert csrf.same("sent", "sent")
    assert not csrf.same("sent", "kept")
    console = Console(
        proxies=("127.0.0.1",),
        proxy_user_header="X-Remote-User",
        proxy_secret="0123456789abcdef0123456789abcdef",
    )
    said = {"X-Remote-User": "anna", proxy.SECRET_HEADER: "kept"}
    request = make_mocked_request("GET", "/", headers=said)
    seen = proxy.Seen("127.0.0.1", secure=False, trusted=True, stray=False)
    assert proxy.claimed(request, console, seen) is False
    assert compared == [
        (b"sent", b"sent"),
        (b"sent", b"kept"),
        (b"kept", b"0123456789abcdef0123456789abcdef"),
    ]


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[::"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "nonsense"},
    ],
)
async def test_what_another_page_sends_is_refused_even_with_the_right_token(
    tmp_path: Path, foreign: dict[str, str]
) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        token = await csrf_in(client)
        assert await change(client, foreign, csrf=token) == 403
        assert await change(client, foreign | {"X-CSRF-Token": token}) == 403
        assert (await there.store.user("anna")).theme == ""  # type: ignore[union-attr]


async def test_what_our_own_page_sends_is_taken(tmp_path: Path) -> None:
    async with door(tmp_path, 'hosts = ["pbx.example.net"]') as there:
        client = await there.signed_in()
        token = await csrf_in(client)
        here = f"http://127.0.0.1:{there.server.port}"
        assert (
            await change(client, {"Origin": here, "Sec-Fetch-Site": "same-origin"}, csrf=token)
            == 303
        )
        # A proxy that says who we are in its own words.
        assert await change(client, {"Origin": "https://pbx.example.net"}, csrf=token) == 303
        assert await change(client, {"Origin": "https://pbx.example.net:444"}, csrf=token) == 403


async def test_signing_in_takes_the_token_of_its_own_form(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        client, other = await there.client(), await there.client()
        token = csrf_of(await (await other.get("/login")).text())
        fields = {"name": "anna", "password": PASSWORD}
        for sent in ({}, {"csrf": ""}, {"csrf": token}):
            answer = await client.post("/login", data=fields | sent, allow_redirects=False)
            assert answer.status == 403
            assert "textback-8480=" not in str(answer.headers.getall("Set-Cookie", []))
        foreign = {"Origin": "https://evil.example"}
        answer = await other.post(
            "/login", data=fields | {"csrf": token}, headers=foreign, allow_redirects=False
        )
        assert answer.status == 403


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
async def test_no_header_makes_a_post_of_a_get(tmp_path: Path, name: str) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        answer = await client.get(
            "/logout?_method=POST", headers={name: "POST"}, allow_redirects=False
        )
        assert answer.status in (404, 405)
        assert (await client.get("/account", allow_redirects=False)).status == 200


# --- names we answer to --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8480", "localhost.evil.example", ""]
)
async def test_a_page_that_has_its_name_lead_here_gets_nothing(tmp_path: Path, host: str) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        for path in ("/account", "/login", "/api/v1/whoami", "/healthz"):
            answer = await client.get(path, headers={"Host": host}, allow_redirects=False)
            assert answer.status == 421, path
            assert "csrf" not in await answer.text()


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        *(("localhost", True), ("LOCALHOST:8480", True), ("127.0.0.1", True), ("[::1]:8480", True)),
        *(("192.0.2.10:8480", True), ("[2001:db8::1]", True), ("pbx.example.net", True)),
        *(("pbx.example.net.", True), ("PBX.example.net:443", True), ("pbx1", True)),
        *(("pbx1.evil.example", False), ("xpbx.example.net", False), ("127.0.0.1.evil", False)),
        *(("", False), (":8480", False), ("[::1", True), ("example.net", False)),
    ],
)
def test_names_we_answer_to(host: str, ours: bool) -> None:
    from tests.unit.console_door import console_config

    console = console_config('hosts = ["pbx.example.net"]').console
    assert hosts.welcome(host, console, machine="pbx1") is ours


# --- headers -------------------------------------------------------------------------------------


async def test_every_answer_says_the_same_to_the_browser(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        nobody = await there.client()
        asked = [(client, "GET", path) for path in ("/account", "/login", "/nothing", "/healthz")]
        asked += [(client, "GET", "/static/console.css"), (client, "GET", "/static/nothing.css")]
        asked += [
            (client, "GET", "/api/v1/whoami"),
            (client, "PUT", "/account"),
            (nobody, "GET", "/live"),
        ]
        asked += [(nobody, "GET", "/account"), (nobody, "POST", "/api/v1/whoami")]
        for who, method, path in asked:
            answer = await who.request(method, path, allow_redirects=False)
            for name, value in headers.HEADERS.items():
                assert answer.headers.getall(name) == [value], (method, path, name)
            stored = answer.headers["Cache-Control"]
            assert stored == "no-store" or path == "/static/console.css", path
            assert "Strict-Transport-Security" not in answer.headers
        policy = headers.HEADERS["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy


def test_what_the_browser_is_told_is_as_strict_as_it_was_meant_to_be() -> None:
    """In words of its own: what is only compared with itself is never too weak."""
    policy = dict(
        part.split(" ", 1) for part in headers.HEADERS["Content-Security-Policy"].split("; ")
    )
    nothing = ("default-src", "font-src", "base-uri", "frame-ancestors")
    ours = ("script-src", "style-src", "img-src", "connect-src", "form-action", "manifest-src")
    assert policy == dict.fromkeys(nothing, "'none'") | dict.fromkeys(ours, "'self'")
    said = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Server": "textback",
    }
    assert said.items() <= headers.HEADERS.items()
    assert "camera=()" in headers.HEADERS["Permissions-Policy"]


async def test_strict_transport_is_for_a_name_that_is_ours_alone(tmp_path: Path) -> None:
    async with door(tmp_path, 'proxies = ["127.0.0.1"]\nhosts = ["pbx.example.net"]') as there:
        https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
        for host, proto, strict in (
            ("pbx.example.net", "https", True),
            ("pbx.example.net", "http", False),
            ("pbx.example.net:8480", "https", False),
        ):
            sent = https | {"Host": host, "X-Forwarded-Proto": proto}
            answer = await (await there.client(**sent)).get("/login")
            assert ("Strict-Transport-Security" in answer.headers) is strict


# --- sizes and paths -----------------------------------------------------------------------------


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        token = await csrf_in(client)
        large = "x" * (guard.LARGEST + 1)
        assert await change(client, {"X-CSRF-Token": token}, more=large) == 413

        async def pieces() -> Any:
            for _ in range(40):
                yield b"x" * 8192

        answer = await client.post(
            "/account/preferences",
            data=pieces(),
            headers={"X-CSRF-Token": token, "Content-Type": "application/x-www-form-urlencoded"},
            allow_redirects=False,
        )
        assert answer.status == 413
        # Nobody's is not even read.
        nobody = await there.client()
        assert (await nobody.post("/login", data={"name": large})).status == 413


async def test_a_file_where_a_word_belongs_is_refused(tmp_path: Path) -> None:
    from aiohttp import FormData

    async with door(tmp_path) as there:
        client = await there.signed_in()
        form = FormData()
        form.add_field("csrf", await csrf_in(client))
        form.add_field("language", b"x", filename="evil.html", content_type="text/html")
        answer = await client.post("/account/preferences", data=form, allow_redirects=False)
        assert answer.status == 400


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2fapp.py",
            "/static/%2e%2e%2fapp.py",
        ),
        *("/static/..%5capp.py", "/static/console.css%00", "/static/%00", "/static//etc/passwd"),
        *("/static/%2fetc%2fpasswd", "/static/console.css/", "/static/", "/static"),
        *("/static/....//....//app.py", "/static/%252e%252e%252fapp.py", "//static/console.css"),
        *(
            "/static/CONSOLE.CSS",
            "/static/console.css;x",
            "/../textback.toml",
            "/%2e%2e/textback.db",
        ),
        *("/static/" + "a" * 7000, "/textback.db", "/.git/config", "/static/%c0%ae%c0%ae/app.py"),
        *("/static/~root", "/static/file:///etc/passwd"),
    ],
)
async def test_no_path_leads_to_a_file_that_is_not_served(tmp_path: Path, path: str) -> None:
    async with door(tmp_path) as there:
        answer = await raw(
            there.server, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        assert answer.split(b" ", 2)[1] in (b"400", b"404"), answer[:300]
        assert b"root:" not in answer
        assert b"import " not in answer


@pytest.mark.parametrize(
    "request_",
    [
        "GET /login?next=/%0d%0aSet-Cookie:%20x=y HTTP/1.1\r\nHost: localhost\r\n",
        "GET /account%0d%0aX:%20y HTTP/1.1\r\nHost: localhost\r\n",
        "GET /login HTTP/1.1\r\nHost: localhost\r\nX-Part: a\rSet-Cookie: x=y\r\n",
        "GET /account?x=%0d%0aSet-Cookie:%20x=y HTTP/1.1\r\nHost: localhost\r\n",
    ],
)
async def test_nothing_asked_for_becomes_a_header_of_the_answer(
    tmp_path: Path, request_: str
) -> None:
    async with door(tmp_path) as there:
        answer = await raw(there.server, request_ + "Connection: close\r\n\r\n")
        head = answer.partition(b"\r\n\r\n")[0]
        assert b"x=y" not in head.replace(b"%0d%0aSet-Cookie%3A%20x%3Dy", b"")
        assert b"\nX: y" not in head


@given(
    st.text(
        alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#? "),
        max_size=40,
    )
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_where_one_goes_next_is_a_path_of_ours(text: str) -> None:
    from urllib.parse import urljoin, urlsplit

    found = guard.safe_next("/" + text)
    assert urlsplit(urljoin("http://here.example/login", found)).netloc == "here.example"


async def test_errors_of_the_api_are_problems_and_name_no_internals(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        answer = await client.get("/api/v1/nothing")
        assert answer.status == 404
        assert json.loads(await answer.text())["status"] == 404


# --- what cannot be read -------------------------------------------------------------------------

_FIELD = b'--x\r\nContent-Disposition: form-data; name="name"\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"name=\xff"),
        ("application/x-www-form-urlencoded; charset=none-such", b"name=a"),
        ("application/x-www-form-urlencoded; charset=hex", b"name=a"),
        ("application/x-www-form-urlencoded; charset=raw_unicode_escape", b"name=\\ud800"),
        ("multipart/form-data", b"name=a"),
        ("multipart/form-data; boundary=x", b"name=a"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            _FIELD + b"Content-Transfer-Encoding: none\r\n\r\na\r\n--x--\r\n",
        ),
    ],
)
async def test_a_form_that_is_none_is_told_so_and_is_no_failure_of_ours(
    tmp_path: Path, kind: str, body: bytes
) -> None:
    async with door(tmp_path) as there:
        client = await there.client()
        with capture_logs() as logs:
            answer = await client.post("/login", data=body, headers={"Content-Type": kind})
        assert answer.status == 400
        assert "cannot be read" in await answer.text()
        assert not [one for one in logs if one["event"] == "console_failed"]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"])
@pytest.mark.parametrize("path", ["calls", "audit"])
async def test_a_time_at_an_end_of_the_calendar_is_only_a_long_time_away(
    tmp_path: Path, path: str, at: str
) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in("anna", "admin")
        asked = URL(f"/api/v1/{path}?since={at}", encoded=True)
        answer = await client.get(asked)
        assert answer.status == 200, await answer.text()

"""Who may do what in the console: every route and role, tokens, proxies, monitors."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.unit.console_door import (
    NOON,
    change,
    csrf_in,
    csrf_of,
    door,
    raw,
    sign_in,
)
from textback.console import app as console_app
from textback.console import proxy
from textback.console.app import ENDPOINTS, PAGES
from textback.console.who import Role
from textback.store import users

SECRET = "0123456789abcdef0123456789abcdef"
PROXY = f"""
proxies = ["127.0.0.1"]
proxy_user_header = "X-Remote-User"
proxy_secret = "{SECRET}"
"""


# --- every route and every role ------------------------------------------------------------------


def routes() -> list[tuple[str, str, Role | None]]:
    """Every page and entry of the API, with a row's number where it takes one."""
    import re

    found = [(p.method, p.path, p.need) for p in PAGES]
    found += [(e.method, f"/api/v1{e.path}", e.need) for e in ENDPOINTS]
    return [(m, re.sub(r"\{[^}]*\}", "1", path), need) for m, path, need in found]


def test_every_route_of_the_application_is_in_the_table() -> None:
    """What is added to the router by hand is guarded by hand: these few."""
    from tests.unit.console_rig import backend

    made = console_app.build_app(backend(None, Path("/nowhere")))  # type: ignore[arg-type]
    known = {resource.canonical for resource in made.router.resources()}
    tabled = {p.path for p in PAGES} | {f"/api/v1{e.path}" for e in ENDPOINTS}
    assert known - tabled == {"/", "/static/{name}", "/live", "/healthz", "/metrics"}


async def test_nobody_gets_anywhere_without_signing_in(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        client = await there.client()
        for method, path, need in routes():
            answer = await client.request(method, path, allow_redirects=False)
            if need is None:
                assert answer.status in (200, 401, 403), (method, path)
            elif path.startswith("/api/"):
                assert answer.status == 401, (method, path)
                assert answer.content_type == "application/problem+json"
            else:
                assert answer.status == 303, (method, path)
                assert answer.headers["Location"].startswith("/login"), (method, path)
        assert (await client.get("/live")).status == 401


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
async def test_no_role_gets_where_another_is_needed(tmp_path: Path, role: Role) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in("anna", role)
        token = await there.token("crm", role)
        sent = {"X-CSRF-Token": await csrf_in(client)}
        bearer = {"Authorization": f"Bearer {token}"}
        program = await there.client()
        asked = [r for r in routes() if r[2] is not None and not role.at_least(r[2])]
        assert asked or role is Role.AGENT
        for method, path, _need in asked:
            for who, extra in ((client, sent), (program, bearer)):
                answer = await who.request(method, path, headers=extra, allow_redirects=False)
                assert answer.status == 403, (method, path, role)


async def test_a_viewer_changes_nothing(tmp_path: Path) -> None:
    """Every route that is not a GET needs more than a viewer, but for one's own account."""
    own = ("/account/", "/login", "/logout")
    for method, path, need in routes():
        if method != "GET" and not path.startswith(own) and need is Role.VIEWER:
            assert path.rpartition("/")[2] in READS_BY_POST, (method, path)


#: What only an administrator may, whatever the tables of the pages say: who loosens one of these
#: does it here as well.
ADMIN_ONLY = {
    *(f"POST /inbox/{{thread}}/{act}" for act in ("optin", "release", "drop")),
    *(f"POST /health/queue/{{row}}/{act}" for act in ("release", "drop")),
    *("GET /numbers/mode", "POST /numbers/mode", "POST /numbers/{number}"),
    *(f"POST /numbers/{{number}}/{act}" for act in ("reset", "preview", "test")),
    *("GET /numbers/history", "POST /numbers/history/{change}/undo", "GET /numbers/tests/{row}"),
    *("GET /audit", "GET /api/v1/audit", "GET /api/v1/changes", "GET /api/v1/test-texts/{row}"),
    *("POST /api/v1/threads/{thread}/optin", "POST /api/v1/changes/{change}/undo"),
    *("PATCH /api/v1/numbers/{number}", "POST /api/v1/numbers/{number}/test", "POST /api/v1/mode"),
    *(f"POST /api/v1/queue/{{row}}/{act}" for act in ("release", "drop")),
}


def test_what_an_administrator_keeps_to_himself_is_not_given_away_by_a_slip() -> None:
    found = {f"{p.method} {p.path}": p.need for p in PAGES}
    found |= {f"{e.method} /api/v1{e.path}": e.need for e in ENDPOINTS}
    assert {route: found[route] for route in ADMIN_ONLY} == dict.fromkeys(ADMIN_ONLY, Role.ADMIN)
    assert found["GET /inbox/new"] is Role.AGENT
    assert {route for route, need in found.items() if need is None} == {
        *("GET /login", "POST /login", "GET /api/v1/openapi.json"),
    }


#: Searches and previews: what is asked for has no place in an address.
READS_BY_POST = {"search", "measure", "preview", "checks", "calls"}


# --- tokens --------------------------------------------------------------------------------------


async def test_a_token_opens_the_api_without_a_cookie_or_a_form(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        token = await there.token("crm", "agent")
        client = await there.client(Authorization=f"Bearer {token}")
        answer = await client.get("/api/v1/whoami")
        assert answer.status == 200
        said = await answer.json()
        assert {name: said[name] for name in ("name", "role", "via", "phone", "pbx")} == {
            "name": "crm",
            "role": "agent",
            "via": "token",
            "phone": "",
            "pbx": "",
        }
        (kept,) = await there.store.tokens()
        assert kept.used == NOON


@pytest.mark.parametrize(
    "value",
    [
        *("Bearer", "Bearer ", "Bearer x", "Basic YW5uYTp4", "bearer tbk_" + "A" * 43, "tbk_"),
        *("Bearer tbk_" + "A" * 4000, "Bearer tbk_\u00fc"),
    ],
)
async def test_what_is_no_token_is_refused_even_beside_a_good_cookie(
    tmp_path: Path, value: str
) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        sent = {"Authorization": value}
        for path in ("/api/v1/whoami", "/account", "/metrics"):
            answer = await client.get(path, headers=sent, allow_redirects=False)
            assert answer.status == 401, path


async def test_a_token_that_expired_or_was_revoked_opens_nothing(tmp_path: Path) -> None:
    from textback.store import tokens

    async with door(tmp_path) as there:
        short = await there.token("short", expires=NOON + timedelta(days=1))
        gone = await there.token("gone")
        client = await there.client()

        async def status(token: str) -> int:
            sent = {"Authorization": f"Bearer {token}"}
            return (await client.get("/api/v1/whoami", headers=sent)).status

        assert (await status(short), await status(gone)) == (200, 200)
        there.clock.later(days=1)
        await there.store.change_people(lambda db: tokens.revoke(db, "gone"))
        with capture_logs() as logs:
            assert (await status(short), await status(gone)) == (401, 401)
        told = {
            (one["reason"], one["name"]) for one in logs if one["event"] == "console_token_refused"
        }
        assert told == {("expired", "short"), ("unknown", None)}


async def test_a_token_in_an_address_is_none(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        token = await there.token("crm")
        client = await there.client()
        for query in (f"token={token}", f"access_token={token}", f"api_key={token}"):
            assert (await client.get(f"/api/v1/whoami?{query}")).status == 401


# --- proxies -------------------------------------------------------------------------------------


async def test_who_signed_in_to_the_proxy_needs_no_password_here(tmp_path: Path) -> None:
    async with door(tmp_path, PROXY) as there:
        await there.user("anna", "agent", password="")
        client = await there.client(**{"X-Textback-Proxy": SECRET, "X-Remote-User": "Anna"})
        page = await client.get("/account")
        text = await page.text()
        assert page.status == 200
        assert "Agent" in text
        assert await change(client, csrf=csrf_of(text)) == 303
        assert await change(client, csrf="x") == 403


async def test_a_form_behind_a_proxy_is_of_one_browser_and_of_one_user(tmp_path: Path) -> None:
    async with door(tmp_path, PROXY) as there:
        for name in ("anna", "bert"):
            await there.user(name, "agent", password="")
        said = {"X-Textback-Proxy": SECRET, "X-Remote-User": "anna"}
        anna, elsewhere = await there.client(**said), await there.client(**said)
        # What the first page sets is the secret of this browser, which the form's token is made of.
        assert (await anna.get("/account")).status == 200
        mine, other = await csrf_in(anna), await csrf_in(elsewhere)
        assert mine != other
        assert await change(anna, csrf=other) == 403
        # At the same desk somebody else signs in to the proxy: the page that lay open is not his.
        assert await change(anna, {"X-Remote-User": "bert"}, csrf=mine) == 403
        assert await change(anna, csrf=mine) == 303


@pytest.mark.parametrize(
    ("lines", "said", "secure"),
    [
        ('proxies = ["127.0.0.1"]', "https", True),
        # What the browser wrote stands before what the proxy next to us says.
        ('proxies = ["127.0.0.1"]', "https, http", False),
        ('proxies = ["127.0.0.1"]', "http, https", True),
        ("", "https", False),
        ('proxies = ["192.0.2.1"]', "https", False),
    ],
)
async def test_that_it_came_by_https_is_the_word_of_the_proxy_next_to_us(
    tmp_path: Path, lines: str, said: str, secure: bool
) -> None:
    async with door(tmp_path, lines) as there:
        client = await there.client(**{"X-Forwarded-Proto": said, "X-Forwarded-For": "192.0.2.7"})
        (cookie,) = (await client.get("/login")).headers.getall("Set-Cookie")
        assert cookie.startswith("__Host-") is secure
        assert ("Secure" in cookie.split("; ")) is secure


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Remote-User": "boss"},
        {"X-Remote-User": "boss", "X-Textback-Proxy": ""},
        {"X-Remote-User": "boss", "X-Textback-Proxy": SECRET[:-1]},
        {"X-Remote-User": "boss", "X-Textback-Proxy": SECRET.upper()},
        {"x-remote-user": "boss", "X-Textback-Proxy": "\u00fc"},
    ],
)
async def test_without_the_secret_the_header_says_nothing_and_is_told(
    tmp_path: Path, forged: dict[str, str]
) -> None:
    async with door(tmp_path, PROXY) as there:
        await there.user("boss", "admin")
        with capture_logs() as logs:
            client = await there.client(**forged)
            assert (await client.get("/audit", allow_redirects=False)).status == 303
            assert (await client.get("/api/v1/whoami")).status == 401
        told = [one for one in logs if one["event"] == "console_proxy_header_ignored"]
        assert [(one["address"], one["header"]) for one in told] == [("127.0.0.1", "X-Remote-User")]
        assert there.backend.gate.counts["proxy"] == 2


async def test_from_anybody_but_the_proxy_the_header_says_nothing(tmp_path: Path) -> None:
    lines = PROXY.replace("127.0.0.1", "192.0.2.1")
    async with door(tmp_path, lines) as there:
        await there.user("boss", "admin")
        sent = {"X-Remote-User": "boss", "X-Textback-Proxy": SECRET, "X-Forwarded-For": "192.0.2.1"}
        client = await there.client(**sent)
        assert (await client.get("/audit", allow_redirects=False)).status == 303


async def test_two_users_in_two_headers_are_nobody(tmp_path: Path) -> None:
    async with door(tmp_path, PROXY) as there:
        await there.user("boss", "admin")
        answer = await raw(
            there.server,
            f"GET /audit HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Textback-Proxy: {SECRET}\r\n"
            "X-Remote-User: mallory\r\nX-Remote-User: boss\r\nConnection: close\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 303")


async def test_what_the_proxy_itself_asked_the_browser_for_is_no_token(tmp_path: Path) -> None:
    basic = {"Authorization": "Basic Y2FybDpzZWNyZXQ="}
    async with door(tmp_path, PROXY + 'proxy_role = "viewer"\n') as there:
        said = {"X-Remote-User": "carl", "X-Textback-Proxy": SECRET}
        client = await there.client(**basic, **said)
        assert (await client.get("/account", allow_redirects=False)).status == 200
        # It says who somebody is to the proxy alone.
        client = await there.client(**basic)
        assert (await client.get("/account", allow_redirects=False)).status == 303
    async with door(tmp_path) as there:
        client = await there.client(**basic)
        assert (await client.get("/account", allow_redirects=False)).status == 401


async def test_two_roles_in_two_headers_are_none(tmp_path: Path) -> None:
    async with door(tmp_path, PROXY + 'proxy_role_header = "X-Remote-Role"\n') as there:
        head = f"GET /audit HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Textback-Proxy: {SECRET}\r\n"
        ends = "X-Remote-User: mallory\r\nConnection: close\r\n\r\n"
        mine, theirs = "X-Remote-Role: admin\r\n", "X-Remote-Role: viewer\r\n"
        assert (await raw(there.server, head + mine + ends)).startswith(b"HTTP/1.1 200")
        # What the browser sent, and beside it what the proxy says: nobody knows which is which.
        answer = await raw(there.server, head + mine + theirs + ends)
        assert answer.startswith(b"HTTP/1.1 303")


async def test_a_name_that_is_no_utf_8_is_nobody(tmp_path: Path) -> None:
    async with door(tmp_path, PROXY + 'proxy_role = "viewer"\n') as there:
        answer = await raw(
            there.server,
            f"GET /account HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Textback-Proxy: {SECRET}\r\n"
            "X-Remote-User: M\udcfcller\r\nConnection: close\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 303")


async def test_a_name_that_turns_the_display_around_is_nobody(tmp_path: Path) -> None:
    async with door(tmp_path, PROXY + 'proxy_role = "viewer"\n') as there:
        for name, status in (("zo\u00eb", 200), ("admin\u202eanna", 303), ("an\u200bna", 303)):
            sent = {"X-Textback-Proxy": SECRET, "X-Remote-User": name}
            client = await there.client(**sent)
            assert (await client.get("/account", allow_redirects=False)).status == status


@pytest.mark.parametrize(
    ("role", "header", "status"),
    [
        *(("none", None, 303), ("viewer", None, 403), ("admin", None, 200), ("none", "admin", 200)),
        *(("none", "owner", 303), ("admin", "viewer", 403), ("none", "ADMIN", 303)),
    ],
)
async def test_who_is_no_user_here_has_the_role_the_proxy_or_the_configuration_gives(
    tmp_path: Path, role: str, header: str | None, status: int
) -> None:
    lines = f'{PROXY}\nproxy_role_header = "X-Remote-Role"\nproxy_role = "{role}"'
    async with door(tmp_path, lines) as there:
        sent = {"X-Textback-Proxy": SECRET, "X-Remote-User": "visitor"}
        if header is not None:
            sent["X-Remote-Role"] = header
        client = await there.client(**sent)
        assert (await client.get("/audit", allow_redirects=False)).status == status


async def test_of_a_user_made_here_the_role_here_counts_and_disabled_is_disabled(
    tmp_path: Path,
) -> None:
    lines = f'{PROXY}\nproxy_role_header = "X-Remote-Role"\nproxy_role = "admin"'
    async with door(tmp_path, lines) as there:
        await there.user("anna", "viewer")
        sent = {"X-Textback-Proxy": SECRET, "X-Remote-User": "anna", "X-Remote-Role": "admin"}
        client = await there.client(**sent)
        assert (await client.get("/audit", allow_redirects=False)).status == 403
        await there.store.change_people(lambda db: users.set_disabled(db, "anna", True))
        assert (await client.get("/account", allow_redirects=False)).status == 303


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1, 203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("nonsense", "127.0.0.1"),
        ("203.0.113.9, nonsense", "127.0.0.1"),
        ("", "127.0.0.1"),
        (", ".join(["127.0.0.1"] * 500), "127.0.0.1"),
    ],
)
async def test_the_address_is_the_last_one_that_no_proxy_of_ours_wrote(
    tmp_path: Path, forwarded: str, address: str
) -> None:
    async with door(tmp_path, 'proxies = ["127.0.0.1"]') as there:
        client = await there.client(**{"X-Forwarded-For": forwarded})
        await sign_in(client, "nobody", "x")
        (entry,) = await there.store.audited()
        assert entry.address == address


async def test_nobody_else_says_what_his_address_is(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.client(
            **{"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}
        )
        await sign_in(client, "nobody", "x")
        (entry,) = await there.store.audited()
        assert entry.address == "127.0.0.1"


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_text_in_a_header_is_more_than_an_address_or_none(text: str) -> None:
    found = proxy.read(text)
    assert found is None or found.version in (4, 6)


# --- monitors ------------------------------------------------------------------------------------


async def test_health_and_metrics_are_open_to_this_host_alone(tmp_path: Path) -> None:
    async with door(tmp_path, 'proxies = ["127.0.0.1"]\nmonitors = ["192.0.2.0/24"]') as there:
        far = await there.client(**{"X-Forwarded-For": "203.0.113.9"})
        scraper = await there.client(
            **{"X-Forwarded-For": "192.0.2.9", "Host": "pbx.internal.example"}
        )
        local, token = await there.client(), await there.token("prometheus", "viewer")
        for path in ("/healthz", "/metrics"):
            assert (await local.get(path)).status == 200
            assert (await scraper.get(path)).status == 200
            refused = await far.get(path)
            assert refused.status == 401
            assert refused.content_type == "application/problem+json"
            sent = {"Authorization": f"Bearer {token}"}
            assert (await far.get(path, headers=sent)).status == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *(("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=127.0.0.1")),
        *(("Via", "1.1 proxy"), ("X-Forwarded-Server", "pbx.example.net")),
    ],
)
async def test_behind_a_proxy_nobody_named_this_host_is_not_the_visitor(
    tmp_path: Path, header: str, value: str
) -> None:
    async with door(tmp_path) as there:
        with capture_logs() as logs:
            client = await there.client(**{header: value})
            assert (await client.get("/metrics")).status == 401
        assert "console_proxy_header_ignored" in [one["event"] for one in logs]


@pytest.mark.parametrize("forwarded", [None, "", "unknown"])
async def test_a_proxy_of_ours_that_does_not_say_for_whom_is_not_the_visitor(
    tmp_path: Path, forwarded: str | None
) -> None:
    async with door(tmp_path, 'proxies = ["127.0.0.1"]') as there:
        sent = {"X-Forwarded-Proto": "https"}
        client = await there.client(
            **sent if forwarded is None else sent | {"X-Forwarded-For": forwarded}
        )
        assert (await client.get("/metrics")).status == 401
        local = await there.client()
        assert (await local.get("/metrics")).status == 200

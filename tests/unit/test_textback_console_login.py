"""Signing in and out of the console: cookies, sessions and their ends, lock-out, what is logged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from tests.unit.console_door import NOON, PASSWORD, Door, csrf_of, door, sign_in
from textback.console import cookies
from textback.console.passwords import Checked
from textback.store import users

COOKIE = "textback-8480"


async def account(client: object) -> int:
    answer = await client.get("/account", allow_redirects=False)  # type: ignore[attr-defined]
    return int(answer.status)


# --- the form ------------------------------------------------------------------------------------


async def test_without_users_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        page = await (await (await there.client()).get("/login")).text()
        assert "sudo textback user add NAME" in page
        await there.user("anna")
        page = await (await (await there.client()).get("/login")).text()
        assert "sudo textback" not in page


async def test_who_has_not_signed_in_is_led_to_the_form_and_back(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        client = await there.client()
        asked = await client.get("/account?x=1", allow_redirects=False)
        assert (asked.status, asked.headers["Location"]) == (303, "/login?next=/account%3Fx%3D1")
        page = await (await client.get(asked.headers["Location"])).text()
        assert 'name="next" value="/account?x=1"' in page
        done = await sign_in(client, "anna", next="/account?x=1")
        assert (done.status, done.headers["Location"]) == (303, "/account?x=1")
        assert await account(client) == 200


@pytest.mark.parametrize(
    "where",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example"),
        *(
            "javascript:alert(1)",
            "/login",
            "/logout",
            "evil",
            "",
            "/\r\nX: y",
            "/ü",
            "/" + "a" * 600,
        ),
        *("///evil.example", "/\t/evil.example"),
    ],
)
async def test_signing_in_leads_nowhere_else(tmp_path: Path, where: str) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        done = await sign_in(await there.client(), "anna", next=where)
        assert (done.status, done.headers["Location"]) == (303, "/")


async def test_who_has_signed_in_is_led_on_from_the_form(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        asked = await client.get("/login?next=/account", allow_redirects=False)
        assert (asked.status, asked.headers["Location"]) == (303, "/account")


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "wrong password"), ("nobody", PASSWORD), ("", ""), ("bert", PASSWORD)],
)
async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(
    tmp_path: Path, name: str, password: str
) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        await there.user("bert")
        await there.store.change_people(lambda db: users.set_disabled(db, "bert", True))
        client = await there.client()
        answer = await sign_in(client, name, password)
        page = await answer.text()
        assert answer.status == 403
        assert "That name or password is not right." in page
        assert COOKIE not in answer.headers.get("Set-Cookie", "")
        assert password not in page or not password
        assert await account(client) == 303


async def test_capitals_of_a_name_do_not_matter(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        assert (await sign_in(await there.client(), " Anna ")).status == 303


async def test_a_password_with_an_accent_may_be_typed_in_either_form(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna", password="café in Paris")
        assert (await sign_in(await there.client(), "anna", "cafe\u0301 in Paris")).status == 303


async def test_a_user_without_a_password_cannot_sign_in_with_none(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna", password="")
        for tried in ("", "x", PASSWORD):
            assert (await sign_in(await there.client(), "anna", tried)).status == 403


# --- the cookie ----------------------------------------------------------------------------------


async def test_the_cookie_is_for_this_host_and_not_for_scripts(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        done = await sign_in(await there.client(), "anna")
        (cookie,) = done.headers.getall("Set-Cookie")
        name, _, rest = cookie.partition("=")
        assert name == COOKIE
        parts = rest.split("; ")
        assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"} <= set(parts)
        assert "Secure" not in parts
        assert not any(part.startswith("Domain") for part in parts)


async def test_behind_a_trusted_proxy_with_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    async with door(tmp_path, 'proxies = ["127.0.0.1"]') as there:
        await there.user("anna")
        client = await there.client(
            **{"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
        )
        page = await client.get("/login")
        (visitor,) = page.headers.getall("Set-Cookie")
        assert visitor.startswith("__Host-textback-visitor-8480=")
        assert "Secure" in visitor
        # The client here speaks http, and would not send it by itself.
        sent = {"Cookie": visitor.partition(";")[0]}
        fields = {"name": "anna", "password": PASSWORD, "csrf": csrf_of(await page.text())}
        done = await client.post("/login", data=fields, headers=sent, allow_redirects=False)
        (cookie,) = done.headers.getall("Set-Cookie")
        assert done.status == 303
        assert cookie.startswith(f"__Host-{COOKIE}=")
        assert "; Secure" in cookie
        sent = {"Cookie": cookie.partition(";")[0]}
        assert (await client.get("/account", headers=sent, allow_redirects=False)).status == 200
        plain = {"Cookie": sent["Cookie"].removeprefix("__Host-")}
        assert (await client.get("/account", headers=plain, allow_redirects=False)).status == 303


async def test_the_store_has_no_token_and_no_password(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        token = client.session.cookie_jar.filter_cookies(there.server.make_url("/"))[COOKIE].value
        await there.store.take_over_log()
        blob = b"".join(f.read_bytes() for f in tmp_path.glob("textback.db*"))
        assert token.encode() not in blob
        assert PASSWORD.encode() not in blob
        assert cookies.digest(token).encode() in blob


async def test_a_session_somebody_planted_before_is_not_the_one_afterwards(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        mallory = await there.signed_in("mallory")
        planted = _token(there, mallory)
        victim = await there.client()
        victim.session.cookie_jar.update_cookies({COOKIE: planted}, there.server.make_url("/"))
        # The form itself leads on, since the planted session counts; a sign-in by hand does not.
        page = await (await there.client()).get("/login")
        visitor = page.headers["Set-Cookie"].partition(";")[0]
        fields = {"name": "anna", "password": PASSWORD, "csrf": csrf_of(await page.text())}
        sent = {"Cookie": f"{visitor}; {COOKIE}={planted}"}
        raw = await there.client()
        done = await raw.post("/login", data=fields, headers=sent, allow_redirects=False)
        assert done.status == 303
        fresh = done.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
        assert fresh != planted
        # What was planted has ended with it, and is nobody's now.
        assert (
            await there.store.session(cookies.digest(planted), NOON, NOON.replace(year=2000))
            is None
        )
        assert await account(mallory) == 303


@pytest.mark.parametrize(
    "made_up", ["x", "A" * 43, "A" * 5000, "a b", "%00", "'; DROP TABLE users;--"]
)
async def test_a_made_up_cookie_is_nobodys_and_is_not_taken_over(
    tmp_path: Path, made_up: str
) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        client = await there.client()
        answer = await client.get(
            "/account", headers={"Cookie": f'{COOKIE}="{made_up}"'}, allow_redirects=False
        )
        assert answer.status == 303
        client.session.cookie_jar.update_cookies({COOKIE: made_up}, there.server.make_url("/"))
        done = await sign_in(client, "anna")
        assert done.headers["Set-Cookie"].partition(";")[0] != f"{COOKIE}={made_up}"


def _token(there: Door, client: object) -> str:
    jar = client.session.cookie_jar  # type: ignore[attr-defined]
    return str(jar.filter_cookies(there.server.make_url("/"))[COOKIE].value)


# --- how it ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["disabled", "removed", "another password"])
async def test_who_is_shut_out_while_the_password_is_looked_at_does_not_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """That takes some tens of milliseconds, and longer where many sign in."""
    async with door(tmp_path) as there:
        await there.user("boss", "admin")
        await there.user("anna")
        passwords = there.backend.gate.passwords
        looks, other = passwords.check, passwords.hash("another password")
        verbs: dict[str, Callable[[Connection], object]] = {
            "disabled": lambda db: users.set_disabled(db, "anna", True),
            "removed": lambda db: users.remove(db, "anna"),
            "another password": lambda db: users.set_password(db, "anna", other, NOON),
        }

        async def check(kept: str, password: str) -> Checked:
            found = await looks(kept, password)
            await there.store.change_people(verbs[what])
            return found

        monkeypatch.setattr(passwords, "check", check)
        client = await there.client()
        answer = await sign_in(client, "anna")
        assert (answer.status, "Set-Cookie" in answer.headers) == (403, False)
        assert (await client.get("/account", allow_redirects=False)).status == 303


async def test_a_session_ends_when_nobody_does_anything(tmp_path: Path) -> None:
    async with door(tmp_path, 'session_idle = "2h"') as there:
        client = await there.signed_in()
        for _ in range(3):
            there.clock.later(hours=1.5)
            assert await account(client) == 200
        there.clock.later(hours=2)
        assert await account(client) == 303


async def test_a_page_that_keeps_itself_up_to_date_keeps_nobody_signed_in(tmp_path: Path) -> None:
    async with door(tmp_path, 'session_idle = "2h"') as there:
        client = await there.signed_in()
        for _ in range(3):
            there.clock.later(minutes=30)
            part = await client.get("/account", headers={"X-Part": "page"}, allow_redirects=False)
            assert part.status == 200
        there.clock.later(minutes=30)
        assert await account(client) == 303


async def test_a_session_ends_however_busy_it_is(tmp_path: Path) -> None:
    async with door(tmp_path, 'session_longest = "3d"') as there:
        client = await there.signed_in()
        for _ in range(8):
            there.clock.later(hours=8.9)
            assert await account(client) == 200
        there.clock.later(hours=1)
        assert await account(client) == 303


async def test_signing_out_ends_the_session_itself(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        token = _token(there, client)
        page = await (await client.get("/account")).text()
        done = await client.post("/logout", data={"csrf": csrf_of(page)}, allow_redirects=False)
        assert (done.status, done.headers["Location"]) == (303, "/login")
        assert f"{COOKIE}=;" in done.headers["Set-Cookie"]
        assert "Max-Age=0" in done.headers["Set-Cookie"]
        again = await (await there.client()).get(
            "/account", headers={"Cookie": f"{COOKIE}={token}"}, allow_redirects=False
        )
        assert again.status == 303


@pytest.mark.parametrize("what", ["passwd", "role", "disable", "remove"])
async def test_what_the_command_line_changes_ends_sessions_at_once(
    tmp_path: Path, what: str
) -> None:
    async with door(tmp_path) as there:
        await there.user("boss", "admin")
        client, other = await there.signed_in("anna"), await there.signed_in("bert")
        assert await account(client) == 200
        change = {
            "passwd": lambda db: users.set_password(db, "anna", "x", there.clock()),
            "role": lambda db: users.set_role(db, "anna", "viewer"),
            "disable": lambda db: users.set_disabled(db, "anna", True),
            "remove": lambda db: users.remove(db, "anna"),
        }[what]
        await there.store.change_people(change)
        assert await account(client) == 303
        assert await account(other) == 200


async def test_sessions_outlive_the_service(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        token = _token(there, await there.signed_in())
    async with door(tmp_path) as there:
        sent = {"Cookie": f"{COOKIE}={token}"}
        answer = await (await there.client()).get("/account", headers=sent, allow_redirects=False)
        assert answer.status == 200


# --- too many tries ------------------------------------------------------------------------------


async def test_after_five_wrong_passwords_the_right_one_has_to_wait(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        client = await there.client()
        for _ in range(5):
            assert (await sign_in(client, "anna", "wrong password")).status == 403
        locked = await sign_in(client, "anna")
        page = await locked.text()
        assert locked.status == 429
        assert locked.headers["Retry-After"] == "60"
        assert "Please wait until" in page
        assert "12:01:00" in page  # in New York, where the business is
        there.clock.later(seconds=59)
        assert (await sign_in(client, "anna")).status == 429
        there.clock.later(seconds=1)
        assert (await sign_in(client, "anna")).status == 303


async def test_a_name_that_is_nobodys_is_locked_just_the_same(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.client()
        answers = [(await sign_in(client, "nobody", "wrong password")).status for _ in range(6)]
        assert answers == [403] * 5 + [429]


async def test_a_restart_forgets_no_wrong_password(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        for _ in range(5):
            await sign_in(await there.client(), "anna", "wrong password")
    async with door(tmp_path) as there:
        assert (await sign_in(await there.client(), "anna")).status == 429


async def test_who_guesses_elsewhere_keeps_nobody_out(tmp_path: Path) -> None:
    async with door(tmp_path, 'proxies = ["127.0.0.1"]') as there:
        await there.user("anna")
        home = await there.client(**{"X-Forwarded-For": "192.0.2.7"})
        assert (await sign_in(home, "anna")).status == 303
        for i in range(60):
            far = await there.client(**{"X-Forwarded-For": f"198.51.100.{i % 40}"})
            assert (await sign_in(far, "anna", "wrong password")).status in (403, 429)
        stranger = await there.client(**{"X-Forwarded-For": "203.0.113.9"})
        assert (await sign_in(stranger, "anna")).status == 429
        home = await there.client(**{"X-Forwarded-For": "192.0.2.7"})
        assert (await sign_in(home, "anna")).status == 303


async def test_each_failure_is_one_stable_line(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        client = await there.client()
        with capture_logs() as logs:
            await sign_in(client, "anna", "wrong password")
            await sign_in(client, "my secret password!", "x")
            await sign_in(client, 'x"\n{"event": "forged"}', "x")
        lines = [one for one in logs if one["event"] == "console_login_failed"]
        assert [list(line) for line in lines] == [
            ["address", "reason", "user", "event", "log_level"]
        ] * 3
        assert [line["reason"] for line in lines] == ["password", "unknown", "unknown"]
        assert [line["user"] for line in lines] == ["anna", "?", "?"]
        assert {line["address"] for line in lines} == {"127.0.0.1"}


async def test_a_brute_force_is_a_few_lines_of_the_audit_log(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        await there.user("anna")
        client = await there.client()
        for _ in range(9):
            await sign_in(client, "anna", "wrong password")
        found = await there.store.audited(action="login")
        assert [(e.action, e.who, e.times) for e in found] == [
            ("login.failed", "", 4),
            ("login.failed", "anna", 5),
        ]


async def test_signing_in_and_out_is_in_the_audit_log(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        page = await (await client.get("/account")).text()
        await client.post("/logout", data={"csrf": csrf_of(page)}, allow_redirects=False)
        found = await there.store.audited()
        assert [(e.action, e.who, e.address) for e in found] == [
            ("logout", "anna", "127.0.0.1"),
            ("login", "anna", "127.0.0.1"),
        ]

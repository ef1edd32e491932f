"""/account and /audit: one's own password, settings and sessions; who did what."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.store import reply
from tests.unit.console_door import NOON, PASSWORD, Client, csrf_of, door, sign_in
from textback.console.account_pages import device
from textback.store import auditing, users

NEW = "another long password"
XSS = "<img src=x onerror=alert(1)>"


async def post(client: Client, path: str, **fields: str) -> tuple[int, str]:
    token = csrf_of(await (await client.get("/account")).text())
    answer = await client.post(path, data={"csrf": token, **fields}, allow_redirects=False)
    return answer.status, await answer.text()


async def status(client: Client) -> int:
    return (await client.get("/account", allow_redirects=False)).status


# --- the password --------------------------------------------------------------------------------


async def test_another_password_ends_every_other_session_and_not_this_one(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        here, elsewhere = await there.signed_in(), await there.signed_in()
        changed = await post(here, "/account/password", current=PASSWORD, new=NEW, again=NEW)
        assert changed[0] == 303
        assert "Your password is changed." in await (await here.get("/account")).text()
        assert (await status(here), await status(elsewhere)) == (200, 303)
        assert (await sign_in(await there.client(), "anna", PASSWORD)).status == 403
        assert (await sign_in(await there.client(), "anna", NEW)).status == 303
        assert [e.action for e in await there.store.audited(action="user")] == ["user.password"]


@pytest.mark.parametrize("how", ["password", "one", "all others", "logout"])
async def test_open_pages_of_a_session_that_ended_hear_of_nothing_more(
    tmp_path: Path, how: str
) -> None:
    """At once, not at the next beat: the desk is not one's own any more."""
    async with door(tmp_path) as there:
        here = await there.signed_in()
        user = await there.store.user("anna")
        assert user is not None
        (mine,) = await there.store.sessions_of(user.id, NOON, NOON - timedelta(days=1))
        await there.signed_in()
        found = await there.store.sessions_of(user.id, NOON, NOON - timedelta(days=1))
        (other,) = (one for one in found if one.id != mine.id)
        feed = there.backend.feed
        tabs = {one.id: feed.listen(str(one.id)) for one in (mine, other)}
        does = {
            "password": ("/account/password", {"current": PASSWORD, "new": NEW, "again": NEW}),
            "one": (f"/account/sessions/{other.id}/end", {}),
            "all others": ("/account/sessions/end", {}),
            "logout": ("/logout", {}),
        }
        path, fields = does[how]
        assert (await post(here, path, **fields))[0] == 303
        ended = mine if how == "logout" else other
        assert {number for number, tab in tabs.items() if tab.closed} == {ended.id}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"current": "wrong password", "new": NEW, "again": NEW}, "This is not your password."),
        ({"current": PASSWORD, "new": NEW, "again": "x"}, "The two are not the same."),
        ({"current": PASSWORD, "new": "short", "again": "short"}, "at least ten characters"),
        ({"current": PASSWORD, "new": "password123", "again": "password123"}, "among the first"),
        ({}, "at least ten characters"),
    ],
)
async def test_what_is_wrong_with_a_password_is_said_beside_it(
    tmp_path: Path, fields: dict[str, str], said: str
) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        found, page = await post(client, "/account/password", **fields)
        assert found == 422
        assert said in page
        assert NEW not in page
        assert (await sign_in(await there.client(), "anna", PASSWORD)).status == 303


async def test_who_finds_a_desk_unlocked_guesses_no_faster_there(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        for _ in range(5):
            await post(client, "/account/password", current="wrong", new=NEW, again=NEW)
        found, _page = await post(client, "/account/password", current=PASSWORD, new=NEW, again=NEW)
        assert found == 422
        assert (await sign_in(await there.client(), "anna", PASSWORD)).status == 429


# --- settings ------------------------------------------------------------------------------------


async def test_language_and_looks_are_kept_and_shown(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        assert (await post(client, "/account/preferences", language="de", theme="dark"))[0] == 303
        page = await (await client.get("/account")).text()
        assert '<html lang="de" data-theme="dark">' in page
        for wrong in ({"language": "xx"}, {"theme": XSS}, {"language": "de", "theme": "blue"}):
            assert (await post(client, "/account/preferences", **wrong))[0] == 422
        again = await there.signed_in()
        assert 'lang="de"' in await (await again.get("/account")).text()


async def test_the_language_of_the_configuration_counts_where_nobody_chose(tmp_path: Path) -> None:
    async with door(tmp_path, 'language = "de"') as there:
        page = await (await (await there.client()).get("/login")).text()
        assert '<html lang="de"' in page


# --- sessions ------------------------------------------------------------------------------------


async def test_one_sees_and_ends_ones_own_sessions_only(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        here = await there.signed_in(**{"User-Agent": "Mozilla/5.0 (Windows NT) Firefox/140.0"})
        other = await there.signed_in(**{"User-Agent": XSS})
        bert = await there.signed_in("bert")
        page = await (await here.get("/account")).text()
        assert "Firefox on Windows" in page
        assert XSS not in page
        assert "&lt;img src=x" in page
        assert page.count("this one") == 1
        assert (await post(bert, "/account/sessions/2/end"))[0] == 404
        assert await status(other) == 200
        assert (await post(here, "/account/sessions/2/end"))[0] == 303
        assert (await status(here), await status(other), await status(bert)) == (200, 303, 200)
        assert (await post(here, "/account/sessions/2/end"))[0] == 404


async def test_signing_out_everywhere_else(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        here, other, third = [await there.signed_in() for _ in range(3)]
        bert = await there.signed_in("bert")
        assert (await post(here, "/account/sessions/end"))[0] == 303
        found = [await status(client) for client in (here, other, third, bert)]
        assert found == [200, 303, 303, 200]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537",
            "Chrome on Linux",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18) Version/18 Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120 Safari/537 Edg/120", "Edge on Windows"),
        ("curl/8.5", "curl"),
        ("", "An unknown browser"),
        ("something else", "something else"),
    ],
)
def test_a_browser_is_named_as_people_do(agent: str, name: str) -> None:
    assert device(agent) == name


# --- who did what --------------------------------------------------------------------------------


async def test_an_admin_reads_the_log_a_page_at_a_time(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        now = there.clock()

        def fill(db: object) -> None:
            for i in range(230):
                auditing.audit(
                    db, f"who{i}", "session", "192.0.2.7", "thread.reply", f"thread {i}", now=now
                )  # type: ignore[arg-type]
            auditing.audit(db, XSS, "token", XSS, XSS, XSS, XSS, now=now)  # type: ignore[arg-type]

        client = await there.signed_in("boss", "admin")
        await there.store.change_people(fill)
        seen: list[str] = []
        path = "/audit?about=thread"
        for _ in range(3):
            page = await (await client.get(path)).text()
            seen += [f"who{i}" for i in range(230) if f"<bdi>who{i}</bdi>" in page]
            found = page.partition('href="/audit?who=&amp;about=thread&amp;before=')[2]
            path = f"/audit?about=thread&before={found.partition(chr(34))[0] or 0}"
        assert sorted(set(seen)) == sorted(f"who{i}" for i in range(230))
        assert len(seen) == 230
        everything = await (await client.get("/audit")).text()
        assert XSS not in everything
        assert '<a href="/inbox/229">' in everything
        one = await (await client.get("/audit?who=Who17")).text()
        assert one.count("<bdi>who17</bdi>") == 1
        assert "<bdi>who18</bdi>" not in one


@pytest.mark.parametrize("query", ["before=x", "before=-1", "about=nothing", "before=1e9"])
async def test_a_query_that_is_none_is_said_so(tmp_path: Path, query: str) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in("boss", "admin")
        assert (await client.get(f"/audit?{query}")).status == 400


async def test_what_a_program_changes_is_in_the_log_and_what_it_reads_is_not(
    tmp_path: Path,
) -> None:
    async with door(tmp_path) as there:
        token = await there.token("crm", "admin")
        client = await there.client(Authorization=f"Bearer {token}")
        found = await (await client.get("/api/v1/audit?action=login")).json()
        assert found == {"lines": [], "next": ""}
        await there.store.record_reply(reply("Hello"))
        answer = await client.post("/api/v1/threads/1/read")
        assert answer.status == 200, await answer.text()
        await client.post("/api/v1/threads/1/done")
        lines = (await (await client.get("/api/v1/audit")).json())["lines"]
        assert [(one["who"], one["via"], one["action"], one["subject"]) for one in lines] == [
            # What says for itself what it did is not told twice.
            ("crm", "token", "thread.done", "thread 1"),
            ("crm", "token", "api", "POST /api/v1/threads/1/read"),
        ]


async def test_the_log_by_the_api_goes_on_where_a_page_ended(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in("boss", "admin")
        for name in ("a", "b", "c"):
            await there.signed_in(name)
        seen, cursor = [], ""
        for _ in range(4):
            query = {"limit": "1", "cursor": cursor}
            found = await (await client.get("/api/v1/audit", params=query)).json()
            seen += [one["who"] for one in found["lines"]]
            cursor = found["next"]
        assert seen == ["c", "b", "a", "boss"]
        assert cursor == ""


# --- what comes between --------------------------------------------------------------------------


async def test_a_password_an_administrator_set_meanwhile_stays(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        make = there.backend.gate.passwords.make

        async def overtaken(new: str) -> str:
            theirs = there.backend.gate.passwords.hash("of the administrator")
            await there.store.change_people(
                lambda db: users.set_password(db, "anna", theirs, there.clock())
            )
            return await make(new)

        there.backend.gate.passwords.make = overtaken  # type: ignore[method-assign]
        said = {"current": PASSWORD, "new": NEW, "again": NEW}
        assert (await post(client, "/account/password", **said))[0] == 422
        assert (await sign_in(await there.client(), "anna", NEW)).status == 403
        kept = await sign_in(await there.client(), "anna", "of the administrator")
        assert kept.status == 303


async def test_what_was_said_to_a_session_that_ended_is_not_said_to_the_next(
    tmp_path: Path,
) -> None:
    async with door(tmp_path) as there:
        client = await there.signed_in()
        assert (await post(client, "/account/preferences", language="en"))[0] == 303
        # Shut out before the next page: SQLite gives the number of the session away once more.
        await there.store.change_people(lambda db: users.set_disabled(db, "anna", True))
        assert there.backend.flashes
        other = await there.signed_in("bert")
        page = await (await other.get("/account")).text()
        assert "Your settings are kept." not in page


async def test_words_for_browsers_that_never_come_back_are_given_up(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        there.backend.flashes.update({f"old {n}": ["x"] for n in range(1_500)})
        client = await there.signed_in()
        assert (await post(client, "/account/preferences", language="en"))[0] == 303
        assert len(there.backend.flashes) == 1_000
        assert "Your settings are kept." in await (await client.get("/account")).text()

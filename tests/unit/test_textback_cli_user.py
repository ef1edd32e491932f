"""`user`, `token` and `audit`: who may use the console, made and changed beside the service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, text
from typer.testing import CliRunner, Result

from tests.unit.configs import BASE, write
from tests.unit.console_door import CHEAP
from textback import cli_user
from textback.cli import app
from textback.console import cookies
from textback.console.passwords import Passwords
from textback.store import auditing, sessions
from textback.store.store import Store

pytestmark = pytest.mark.usefixtures("logging_as_before")

PASSWORD = "correct horse battery"
T = TypeVar("T")


class Site:
    """A configuration with its store, and the commands beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = write(
            folder / "textback.toml", f'[store]\npath = "{folder}/textback.db"\n' + BASE
        )
        self.store(lambda store: store.users())

    def __call__(self, *words: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["--config", str(self.config), *words], input=typed)

    def add(self, name: str, role: str = "agent") -> None:
        done = self("user", "add", name, "--role", role, typed=PASSWORD + "\n")
        assert done.exit_code == 0, done.output

    def store(self, work: Callable[[Store], Awaitable[T]]) -> T:
        async def run() -> T:
            store = await Store.open(self.folder / "textback.db")
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())

    def session(self, name: str) -> None:
        """A browser of this user."""

        async def begin(store: Store) -> None:
            user = await store.user(name)
            assert user is not None
            now = datetime.now(UTC)
            ends = now + timedelta(days=1)
            await store.change_people(
                lambda db: sessions.open_(
                    db, user.id, cookies.fresh(), now, ends, address="192.0.2.7", agent="x"
                )
            )

        self.store(begin)

    def sessions(self) -> int:
        def count(db: Connection) -> int:
            return int(db.execute(text("SELECT count(*) FROM sessions")).scalar_one())

        return self.store(lambda store: store.read(count))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(cli_user, "Passwords", lambda: Passwords(CHEAP))
    return Site(tmp_path)


def rows(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


# --- users ---------------------------------------------------------------------------------------


def test_a_user_is_made_with_the_password_of_standard_input(site: Site) -> None:
    done = site("user", "add", "Anna", "--role", "viewer", typed=PASSWORD + "\n")
    assert done.exit_code == 0, done.output
    assert "anna may sign in as viewer" in done.output
    (told,) = rows(site("user", "list", "--json"))
    assert (told["name"], told["role"], told["disabled"]) == ("anna", "viewer", False)
    user = site.store(lambda store: store.user("ANNA"))
    assert user is not None
    assert asyncio.run(Passwords().check(user.password, PASSWORD)).right


@pytest.mark.parametrize("file", ["pw", "-"])
def test_a_password_may_be_in_a_file(site: Site, file: str) -> None:
    path = site.folder / "pw"
    path.write_text(PASSWORD + "\nnot this line\n")
    given = str(path) if file == "pw" else "-"
    done = site("user", "add", "anna", "--password-file", given, typed=PASSWORD + "\n")
    assert done.exit_code == 0, done.output
    user = site.store(lambda store: store.user("anna"))
    assert user is not None
    assert asyncio.run(Passwords().check(user.password, PASSWORD)).right


def test_no_option_takes_the_password_itself(site: Site) -> None:
    shown = site("user", "add", "--help").output + site("user", "passwd", "--help").output
    assert not re.search(r"--password(?!-file)", shown)


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(site: Site) -> None:
    import pty

    command = [
        sys.executable,
        "-m",
        "textback",
        "--config",
        str(site.config),
        "user",
        "add",
        "anna",
    ]
    own, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            for asked in (b"Password: ", b"The same again: "):
                while not shown.endswith(asked):
                    shown += os.read(own, 1024)
                os.write(own, PASSWORD.encode() + b"\n")
            while process.poll() is None or b"may sign in" not in shown:
                try:
                    shown += os.read(own, 1024)
                except OSError:  # the other end is closed
                    break
            assert process.wait(60) == 0, shown
        finally:
            os.close(own)
    assert b"anna may sign in as agent" in shown
    assert PASSWORD.encode() not in shown


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("add", "anna"), "short\n", "at least 10 characters"),
        (("add", "anna"), "\n", "there is no password"),
        (("add", "anna"), "", "there is no password"),
        (("add", "anna"), "password123\n", "among the first"),
        (("add", "annamueller"), "annamueller\n", "is the name"),
        (("add", "anna"), "tab\tinside it\n", "cannot be typed"),
        (("add", "an na"), PASSWORD, "no name for a user"),
        (("add", ""), PASSWORD, "no name for a user"),
        (("add", "-x"), PASSWORD, ""),
        (("add", "<b>"), PASSWORD, "no name for a user"),
        (("add", "a" * 41), PASSWORD, "no name for a user"),
        (("add", "anna", "--role", "owner"), PASSWORD, "allowed: admin, agent, viewer"),
        (("add", "anna", "--phone", "101"), PASSWORD, "PJSIP/101"),
        (("add", "anna", "--phone", "PJSIP/101", "--pbx", "other"), PASSWORD, "allowed: pbx"),
        (("add", "anna", "--pbx", "pbx"), PASSWORD, "says nothing without a phone"),
        (("add", "anna", "--password-file", "/nowhere"), "", "cannot be read"),
        (("passwd", "nobody"), PASSWORD, "there is no user nobody"),
        (("role", "nobody", "agent"), "", "there is no user nobody"),
        (("role", "anna", "owner"), "", "allowed: admin, agent, viewer"),
        (("disable", "nobody"), "", "there is no user nobody"),
        (("enable", "nobody"), "", "there is no user nobody"),
        (("remove", "nobody"), "", "there is no user nobody"),
        (("phone", "nobody", "PJSIP/101"), "", "there is no user nobody"),
        (("phone", "anna", "SIP/101"), "", "PJSIP/101"),
    ],
)
def test_a_mistake_is_said_in_a_line_and_changes_nothing(
    site: Site, words: tuple[str, ...], typed: str, said: str
) -> None:
    done = site("user", *words, typed=typed)
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert site.store(lambda store: store.users()) == []


def test_a_name_is_there_once_however_it_is_written(site: Site) -> None:
    site.add("anna")
    done = site("user", "add", "ANNA", typed=PASSWORD)
    assert done.exit_code == 2
    assert "there is a user anna already" in done.output


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        (("passwd", "anna"), True),
        (("role", "anna", "viewer"), True),
        (("role", "anna", "agent"), False),
        (("disable", "anna"), True),
        (("remove", "anna"), True),
        (("phone", "anna", "PJSIP/101"), False),
        (("enable", "anna"), False),
    ],
)
def test_what_a_user_may_no_longer_do_ends_his_sessions(
    site: Site, words: tuple[str, ...], ends: bool
) -> None:
    site.add("anna")
    site.add("bert")
    site.session("anna")
    site.session("bert")
    done = site("user", *words, typed="a new long password\n")
    assert done.exit_code == 0, done.output
    assert site.sessions() == (1 if ends else 2)


def test_the_last_admin_stays_one_while_there_are_others(site: Site) -> None:
    site.add("boss", "admin")
    site.add("anna")
    for words in (("role", "boss", "agent"), ("disable", "boss"), ("remove", "boss")):
        done = site("user", *words)
        assert done.exit_code == 2
        assert "the last admin" in done.output
    site.add("second", "admin")
    assert site("user", "remove", "boss").exit_code == 0
    # Alone he may go: then there is nobody whom it could shut in.
    assert site("user", "remove", "anna").exit_code == 0
    assert site("user", "remove", "second").exit_code == 0


def test_an_admin_who_may_not_sign_in_is_no_other_admin(site: Site) -> None:
    site.add("boss", "admin")
    site.add("second", "admin")
    assert site("user", "disable", "second").exit_code == 0
    for words in (("role", "boss", "agent"), ("disable", "boss"), ("remove", "boss")):
        assert site("user", *words).exit_code == 2, words
    assert site("user", "enable", "second").exit_code == 0
    assert site("user", "disable", "boss").exit_code == 0


def test_who_comes_through_the_proxy_only_needs_no_password(site: Site) -> None:
    done = site("user", "add", "anna", "--no-password")
    assert done.exit_code == 0, done.output
    assert "through the proxy only" in site("user", "list").output
    assert rows(site("user", "list", "--json"))[0]["password"] is False


def test_a_desk_phone_is_kept_and_taken_away(site: Site) -> None:
    site.add("anna")
    assert "anna is at PJSIP/101" in site("user", "phone", "anna", "PJSIP/101").output
    assert rows(site("user", "list", "--json"))[0]["phone"] == "PJSIP/101"
    assert "no desk phone" in site("user", "phone", "anna").output


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_only_its_hash_is_kept(site: Site) -> None:
    done = site("token", "add", "crm", "--role", "agent", "--expires", "90d")
    assert done.exit_code == 0, done.output
    token = done.stdout.strip()
    assert re.fullmatch(r"tbk_[A-Za-z0-9_-]{43}", token)
    assert token not in site("token", "list").output + site("token", "list", "--json").output
    (told,) = rows(site("token", "list", "--json"))
    assert (told["name"], told["role"], told["used"]) == ("crm", "agent", None)
    ends = datetime.fromisoformat(str(told["expires"])) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < ends <= timedelta(days=90)
    kept = site.store(lambda store: store.token(cookies.digest(token)))
    assert kept is not None
    blob = b"".join(file.read_bytes() for file in site.folder.glob("textback.db*"))
    assert token.encode() not in blob
    assert site("token", "revoke", "crm").exit_code == 0
    assert site.store(lambda store: store.tokens()) == []


def test_the_desk_phone_of_a_token_is_kept_shown_and_taken_away(site: Site) -> None:
    assert site("token", "add", "crm", "--phone", "PJSIP/101").exit_code == 0
    assert rows(site("token", "list", "--json"))[0]["phone"] == "PJSIP/101"
    assert "rings PJSIP/102" in site("token", "phone", "crm", "PJSIP/102").output
    assert "PJSIP/102" in site("token", "list").output
    assert "no desk phone" in site("token", "phone", "crm").output
    assert rows(site("token", "list", "--json"))[0]["phone"] == ""
    assert "token.phone" in site("audit", "--action", "token").output


def test_who_is_there_already_is_said_before_a_password_is_asked_for(site: Site) -> None:
    site.add("anna")
    done = site("user", "add", "anna", typed="")
    assert "there is a user anna already" in done.output
    assert "textback user passwd anna" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "crm", "--role", "owner"), "allowed: admin, agent, viewer"),
        (("add", "crm", "--expires", "soon"), "duration"),
        (("add", "crm", "--expires", "1s"), "at least a minute"),
        (("add", "c r m"), "no name for a token"),
        (("add", "there"), "there is a token there already"),
        (("add", "crm", "--phone", "101"), "no phone"),
        (("add", "crm", "--pbx", "pbx"), "without a phone"),
        (("phone", "nothing", "PJSIP/101"), "textback token list names them all"),
        (("revoke", "nothing"), "there is no token nothing"),
    ],
)
def test_a_mistake_with_a_token_is_said_in_a_line(
    site: Site, words: tuple[str, ...], said: str
) -> None:
    assert site("token", "add", "there").exit_code == 0
    done = site("token", *words)
    assert done.exit_code == 2
    assert said in done.output
    assert len(site.store(lambda store: store.tokens())) == 1


# --- who did what --------------------------------------------------------------------------------


def test_every_change_by_the_command_line_is_in_the_log_with_who_made_it(site: Site) -> None:
    site.add("anna")
    site("user", "passwd", "anna", typed="a new long password\n")
    site("user", "role", "anna", "viewer")
    site("user", "phone", "anna", "PJSIP/101")
    site("user", "disable", "anna")
    site("user", "enable", "anna")
    site("token", "add", "crm")
    site("token", "revoke", "crm")
    site("user", "remove", "anna")
    found = rows(site("audit", "--json"))
    assert [one["action"] for one in found] == [
        *("user.remove", "token.revoke", "token.add", "user.enable", "user.disable"),
        *("user.phone", "user.role", "user.password", "user.add"),
    ]
    assert {one["via"] for one in found} == {"cli"}
    assert all(one["who"] for one in found)
    assert found[-3]["detail"] == "agent -> viewer"
    assert len(rows(site("audit", "--json", "--action", "token"))) == 2
    assert len(rows(site("audit", "--json", "--limit", "3"))) == 3
    assert rows(site("audit", "--json", "--who", "nobody")) == []
    assert "user anna" in site("audit").output


def test_what_is_pasted_elsewhere_names_no_number(site: Site) -> None:
    now = datetime.now(UTC)

    def fill(db: Connection) -> None:
        auditing.audit(
            db,
            "anna",
            "cli",
            "",
            "case.note",
            "case 1",
            "+12125550123",
            now=now - timedelta(hours=2),
        )

    site.store(lambda store: store.change_people(fill))
    assert "+12125550123" in site("audit").output
    assert "+12125550123" not in site("audit", "--mask").output
    assert rows(site("audit", "--json", "--since", "1h")) == []
    assert len(rows(site("audit", "--json", "--since", "3h"))) == 1
    assert site("audit", "--since", "soon").exit_code == 2

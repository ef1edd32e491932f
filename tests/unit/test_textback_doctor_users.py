"""The doctor's line on who can sign in to the console."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.unit.configs import BASE
from textback.config import Config
from textback.config_load import loads
from textback.doctor import Level
from textback.doctor_users import check_users
from textback.store import users
from textback.store.store import Store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PROXY = """
[console]
proxies = ["127.0.0.1"]
proxy_user_header = "X-Remote-User"
proxy_secret = "0123456789abcdef"
"""


def config(folder: Path, more: str = "") -> Config:
    return loads(f'[store]\npath = "{folder}/textback.db"\n{BASE}{more}')


async def add(store: Store, name: str, role: str, password: str = "x") -> None:
    await store.change_people(lambda db: users.add(db, name, role, password, NOW, phone="", pbx=""))


async def test_who_can_sign_in_is_counted(store: Store, tmp_path: Path) -> None:
    (check,) = await check_users(config(tmp_path))
    assert (check.level, check.found) == (Level.WARN, "nobody can sign in")
    assert "textback user add NAME --role admin" in check.fix
    await add(store, "anna", "agent")
    (check,) = await check_users(config(tmp_path))
    assert check.level is Level.WARN
    assert "textback user role NAME admin" in check.fix
    await add(store, "boss", "admin")
    (check,) = await check_users(config(tmp_path))
    assert (check.level, check.found) == (Level.OK, "2 users, 1 of them admin; 0 tokens")
    # Without a password and without a proxy nobody comes in.
    await add(store, "carl", "admin", password="")
    (check,) = await check_users(config(tmp_path))
    assert check.found.startswith("2 users")
    (check,) = await check_users(config(tmp_path, PROXY))
    assert check.found.startswith("3 users, 2 of them admin")


async def test_behind_a_proxy_that_signs_in_no_user_is_needed(store: Store, tmp_path: Path) -> None:
    (check,) = await check_users(config(tmp_path, PROXY))
    assert check.level is Level.OK


async def test_without_a_console_or_a_store_nothing_is_said(tmp_path: Path) -> None:
    assert await check_users(config(tmp_path)) == []
    assert await check_users(config(tmp_path, "[console]\nenabled = false\n")) == []

"""The doctor's look at the console's door: whether anybody can sign in, and change things."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textback.config import Config
from textback.doctor import Check, ok, warn
from textback.store.errors import StoreError
from textback.store.store import Store

AREA = "users"


async def check_users(config: Config) -> list[Check]:
    """Users and tokens; nothing where the console is off or the store cannot be read."""
    path = Path(config.store.path)
    if not config.console.enabled or not await asyncio.to_thread(path.is_file):
        return []
    try:
        store = await Store.open(path, migrate=False)
    except StoreError:
        return []  # `check_store` has said it
    try:
        return await _look(store, config)
    except StoreError:
        return []
    finally:
        await store.close()


async def _look(store: Store, config: Config) -> list[Check]:
    users = [user for user in await store.users() if not user.disabled]
    proxied = bool(config.console.proxy_user_header)
    able = [user for user in users if user.password or proxied]
    if not able:
        if proxied:
            return [ok(AREA, f"signing in through {', '.join(config.console.proxies)} only")]
        return [warn(AREA, "nobody can sign in", "textback user add NAME --role admin")]
    admins = [user for user in able if user.role == "admin"]
    tokens = len(await store.tokens())
    plural = "user" if len(able) == 1 else "users"
    told = f"{len(able)} {plural}, {len(admins)} of them admin; {tokens} tokens"
    if not admins and config.console.proxy_role != "admin" and not config.console.proxy_role_header:
        return [warn(AREA, told, "textback user role NAME admin: nobody may change a number")]
    return [ok(AREA, told)]

"""The doctor's look at the console's file of conf.d: whether the service can change numbers."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from textback import config_managed as managed
from textback.config import Config
from textback.config_managed import ManagedError
from textback.doctor import Check, ok, warn

AREA = "console"
_OFF = "or set edit = false under [console]: its page on numbers is for reading then"


async def check_console(config: Config, main: Path) -> list[Check]:
    """One line; none where the console may not or need not change anything. `main` is the path of
    textback.toml."""
    if not (config.console.enabled and config.console.edit):
        return []
    return await asyncio.to_thread(_look, config, managed.path_of(main))


def _look(config: Config, path: Path) -> list[Check]:
    try:
        overrides = managed.parse(managed.read(path), path)
    except ManagedError as error:
        return [warn(AREA, str(error), f"rename it, {_OFF}")]
    why = managed.obstacle(path) or _for_the_service(path.parent, Path(config.store.path).parent)
    if why:
        what, _, cure = why.partition(": ")
        return [warn(AREA, f"numbers cannot be changed in the console: {what}", f"{cure}; {_OFF}")]
    count = len(overrides.numbers)
    said = f"{path} changes {count} number{'' if count == 1 else 's'}" if count else "nothing yet"
    return [ok(AREA, f"numbers can be changed in the console; {said}")]


def _for_the_service(folder: Path, store: Path) -> str:
    """As root everything can be written; whose the store is tells who the service is."""
    try:
        service, at = store.stat(), folder.stat()
    except OSError:
        return ""  # told where the store is looked at
    if os.geteuid() != 0 or service.st_uid == 0:
        return ""
    group = at.st_gid == service.st_gid and at.st_mode & 0o020
    if (at.st_uid == service.st_uid and at.st_mode & 0o200) or group or at.st_mode & 0o002:
        return ""
    return f"the service may not write in {folder}: chmod 3770 {folder}, with the service's group"

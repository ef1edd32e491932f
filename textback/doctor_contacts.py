"""The doctor's eye on contacts: can the service read their files, and what is in them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from textback import contacts_astdb, contacts_files
from textback.config import Config
from textback.contacts import Found, Rules
from textback.doctor import Check, ok, warn

AREA = "contacts"
#: Rows that could not be used and are told one by one.
TOLD = 3


async def check_contacts(config: Config) -> list[Check]:
    """Reads every file as the service would, and changes nothing."""
    return await asyncio.to_thread(_check, config)


def _check(config: Config) -> list[Check]:
    rules = contacts_files.rules_of(config)
    found: list[Check] = []
    for pattern in config.contacts.files:
        files = contacts_files.files_of([pattern])
        if not files:
            fix = "put the file there, or take the line out; its folder must be open to the service"
            found.append(warn(AREA, f"{pattern}: there is no such file", fix))
        found += [_file(source, path, rules) for source, path in files.items()]
    for pbx in config.pbx:
        if pbx.astdb_sqlite:
            found.append(_phonebook(pbx.name, Path(pbx.astdb_sqlite), rules))
    return found


def _file(source: str, path: Path, rules: Rules) -> Check:
    try:
        read = contacts_files.read(path, rules, source)
        mode = path.stat().st_mode
    except OSError as error:
        return warn(AREA, f"{path}: {error.strerror or error}", _readable(path))
    if os.geteuid() == 0 and not mode & 0o044:
        return warn(AREA, f"{path}: only its owner may read it", _readable(path))
    return _told(str(path), read)


def _phonebook(pbx: str, path: Path, rules: Rules) -> Check:
    try:
        return _told(str(path), contacts_astdb.of_file(path, rules, f"astdb:{pbx}"))
    except OSError as error:
        return warn(AREA, str(error), f"{_readable(path)}; or set astdb = true instead")


def _readable(path: Path) -> str:
    return f"chgrp textback {path}; chmod g+r {path}"


def _told(where: str, read: Found) -> Check:
    if read.refused:
        return warn(AREA, f"{where} {read.refused}", "its contacts stay as they were read last")
    numbers = len({contact.number for contact in read.contacts})
    said = f"{where}: {numbers} numbers"
    skipped = len(read.problems) + read.more_problems
    if not skipped:
        return ok(AREA, said)
    # Lines alone: what stands in them is about people.
    lines = ", ".join(str(problem.line) for problem in read.problems[:TOLD])
    more = ", ..." if skipped > TOLD else ""
    fix = f"textback contacts import --dry-run {where} tells each with its reason"
    return warn(AREA, f"{said}; {skipped} rows could not be used: line {lines}{more}", fix)

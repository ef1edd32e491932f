"""Keeps the contacts: reads their files and phonebooks at the start, at a reload, on changes.

    a file is new, or has changed               read; its rows exchanged in one transaction
    it is not there any more, or not configured its rows are removed
    it cannot be read, or is not of its kind    its rows stay as they were, and a warning says why
    astdb_every has passed, or the link is up   an Asterisk's phonebook is read again
      and it was not read yet

Rules for numbers and tags are part of what is compared: a reload that changes them reads all anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from textback import contacts_astdb, contacts_files
from textback.config import Config, PbxConfig
from textback.contacts import Found, Rules
from textback.store.errors import StoreError
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: Kinds of sources that are exchanged here; what was imported or entered by hand is left alone.
KINDS = ("csv", "vcard", "astdb")
#: Rows of a source that are told one by one.
TOLD = 5


class PbxLink(Protocol):
    """What is asked of a link to a PBX."""

    @property
    def state(self) -> str: ...
    async def action(self, name: str, **fields: str) -> list[dict[str, str]]: ...


class ContactsDesk:
    """The one task that keeps them; `run` is its life, `reload` has it look at once."""

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        links: Mapping[str, PbxLink],
        *,
        errors: type[Exception],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`errors`: what an AMI action fails with; `clock` counts seconds."""
        self._store = store
        self._config = config
        self._links = links
        self._errors = errors
        self._clock = clock
        self._wake = asyncio.Event()
        self._read: dict[str, tuple[contacts_files.Stamp, Rules]] = {}
        self._asked: dict[str, float] = {}  # by source: when its phonebook was read
        self._warned: dict[str, str] = {}  # by source: what was last said against it
        self._known: tuple[str, ...] | None = None

    def reload(self) -> None:
        """The configuration has changed: look at everything now."""
        self._asked.clear()
        self._known = None
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.look()
            except StoreError as error:
                log.warning("contacts_not_stored", error=str(error))
            try:
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _pause(self) -> float:
        contacts = self._config().contacts
        every = contacts.check_every if contacts.files else contacts.astdb_every
        waits = any(source not in self._asked for source in self._phonebooks())
        return min(every, contacts.check_every) if waits else every

    async def look(self) -> None:
        """Once through all sources. Raises StoreError, and then reads the rest the next time."""
        config = self._config()
        rules = contacts_files.rules_of(config)
        files = await asyncio.to_thread(contacts_files.files_of, config.contacts.files)
        keep = (*files, *self._phonebooks())
        if keep != self._known:
            gone = await self._store.keep_contact_sources(keep, KINDS)
            for source, count in gone.items():
                self._forget(source)
                log.info("contacts_removed", source=source, contacts=count)
            self._known = keep
        for source, path in files.items():
            await self._file(source, path, rules)
        for source, pbx in self._phonebooks().items():
            await self._phonebook(source, pbx, rules)

    def _phonebooks(self) -> dict[str, PbxConfig]:
        return {f"astdb:{p.name}": p for p in self._config().pbx if p.astdb or p.astdb_sqlite}

    def _forget(self, source: str) -> None:
        self._read.pop(source, None)
        self._warned.pop(source, None)

    async def _file(self, source: str, path: Path, rules: Rules) -> None:
        try:
            stamp = await asyncio.to_thread(contacts_files.stamp_of, path)
            if self._read.get(source) == (stamp, rules):
                return
            found = await asyncio.to_thread(contacts_files.read, path, rules, source)
        except OSError as error:
            self._warn(source, error.strerror or str(error))
            return
        if await self._exchange(source, found):
            self._read[source] = (stamp, rules)

    async def _phonebook(self, source: str, pbx: PbxConfig, rules: Rules) -> None:
        last = self._asked.get(source)
        if last is not None and self._clock() < last + self._config().contacts.astdb_every:
            return
        if pbx.astdb_sqlite:
            try:
                path = Path(pbx.astdb_sqlite)
                found = await asyncio.to_thread(contacts_astdb.of_file, path, rules, source)
            except OSError as error:
                self._asked[source] = self._clock()
                self._warn(source, str(error))
                return
        else:
            link = self._links.get(pbx.name)
            if link is None or link.state != "up":
                return  # it is asked as soon as the link is there
            try:
                rows = await link.action("DBGetTree", Family=contacts_astdb.FAMILY)
            except self._errors as error:
                # An empty family is an error to Asterisk.
                if "not found" not in str(error).lower():
                    self._asked[source] = self._clock()
                    self._warn(source, str(error))
                    return
                rows = []
            found = await asyncio.to_thread(contacts_astdb.of_rows, rows, rules, source)
        if await self._exchange(source, found):
            self._asked[source] = self._clock()

    async def _exchange(self, source: str, found: Found) -> bool:
        if found.refused:
            self._warn(source, found.refused)
            return True  # until it changes there is nothing else to say
        done = await self._store.exchange_contacts(source, found.contacts, datetime.now(UTC))
        self._warned.pop(source, None)
        skipped = len(found.problems) + found.more_problems
        log.info(
            "contacts_read",
            source=source,
            contacts=done.total,
            added=done.added,
            changed=done.changed,
            removed=done.removed,
            skipped=skipped,
            without_number=found.without_number,
        )
        if skipped:
            # Lines, not what stands in them: those are people.
            lines = [problem.line for problem in found.problems[:TOLD]]
            log.warning("contacts_rows_skipped", source=source, rows=skipped, lines=lines)
        return True

    def _warn(self, source: str, why: str) -> None:
        """Once for the same trouble: the files are looked at every minute."""
        if self._warned.get(source) != why:
            self._warned[source] = why
            log.warning("contacts_unreadable", source=source, error=why)

"""How everything stands, gathered once for page, API and navigation; kept for some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from textback.console import health_todo
from textback.console.backend import Backend
from textback.console.findings import Findings
from textback.console.health import Health
from textback.console.health_todo import Todo
from textback.model import OutboxState
from textback.store import queue_lists
from textback.store.keeping import files_of

#: Seconds for which the navigation's number is believed.
BELIEVED = 15.0
_KNOWN = "health.urgent"


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the page of health shows."""

    health: Health
    findings: Findings
    texts: Mapping[OutboxState, int]  #: of the open states
    todo: tuple[Todo, ...]
    size: int  #: bytes of the database's files
    purged: tuple[datetime, int] | None  #: when the last purge ended, and how many rows went
    contacts: tuple[tuple[str, int, datetime], ...]  #: source, numbers, when one last changed

    @property
    def well(self) -> bool:
        return self.health.ok and not health_todo.urgent(self.todo)


async def standing(backend: Backend) -> Standing:
    """Asks the parts and the store. Raises StoreError."""
    health = await backend.health()
    findings = await backend.examiner.look()
    texts = await backend.store.read(queue_lists.open_counts)
    purged = await backend.store.last_purge()
    found = health_todo.todo(health, findings, texts)
    backend.known[_KNOWN] = (backend.clock(), health_todo.urgent(found))
    return Standing(
        health=health,
        findings=findings,
        texts=texts,
        todo=found,
        size=await asyncio.to_thread(_size, Path(backend.config().store.path)),
        purged=(purged[0], sum(purged[1].values())) if purged is not None else None,
        contacts=tuple(await backend.store.contact_sources()),
    )


async def urgent(backend: Backend) -> int:
    """How many things somebody should see to; a few seconds old at the most."""
    now = backend.clock()
    known = backend.known.get(_KNOWN)
    if known is not None and 0 <= (now - known[0]).total_seconds() < BELIEVED:
        return known[1]
    texts = await backend.store.read(queue_lists.open_counts)
    found = health_todo.todo(await backend.health(), await backend.examiner.look(), texts)
    backend.known[_KNOWN] = (now, health_todo.urgent(found))
    return health_todo.urgent(found)


def forget(backend: Backend) -> None:
    """Something was done about it: what was known is not believed any more."""
    backend.known.pop(_KNOWN, None)


def _size(path: Path) -> int:
    total = 0
    for file in files_of(path):
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # SQLite has just removed its log
            continue
    return total

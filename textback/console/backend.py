"""All that the console's pages are given: the store, and what only the service itself can do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from textback.compose import Measure
from textback.config import Config
from textback.console.dialler import Dialler, NoDialler
from textback.console.feed import Feed
from textback.console.findings import Examiner, NoExaminer
from textback.console.gate import Gate
from textback.console.health import Health
from textback.console.who import Who
from textback.figures_keeper import Advised
from textback.store.store import Store

Identify = Callable[[web.Request], Awaitable[Who | None]]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(kw_only=True)
class Backend:
    """What the pages may ask for. One for each console; tests make their own."""

    store: Store
    config: Callable[[], Config]  #: the one in force
    path: Path  #: of textback.toml
    health: Callable[[], Awaitable[Health]]
    exposition: Callable[[], Awaitable[bytes]]
    kick: Callable[[], None]  #: there are texts to send
    reload: Callable[[], Awaitable[list[str]]]  #: as SIGHUP; the mistakes, none when in force
    measure: Measure  #: text -> segments, encoding, odd characters
    #: The configuration with these texts in place of files of conf.d. Slow, raises ConfigError.
    #: None: this console cannot change anything.
    check: Callable[[Mapping[Path, str]], Config] | None = None
    #: Held while the console's file of conf.d is looked at and changed.
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    feed: Feed = field(default_factory=Feed)
    dialler: Dialler = field(default_factory=NoDialler)  #: calls somebody by a click
    #: What was last recommended; None: nothing was asked for yet.
    advised: Callable[[], Advised | None] = lambda: None
    examiner: Examiner = field(default_factory=NoExaminer)  #: the doctor inside the service
    gate: Gate = field(default_factory=Gate)  #: what the door remembers
    started: datetime = field(default_factory=_now)
    clock: Callable[[], datetime] = _now
    #: Who asks, where it is not the session's, token's or proxy's own way.
    identify: Identify | None = None
    #: What was said at the last action, by session, until it was shown.
    flashes: dict[str, list[str]] = field(default_factory=dict)
    #: Numbers that are dear to ask for and wanted on every page: (when asked, number), by name.
    known: dict[str, tuple[datetime, int]] = field(default_factory=dict)


BACKEND = web.AppKey("backend", Backend)

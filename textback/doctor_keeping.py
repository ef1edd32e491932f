"""The doctor's look at what is kept: how large the store is, and how far back it goes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from textback.config import Config
from textback.doctor import Check, fail, ok, warn
from textback.keeping import KINDS, cutoffs
from textback.store.errors import StoreError
from textback.store.keeping import files_of
from textback.store.store import Store
from textback.store.suppression import KeyMissingError

AREA = "kept"
#: A purge that is late by so much is none that waits for its hour.
LATE = timedelta(days=2)
#: The store is looked at for what is too old by so much more: a night's work is not an illness.
SLACK = timedelta(days=3)


async def check_keeping(config: Config) -> list[Check]:
    """Size and age of the store, the last purge, and the key of the suppression list."""
    path = Path(config.store.path)
    if not await asyncio.to_thread(path.is_file):
        return []
    try:
        store = await Store.open(path, migrate=False)
    except StoreError:
        return []  # `check_store` has said it
    try:
        return await _look(store, config, path)
    except StoreError as error:
        return [fail(AREA, str(error), "see the store above")]
    finally:
        await store.close()


async def _look(store: Store, config: Config, path: Path) -> list[Check]:
    found: list[Check] = []
    try:
        await store.require_suppression_key()
    except KeyMissingError as error:
        found.append(fail(AREA, str(error), "restore the file beside the store, as textback's own"))
    now = datetime.now(UTC)
    size = sum(file.stat().st_size for file in await asyncio.to_thread(files_of, path))
    oldest = [at for kind in KINDS if (at := await store.oldest_kept(kind)) is not None]
    since = f"; the oldest row is of {min(oldest):%Y-%m-%d}" if oldest else ""
    last = await store.last_purge()
    purged = f"; last purge {last[0]:%Y-%m-%d %H:%M} UTC" if last else ""
    found.append(ok(AREA, f"{size / 2**20:.1f} MiB{since}{purged}"))
    old = [
        kind
        for kind, before in cutoffs(config, now - SLACK).items()
        if (at := await store.oldest_kept(kind)) is not None and at < before
    ]
    late = last is None or now - last[0] > LATE
    if old and late:
        told = f"older than [retention] says, and not deleted: {', '.join(old)}"
        cure = "textback purge; the service does it nightly"
        if not config.retention.enabled:
            cure = "textback purge, or retention.enabled = true"
        found.append(warn(AREA, told, cure))
    return found

"""The doctor's eyes on webhooks and notifications: can they be reached, does anything wait?

Nothing is sent: a name is looked up, a connection made, a certificate verified. `textback tell test
NAME` sends.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textback.config import Config
from textback.config_tell import WebhookConfig
from textback.config_tell_check import split_url
from textback.doctor import Check, ok, warn
from textback.store.errors import StoreError
from textback.store.store import Store
from textback.tell_webhook import tls

#: Seconds for a name, a connection and a handshake together.
PATIENCE = 10.0
#: Seconds that something waits before it is worth a word.
LONG = 600.0


async def check(config: Config, parts: Mapping[str, Any] | None) -> AsyncIterator[Check]:
    """`parts`: what the running service says of itself; None where it cannot be asked."""
    for hook in config.webhook:
        yield await check_webhook(hook)
    for notify in config.notify:
        area = f"tell {notify.name}"
        if not notify.url.get_secret_value():
            yield _hidden(area)
        else:
            yield ok(area, f"Apprise can use its URL; textback tell test {notify.name} sends")
    for name, said in _targets(parts).items():
        if said.get("failures"):
            found = f"failed {said['failures']} times in a row: {said.get('says')}"
            cure = f"textback tell list --target {name}; then textback tell test {name}"
            yield warn(f"tell {name}", found, cure)
    for one in await waiting(config):
        yield one


def _hidden(area: str) -> Check:
    told = "its address cannot be read by this user, only by the service"
    return warn(area, told, "try again as root; a systemd credential the service alone is given")


def _targets(parts: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """By name, what the service says of each."""
    told = (parts or {}).get("tell")
    found = told.get("targets") if isinstance(told, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {str(key).partition(" ")[2]: v for key, v in found.items() if isinstance(v, Mapping)}


async def check_webhook(hook: WebhookConfig) -> Check:
    """Look up its name, connect, verify its certificate."""
    area = f"tell {hook.name}"
    parts, problem = split_url(hook.url.get_secret_value())
    if not hook.url.get_secret_value():
        return _hidden(area)
    if parts is None or parts.hostname is None:
        return warn(area, f"its address {problem}", "see [[webhook]] in textback.toml(5)")
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    where = f"{parts.hostname}:{port}"
    try:
        context = tls(hook.tls_ca) if secure else None
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        cure = "is its chain complete? for a CA of your own: tls_ca"
        return warn(area, f"{where}: its certificate does not hold: {error.verify_message}", cure)
    except ssl.SSLError as error:
        return warn(area, f"{where}: no TLS ({error.reason})", "is it https:// on that port?")
    except socket.gaierror:
        return warn(area, f"{parts.hostname} is not known to DNS", "mend the address, or DNS")
    except TimeoutError:
        return warn(area, f"{where}: no connection within {PATIENCE:g} s", "is a firewall between?")
    except OSError as error:
        why = error.strerror or type(error).__name__
        return warn(area, f"{where}: no connection ({why})", "does it listen there?")
    writer.close()
    how = ", its certificate holds" if secure else ", in the open"
    return ok(area, f"{where} reached{how}; textback tell test {hook.name} sends")


async def waiting(config: Config) -> list[Check]:
    """What has waited for long; nothing where there is no store yet."""
    path = Path(config.store.path)
    if not await asyncio.to_thread(path.is_file):
        return []
    try:
        store = await Store.open(path, migrate=False)
    except StoreError:
        return []  # the doctor has said what is wrong with it
    try:
        found = await store.tellings_waiting()
    finally:
        await store.close()
    now = datetime.now(UTC)
    return [
        warn(
            f"tell {one.target}",
            f"{one.queued} events wait to be told, since {one.oldest:%Y-%m-%d %H:%M} UTC",
            f"textback tell list --target {one.target}",
        )
        for one in found
        if (now - one.oldest).total_seconds() > LONG
    ]

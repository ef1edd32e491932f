"""The doctor's eyes on each Asterisk: a login, its permissions, the events that come.

Logging in beside the running daemon disturbs nobody. What the daemon itself says (`/healthz`) is
asked for here too, for both links.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

import aiohttp

from ami_listener.actions import ActionRefused, AmiAction, AmiError
from ami_listener.connection import Connection, LoginRefused
from ami_listener.permissions import (
    DIAL_ACTIONS,
    OPTIONAL_READ_CLASSES,
    READ_CLASSES,
    check_permissions,
)
from ami_listener.settings import PbxSettings
from ami_listener.wire import event_name, parse_headers
from textback import wiring
from textback.config import Config, PbxConfig, SmscConfig
from textback.doctor import Check, fail, ok, warn
from textback.doctor_desk import check_phone

#: Seconds for FullyBooted to come after a login on an Asterisk that is up.
BOOT_WAIT = 3.0
ACTION_WAIT = 10.0
#: Events kept while listening; an unfiltered PBX sends thousands a minute.
MOST_HEARD = 20_000

MANAGER_FIX = (
    "compare with conf/asterisk/manager.d/textback.conf (`make install` puts it into "
    "/usr/local/share/textback/asterisk); then asterisk -rx 'manager reload'"
)
LOGIN_FIX = f"are username, secret and permit/deny what Asterisk has? {MANAGER_FIX}"


async def ask_daemon(config: Config) -> Mapping[str, Any] | None:
    """What the running daemon says of its parts; None when it cannot be asked."""
    if not config.console.enabled:
        return None
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{config.console.listen}/healthz") as response,
        ):
            told = await response.json()
    except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    parts = told.get("parts") if isinstance(told, dict) else None
    return parts if isinstance(parts, dict) else None


def hidden(table: PbxConfig | SmscConfig) -> bool:
    """Whether its secret is there, but not for whoever runs the doctor: a systemd credential is
    seen by the service alone. To log in without it would look like an attack."""
    if isinstance(table, PbxConfig):
        named, secret = table.secret_file or table.secret_credential, table.secret
    else:
        named, secret = table.password_file or table.password_credential, table.password
    return bool(named) and not secret.get_secret_value()


def not_asked(area: str, table: PbxConfig | SmscConfig, config: Config) -> Check:
    """For a link that is `hidden`, while the service does not say how it stands."""
    credential = (
        table.secret_credential if isinstance(table, PbxConfig) else table.password_credential
    )
    ask = "start the service, with [console] enabled: then the doctor asks it"
    if config.console.enabled:
        ask = f"start the service: then the doctor and http://{config.console.listen}/healthz say"
    if not credential:
        return warn(
            area,
            "not tried: its secret cannot be read by this user, only by the service",
            f"try again as root; or {ask}",
        )
    return warn(
        area,
        f"not tried: a shell cannot read the systemd credential {credential!r} with its secret",
        f"{ask}; or, as root, systemd-run --pipe --wait -p LoadCredential={credential}:PATH "
        "textback doctor, with the PATH of the unit's LoadCredential=",
    )


async def check_pbx(
    pbx: PbxConfig, *, listen: float, seen: bool, phones: Sequence[str] = ()
) -> AsyncIterator[Check]:
    """Connect, log in, look at the permissions and its desk `phones`; unless calls were `seen` by
    the daemon, listen for events for `listen` seconds."""
    area = f"ami {pbx.name}"
    settings = wiring.pbx_settings(pbx)
    heard = _Heard()
    try:
        async with Connection(settings, sink=heard.take) as connection:
            await connection.open()
            yield ok(area, f"reached {pbx.host}:{pbx.port}, AMI {connection.ami_version}")
            await connection.login()
            yield ok(area, f"logged in as {pbx.username}")
            for check in await _permissions(area, pbx, connection, phones):
                yield check
            if seen:
                return
            for check in await _listen(area, settings, connection, heard, listen):
                yield check
    except LoginRefused as error:
        yield fail(area, str(error), LOGIN_FIX)
    except (AmiError, OSError, ValueError) as error:
        yield fail(
            area,
            str(error),
            f"is Asterisk running, `enabled = yes` in manager.conf, and {pbx.host}:{pbx.port} the "
            "AMI port? (asterisk -rx 'manager show settings')",
        )


class _Heard:
    """What came while the doctor listened."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.call = asyncio.Event()  #: a channel was born

    def take(self, raw: bytes) -> None:
        if len(self.messages) < MOST_HEARD:
            self.messages.append(raw)
        if event_name(raw) == b"Newchannel":
            self.call.set()


async def _permissions(
    area: str, pbx: PbxConfig, connection: Connection, phones: Sequence[str]
) -> list[Check]:
    booted = await connection.wait_booted(BOOT_WAIT)
    try:
        granted = await check_permissions(connection, pbx.username, ACTION_WAIT)
    except ActionRefused as error:
        return [warn(area, f"permissions could not be asked for: {error}", MANAGER_FIX)]
    found: list[Check] = []
    if not booted and not granted.missing_read:
        found.append(
            warn(
                area,
                "no FullyBooted came: `read` lacks `system`, or Asterisk is still starting",
                f"add system to read; {MANAGER_FIX}",
            )
        )
    for name in granted.missing_read or ():
        level = fail if name == "call" else warn
        found.append(
            level(
                area,
                f"read lacks {name}: {READ_CLASSES[name]}",
                f"add {name} to read; {MANAGER_FIX}",
            )
        )
    found += [
        warn(
            area,
            f"read lacks {name}: {OPTIONAL_READ_CLASSES[name]}",
            f"only if your dialplan uses it: add {name} to read; {MANAGER_FIX}",
        )
        for name in granted.missing_optional or ()
    ]
    if granted.missing_read == ():
        found.append(ok(area, f"read has all of {', '.join(READ_CLASSES)}"))
    if granted.missing_actions:
        told = ", ".join(granted.missing_actions)
        found.append(fail(area, f"not allowed: {told}", f"add reporting to write; {MANAGER_FIX}"))
        if "Getvar" in granted.missing_actions:
            found.append(_blind(area, pbx))
    else:
        found.append(ok(area, "write = reporting: channels and presentation can be asked for"))
    if phones and granted.missing_desk_actions:
        told = f"not allowed: {', '.join(granted.missing_desk_actions)}"
        cure = f"write = reporting,message; {MANAGER_FIX}"
        found.append(warn(area, f"{told}: desk phones are told nothing", cure))
    if pbx.dial_context and granted.missing_dial_actions:
        told = "not allowed: Originate, so dial_context is no use: a click calls nobody"
        cure = f"write = reporting,message,originate, or no dial_context; {MANAGER_FIX}"
        found.append(warn(area, told, cure))
    found += [await check_phone(area, endpoint, connection) for endpoint in phones]
    wanted = DIAL_ACTIONS if pbx.dial_context else ()
    excess = [name for name in granted.excess_actions if name not in wanted]
    if excess:
        told = f"more allowed than is needed: {', '.join(excess)}"
        found.append(warn(area, told, f"write = {_least(pbx, phones)}; {MANAGER_FIX}"))
    if granted.timestamps is False:
        found.append(
            warn(
                area,
                "timestampevents is off: a trace of its events cannot be replayed",
                f"timestampevents = yes in [general]; {MANAGER_FIX}",
            )
        )
    return found


def _least(pbx: PbxConfig, phones: Sequence[str]) -> str:
    """What `write` has to be."""
    more = (("message", bool(phones)), ("originate", bool(pbx.dial_context)))
    return ",".join(["reporting", *(name for name, wanted in more if wanted)])


def _blind(area: str, pbx: PbxConfig) -> Check:
    """What it means that Asterisk will not say whether a caller hides his number."""
    cure = f"add reporting to write; {MANAGER_FIX}"
    if pbx.unknown_presentation == "send":
        told = "callers who hide their number cannot be told from others, and are texted"
        return fail(area, told, cure)
    told = "whether a number is withheld cannot be asked (Getvar): nobody will be texted"
    return fail(area, f"{told}, with the reason presentation_unknown", cure)


async def _listen(
    area: str, settings: PbxSettings, connection: Connection, heard: _Heard, seconds: float
) -> list[Check]:
    """Switch events on, look at the calls there are, and see what comes, up to the first call."""
    await connection.ask(AmiAction({"Action": "Events", "EventMask": "on"}), ACTION_WAIT)
    try:
        rows = await connection.ask(AmiAction({"Action": "CoreShowChannels"}), ACTION_WAIT)
    except ActionRefused:
        rows = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await heard.call.wait()
    connection.raise_if_lost()
    names = Counter((event_name(raw) or b"?").decode("ascii", "replace") for raw in heard.messages)
    found = [_events(area, names, len(rows), seconds)]
    born = [
        h
        for raw in heard.messages
        if event_name(raw) == b"Newchannel"
        for h in [parse_headers(raw)]
    ]
    contexts = Counter(
        headers.get("context", "")
        for headers in born
        if headers.get("channelstatedesc", "").lower() == "ring"
    )
    if contexts:
        found.append(_contexts(area, contexts, settings.inbound.contexts))
    return found


def _events(area: str, names: Counter[str], calls: int, seconds: float) -> Check:
    if "Newchannel" in names or "Hangup" in names:
        told = ", ".join(f"{n} {name}" for name, n in names.most_common(4))
        return ok(area, f"read = call: events arrive ({told})")
    if calls:
        return warn(
            area,
            f"no call event within {seconds:g} s, though {calls} channels are up: either nothing "
            "began or ended, or `read` lacks `call`, or an eventfilter drops them",
            "place a call while `textback doctor --listen 30` runs",
        )
    return warn(
        area,
        f"no call within {seconds:g} s, so whether call events arrive is not known",
        "place a call while `textback doctor --listen 30` runs",
    )


def _contexts(area: str, seen: Mapping[str, int], listed: frozenset[str]) -> Check:
    inbound = {c: n for c, n in seen.items() if any(fnmatchcase(c, p) for p in listed)}
    if inbound:
        told = ", ".join(f"{context} ({n})" for context, n in inbound.items())
        return ok(area, f"calls came in by: {told}")
    told = ", ".join(f"{context} ({n})" for context, n in seen.items())
    return warn(
        area,
        f"calls began in {told}; none of them is in inbound_contexts",
        "if calls from outside begin in one of these, add it to inbound_contexts",
    )


def pbx_by_daemon(pbx: PbxConfig, parts: Mapping[str, Any]) -> list[Check]:
    """What the daemon has seen of this Asterisk since it started."""
    area = f"ami {pbx.name}"
    part = parts.get(f"ami:{pbx.name}")
    if not isinstance(part, dict):
        return [
            warn(area, "the running daemon does not know it", "systemctl reload textback"),
        ]
    if not part.get("ok"):
        return [
            fail(area, f"the daemon's link is {part.get('state')}: {part.get('says')}", MANAGER_FIX)
        ]
    found = [ok(area, f"the daemon's link is up: {part.get('says')}")]
    # Whoever can log in himself sees these for himself.
    for said in part.get("warnings") or () if hidden(pbx) else ():
        found.append(warn(area, str(said), MANAGER_FIX))
        if "`write = reporting`" in str(said):
            found.append(_blind(area, pbx))
    quiet = part.get("last_event_age")
    if isinstance(quiet, int | float):
        found.append(ok(area, f"the daemon's last call event came {quiet:.0f} s ago"))
    seen = part.get("contexts")
    if isinstance(seen, dict) and seen:
        found.append(_contexts(area, seen, frozenset(pbx.inbound_contexts)))
    return found


def calls_seen(pbx: PbxConfig, parts: Mapping[str, Any] | None) -> bool:
    """Whether the daemon has seen a call of this Asterisk: then call events do arrive."""
    part = (parts or {}).get(f"ami:{pbx.name}")
    return isinstance(part, dict) and bool(part.get("contexts"))

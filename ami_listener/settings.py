"""What an AMI link is told (`PbxSettings`) and how it says where it stands (`LinkState`)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ami_listener.actions import check_fields
from ami_listener.tracker import Inbound


class LinkState(StrEnum):
    """Where a link stands; the table in `ami_listener.link` tells what each one waits for."""

    CONNECTING = "connecting"
    LOGGING_IN = "logging_in"
    BOOTING = "booting"
    SYNCING = "syncing"
    UP = "up"
    WAITING = "waiting"
    REFUSED = "refused"
    STOPPED = "stopped"


_FAILS = frozenset({LinkState.WAITING, LinkState.STOPPED})

#: {state: states it may go to}; an absent pair is a bug.
TRANSITIONS: dict[LinkState, frozenset[LinkState]] = {
    LinkState.STOPPED: frozenset({LinkState.CONNECTING}),
    LinkState.CONNECTING: _FAILS | {LinkState.LOGGING_IN},
    LinkState.LOGGING_IN: _FAILS | {LinkState.BOOTING, LinkState.REFUSED},
    LinkState.BOOTING: _FAILS | {LinkState.SYNCING},
    LinkState.SYNCING: _FAILS | {LinkState.UP},
    LinkState.UP: _FAILS,
    LinkState.WAITING: frozenset({LinkState.CONNECTING, LinkState.STOPPED}),
    LinkState.REFUSED: frozenset({LinkState.CONNECTING, LinkState.STOPPED}),
}


@dataclass(frozen=True, kw_only=True)
class PbxSettings:
    """One `[[pbx]]`. Durations are seconds. Raises ValueError for values that cannot work."""

    name: str
    host: str
    username: str
    secret: str = field(repr=False)
    inbound: Inbound
    not_human: frozenset[str] = frozenset()  #: what answers by itself, see `ami_listener.machines`
    dial_context: str = ""  #: where numbers are dialled for who clicks on them; "": nowhere
    port: int = 5038
    tls: ssl.SSLContext | None = None  #: verifying context; None = plain TCP
    server_hostname: str | None = None  #: name in the certificate; None = `host`
    connect_timeout: float = 5.0  #: socket and TLS; then once more for the banner
    login_timeout: float = 10.0
    boot_timeout: float = 60.0
    action_timeout: float = 10.0
    ping_interval: float = 10.0
    ping_timeout: float = 10.0
    backoff_first: float = 0.5
    backoff_max: float = 60.0
    refused_delay: float = 300.0
    resync_interval: float = 900.0
    queue_size: int = 100_000  #: messages between the socket and the tracker
    record: Path | None = None  #: raw AMI bytes are appended here, for `replay`

    def __post_init__(self) -> None:
        check_fields({"Username": self.username, "Secret": self.secret})
        if not self.host or not 0 < self.port < 65536:
            raise ValueError("a host and a port from 1 to 65535 are needed")
        for name in (
            "connect_timeout",
            "login_timeout",
            "boot_timeout",
            "action_timeout",
            "ping_interval",
            "ping_timeout",
            "backoff_first",
            "backoff_max",
            "refused_delay",
            "resync_interval",
            "queue_size",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")

"""What a route to the carrier is told, and what it tells of itself: plain values.

A route is one SMPP account: one transceiver bind, or a transmitter and a receiver bind.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

Alphabet = Literal["gsm", "latin1", "ascii", "ucs2"]
IdFormat = Literal["auto", "same", "hex_dec", "dec_hex"]
LongMessages = Literal["udh", "sar", "payload"]
Validity = Literal["relative", "absolute", "none"]
BindMode = Literal["transceiver", "transmitter+receiver"]


class RouteState(StrEnum):
    """How a bind stands. A route with two binds shows the one that stands worse."""

    CONNECTING = "connecting"  #: TCP and TLS
    BINDING = "binding"  #: bind sent, no answer yet
    BOUND = "bound"
    WAITING = "waiting"  #: for the next attempt: dropped, unreachable, or bound elsewhere
    REFUSED = "refused"  #: the carrier said no to our name or password; long wait
    STOPPED = "stopped"  #: not started, stopping, or stopped


@dataclass(frozen=True, kw_only=True)
class RouteSettings:
    """One `[[smsc]]`; durations in seconds."""

    name: str
    host: str
    system_id: str
    password: str = field(repr=False, default="")
    port: int = 2775
    system_type: str = ""
    address_range: str = ""  #: for SMSCs that route replies by it; most want it empty
    bind: BindMode = "transceiver"
    tls: ssl.SSLContext | None = None  #: see `client_context`
    server_hostname: str | None = None  #: the name in the certificate, where it is not `host`
    window: int = 10  #: most unanswered segments
    rate: float = 10.0  #: segments a second; 0: no limit of ours
    enquire_link: float = 30.0  #: ask for a sign of life after this much silence
    enquire_timeout: float = 10.0  #: twice unanswered: the link is dead
    response_timeout: float = 30.0  #: then a submit is unsure
    connect_timeout: float = 10.0  #: TCP and TLS together
    bind_timeout: float = 10.0
    backoff_first: float = 0.5
    backoff_max: float = 60.0
    refused_delay: float = 300.0  #: carriers lock accounts that knock too often
    already_bound_delay: float = 15.0  #: the carrier must first miss our old connection
    alphabet: Alphabet = "gsm"  #: what data_coding 0 means to this carrier
    id_format: IdFormat = "auto"
    long_messages: LongMessages = "udh"
    source_ton: int | None = None  #: None: detected
    source_npi: int | None = None
    dest_ton: int | None = None
    dest_npi: int | None = None
    service_type: str = ""
    receipts: bool = True  #: ask for delivery receipts (registered_delivery)
    receipts_by_text: bool = False  #: for carriers that do not mark them: read `id:... stat:...`
    country: str = ""  #: ISO 3166: where the national numbers of replies are at home
    validity: Validity = "relative"
    tlvs: tuple[tuple[int, bytes], ...] = ()  #: sent with every submit_sm
    deliver_queue: int = 1000  #: deliver_sm held in memory; more are asked to come again

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError("window must be at least 1 segment")
        if self.rate < 0:
            raise ValueError("rate must not be negative")
        for key in ("enquire_link", "enquire_timeout", "response_timeout", "bind_timeout"):
            if getattr(self, key) <= 0:
                raise ValueError(f"{key} must be more than 0 seconds")

    @property
    def peer(self) -> str:
        """The carrier as shown to the operator."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStatus:
    """A route's health at one moment, for `/healthz`, `/metrics` and the console."""

    name: str
    peer: str
    state: RouteState
    detail: str  #: a sentence for the operator
    binds: tuple[tuple[str, RouteState, str], ...]  #: (role, state, detail) of each connection
    smsc: str  #: system_id the SMSC gave in its bind_resp
    bound_since: datetime | None
    last_heard: datetime | None  #: last bytes from the SMSC
    window: int
    in_flight: int  #: segments written and not answered
    waiting: int  #: segments accepted from delivery and not written
    rate: float  #: segments a second allowed now; 0: no limit
    paused: float  #: seconds until the carrier's throttling is honoured


def client_context(
    *, ca: Path | None = None, cert: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """TLS for a route: the peer is verified against `ca`, or the system's CAs when None.

    Raises OSError (ssl.SSLError among them) when a file cannot be read or is not what it should be.
    """
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context

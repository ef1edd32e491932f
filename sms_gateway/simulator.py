"""A small SMSC for trying things out: takes texts and shows them, sends receipts and replies.

It keeps everything in memory and nothing for long. It is meant for loopback: `textback
simulate-smsc`, `make demo`, tests. It behaves as carriers do where that matters to a client: parts
have ids of their own, receipts come later and for each part, a delivery that is refused for the
moment comes again, one that finds no receiver bound waits for it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

import structlog

from sms_gateway import encoding
from sms_gateway.addresses import address
from sms_gateway.decoding import decode
from sms_gateway.pdu import Pdu, PduError
from sms_gateway.reassembly import Reassembler, place, shown
from sms_gateway.settings import Alphabet
from sms_gateway.simulator_peer import ROK, Delivery, Peer
from sms_gateway.tlv import Tag
from textback.model import ReceiptState

log = structlog.get_logger()

RINVPASWD, RINVSYSID, RINVDSTADR, RTHROTTLED = 0x0E, 0x0F, 0x0B, 0x58
ESM_RECEIPT = 0x04  #: SMPP 3.4 section 5.2.12
#: message_state, section 5.2.28.
STATES = {
    ReceiptState.ENROUTE: 1,
    ReceiptState.DELIVERED: 2,
    ReceiptState.EXPIRED: 3,
    ReceiptState.DELETED: 4,
    ReceiptState.UNDELIVERABLE: 5,
    ReceiptState.ACCEPTED: 6,
    ReceiptState.UNKNOWN: 7,
    ReceiptState.REJECTED: 8,
}
MAX_KEPT = 10_000  #: deliveries that wait for a receiver
MAX_ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """How the simulator behaves; durations in seconds."""

    host: str = "127.0.0.1"
    port: int = 2775  #: 0: any free one, then `Simulator.port`
    allow_remote: bool = False  #: else only loopback addresses are listened on
    smsc_id: str = "simulator"
    system_id: str = ""  #: the only one allowed; "" for any
    password: str = field(default="", repr=False)  #: the only one allowed; "" for any
    tls: ssl.SSLContext | None = None
    alphabet: Alphabet = "gsm"  #: what data_coding 0 means here
    answer_delay: float = 0.0  #: before submit_sm_resp
    receipt_delay: float = 1.0
    receipt_state: ReceiptState = ReceiptState.DELIVERED
    retry_delay: float = 2.0  #: before a deliver_sm that was refused comes again
    throttle_every: int = 0  #: every n-th submit_sm is answered ESME_RTHROTTLED; 0: none
    refuse: frozenset[str] = frozenset()  #: destinations, digits only, answered ESME_RINVDSTADR


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedText:
    """A text as the handset would show it, all its parts put together."""

    system_id: str
    sender: str
    to: str
    text: str
    parts: int
    data_coding: int
    message_ids: tuple[str, ...]  #: of the parts, in the order they came
    at: datetime


class Simulator:
    """`async with Simulator(...) as smsc:` or `start` and `stop`."""

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        *,
        on_message: Callable[[SimulatedText], None] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`on_message` gets every text once it is whole. Raises ValueError for a host that is not
        loopback, unless `allow_remote`."""
        self.settings = settings or SimulatorSettings()
        if not self.settings.allow_remote and not _is_loopback(self.settings.host):
            raise ValueError(f"{self.settings.host} is not a loopback address")
        self.counters: Counter[str] = Counter()
        self.peers: set[Peer] = set()
        self._on_message = on_message
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._kept: deque[Delivery] = deque(maxlen=MAX_KEPT)
        self._reassembler = Reassembler()
        self._ids: dict[object, list[str]] = {}
        self._last_id = 0

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        settings = self.settings
        self._server = await asyncio.get_running_loop().create_server(
            self._accept, settings.host, settings.port, ssl=settings.tls
        )

    async def stop(self) -> None:
        """Close the door and every connection; nothing stays scheduled."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            for peer in list(self.peers):
                peer.abort()
            await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None, "not started"
        return int(self._server.sockets[0].getsockname()[1])

    def reply(self, sender: str, to: str, text: str) -> int:
        """A handset `sender` texts our number `to`; returns the number of parts sent.

        Waits for a receiver if none is bound. Raises ValueError for what cannot be a text.
        """
        source, destination = address(sender), address(to)
        self._last_id += 1
        parts = encoding.split(text, reference=self._last_id & 0xFFFF)
        for part in parts:
            fields = {
                "source_addr_ton": source.ton,
                "source_addr_npi": source.npi,
                "source_addr": source.addr,
                "dest_addr_ton": destination.ton,
                "dest_addr_npi": destination.npi,
                "destination_addr": destination.addr,
                "esm_class": part.esm_class,
                "data_coding": part.data_coding,
                "short_message": part.data,
            }
            self._deliver(Delivery("", fields, part.tlvs))
        self.counters["replies"] += 1
        return len(parts)

    # --- what connections ask -----------------------------------------------------------------

    def _accept(self) -> Peer:
        peer = Peer(self, self.settings.smsc_id)
        self.peers.add(peer)
        self.counters["connections"] += 1
        return peer

    def authorise(self, peer: Peer, bind: Pdu) -> int:
        settings = self.settings
        if settings.system_id and bind.text("system_id") != settings.system_id:
            return RINVSYSID
        if settings.password and bind.text("password") != settings.password:
            return RINVPASWD
        return ROK

    def bound(self, peer: Peer) -> None:
        self.counters["binds"] += 1
        log.info("simulator_bound", system_id=peer.system_id, role=peer.role)
        kept, self._kept = list(self._kept), deque(maxlen=MAX_KEPT)
        for delivery in kept:
            self._deliver(delivery)

    def gone(self, peer: Peer, unanswered: list[Delivery]) -> None:
        self.peers.discard(peer)
        log.info("simulator_peer_gone", system_id=peer.system_id, role=peer.role)
        for delivery in unanswered:
            self._again(delivery)

    def delivered(self, peer: Peer, delivery: Delivery, status: int) -> None:
        if status == ROK:
            self.counters["delivered"] += 1
        else:
            self.counters["delivery_refused"] += 1
            self._again(delivery)

    def submitted(self, peer: Peer, submit: Pdu) -> None:
        self.counters["submits"] += 1
        answer = partial(self._submitted, peer, submit, self.counters["submits"])
        self._later(self.settings.answer_delay, answer)

    # --- texts --------------------------------------------------------------------------------

    def _submitted(self, peer: Peer, submit: Pdu, count: int) -> None:
        settings = self.settings
        if settings.throttle_every and count % settings.throttle_every == 0:
            self.counters["throttled"] += 1
            peer.answer(submit, RTHROTTLED)
        elif submit.text("destination_addr") in settings.refuse:
            self.counters["refused"] += 1
            peer.answer(submit, RINVDSTADR)
        else:
            self._last_id += 1
            message_id = f"{self._last_id:08x}"
            peer.answer(submit, ROK, message_id=message_id)
            self._receipt(peer, submit, message_id)
            self._show(peer, submit, message_id)

    def _receipt(self, peer: Peer, submit: Pdu, message_id: str) -> None:
        state = self.settings.receipt_state
        # registered_delivery, section 5.2.17: 1 always, 2 on failure only.
        wanted = submit.number("registered_delivery") & 0x03
        if wanted == 1 or (wanted == 2 and state is not ReceiptState.DELIVERED):
            send = partial(self._send_receipt, peer.system_id, submit, message_id, self._clock())
            self._later(self.settings.receipt_delay, send)

    def _send_receipt(self, system_id: str, submit: Pdu, message_id: str, taken: datetime) -> None:
        state = self.settings.receipt_state
        delivered = int(state is ReceiptState.DELIVERED)
        text = (
            f"id:{message_id} sub:001 dlvrd:{delivered:03} submit date:{taken:%y%m%d%H%M} "
            f"done date:{self._clock():%y%m%d%H%M} stat:{state} err:000 text:"
        )
        fields: dict[str, Any] = {
            "esm_class": ESM_RECEIPT,
            "source_addr_ton": submit.number("dest_addr_ton"),
            "source_addr_npi": submit.number("dest_addr_npi"),
            "source_addr": submit.text("destination_addr"),
            "dest_addr_ton": submit.number("source_addr_ton"),
            "dest_addr_npi": submit.number("source_addr_npi"),
            "destination_addr": submit.text("source_addr"),
            "short_message": text.encode("ascii"),
        }
        tlvs = (
            (int(Tag.RECEIPTED_MESSAGE_ID), message_id.encode("ascii") + b"\0"),
            (int(Tag.MESSAGE_STATE), bytes([STATES[state]])),
        )
        self.counters["receipts"] += 1
        self._deliver(Delivery(system_id, fields, tlvs))

    def _show(self, peer: Peer, submit: Pdu, message_id: str) -> None:
        reference, part, total, body = place(submit)
        sender, to = shown(submit, "source"), shown(submit, "dest")
        key = (peer.system_id, sender, to, reference, total)
        ids = self._ids.setdefault(key, []) if total > 1 else []
        ids.append(message_id)
        whole = self._reassembler.add(key, part, total, body)
        if len(self._ids) > MAX_KEPT:
            del self._ids[next(iter(self._ids))]
        if whole is None:
            return
        self._ids.pop(key, None)
        self.counters["texts"] += 1
        seen = SimulatedText(
            system_id=peer.system_id,
            sender=sender,
            to=to,
            text=decode(whole, submit.number("data_coding"), alphabet=self.settings.alphabet),
            parts=total,
            data_coding=submit.number("data_coding"),
            message_ids=tuple(ids),
            at=self._clock(),
        )
        if self._on_message is not None:
            try:
                self._on_message(seen)
            except Exception:
                # Whoever looks on must not change what the client sees.
                log.exception("simulator_on_message_failed")

    # --- deliveries ---------------------------------------------------------------------------

    def _deliver(self, delivery: Delivery) -> None:
        for peer in self.peers:
            if peer.receives and delivery.system_id in ("", peer.system_id):
                try:
                    peer.deliver(delivery)
                except PduError as error:
                    self.counters["undeliverable"] += 1
                    log.warning("simulator_cannot_deliver", error=str(error))
                return
        self._kept.append(delivery)

    def _again(self, delivery: Delivery) -> None:
        if delivery.attempts >= MAX_ATTEMPTS:
            self.counters["given_up"] += 1
        else:
            self._later(self.settings.retry_delay, partial(self._deliver, delivery))

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        if self._server is None:
            return  # stopped: the connections are just going
        if delay <= 0:
            action()
            return

        def run() -> None:
            self._timers.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(delay, run)
        self._timers.add(timer)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

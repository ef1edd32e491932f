"""One client's connection to the simulator: binds, submits and deliveries of SMPP 3.4.

The server's side of section 2.2, small but whole: anything a client may send is answered, whatever
it sends; nothing it sends can stop the simulator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from sms_gateway import pdu
from sms_gateway.pdu import FrameError, Framer, Pdu, PduError

log = structlog.get_logger()

ROK, RINVCMDID, RINVBNDSTS, RALYBND = 0x00, 0x03, 0x04, 0x05
SC_INTERFACE_VERSION = (0x0210, b"\x34")
#: Seconds of silence after which a client is asked, and after which it is let go.
ENQUIRE_AFTER = 60.0
#: Octets a client may leave unread.
MAX_UNREAD = 1 << 20


@dataclass(slots=True)
class Delivery:
    """A deliver_sm on its way to a client."""

    system_id: str  #: whose; "" for any client
    fields: dict[str, Any]
    tlvs: tuple[tuple[int, bytes], ...]
    attempts: int = 0


class Smsc(Protocol):
    """What a connection asks of the simulator."""

    def authorise(self, peer: Peer, bind: Pdu) -> int: ...  # a command_status
    def bound(self, peer: Peer) -> None: ...
    def submitted(self, peer: Peer, submit: Pdu) -> None: ...  # answers by `Peer.answer`
    def delivered(self, peer: Peer, delivery: Delivery, status: int) -> None: ...
    def gone(self, peer: Peer, unanswered: list[Delivery]) -> None: ...


class Peer(asyncio.Protocol):
    """A client that is connected; `role` is "" until it is bound."""

    def __init__(self, smsc: Smsc, smsc_id: str) -> None:
        self.system_id = ""
        self.role = ""
        self._smsc = smsc
        self._smsc_id = smsc_id
        self._loop = asyncio.get_running_loop()
        self._framer = Framer()
        self._sequence = 0
        self._open: dict[int, Delivery] = {}
        self._transport: asyncio.Transport | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._asked = False
        self._requests: dict[str, Callable[[Pdu], None]] = {
            "bind_transceiver": self._bind,
            "bind_transmitter": self._bind,
            "bind_receiver": self._bind,
            "submit_sm": self._submit,
            "data_sm": self._submit,
            "enquire_link": lambda found: self.answer(found, ROK),
            "unbind": self._unbind,
        }

    @property
    def receives(self) -> bool:
        """Whether deliver_sm may be sent to it."""
        return self.role in ("transceiver", "receiver") and self._transport is not None

    def answer(self, request: Pdu, status: int, **fields: Any) -> None:
        """Answer `request`; an error has no body."""
        self._send(pdu.encode(f"{request.command}_resp", request.sequence, status=status, **fields))

    def deliver(self, delivery: Delivery) -> None:
        """Send a deliver_sm; `Smsc.delivered` tells how it was answered. Raises PduError."""
        sequence = self._next_sequence()
        data = pdu.encode("deliver_sm", sequence, tlvs=delivery.tlvs, **delivery.fields)
        delivery.attempts += 1
        self._open[sequence] = delivery
        self._send(data)

    def unbind(self) -> None:
        """Ask the client to leave."""
        self._send(pdu.encode("unbind", self._next_sequence()))

    def close(self) -> None:
        """Close the connection once what was written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection, with whatever is unanswered on it."""
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._silence is not None:
            self._silence.cancel()
        unanswered, self._open = list(self._open.values()), {}
        self._smsc.gone(self, unanswered)

    def data_received(self, data: bytes) -> None:
        self._asked = False
        self._watch()
        try:
            for frame in self._framer.receive_data(data):
                self._receive(frame)
            if self._framer.error is not None:
                raise self._framer.error
        except FrameError as error:
            self._send(pdu.encode("generic_nack", error.sequence, status=error.status))
            self.close()

    # --- PDUs ---------------------------------------------------------------------------------

    def _receive(self, frame: bytes) -> None:
        try:
            found = pdu.parse(frame)
        except FrameError:
            raise
        except PduError as error:
            if not (error.command_id or 0) & pdu.RESPONSE:
                self._send(pdu.encode("generic_nack", error.sequence, status=error.status))
            return
        if found.is_response:
            delivery = self._open.pop(found.sequence, None)
            if delivery is not None:
                self._smsc.delivered(self, delivery, found.status)
            elif found.command == "unbind_resp":
                self.close()
            return
        handle = self._requests.get(found.command)
        if handle is None:
            self._send(pdu.encode("generic_nack", found.sequence, status=RINVCMDID))
        else:
            handle(found)

    def _bind(self, bind: Pdu) -> None:
        if self.role:
            self.answer(bind, RALYBND)
            return
        status = self._smsc.authorise(self, bind)
        if status != ROK:
            self.answer(bind, status)
            self.close()
            return
        self.role = bind.command.removeprefix("bind_")
        self.system_id = bind.text("system_id")
        self._send(
            pdu.encode(
                f"{bind.command}_resp",
                bind.sequence,
                tlvs=(SC_INTERFACE_VERSION,),
                system_id=self._smsc_id,
            )
        )
        self._smsc.bound(self)

    def _submit(self, submit: Pdu) -> None:
        if self.role in ("transceiver", "transmitter"):
            self._smsc.submitted(self, submit)
        else:
            self.answer(submit, RINVBNDSTS)

    def _unbind(self, unbind: Pdu) -> None:
        self.answer(unbind, ROK)
        self.close()

    def _send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > MAX_UNREAD:
            log.warning("simulator_peer_does_not_read", system_id=self.system_id)
            transport.abort()

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def _watch(self) -> None:
        """Begin the silence anew."""
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(ENQUIRE_AFTER, self._silent)

    def _silent(self) -> None:
        if self._asked or not self.role:
            self.close()
            return
        self._asked = True
        self._send(pdu.encode("enquire_link", self._next_sequence()))
        self._watch()

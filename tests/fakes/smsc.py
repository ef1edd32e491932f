"""An SMSC whose every octet the test writes: for what a good SMSC never does, and evil ones do.

Octets are packed here by hand, from SMPP 3.4 section 4, so that a mistake of our codec cannot
excuse itself. `EvilSmsc` listens; each `accept` gives one `Peer`, a dialogue to be scripted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from typing import NamedTuple, Self

HEADER = struct.Struct(">IIII")
RESP = 0x80000000

BIND_RECEIVER, BIND_TRANSMITTER, QUERY_SM, SUBMIT_SM, DELIVER_SM = 0x1, 0x2, 0x3, 0x4, 0x5
UNBIND, BIND_TRANSCEIVER, OUTBIND, ENQUIRE_LINK = 0x6, 0x9, 0xB, 0x15
ALERT_NOTIFICATION, DATA_SM, GENERIC_NACK = 0x102, 0x103, RESP
SUBMIT_SM_RESP, DELIVER_SM_RESP, UNBIND_RESP = SUBMIT_SM | RESP, DELIVER_SM | RESP, UNBIND | RESP
ENQUIRE_LINK_RESP, DATA_SM_RESP = ENQUIRE_LINK | RESP, DATA_SM | RESP
BIND_TRANSCEIVER_RESP = BIND_TRANSCEIVER | RESP

ROK, RINVCMDLEN, RINVCMDID, RALYBND = 0x00, 0x02, 0x03, 0x05
RINVDSTADR, RBINDFAIL, RINVPASWD, RMSGQFUL, RTHROTTLED = 0x0B, 0x0D, 0x0E, 0x14, 0x58
RX_T_APPN = 0x64


class Raw(NamedTuple):
    """A PDU as read: nothing of its body is interpreted."""

    command: int
    status: int
    sequence: int
    body: bytes


def pack(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    return HEADER.pack(16 + len(body), command, status, sequence) + body


def unpack(data: bytes) -> list[Raw]:
    """Whole PDUs laid end to end."""
    found = []
    while data:
        length, command, status, sequence = HEADER.unpack_from(data)
        found.append(Raw(command, status, sequence, data[16:length]))
        data = data[length:]
    return found


def bind_resp(sequence: int, status: int = 0, command: int = BIND_TRANSCEIVER) -> bytes:
    return pack(command | RESP, sequence, b"" if status else b"evil\0", status)


def submit_resp(sequence: int, message_id: str | None = "1", status: int = 0) -> bytes:
    body = b"" if message_id is None else message_id.encode() + b"\0"
    return pack(SUBMIT_SM_RESP, sequence, body, status)


def deliver(
    sequence: int,
    text: bytes,
    *,
    source: bytes = b"12125550123",
    to: bytes = b"12125550100",
    esm_class: int = 0,
    tlvs: bytes = b"",
    command: int = DELIVER_SM,
) -> bytes:
    """deliver_sm, or data_sm with the text as message_payload."""
    head = b"\0\1\1" + source + b"\0\1\1" + to + b"\0" + bytes([esm_class])
    if command == DATA_SM:
        return pack(command, sequence, head + b"\0\0" + tlv(0x0424, text) + tlvs)
    return pack(command, sequence, head + b"\0\0\0\0\0\0\0\0" + bytes([len(text)]) + text + tlvs)


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def receipt_text(message_id: str, state: str = "DELIVRD") -> bytes:
    return (
        f"id:{message_id} sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 "
        f"stat:{state} err:000 text:Sorry"
    ).encode()


class Submit(NamedTuple):
    """The fields of a submit_sm that tests look at."""

    source: tuple[int, int, str]
    dest: tuple[int, int, str]
    esm_class: int
    validity: str
    registered_delivery: int
    data_coding: int
    short_message: bytes
    tlvs: bytes


def read_submit(body: bytes) -> Submit:
    """By hand, from section 4.4.1."""

    def text(at: int) -> tuple[str, int]:
        end = body.index(0, at)
        return body[at:end].decode("latin-1"), end + 1

    _, at = text(0)
    ton, npi = body[at], body[at + 1]
    source, at = text(at + 2)
    dest_ton, dest_npi = body[at], body[at + 1]
    dest, at = text(at + 2)
    esm_class = body[at]
    _, at = text(at + 3)
    validity, at = text(at)
    registered, _, coding, _, length = body[at : at + 5]
    at += 5
    return Submit(
        (ton, npi, source),
        (dest_ton, dest_npi, dest),
        esm_class,
        validity,
        registered,
        coding,
        body[at : at + length],
        body[at + length :],
    )


class Peer:
    """One connection, from the SMSC's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read(self) -> Raw:
        """The next PDU of the client."""
        head = await self.reader.readexactly(16)
        length, command, status, sequence = HEADER.unpack(head)
        return Raw(command, status, sequence, await self.reader.readexactly(length - 16))

    async def expect(self, command: int) -> Raw:
        """The next PDU, which must be this one."""
        found = await self.read()
        assert found.command == command, f"{found} is not {command:#x}"
        return found

    async def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))
        await self.writer.drain()

    async def bind(self, command: int = BIND_TRANSCEIVER) -> Raw:
        """Accept the bind that must come."""
        bind = await self.expect(command)
        await self.send(bind_resp(bind.sequence, command=command))
        return bind

    async def submits(self, count: int) -> list[Raw]:
        return [await self.expect(SUBMIT_SM) for _ in range(count)]

    async def eof(self) -> None:
        """Wait until the client has closed; whatever it still sent is skipped."""
        while await self.reader.read(65536):
            pass

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def drop(self) -> None:
        """End the connection with a reset, as a pulled plug or a restarted firewall does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class EvilSmsc:
    """Listens on a free loopback port; `async with` closes everything."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._all: list[Peer] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.deaf()
        for peer in self._all:
            peer.writer.transport.abort()
        for peer in self._all:
            with contextlib.suppress(OSError):
                await peer.writer.wait_closed()

    async def listen(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def deaf(self) -> None:
        """Take no more connections; those that stand, stand."""
        self._server.close()
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self._all.append(peer)
        if self._server.is_serving():
            self._peers.put_nowait(peer)
        else:
            writer.transport.abort()

    async def accept(self) -> Peer:
        """The next connection."""
        return await self._peers.get()

    async def bound(self, command: int = BIND_TRANSCEIVER) -> Peer:
        """The next connection, its bind accepted."""
        peer = await self.accept()
        await peer.bind(command)
        return peer

"""An SMSC that answers at once and stores nothing: the floor that clients are measured against.

Hand-packed and without validation, so that its own cost stays small beside the client's. It runs in
a process of its own: `python -m bench.sink` prints `{"port": N}`, then, when its stdin closes, one
line with what it counted.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time

HEAD = struct.Struct(">IIII")
SUBMIT_SM, UNBIND, ENQUIRE_LINK = 0x4, 0x6, 0x15
BINDS = {0x1, 0x2, 0x9}


class Sink(asyncio.Protocol):
    """Counts submit_sm; tells destinations and arrival times when asked to."""

    submits = 0
    stamps: dict[str, float] | None = None  #: destination -> monotonic seconds of arrival
    arrival = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        buffer = self.buffer
        buffer += data
        out: list[bytes] = []
        start = 0
        while len(buffer) - start >= 16:
            length, command, _, sequence = HEAD.unpack_from(buffer, start)
            if len(buffer) - start < length:
                break
            if command == SUBMIT_SM:
                Sink.submits += 1
                if Sink.stamps is not None:
                    Sink.stamps.setdefault(destination(buffer, start), now)
                    Sink.arrival.set()
                body = b"%08x\0" % Sink.submits
                out.append(HEAD.pack(16 + len(body), 0x80000004, 0, sequence) + body)
            elif command in BINDS:
                out.append(HEAD.pack(21, 0x80000000 | command, 0, sequence) + b"sink\0")
            elif command in (UNBIND, ENQUIRE_LINK):
                out.append(HEAD.pack(16, 0x80000000 | command, 0, sequence))
            start += length
        del buffer[:start]
        if out:
            self.transport.write(b"".join(out))


def destination(buffer: bytearray, start: int) -> str:
    """destination_addr of the submit_sm at `start` (SMPP 3.4 section 4.4.1)."""
    at = buffer.index(0, start + 16) + 1  # service_type
    at = buffer.index(0, at + 2) + 1  # source_addr after its ton and npi
    end = buffer.index(0, at + 2)
    return buffer[at + 2 : end].decode("ascii")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps({"submits": Sink.submits}), flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())

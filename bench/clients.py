"""The clients that are measured, each its own process: `python -m bench.clients NAME PORT [COUNT]`.

Each prints one JSON line: CPU seconds (user + system, from the first byte of the stream to its end,
measured by the client itself), wall seconds, events seen.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import time
from typing import Any

HELLO = b"Action: Login\r\nUsername: x\r\nSecret: y\r\n\r\n"


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Meter:
    """Starts at the first event of the stream and stops at its Shutdown event."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.events = 0
        self.started = (0.0, 0.0)
        self.result: dict[str, Any] = {}

    def start(self) -> None:
        self.started = (cpu(), time.perf_counter())

    def finish(self) -> None:
        if not self.done.is_set():
            self.result = {
                "cpu": cpu() - self.started[0],
                "wall": time.perf_counter() - self.started[1],
                "events": self.events,
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
            self.done.set()


class Floor(asyncio.Protocol):
    """Splits on the blank line and counts: the least any client must do."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.rest = b""
        self.streaming = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(HELLO)

    def data_received(self, data: bytes) -> None:
        if not self.streaming and b"Event: Newchannel" in data:
            self.streaming = True
            self.meter.start()
        *messages, self.rest = (self.rest + data).split(b"\r\n\r\n")
        self.meter.events += len(messages)
        if messages and messages[-1].startswith(b"Event: Shutdown"):
            self.meter.finish()


async def floor(port: int, meter: Meter) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: Floor(meter), "127.0.0.1", port)
    await meter.done.wait()


class Parser(Floor):
    """Our read path without the tracker: split, prefilter by name, parse what is used."""

    def __init__(self, meter: Meter) -> None:
        from ami_listener.events import Splitter, parse_event

        super().__init__(meter)
        self.splitter = Splitter()
        self.parse = parse_event

    def data_received(self, data: bytes) -> None:
        if not self.streaming and b"Event: Newchannel" in data:
            self.streaming = True
            self.meter.start()
        for raw in self.splitter.receive_data(data):
            self.meter.events += 1
            self.parse(raw)
            if raw.startswith(b"Event: Shutdown"):
                self.meter.finish()


async def parser(port: int, meter: Meter) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: Parser(meter), "127.0.0.1", port)
    await meter.done.wait()


async def panoramisk(port: int, meter: Meter) -> None:
    from panoramisk import Manager

    # It would tell of the end of the stream.
    logging.getLogger("panoramisk").setLevel(logging.CRITICAL)

    manager = Manager(
        host="127.0.0.1",
        port=port,
        username="x",
        secret="y",
        ping_delay=60,
        loop=asyncio.get_running_loop(),
    )

    def seen(_: Any, message: Any) -> None:
        if meter.events == 0 and message.event == "Newchannel":
            meter.start()
        if meter.started[1]:
            meter.events += 1
        if message.event == "Shutdown":
            meter.finish()

    manager.register_event("*", seen)
    await manager.connect()
    await meter.done.wait()
    manager.close()


async def link(port: int, meter: Meter) -> None:
    """The whole of our side: supervised link, events, tracker, facts about calls."""
    from ami_listener.link import PbxLink, PbxSettings
    from ami_listener.tracker import Inbound
    from textback.model import Call, Phase

    calls = int(sys.argv[3])
    ended = 0

    def on_call(call: Call) -> None:
        nonlocal ended
        if not meter.started[1]:
            meter.start()
        if call.phase is Phase.ENDED:
            ended += 1
            if ended == calls:
                meter.events = ended
                meter.finish()

    settings = PbxSettings(
        name="bench",
        host="127.0.0.1",
        port=port,
        username="x",
        secret="y",
        inbound=Inbound(frozenset({"from-trunk"})),
        queue_size=10_000_000,
    )
    pbx = PbxLink(settings, watch=lambda _: 15.0, on_call=on_call)
    task = asyncio.create_task(pbx.run(), name="link")
    await meter.done.wait()
    task.cancel()
    await asyncio.wait([task])


async def smpplib_client(port: int, meter: Meter) -> None:
    """smpplib's own client as its README uses it: one submit_sm, one answer, nothing kept."""
    from smpplib import client, consts, gsm

    messages = int(sys.argv[3])
    smpp = client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
    smpp.logger.disabled = True
    smpp.set_message_sent_handler(lambda pdu: None)
    smpp.connect()
    smpp.bind_transceiver(system_id="x", password="y")
    parts, coding, esm_class = gsm.make_parts(TEXT)
    meter.start()
    for number in range(messages):
        smpp.send_message(
            source_addr_ton=consts.SMPP_TON_INTL,
            source_addr_npi=1,
            source_addr="12125550100",
            dest_addr_ton=consts.SMPP_TON_INTL,
            dest_addr_npi=1,
            destination_addr=f"1212{number:07d}",
            short_message=parts[0],
            data_coding=coding,
            esm_class=esm_class,
            registered_delivery=False,
        )
        smpp.read_once()
        meter.events += 1
    meter.finish()
    smpp.unbind()
    smpp.disconnect()


#: 87 characters, one GSM part.
TEXT = "Sorry we missed your call. Reply here and we will help you, or we call back: Acme Dental"

CLIENTS = {
    "floor": floor,
    "panoramisk": panoramisk,
    "parser": parser,
    "link": link,
    "smpplib": smpplib_client,
}


async def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    meter = Meter()
    await CLIENTS[name](port, meter)
    print(json.dumps(meter.result), flush=True)


if __name__ == "__main__":
    asyncio.run(main())

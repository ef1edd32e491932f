"""Records the call matrix into tests/data/ami: `python -m tests.lab.record [NAME...]`.

Each row of the matrix is placed alone, on one of a few private Asterisks side by side, so that its
trace holds nothing else. NAME.ami is what a user who may read all receives, NAME.filtered.ami what
conf/asterisk's own user receives of the same calls; NAME.json is what must come of both.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import sys
from pathlib import Path

from rich.progress import Progress

from tests.lab import ami, matrix
from tests.lab.agent import Agent
from tests.lab.asterisk import AMI_SECRET, Asterisk, asterisk_version, free_port
from tests.lab.row import Row, configuration, play

DATA = Path(__file__).parents[1] / "data" / "ami"
SIDE_BY_SIDE = 6
GZIP_ABOVE = 100_000  #: bytes


def uniqueid_of(trace: bytes) -> str:
    """Of the call itself: its channel is the first to be born. A forged one is no real time."""
    found = re.search(rb"Event: Newchannel\r.*?\nUniqueid: (\d{10}\.\d+)\r", trace, re.DOTALL)
    return found[1].decode() if found else ""


def sidecar(row: Row, trace: bytes, version: str) -> dict[str, object]:
    inside = row.direction != "inbound"
    caller = row.phone("a") if inside else row.caller_user or row.number_outside
    expected = [
        {
            "uniqueid": uniqueid_of(trace),
            "direction": row.direction,
            "caller": caller,
            "did": row.dialled,
            "outcome": row.outcome,
            "verdict": row.verdict,
            "reason": row.reason,
            "before_the_end": row.early,
        }
    ]
    return {
        "topology": row.name,
        "asterisk": version,
        "inbound_contexts": ["from-trunk"],
        "number": dict(row.number),
        "watched": row.watched,
        "staff": [row.number_outside] if row.staff else [],
        "dialplan": [row.fill(step) for step in row.dialplan],
        "expected": expected,
    }


async def record(row: Row, agent: Agent, port: int, version: str) -> None:
    traces = {}
    async with (
        ami.session(port) as everything,
        ami.session(port, "textback", AMI_SECRET) as filtered,
        ami.session(port) as admin,
    ):
        await play(row, agent, admin)
        # The caller's end is not the last event: wait for the channels to be gone.
        while True:
            mark = len(everything.data)
            everything.act("CoreShowChannels", ActionID=f"over-{mark}")
            await everything.until(rb"CoreShowChannelsComplete\r\nActionID: over-%d\r" % mark)
            if b"Event: CoreShowChannel\r" not in everything.data[mark:]:
                break
            await asyncio.sleep(0.3)
        await asyncio.sleep(0.5)  # a Hangup may still be on its way through the message bus
        # The answer comes behind all that was queued for this session.
        filtered.act("Ping", ActionID="over")
        await filtered.until(rb"Ping: Pong")
    traces[row.name] = bytes(everything.data)
    traces[f"{row.name}.filtered"] = bytes(filtered.data)
    DATA.mkdir(parents=True, exist_ok=True)
    for name, trace in traces.items():
        plain, packed = DATA / f"{name}.ami", DATA / f"{name}.ami.gz"
        plain.unlink(missing_ok=True)
        packed.unlink(missing_ok=True)
        if len(trace) > GZIP_ABOVE:
            packed.write_bytes(gzip.compress(trace, mtime=0))
        else:
            plain.write_bytes(trace)
    text = json.dumps(sidecar(row, traces[row.name], version), indent=2, ensure_ascii=False)
    (DATA / f"{row.name}.json").write_text(text + "\n")


async def worker(rows: asyncio.Queue[Row], bar: Progress) -> None:
    task = bar.tasks[0].id
    agent_port = free_port(socket.SOCK_DGRAM)
    asterisk = Asterisk(files=configuration(matrix.ROWS), agent_port=agent_port)
    version = asterisk_version()
    try:
        await asyncio.to_thread(asterisk.start)
        async with Agent(asterisk.sip_port) as agent:
            await agent.open(agent_port)
            while not rows.empty():
                row = rows.get_nowait()
                bar.update(task, description=row.name)
                await record(row, agent, asterisk.ami_port, version)
                bar.advance(task)
            if agent.errors:
                raise ExceptionGroup("a phone's script failed", list(agent.errors))
    finally:
        asterisk.close()


async def main(names: list[str]) -> None:
    rows: asyncio.Queue[Row] = asyncio.Queue()
    for row in matrix.ROWS:
        if not names or row.name in names:
            rows.put_nowait(row)
    count = rows.qsize()
    with Progress() as bar:
        bar.add_task("starting", total=count)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(SIDE_BY_SIDE, count)):
                group.create_task(worker(rows, bar))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

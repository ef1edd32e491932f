"""Records the tables of calls into tests/data/ami: `python -m tests.lab.record --help`.

Each row is placed alone, on one of a few private Asterisks side by side, so that its trace holds
nothing else. NAME.ami.gz is what a user who may read all receives, NAME.filtered.ami what
conf/asterisk's own user receives of the same calls; NAME.json is what must come of both. The usual
Asterisk's are in tests/data/ami itself, the older one's in a folder below; see `tables`.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import socket
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from ami_listener.births import Inbound
from tests.acceptance.played import Matrix
from tests.lab import ami, tables
from tests.lab.agent import Agent
from tests.lab.asterisk import AMI_SECRET, Asterisk, asterisk_version, free_port
from tests.lab.row import Row, play
from tests.lab.service import pbx_keys
from tests.lab.versions import DEFAULT, VERSIONS
from textback.config_pbx import INBOUND_CONTEXTS

#: Asterisks at a time; they mostly ring.
SIDE_BY_SIDE = 16
#: Traces of no row: of a race that was met once, and cannot be placed.
KEPT = frozenset({"declined_hangups_crossed"})


@dataclass(frozen=True)
class Birth:
    """A channel's first event."""

    uniqueid: str  #: "" where it is forged, and so no real time
    context: str
    exten: str
    state: str


def births(trace: bytes) -> Iterator[Birth]:
    # Not by blank lines: a hostile number may put one into the event.
    for event in trace.split(b"Event: Newchannel\r")[1:]:
        found = re.search(rb"\nUniqueid: (\d{10}\.\d+)\r", event)
        values = (
            re.search(rb"\n%s: ([^\r]*)" % name, event)
            for name in (b"Context", b"Exten", b"ChannelState")
        )
        context, exten, state = (value[1].decode() if value else "" for value in values)
        yield Birth(found[1].decode() if found else "", context, exten, state)


def expectations(row: Row, trace: bytes, inbound: Inbound) -> list[dict[str, Any]]:
    """What must come of each call, with its Uniqueid where that is certain."""
    inside = row.direction != "inbound"
    born = [
        birth
        for birth in births(trace)
        if inside or (birth.state == "4" and inbound.matches(birth.context, ""))
    ]
    twins = len({call.did for call in row.expected}) < len(row.expected)
    expected = []
    for call in row.expected:
        did = row.received if call.did == row.dialled else call.did
        own = [birth for birth in born if birth.exten == did] or born
        expected.append(
            {
                "uniqueid": own[0].uniqueid if own and not twins else "",
                "direction": row.direction,
                "caller": row.caller_user or (row.phone("a") if inside else row.number_outside),
                "did": did,
                "outcome": call.outcome,
                "verdict": call.verdict,
                "reason": call.reason,
                "before_the_end": row.early,
            }
        )
    return expected


def inbound_of(cls: type[Matrix]) -> Inbound:
    return Inbound(frozenset(cls.settings.get("pbx", {}).get("inbound_contexts", INBOUND_CONTEXTS)))


def sidecar(row: Row, trace: bytes, cls: type[Matrix], version: str) -> dict[str, Any]:
    """What must come of the trace, and the textback.toml under which it must."""
    return {
        "topology": row.name,
        "asterisk": version,
        **{name: dict(cls.settings.get(name, {})) for name in ("business", "limits", "defaults")},
        "pbx": {**pbx_keys([row]), **cls.settings.get("pbx", {})},
        "numbers": [{"did": did, **row.number} for did in row.dids] if row.watched else [],
        "staff": [row.number_outside] if row.staff else [],
        "dialplan": [row.fill(step) for step in row.dialplan],
        "expected": expectations(row, trace, inbound_of(cls)),
    }


def write(path: Path, trace: bytes, *, plain: bool) -> None:
    other = path.with_name(path.name + ".gz")
    if not plain:
        path, other = other, path
    other.unlink(missing_ok=True)
    path.write_bytes(trace if plain else gzip.compress(trace, mtime=0))


async def record(row: Row, cls: type[Matrix], agent: Agent, port: int, version: str) -> None:
    inbound = inbound_of(cls)
    async with (
        ami.session(port, inbound=inbound) as everything,
        ami.session(port, "textback", AMI_SECRET, inbound=inbound) as filtered,
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
    folder = tables.folder(cls)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"{row.name}.ami", bytes(everything.data), plain=False)
    # Those are for people to read as well.
    usual = folder == tables.DATA
    write(folder / f"{row.name}.filtered.ami", bytes(filtered.data), plain=usual)
    about = json.dumps(
        sidecar(row, bytes(everything.data), cls, version), indent=2, ensure_ascii=False
    )
    (folder / f"{row.name}.json").write_text(about + "\n")


async def worker(cls: type[Matrix], rows: asyncio.Queue[Row], bar: Progress) -> None:
    task = bar.tasks[0].id
    agent_port = free_port(socket.SOCK_DGRAM)
    asterisk = Asterisk(files=cls.files(cls.rows()), version=cls.version, agent_port=agent_port)
    version = asterisk_version(cls.version)
    try:
        await asyncio.to_thread(asterisk.start)
        async with Agent(asterisk.sip_port) as agent:
            await agent.open(agent_port)
            while not rows.empty():
                row = rows.get_nowait()
                bar.update(task, description=f"{cls.version} {row.name}")
                try:
                    await record(row, cls, agent, asterisk.ami_port, version)
                except Exception as error:
                    error.add_note(f"{cls.__name__}: {row.name}")
                    raise
                bar.advance(task)
            if agent.errors:
                raise ExceptionGroup("a phone's script failed", list(agent.errors))
    finally:
        await asyncio.to_thread(asterisk.close)


def stale(folder: Path, names: Collection[str]) -> list[Path]:
    """Files of a folder that belong to none of these rows."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return [path for path in files if path.name.partition(".")[0] not in KEPT | set(names)]


async def main(chosen: Mapping[type[Matrix], list[Row]]) -> None:
    total = sum(map(len, chosen.values()))
    with Progress() as bar:
        bar.add_task("starting", total=total)
        async with asyncio.TaskGroup() as group:
            for cls, rows in chosen.items():
                queue: asyncio.Queue[Row] = asyncio.Queue()
                for row in rows:
                    queue.put_nowait(row)
                share = round(SIDE_BY_SIDE * len(rows) / total)
                for _ in range(min(max(1, share), len(rows))):
                    group.create_task(worker(cls, queue, bar))


def choose(argv: list[str] | None = None) -> dict[type[Matrix], list[Row]]:
    """The rows to record, by the class that tells how."""
    parser = argparse.ArgumentParser(description="Record rows of the call tables from Asterisk.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows; none: all")
    parser.add_argument("--version", choices=VERSIONS, help=f"else all; usual: {DEFAULT}")
    parser.add_argument("--dialplan", help="else all; as the acceptance classes name it")
    given = parser.parse_args(argv)
    chosen = {
        cls: [row for row in cls.rows() if not given.names or row.name in given.names]
        for cls in tables.recorded()
        if given.version in (None, cls.version)
        and (given.dialplan or cls.dialplan).lower() in cls.dialplan.lower()
    }
    chosen = {cls: rows for cls, rows in chosen.items() if rows}
    if not chosen:
        parser.error("no row of any table is called so")
    return chosen


def tidy() -> None:
    """Remove what was recorded of rows that are no more."""
    names: defaultdict[Path, set[str]] = defaultdict(set)
    for cls in tables.recorded():
        names[tables.folder(cls)] |= {row.name for row in cls.rows()}
    for folder, rows in names.items():
        for path in stale(folder, rows):
            path.unlink()


if __name__ == "__main__":
    asyncio.run(main(choose()))
    tidy()

"""Starts the foreign SMSCs on free loopback ports, and reads the JSON lines they tell.

    async with node_smsc(receiptFirst=True) as smsc:
        route = ... smsc.port ...
        submit = await smsc.event("submit")
        await smsc.do("reply", **{"from": "12125550123", "to": "12125550100", "text": "Hi"})

The options and events of each are listed at the head of `smsc_node.js` and `smsc_perl.pl`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: No event of these tests takes longer, not even on a busy machine.
PATIENCE = 20.0


class ForeignSmsc:
    """A running SMSC: its port, its events in order, and commands to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.port = 0
        self.events: list[dict[str, Any]] = []  #: everything told so far
        self._process = process
        self._unseen: deque[dict[str, Any]] = deque()

    async def event(self, name: str) -> dict[str, Any]:
        """The next event of this name, each returned once; others stay to be asked for."""
        for found in self._unseen:
            if found["event"] == name:
                self._unseen.remove(found)
                return found
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self._read()
                if found["event"] == name:
                    return found
                self._unseen.append(found)

    async def collect(self, name: str, count: int) -> list[dict[str, Any]]:
        """The next `count` events of this name."""
        return [await self.event(name) for _ in range(count)]

    async def do(self, what: str, **more: Any) -> None:
        """Give it a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
        await self._process.stdin.drain()

    async def stats(self) -> dict[str, Any]:
        """What it has counted (node only)."""
        await self.do("stats")
        return await self.event("stats")

    async def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise EOFError(f"the SMSC ended; it had told {self.events[-5:]}")
        found: dict[str, Any] = json.loads(line)
        self.events.append(found)
        return found


@asynccontextmanager
async def _running(
    program: str, script: str, options: dict[str, Any], environment: dict[str, str]
) -> AsyncIterator[ForeignSmsc]:
    process = await asyncio.create_subprocess_exec(
        program,
        str(HERE / script),
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        limit=1 << 20,
    )
    smsc = ForeignSmsc(process)
    try:
        smsc.port = (await smsc.event("listening"))["port"]
        yield smsc
    finally:
        if process.returncode is None:
            process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def node_modules() -> Path:
    """Where `setup.sh` put npm's `smpp`."""
    cache = os.environ.get("TEXTBACK_CACHE") or Path.home() / ".cache" / "textback"
    return Path(cache) / "node-smpp" / "node_modules"


@asynccontextmanager
async def node_smsc(**options: Any) -> AsyncIterator[ForeignSmsc]:
    """The SMSC on npm's `smpp`: ids in hex, receipts with the same number in decimal."""
    modules = node_modules()
    if not (modules / "smpp").is_dir():
        raise RuntimeError(f"{modules}/smpp is missing: run tests/smscs/setup.sh")
    async with _running("node", "smsc_node.js", options, {"NODE_PATH": str(modules)}) as smsc:
        yield smsc


@asynccontextmanager
async def perl_smsc(**options: Any) -> AsyncIterator[ForeignSmsc]:
    """The SMSC on Debian's Net::SMPP: receipts without TLVs."""
    async with _running("perl", "smsc_perl.pl", options, {}) as smsc:
        yield smsc

"""`make bench-desk`: what open desks cost the service, by calls that come meanwhile.

    python -m bench.desk [--desks 10] [--rate 50] [--seconds 20] [--rounds 3]

One service on a seeded database; rounds without and with browsers that have the inbox open and ask
again for its parts as static/live.js does, in turn, so that what else the machine does falls upon
both. The browsers are a process of their own, and so is the service: three processes on the cores
there are, of which browsers have some of their own in life.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any

import aiohttp
from rich.console import Console

from bench.latency import measure
from bench.pages import Visitor
from bench.rig import Rig, rig
from bench.run import RESULTS, table
from tests.browser.stand import PASSWORD
from tests.lab import seed


async def add_user(one: Rig) -> None:
    password = one.config.parent / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "textback", "--config", str(one.config)),
        *("user", "add", "root", "--role", "agent", "--password-file", str(password)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0


async def sign_in(url: str) -> str:
    """The cookie of one browser."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, cookie_jar=jar) as session:
        await Visitor(session).sign_in()
    return "; ".join(f"{one.key}={one.value}" for one in jar)


@asynccontextmanager
async def browsers(url: str, cookies: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    """Open tabs; what they asked for is there when they are closed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.desk_browsers", url, *cookies),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdout is not None and process.stdin is not None
    told: dict[str, Any] = {}
    try:
        assert await process.stdout.readline(), "no tab listens"
        yield told
        process.stdin.close()
        told |= json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.stdin.close()
        await process.wait()


async def one_round(one: Rig, options: argparse.Namespace) -> Any:
    """Milliseconds of each call, and the service's CPU seconds."""
    before = one.daemon.cpu_times()
    calls = round(options.rate * options.seconds)
    took = await measure(one, calls, 1 / options.rate, random_gaps=True)
    after = one.daemon.cpu_times()
    return took, after.user + after.system - before.user - before.system


async def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    now = datetime.now(UTC).replace(microsecond=0)

    quiet: list[Any] = []
    open_: list[Any] = []
    asked: list[dict[str, Any]] = []
    async with rig(lambda path: seed.seed(path, "demo", now=now)) as one:
        port = tomllib.loads(one.config.read_text())["console"]["listen"]
        url = f"http://{port}"
        await add_user(one)
        cookies = [await sign_in(url) for _ in range(options.desks)]
        one.calls = 200_000  # callers whom the seed does not know
        await measure(one, 100, 0.02, random_gaps=False)  # warm: compiled statements, caches
        for turn in range(options.rounds):
            print(f"round {turn + 1} of {options.rounds}", end="\r", file=sys.stderr)
            quiet.append(await one_round(one, options))
            async with browsers(url, cookies) as told:
                open_.append(await one_round(one, options))
            asked.append(told)
            assert not told["failed"] and not told["ended"], told
    return [
        row("nobody looks", quiet, [], options),
        row(f"{options.desks} desks have the inbox open", open_, asked, options),
    ]


def row(
    name: str, rounds: Sequence[Any], asked: Sequence[dict[str, Any]], options: argparse.Namespace
) -> dict[str, Any]:
    took = sorted(value for values, _ in rounds for value in values)
    seconds = options.seconds * len(rounds)
    waited = sorted(value for told in asked for value in told["took"]) or [0.0]
    return {
        "desks": name,
        "texts": len(took),
        "p50_ms": round(median(took), 1),
        "p99_ms": round(took[int(len(took) * 0.99)], 1),
        "max_ms": round(took[-1], 1),
        "cpu_pct": round(sum(cpu for _, cpu in rounds) / seconds * 100, 1),
        "parts_per_s": round(sum(told["parts"] for told in asked) / seconds, 1),
        "part_p50_ms": round(median(waited), 1),
        "part_p99_ms": round(waited[int(len(waited) * 0.99)], 1),
        "changed": sum(told["changed"] for told in asked),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--desks", type=int, default=10)
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of one round")
    parser.add_argument("--rounds", type=int, default=3, help="of each kind, in turn")
    options = parser.parse_args()
    rows = asyncio.run(run(options))
    console = Console(width=140)
    console.print(table("Calls while desks look (event to submit_sm)", rows))
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    figures = {
        "at": at,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "desk": rows,
    }
    (RESULTS / f"desk-{at.replace(':', '')}.json").write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

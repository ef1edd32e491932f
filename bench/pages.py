"""`make bench-pages`: how long every page and list of the console takes on a database of a big
business, measured at the socket of a real service, against an empty page by the same way.

    python -m bench.pages [--db PATH] [--only PART] [--times N]

Without --db the database is made once (four minutes) and kept in the cache.

    first   the very first request after a start of the service, sent SETTLED seconds after it says
            READY: it is started anew for each page. The system has the file in its cache.
    again   the first of this page when others have been asked for: what is left of coldness in a
            service that runs
    p50..   the `--times` requests after that
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from rich.console import Console

from bench.run import RESULTS, table
from tests.browser.crawl import Answer, crawl
from tests.browser.stand import PASSWORD, SeededRig, add_users
from tests.fakes.asterisk import FakeAsterisk
from tests.lab import seed
from textback.console.app import ENDPOINTS
from textback.store.migrations import HEAD
from textback.store.store import Store

#: The page that has nothing on it: session, policy, navigation, and a sentence.
FLOOR = "/nothing/here"
BUDGET = 100.0  #: milliseconds
_FRESH = timedelta(days=3)


class Visitor:
    """A signed-in browser without its face."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.csrf = ""

    async def sign_in(self, name: str = "root") -> None:
        page = await self.get("/login")
        fields = {"name": name, "password": PASSWORD, "csrf": _field(page.text, "csrf")}
        async with self._session.post("/login", data=fields) as answer:
            text = await answer.text()
        found = re.search(r'<meta name="csrf" content="([^"]+)"', text)
        assert found, f"signing in gave {answer.status}: {text[:300]}"
        self.csrf = found[1]

    async def get(self, path: str) -> Answer:
        async with self._session.get(path) as answer:
            return await _read(answer)

    async def post(self, path: str, fields: dict[str, str]) -> Answer:
        async with self._session.post(path, data={**fields, "csrf": self.csrf}) as answer:
            return await _read(answer)


async def _read(answer: aiohttp.ClientResponse) -> Answer:
    kind = answer.headers.get("Content-Type", "")
    return Answer(str(answer.url.relative()), answer.status, kind, await answer.text())


def _field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', html)
    return found[1] if found else ""


# --- what is asked --------------------------------------------------------------------------------

Ask = Callable[[], Awaitable[Answer]]
#: Searches: by name, by number, by a word that many wrote, by one that nobody did.
SEARCHES = {"a name": "Okafor", "a number": "646-555-0123", "a word": "insurance", "nothing": "qzx"}


async def asked(visitor: Visitor) -> dict[str, Ask]:
    """Every page that can be come to by clicking, every list of the API, and searches."""
    found: dict[str, Ask] = {}
    pages, broken = await crawl(visitor.get)
    if broken:
        print(f"links that lead nowhere: {broken}", file=sys.stderr)
    for name, path in pages.items():
        found[name] = lambda path=path: visitor.get(path)  # type: ignore[misc]
    for name, path in (await endpoints(visitor)).items():
        found[name] = lambda path=path: visitor.get(path)  # type: ignore[misc]
    for name, words in SEARCHES.items():
        found[f"/inbox/search ({name})"] = lambda words=words: visitor.post(  # type: ignore[misc]
            "/inbox/search", {"q": words}
        )
    return found


async def endpoints(visitor: Visitor) -> dict[str, str]:
    """The GETs of the API; a row's number is that of the first in its list."""
    found: dict[str, str] = {}
    first: dict[str, int] = {}
    for endpoint in sorted((e for e in ENDPOINTS if e.method == "GET"), key=lambda e: e.path):
        parent, brace, _ = endpoint.path.partition("/{")
        if brace and parent not in first:
            continue
        path = "/api/v1" + re.sub(r"\{\w+\}", str(first.get(parent, 0)), endpoint.path)
        answer = await visitor.get(path)
        if answer.status != 200:
            continue  # it wants more than an address
        found[f"/api/v1{endpoint.path}"] = path
        if not brace and (row := re.search(r'"id":\s*(\d+)', answer.text)):
            first[parent] = int(row[1])
    return found


async def measure(ask: Ask, times: int, service: psutil.Process) -> dict[str, Any]:
    """`cpu_ms` is what the service itself worked for one, however busy the machine is besides."""
    again, _ = await _timed(ask)
    worked = _cpu(service)
    took: list[float] = []
    for _turn in range(times):
        milliseconds, answer = await _timed(ask)
        took.append(milliseconds)
    warm = sorted(took)
    return {
        "again_ms": round(again, 1),
        "p50_ms": round(statistics.median(warm), 1),
        "cpu_ms": round((_cpu(service) - worked) / times * 1000, 1),
        "p95_ms": round(warm[min(len(warm) - 1, round(len(warm) * 0.95))], 1),
        "bytes": len(answer.text),
        "status": answer.status,
    }


async def _timed(ask: Ask) -> tuple[float, Answer]:
    began = time.perf_counter()
    answer = await ask()
    return (time.perf_counter() - began) * 1000, answer


def _cpu(service: psutil.Process) -> float:
    spent = service.cpu_times()
    return float(spent.user + spent.system)


# --- the database ---------------------------------------------------------------------------------


def kept() -> Path:
    """The big database in the cache; made anew when seed or schema changed, or it is days old."""
    cache = Path(os.environ.get("TEXTBACK_CACHE", Path.home() / ".cache" / "textback")) / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    lab = Path(seed.__file__).parent
    sources = [lab / "seed.py", *sorted((lab / "seeding").glob("*.py"))]
    migrations = sorted(Path(sys.modules["textback.store.migrations"].__path__[0]).rglob("*.py"))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in [*sources, *migrations])).hexdigest()
    path = cache / f"pages-{HEAD}-{digest[:12]}.db"
    if path.exists():
        made = datetime.fromisoformat(path.with_suffix(".at").read_text())
        if datetime.now(UTC) - made < _FRESH:
            return path
    for old in cache.glob("pages-*"):
        old.unlink()
    making = cache / "making.db"
    for rest in cache.glob("making*"):
        rest.unlink()
    print(f"making {path}: a million calls, four minutes", file=sys.stderr)
    now = datetime.now(UTC).replace(microsecond=0)
    seed.seed(making, "big", now=now)
    path.with_suffix(".at").write_text(now.isoformat())
    making.rename(path)
    return path


class BigRig(SeededRig):
    size = "big"
    flags = ()  # as people run it


@asynccontextmanager
async def service(folder: Path, db: Path) -> AsyncIterator[BigRig]:
    async with FakeAsterisk() as asterisk:
        rig = BigRig(folder, asterisk)
        rig.values["store"] = db
        async with rig.simulator:
            rig.configure(smpp=rig.simulator.port)
            try:
                if not await _has_users(db):
                    await add_users(rig)
                await rig.start()
                await _figures_are_full(db)
                yield rig
            finally:
                await rig.kill()


async def _has_users(db: Path) -> bool:
    from sqlalchemy import text

    store = await Store.open(db)
    try:
        query = text("SELECT 1 FROM users WHERE name = 'root'")
        return await store.read(lambda on: on.execute(query).first() is not None)
    finally:
        await store.close()


async def _figures_are_full(db: Path) -> None:
    """The service counts the days of a database it does not know yet, in the background."""
    store = await Store.open(db, migrate=False)
    try:
        while True:
            state = await store.figures_filling()
            if state is not None and state.complete:
                return
            share = 0.0 if state is None else state.share
            print(f"the figures are counted: {share:.0%}", end="\r", file=sys.stderr)
            await asyncio.sleep(1.0)
    finally:
        await store.close()


#: Seconds by which the console has made its templates and languages (`console.ready`).
SETTLED = 3.0

# --- the run --------------------------------------------------------------------------------------


async def run(db: Path, only: str, times: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with service(Path(folder), db) as rig:
            jar = aiohttp.CookieJar(unsafe=True)  # 127.0.0.1 is no name
            async with _browser(rig, jar) as session:
                visitor = Visitor(session)
                await visitor.sign_in()
                wanted = {
                    "nothing (the floor)": lambda: visitor.get(FLOOR),
                    **await asked(visitor),
                }
            chosen = {
                name: ask
                for name, ask in wanted.items()
                if only in name or name.startswith("nothing")
            }
            _into_cache(db)
            first: dict[str, dict[str, Any]] = {}
            for name, ask in chosen.items():
                service_of = await _anew(rig)
                await asyncio.sleep(SETTLED)
                async with _browser(rig, jar) as session:
                    visitor._session = session
                    worked = _cpu(service_of)
                    milliseconds, _ = await _timed(ask)
                    spent = (_cpu(service_of) - worked) * 1000
                first[name] = {"first_ms": round(milliseconds, 1), "first_cpu": round(spent)}
                print(f"{len(first)} of {len(chosen)} first requests", end="\r", file=sys.stderr)
            daemon = await _anew(rig)
            async with _browser(rig, jar) as session:
                visitor._session = session
                for name, ask in chosen.items():
                    warm = await measure(ask, times, daemon)
                    rows.append({"page": name, **first[name], **warm})
    return rows


def _browser(rig: BigRig, jar: aiohttp.CookieJar) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=60)
    return aiohttp.ClientSession(rig.url, cookie_jar=jar, timeout=timeout)


async def _anew(rig: BigRig) -> psutil.Process:
    """The service started once more, so that nothing has been asked of it."""
    await rig.kill()
    rig.told.clear()
    await rig.start()
    assert rig.process is not None
    return psutil.Process(rig.process.pid)


def _into_cache(db: Path) -> None:
    """The file into the system's cache, where it is while a service runs."""
    with db.open("rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--db", type=Path, help="a database of tests.lab.seed; it is written to")
    parser.add_argument("--only", default="", help="pages with this in their path")
    parser.add_argument("--times", type=int, default=30)
    options = parser.parse_args()
    rows = asyncio.run(run(options.db or kept(), options.only, options.times))
    console = Console(width=120)
    floor = rows[0]["p50_ms"]
    rows = [rows[0], *sorted(rows[1:], key=lambda row: -float(row["p95_ms"]))]
    console.print(table("Pages of a big business (aim: p95 and first < 100 ms)", rows))
    for name, key in (("p95", "p95_ms"), ("first request", "first_ms")):
        slow = [f"{row['page']} {row[key]}" for row in rows if row[key] > BUDGET]
        worst = max(float(row[key]) for row in rows)
        over = f"{len(slow)} over {BUDGET:g} ms: {', '.join(slow) or 'none'}"
        console.print(f"{name}: at most {worst} ms, {over}")
    console.print(f"floor {floor} ms")
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    figures = {"at": at, "python": platform.python_version(), "pages": rows}
    (RESULTS / f"pages-{at.replace(':', '')}.json").write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The real `python -m textback run` in a directory of its own: its configuration and its life."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.lab.asterisk import AMI_SECRET, free_port
from tests.lab.row import Row

ROOT = Path(__file__).parents[2]
#: The callers of the laboratory are many, at once, and all of one range.
UNLIMITED = {"per_minute": 1000, "per_hour": 1000, "per_day": 1000, "adjacent": 0, "per_prefix": 0}
MESSAGE = "Sorry we missed you at {{number.label}}. Reply here. {{business.name}}"


def toml(value: Any) -> str:
    """A TOML value; JSON's spelling of these types is TOML's as well."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=True)


def pbx_keys(rows: Iterable[Row]) -> dict[str, Any]:
    """What the rows ask for in [[pbx]]."""
    not_human = [row.fill(pattern) for row in rows for pattern in row.not_human]
    return {"not_human": not_human} if not_human else {}


def configuration(
    directory: Path,
    rows: Iterable[Row],
    *,
    ami_port: int,
    smsc: Mapping[str, Any],
    console_port: int,
    ami_secret: str = AMI_SECRET,
    mode: str = "live",
    agi_port: int = 0,
    business: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    pbx: Mapping[str, Any] | None = None,
    more: Iterable[tuple[str, Mapping[str, Any]]] = (),
) -> Path:
    """Write a textback.toml that watches every row's number; `smsc` has host, port and the rest.

    `business`, `limits`, `defaults` and `pbx` add keys to those tables, or change them; `more` are
    further tables, such as ("[[message]]", {...}) or a second ("[[pbx]]", {...}).
    """
    rows = list(rows)
    staff = [row.number_outside for row in rows if row.staff]
    tables: list[tuple[str, Mapping[str, Any]]] = [
        (
            "[business]",
            {
                "name": "Acme Dental",
                "country": "US",
                "timezone": "America/New_York",
                **(business or {}),
            },
        ),
        ("[log]", {"format": "json", "level": "debug", "mask": False}),
        ("[store]", {"path": str(directory / "textback.db")}),
        ("[console]", {"listen": f"127.0.0.1:{console_port}"}),
        ("[agi]", {"listen": f"127.0.0.1:{agi_port or free_port()}", "deadline": "1s"}),
        ("[limits]", {**UNLIMITED, **(limits or {})}),
        ("[never]", {"staff": staff}),
        (
            "[[pbx]]",
            {
                "name": "pbx",
                "host": "127.0.0.1",
                "port": ami_port,
                "username": "textback",
                "secret": ami_secret,
                "record": str(directory / "record.ami"),
                **pbx_keys(rows),
                **(pbx or {}),
            },
        ),
        ("[[smsc]]", {"name": "smsc", "rate": 0, **smsc}),
        ("[defaults]", {"message": MESSAGE, **(defaults or {})}),
    ]
    tables += [
        ("[[number]]", {"did": did, "label": row.name, **row.number})
        for row in rows
        if row.watched
        for did in row.dids
    ]
    tables += more
    lines = [f"mode = {toml(mode)}"]
    for head, keys in tables:
        lines += ["", head, *(f"{key} = {toml(value)}" for key, value in keys.items())]
    path = directory / "textback.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


class Service:
    """One `textback run`; start it, kill it, start it again on the same store."""

    def __init__(self, config: Path, console_port: int) -> None:
        self.config = config
        self.console_port = console_port
        self.log = config.with_name("textback.log")
        self.process: asyncio.subprocess.Process | None = None
        self._seen = 0  #: bytes of its log, by `news`

    @classmethod
    def prepare(cls, directory: Path, rows: Iterable[Row], **settings: Any) -> Service:
        port = free_port()
        return cls(configuration(directory, rows, console_port=port, **settings), port)

    async def start(self, *, healthy: bool = True, within: float = 30.0) -> None:
        """Start it; wait until every part is well, or with `healthy` False until it answers."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "textback", "--config", str(self.config), "run"),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self.well(healthy=healthy, within=within)

    async def well(self, *, healthy: bool = True, within: float = 60.0) -> None:
        """Wait until /healthz says so, or with `healthy` False until it answers at all."""
        health: dict[str, Any] | None = None
        try:
            async with asyncio.timeout(within):
                while True:
                    health = await self.health()
                    if health is not None and (not healthy or health["status"] == "ok"):
                        return
                    if self.process is None or self.process.returncode is not None:
                        raise AssertionError(f"textback ended: {self.log_tail()}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"textback is not well: {health}\n{self.log_tail()}") from None

    async def logged(self, name: str, *, within: float = 20.0) -> dict[str, Any]:
        """Wait for the first line of that name in its log."""
        async with asyncio.timeout(within):
            while True:
                for event in self.events():
                    if event.get("event") == name:
                        return event
                await asyncio.sleep(0.05)

    async def news(self, patience: float = 2.0) -> None:
        """Wait until it has logged something since the last call of this, `patience` at most.

        To ask it what it knows is a process of its own, dear beside a test in real time.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while True:
                    seen, self._seen = self._seen, self.log.stat().st_size
                    if self._seen != seen:
                        return
                    await asyncio.sleep(0.1)

    async def stop(self, *, kill: bool = False, within: float = 30.0) -> int:
        """SIGTERM (or SIGKILL) and its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        async with asyncio.timeout(within):
            return await self.process.wait()

    async def close(self) -> None:
        if self.process is not None and self.process.returncode is None:
            try:
                await self.stop(within=15.0)
            except TimeoutError:
                await self.stop(kill=True)

    async def __aenter__(self) -> Service:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def health(self) -> dict[str, Any] | None:
        """/healthz, or None while nobody listens."""
        return await asyncio.to_thread(self._health)

    def _health(self) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.console_port}/healthz", timeout=5
            ) as answer:
                told: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:  # 503: not well, and it says why
            with error:
                said = error.read().decode(errors="replace")
            try:
                told = json.loads(said)
            except ValueError:  # 500: a fault
                told = {"status": f"{error.code} {said[:200]}", "parts": {}}
        except OSError:
            return None
        return told

    async def command(self, *args: str, code: int = 0) -> str:
        """What a `textback` command prints."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "textback", "--config", str(self.config), *args),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "NO_COLOR": "1"},
        )
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.communicate()
            raise
        assert process.returncode == code, f"{args}: {process.returncode}\n{err.decode()}"
        return out.decode()

    async def stories(self, *args: str) -> list[dict[str, Any]]:
        """`textback why --json` or `calls --json`: one object a line."""
        out = await self.command(*args, "--json")
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    def events(self) -> list[dict[str, Any]]:
        """Its log so far, one object a line; what is not JSON is left out."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for line in self.log.read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict):
                        found.append(event)
        return found

    def log_tail(self, lines: int = 25) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

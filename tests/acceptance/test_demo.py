"""`make demo` does what it says, and leaves nothing behind, also when it is stopped half-way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.lab.service import ROOT

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]


@asynccontextmanager
async def demo(scratch: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The demo without a terminal; all its files are below `scratch`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.lab.demo"),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def left_behind(scratch: Path) -> list[str]:
    """Files, mounts and processes that bear the scratch folder's name."""
    found = [f"file {path}" for path in scratch.iterdir()]
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found += [f"mount {line}" for line in mounts if str(scratch) in line]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if str(scratch) in command:
            found.append(f"process {command}")
    return found


async def test_missed_call_is_texted_and_the_reply_arrives(tmp_path: Path) -> None:
    async with demo(tmp_path) as process:
        out, _ = await process.communicate()
    text = out.decode()

    assert process.returncode == 0, text
    for said in (
        "Service line: verdict no text: answered",
        "Main line: verdict TEXT BACK",
        "took a text from +12125550100 to +16465550100",
        "delivery receipt recorded",
        "in the inbox on this machine",
        "textback why +16465550100",
    ):
        assert said in text
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_stopped_while_the_phone_rings_it_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with demo(tmp_path) as process:
        assert process.stdout is not None
        async for line in process.stdout:
            if b"phones ring" in line:
                break
        os.killpg(process.pid, number)  # as a terminal does
        out, _ = await process.communicate()

    assert process.returncode == 130, out.decode()
    assert "Traceback" not in out.decode()
    assert left_behind(tmp_path) == []

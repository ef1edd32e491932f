"""Asterisk dies in a call, and its records are missing, damaged or rotated."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.stage import renumbered
from tests.acceptance.watchers import (
    LONG,
    MISSED,
    RINGS,
    SOURCES,
    house,
)
from tests.lab.people import hangs_up
from tests.lab.phones import rings
from tests.lab.row import row

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]

LINE, OTHER = renumbered(
    row("line", LONG, MISSED, hangs_up(20), a=rings()),
    row("other", RINGS, MISSED, a=rings()),
)


@pytest.mark.parametrize("version", ["22", "16"])
async def test_call_that_asterisk_took_to_its_grave_is_unknown_and_the_next_one_is_not(
    tmp_path: Path, version: str
) -> None:
    """Killed in the middle of a call: CEL has no HANGUP, and CDR nothing at all."""
    async with house(tmp_path, [LINE, OTHER], version) as lab:
        cel = await lab.watcher("cel", SOURCES["cel_csv"])
        cdr = await lab.watcher("cdr", SOURCES["cdr_csv"])
        here = await lab.watcher("here", SOURCES["cel_csv"])
        watchers = (cel, cdr, here)
        await asyncio.gather(*(watcher.service.start(within=90.0) for watcher in watchers))
        await asyncio.gather(cel.service.stop(), cdr.service.stop())
        leg = lab.agent.call(LINE.number_outside, LINE.did)
        lab.agent.behaviours[LINE.phone("a")] = LINE.phones["a"]
        await asyncio.wait_for(leg.ringing.wait(), 10.0)

        await asyncio.to_thread(lab.asterisk.kill)
        await asyncio.to_thread(lab.asterisk.start)
        await here.service.well(within=90.0)
        await lab.place([OTHER])
        await asyncio.gather(cel.service.start(within=90.0), cdr.service.start(within=90.0))
        await cel.tells([LINE, OTHER], within=120.0)
        await here.tells([LINE, OTHER])
        await cdr.tells([OTHER])

        for watcher in (cel, here):
            story = watcher.story(LINE)
            assert (story["outcome"], story["reason"]) == ("unknown", "unknown_call")
        assert [s for s in cdr.stories if s["did"] == LINE.did] == []
        for watcher in watchers:
            assert watcher.story(OTHER)["verdict"] == "send"
            assert [text.to for text in watcher.texts] == [OTHER.number_outside]


async def test_records_that_cannot_be_read_are_told_and_the_service_lives(tmp_path: Path) -> None:
    async with house(tmp_path, [LINE, OTHER], "22") as lab:
        damaged = tmp_path / "master.db"
        damaged.write_bytes(b"SQLite format 3\0" + bytes(3000))
        source = {"cel_csv": str(tmp_path / "none.csv"), "cel_sqlite": str(damaged)}
        watcher = await lab.watcher("watcher", source)
        await watcher.service.start(within=90.0)

        said = await watcher.service.logged("records_unreadable")
        assert said["level"] == "warning"
        part = (await watcher.service.health() or {})["parts"]["records:pbx"]
        assert (part["ok"], part["state"]) == (True, "unreadable")
        doctor = await watcher.service.command("doctor", "--listen", "0", code=1)
        for words in ("No such file", "cel_csv", "cel_sqlite", "-> "):
            assert words in doctor

        # What happens now is heard as ever, and what is mended is read at the next occasion.
        await lab.place([OTHER])
        await watcher.tells([OTHER])
        assert watcher.story(OTHER)["source"] == "ami"
        log = lab.asterisk.directory / "log"
        (tmp_path / "none.csv").symlink_to(log / "cel-custom" / "Master.csv")
        damaged.unlink()
        damaged.symlink_to(log / "master.db")
        await watcher.service.logged("records_readable_again", within=120.0)


async def test_log_that_was_rotated_in_the_outage_is_read_in_both_parts(tmp_path: Path) -> None:
    async with house(tmp_path, [LINE, OTHER], "22") as lab:
        watcher = await lab.watcher("watcher", SOURCES["cel_csv"])
        await watcher.service.start(within=90.0)
        await watcher.service.stop()
        await lab.place([OTHER])
        await asyncio.sleep(1.0)
        log = lab.asterisk.directory / "log" / "cel-custom" / "Master.csv"
        log.rename(log.with_name("Master.csv.1"))
        await lab.place([LINE])
        await asyncio.sleep(1.0)
        assert log.exists()
        await watcher.service.start(within=90.0)
        await watcher.tells([LINE, OTHER])

        assert {watcher.story(each)["verdict"] for each in (LINE, OTHER)} == {"send"}
        assert sorted(text.to for text in watcher.texts) == sorted(
            each.number_outside for each in (LINE, OTHER)
        )

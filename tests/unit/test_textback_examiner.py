"""The doctor inside the service: in the background, never in the way, never the end of anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.console_rig import CONFIG, config_of
from textback import doctor_links, examiner
from textback.config import Config
from textback.console.health import Health, PartHealth
from textback.doctor import Check, ok, warn
from textback.examiner import LEAST, Examiner

PATH = Path("/etc/textback/textback.toml")
UP = {
    "says": "logged in",
    "warnings": ["`read` lacks dialplan"],
    "contexts": {"from-trunk": 3},
    "last_event_age": 2.0,
}


def health_of(*parts: PartHealth) -> Health:
    return Health("live", "test", parts)


class Rig:
    """An examiner whose examinations a test holds back, lets through or has fail."""

    def __init__(self, *parts: PartHealth, config: Config | None = None) -> None:
        self.now = 1000.0
        self.begun = 0
        self.told = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None
        self.changed = asyncio.Event()
        self.examiner = Examiner(
            lambda: config or config_of(),
            PATH,
            self.health,
            on_change=self.on_change,
            examine=self.examine,
            clock=lambda: self.now,
        )
        self.parts = parts

    async def health(self) -> Health:
        return health_of(*self.parts)

    def on_change(self) -> None:
        self.told += 1
        self.changed.set()

    async def examine(
        self, config: Config, path: Path, parts: Mapping[str, Any]
    ) -> AsyncIterator[Check]:
        self.begun += 1
        yield ok("clock", "kept by NTP")
        await self.go.wait()
        if self.error is not None:
            raise self.error
        yield warn("config", "something", "do something")

    async def news(self) -> None:
        await self.changed.wait()
        self.changed.clear()


async def test_before_the_first_examination_the_links_are_told_all_the_same() -> None:
    rig = Rig(PartHealth("ami:pbx", True, "up", UP), PartHealth("smpp:smsc", False, "waiting"))
    found = await rig.examiner.look()
    assert found.checked is None
    assert not found.running
    assert {(one.area, one.level) for one in found.items} >= {
        ("ami pbx", "ok"),
        ("ami pbx", "warn"),
        ("smpp smsc", "fail"),
    }
    assert rig.begun == 0


async def test_what_the_links_say_is_never_older_than_the_question() -> None:
    rig = Rig(PartHealth("smpp:smsc", False, "waiting"))
    assert [f.level for f in (await rig.examiner.look()).items if f.area == "smpp smsc"] == ["fail"]
    rig.parts = (PartHealth("smpp:smsc", True, "bound"),)
    assert [f.level for f in (await rig.examiner.look()).items if f.area == "smpp smsc"] == ["ok"]


async def test_nobody_waits_for_an_examination() -> None:
    rig = Rig()
    task = asyncio.create_task(rig.examiner.examine(), name="examination under test")
    await rig.news()
    during = await rig.examiner.look()
    assert during.running
    assert during.checked is None
    rig.go.set()
    await task
    after = await rig.examiner.look()
    assert not after.running
    assert after.checked is not None
    assert [one.found for one in after.items if one.area in ("clock", "config")] == [
        "kept by NTP",
        "something",
    ]
    assert rig.told == 2


async def test_an_examination_that_fails_is_told_and_what_was_known_stays() -> None:
    rig = Rig()
    rig.go.set()
    before = await rig.examiner.examine()
    rig.error = RuntimeError("the disk bit me")
    with capture_logs() as logs:
        after = await rig.examiner.examine()
    assert after.trouble == "the disk bit me"
    assert after.items == before.items
    assert after.checked == before.checked
    assert not after.running
    assert [entry["event"] for entry in logs] == ["examination_failed"]
    rig.error = None
    assert (await rig.examiner.examine()).trouble == ""


async def test_one_asks_again_at_most_twice_a_minute() -> None:
    rig = Rig()
    assert rig.examiner.ask() == 0.0
    rig.go.set()
    await rig.examiner.examine()
    rig.now += LEAST - 10
    assert rig.examiner.ask() == pytest.approx(10)
    rig.now += 10
    assert rig.examiner.ask() == 0.0


async def test_who_asks_while_it_examines_gets_that_examination() -> None:
    rig = Rig()
    task = asyncio.create_task(rig.examiner.examine(), name="examination under test")
    await rig.news()
    assert rig.examiner.ask() == 0.0
    rig.go.set()
    await task
    assert rig.begun == 1


async def test_its_task_examines_when_asked_and_ends_when_cancelled() -> None:
    rig = Rig()
    task = asyncio.create_task(rig.examiner.run(), name="examiner under test")
    rig.examiner.ask()
    await rig.news()  # it began, and waits for us
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rig.begun == 1
    assert not [one for one in asyncio.all_tasks() if one.get_name() == "examination"]


async def test_a_reload_has_it_look_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examiner, "LEAST", 0.0)
    rig = Rig()
    rig.go.set()
    task = asyncio.create_task(rig.examiner.run(), name="examiner under test")
    rig.examiner.reload()
    while (await rig.examiner.look()).checked is None:
        await rig.news()
    first = rig.begun
    rig.examiner.reload()
    while rig.begun == first:
        await rig.news()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert rig.begun == first + 1


async def test_it_logs_in_nowhere_and_binds_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither Asterisk nor the carrier hears of an examination."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a second login or bind")

    monkeypatch.setattr(doctor_links, "Connection", never)
    monkeypatch.setattr("textback.doctor_smsc.Route", never)
    config = config_of(
        CONFIG + f'[store]\npath = "{tmp_path}/textback.db"\n[agi]\nenabled = false\n'
    )
    found = [check async for check in examiner.background(config, PATH, {})]
    areas = {check.area for check in found}
    assert {"config", "store", "clock", "records pbx", "agi"} <= areas
    assert not any(area.startswith(("ami", "smpp")) for area in areas)

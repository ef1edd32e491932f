"""The doctor's line on the file that the console writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.configs import BASE
from textback.config import Config
from textback.config_load import loads
from textback.doctor import Level
from textback.doctor_console import check_console


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "store").mkdir()
    return tmp_path / "textback.toml"


def config(main: Path, more: str = "") -> Config:
    return loads(f'[store]\npath = "{main.parent}/store/textback.db"\n{BASE}{more}')


async def test_a_folder_that_can_be_written_is_well(main: Path) -> None:
    (check,) = await check_console(config(main), main)
    assert (check.level, check.area) == (Level.OK, "console")
    file = main.parent / "conf.d" / "console.toml"
    file.write_text('[[override.number]]\ndid = "*"\nenabled = false\n')
    (check,) = await check_console(config(main), main)
    assert check.found.endswith("changes 1 number")


async def test_a_file_that_was_written_by_hand_is_named(main: Path) -> None:
    (main.parent / "conf.d" / "console.toml").write_text("[store]\n")
    (check,) = await check_console(config(main), main)
    assert check.level is Level.WARN
    assert "written by hand: it has store" in check.found


async def test_a_folder_that_cannot_be_written_is_said_with_what_to_do(
    main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    (check,) = await check_console(config(main), main)
    assert check.level is Level.WARN
    assert "chmod 3770" in check.fix
    assert "edit = false" in check.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_root_says_what_the_service_may_do_not_what_root_may(main: Path) -> None:
    os.chown(main.parent / "store", 12345, 54321)
    (check,) = await check_console(config(main), main)
    assert (check.level, "may not write in" in check.found) == (Level.WARN, True)
    os.chown(main.parent / "conf.d", 0, 54321)
    (main.parent / "conf.d").chmod(0o3770)
    (check,) = await check_console(config(main), main)
    assert check.level is Level.OK


async def test_where_nothing_is_to_be_changed_nothing_is_said(main: Path) -> None:
    assert await check_console(config(main, "[console]\nedit = false\n"), main) == []

"""What the doctor says of the files of contacts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.verdicts import config
from textback.doctor import Level
from textback.doctor_contacts import check_contacts


async def told(folder: Path, **pbx: Any) -> list[tuple[Level, str]]:
    rules = config(
        {
            "contacts": {"files": [f"{folder}/*.csv"]},
            "pbx": [{"name": "pbx", "secret": "x", **pbx}],
        }
    )
    return [(check.level, check.found) for check in await check_contacts(rules)]


@pytest.mark.parametrize(
    ("text", "level", "said"),
    [
        ("name,phone\nAnn,6465550123\n", Level.OK, "1 numbers"),
        ("name,phone\nAnn,6465550123\nBen,99\n", Level.WARN, "1 rows could not be used: line 3"),
        ("name,street\nAnn,Main Street\n", Level.WARN, "no column with numbers"),
    ],
)
async def test_a_file_is_read_as_the_service_would(
    tmp_path: Path, text: str, level: Level, said: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    ((found, words),) = await told(tmp_path)
    assert found is level
    assert said in words
    assert "99" not in words.replace(str(tmp_path), "")


async def test_a_file_that_is_not_there_is_warned_of(tmp_path: Path) -> None:
    ((level, words),) = await told(tmp_path)
    assert (level, "there is no such file" in words) == (Level.WARN, True)


async def test_a_phonebook_by_its_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    path = tmp_path / "astdb.sqlite3"
    missing = await told(tmp_path, astdb_sqlite=str(path))
    assert missing[1][0] is Level.WARN
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE astdb (key VARCHAR(256) PRIMARY KEY, value VARCHAR(256))")
        db.execute("INSERT INTO astdb VALUES ('/cidname/6465550123', 'Ann')")
    there = await told(tmp_path, astdb_sqlite=str(path))
    assert there[1] == (Level.OK, f"{path}: 1 numbers")

"""`lint`, `export`, `erase`, `purge`: what they ask, what they refuse, and what they print."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update
from typer.testing import CliRunner, Result

from tests.fakes.person import put_everywhere
from tests.fakes.store import NOW
from tests.unit.configs import BASE, write
from textback.cli import app
from textback.store.store import Store
from textback.store.tables import calls, outbox
from textback.store.tables_figures import figures_days, figures_delays, figures_hours

pytestmark = pytest.mark.usefixtures("logging_as_before")

ANNA = "+12125550123"
Run = Callable[..., Result]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    text = f'[store]\npath = "{tmp_path}/textback.db"\n' + BASE
    return write(tmp_path / "textback.toml", text)


@pytest.fixture
def run(config: Path) -> Run:
    def call(*words: str) -> Result:
        return CliRunner().invoke(app, ["--config", str(config), *words])

    return call


@pytest.fixture
def filled(config: Path) -> Path:
    path = config.with_name("textback.db")

    async def work() -> None:
        store = await Store.open(path)

        def fill(db: Connection) -> None:
            put_everywhere(db, ANNA, "Anna Quixenberry", "her own words, twenty or more", NOW)
            db.execute(update(calls).values(ended_at=NOW))

        await store._db.write(fill)
        await store.close()

    asyncio.run(work())
    return path


# --- lint ----------------------------------------------------------------------------------------


def test_lint_reads_every_text_and_finds_nothing_in_those_that_come_with_it(run: Run) -> None:
    done = run("lint")
    assert done.exit_code == 0, done.output
    assert "4 texts, no warnings" in done.output
    found = [json.loads(line) for line in run("lint", "--json").stdout.splitlines()]
    assert {one["key"] for one in found} >= {"message", "optout.help_text"}
    assert all(one["segments"] == 1 and one["findings"] == [] for one in found)


def test_lint_of_a_text_of_ones_own(run: Run) -> None:
    done = run("lint", "--text", "{{business.name}}: hi http://bit.ly/x", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert {f["rule"] for f in found["findings"]} == {"stop", "shortener", "link"}
    assert found["text"].startswith("Acme Dental: hi")
    assert (
        run("lint", "--text", "Acme Dental: no more texts.", "--as", "confirm_stop").exit_code == 0
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--text", "{{nobody}}"), "is not a variable"),
        (("--text", "x", "--as", "novel"), "'novel' is no role"),
        (("--number", "+12125550199"), "there is no [[number]] for"),
    ],
)
def test_a_mistake_with_lint_is_said_in_one_line(
    run: Run, words: tuple[str, ...], said: str
) -> None:
    done = run("lint", *words)
    assert done.exit_code == 2
    assert said in done.output


# --- export --------------------------------------------------------------------------------------


def test_an_export_can_be_read_by_people_and_by_programs(run: Run, filled: Path) -> None:
    done = run("export", "212-555-0123")
    assert done.exit_code == 0, done.output
    assert "everything about +12125550123" in done.output
    assert "contacts (1 row)" in done.output
    assert "name=Anna Quixenberry" in done.output
    whole = json.loads(run("export", ANNA, "--json").stdout)
    assert whole["contacts"][0]["name"] == "Anna Quixenberry"
    assert bytes.fromhex(whole["receipts"][0]["raw"]) == b"\x0012125550123\x00"


def test_an_export_into_a_file_is_private_and_overwrites_nothing(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    file = tmp_path / "anna.json"
    assert run("export", ANNA, "--json", "-o", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["number"] == ANNA
    again = run("export", ANNA, "-o", str(file))
    assert again.exit_code == 2
    assert "cannot be made" in again.output


def test_an_export_of_nobody_says_so(run: Run, filled: Path) -> None:
    assert "nothing" in run("export", "+12125550166").output


# --- erase ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((ANNA, "--reason", "asked"), "say --yes if that is meant"),
        (("nobody", "--reason", "asked", "--yes"), "is no telephone number"),
        ((ANNA, "--reason", " ", "--yes"), "--reason is empty"),
        (("+12125550100", "--reason", "x", "--yes"), "is a number of the business itself"),
        ((ANNA, "--reason", "(212) 555-0123 asked", "--yes"), "the number stands in --reason"),
    ],
)
def test_an_erasure_that_is_not_meant_like_this_changes_nothing(
    run: Run, filled: Path, words: tuple[str, ...], said: str
) -> None:
    done = run("erase", *words)
    assert done.exit_code == 2
    assert said in done.output
    with closing(sqlite3.connect(filled)) as db:
        assert db.execute("SELECT count(*) FROM contacts").fetchone() == (1,)


def test_an_erasure_tells_what_it_did_and_what_is_left_to_do(run: Run, filled: Path) -> None:
    done = run("erase", ANNA, "--reason", "asked by mail", "--yes")
    assert done.exit_code == 0, done.output
    assert "contacts" in done.output
    assert "deleted" in done.output
    assert "blanked" in done.output
    assert "the number is not in them" in done.output
    assert "voicemail and recordings" in done.output
    again = json.loads(run("erase", ANNA, "--reason", "again", "--yes", "--json").stdout)
    assert (again["rows"], again["still_in_the_file"]) == ({}, False)


def test_digits_that_are_part_of_somebody_elses_number_are_no_failure(
    run: Run, filled: Path
) -> None:
    with closing(sqlite3.connect(filled)) as db:
        db.execute("INSERT INTO meta (key, value) VALUES ('x', '+442125550123')")
        db.commit()
    done = run("erase", ANNA, "--reason", "asked", "--yes")
    assert done.exit_code == 0, done.output
    assert "2125550123 is part of longer numbers or ids" in done.stderr
    assert "written anew" not in done.stderr


def test_free_pages_of_an_older_textback_are_written_anew(run: Run, filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("CREATE TABLE old (words TEXT)")
        db.execute("INSERT INTO old SELECT '+12125550123 called' FROM calls")
        db.commit()
        db.execute("DROP TABLE old")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    done = run("erase", ANNA, "--reason", "asked", "--yes")
    assert done.exit_code == 0, done.output
    assert "it is written anew" in done.stderr
    assert b"2125550123" not in filled.read_bytes()


def test_a_text_whose_number_was_erased_cannot_be_released(run: Run, filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as db:
        db.execute("UPDATE outbox SET state = 'refused'")
        db.commit()
    assert run("erase", ANNA, "--reason", "asked", "--yes").exit_code == 0
    done = run("release", "1")
    assert done.exit_code == 2
    assert "its number was erased" in done.output


# --- purge ---------------------------------------------------------------------------------------


def test_a_purge_counts_first_if_told_so(run: Run, filled: Path) -> None:
    async def age() -> None:
        store = await Store.open(filled)
        old = NOW - timedelta(days=3_000)
        await store._db.write(
            lambda db: (
                db.execute(update(calls).values(started_at=old)),
                db.execute(update(outbox).values(created_at=old)),
                # Theirs is of long ago, too.
                *(db.execute(delete(t)) for t in (figures_hours, figures_days, figures_delays)),
            )
        )
        await store.close()

    asyncio.run(age())
    dry = run("purge", "--dry-run")
    assert "2 rows would be deleted" in dry.output
    done = json.loads(run("purge", "--json", "--vacuum").stdout)
    assert done["rows"] == {"calls": 1, "outbox": 1, "receipts": 1}
    assert "calls" in done["before"]
    assert "0 rows deleted" in run("purge").output

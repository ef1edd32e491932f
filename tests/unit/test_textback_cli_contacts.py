"""`textback contacts`: imported, listed, shown, entered and forgotten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.unit.configs import BASE, write
from textback.cli import app
from textback.store.store import Store

pytestmark = pytest.mark.usefixtures("logging_as_before")

ANN, BEN = "+16465550123", "+12125550124"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("TEXTBACK_CONFIG", raising=False)
    database = tmp_path / "textback.db"
    config = write(tmp_path / "textback.toml", f'{BASE}\n[store]\npath = "{database}"\n')

    async def make() -> None:
        await (await Store.open(database)).close()

    asyncio.run(make())
    return lambda *words: CliRunner().invoke(app, ["--config", str(config), "contacts", *words])


def listed(run: Run, *words: str) -> dict[str, dict[str, object]]:
    result = run("list", "--json", *words)
    assert result.exit_code == 0, result.output
    return {entry["number"]: entry for entry in map(json.loads, result.stdout.splitlines())}


def test_a_file_is_imported_and_importing_it_again_exchanges_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "clients.csv"
    file.write_text("name,phone,tags\nAnn,6465550123,vip\nBad,99,\nNobody,,\n")
    result = run("import", str(file))
    assert "1 number as import:clients.csv: 1 added, 0 changed, 0 removed" in result.stdout
    assert "clients.csv:3: " in result.stderr
    assert "1 entry without a number" in result.stdout
    file.write_text("name,phone\nBen,2125550124\n")
    assert "1 added, 0 changed, 1 removed" in run("import", str(file)).stdout
    assert list(listed(run)) == [BEN]


def test_a_dry_run_and_a_wrong_file_change_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "clients.csv"
    file.write_text("name,phone\nAnn,6465550123\n")
    assert "1 number in" in run("import", "--dry-run", str(file)).stdout
    file.write_text("name,street\nAnn,Main Street\n")
    wrong = run("import", str(file))
    assert (wrong.exit_code, "no column with numbers" in wrong.stderr) == (2, True)
    assert run("import", str(tmp_path / "none.csv")).exit_code == 2
    assert listed(run) == {}


def test_two_imports_of_one_number_are_both_shown_and_the_operators_comes_first(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "team.vcf"
    file.write_text("BEGIN:VCARD\nVERSION:3.0\nFN:ANN\nTEL:6465550123\nEND:VCARD\n")
    assert run("import", str(file), "--source", "phone").exit_code == 0
    assert run("set", "646 555 0123", "--name", "Ann Lee", "--tag", "Regular").exit_code == 0
    shown = [json.loads(x) for x in run("show", ANN, "--json").stdout.splitlines()]
    assert [entry["source"] for entry in shown] == ["operator", "import:phone"]
    assert shown[0]["tags"] == ["regular"]


def test_what_was_entered_is_changed_by_what_is_said_alone(run: Run) -> None:
    run("set", ANN, "--name", "Ann", "--vip")
    said = run("set", ANN, "--no-text").stdout
    assert "Ann, VIP, never texted" in said
    entry = listed(run, "--tag", "vip")[ANN]
    assert (entry["name"], entry["vip"], entry["no_text"]) == ("Ann", True, True)
    run("set", ANN, "--tag", "do_not text", "--no-vip")
    run("set", ANN, "--text")
    assert listed(run)[ANN]["no_text"] is False


def test_a_number_is_forgotten_of_one_source_or_all(run: Run) -> None:
    run("set", ANN, "--name", "Ann")
    assert run("remove", ANN, "--source", "csv:x").exit_code == 2
    assert run("remove", ANN).exit_code == 0
    assert run("show", ANN).exit_code == 2


def test_a_masked_list_shows_no_number_and_no_name_is_markup(run: Run) -> None:
    run("set", ANN, "--name", "[red]Ann[/red]")
    shown = run("list", "--mask").stdout
    assert "[red]Ann[/red]" in shown
    assert "5550123" not in shown


@pytest.mark.parametrize("words", [("show", "x"), ("set", "x"), ("remove", "12")])
def test_what_is_no_number_is_said(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert "no telephone number" in result.stderr

"""`optout`: what staff enter, import, decide and export, and what they are told of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import CliRunner, Result

from tests.fakes.store import CALLER, NUMBER, fact, reply, send
from tests.unit.configs import BASE, write
from textback.cli import app
from textback.model import ConsentSource, OutboxState
from textback.store.store import Store

pytestmark = pytest.mark.usefixtures("logging_as_before")

OTHER = "+12125550124"
Run = Callable[..., Result]
T = TypeVar("T")


class Site:
    """A configuration with its store, and the commands beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        text = f'[store]\npath = "{folder}/textback.db"\n' + BASE
        self.config = write(folder / "textback.toml", text)

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(app, ["--config", str(self.config), "optout", *words])

    def store(self, work: Callable[[Store], Awaitable[T]]) -> T:
        async def run() -> T:
            store = await Store.open(self.folder / "textback.db")
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())

    def out(self) -> list[str]:
        return [out.number for out in self.store(lambda store: store.opt_outs())]

    def file(self, text: str | bytes) -> str:
        path = self.folder / "list.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)

    async def fill(store: Store) -> None:
        now = datetime.now(UTC)
        verdict = send(expires=now + timedelta(hours=1))
        await store.judge(fact(verdict=verdict), now)

    made.store(fill)
    return made


def lines(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_add_keeps_the_reason_cancels_and_remove_lifts(site: Site) -> None:
    assert "1 text cancelled" in site("add", "212 555 0123", "-r", "asked at the counter").output
    (told,) = lines(site("list", "--json"))
    assert (told["number"], told["reason"], told["source"], told["scope"]) == (
        CALLER,
        "asked at the counter",
        "staff",
        "business",
    )
    assert told["word"].startswith("operator ")
    assert site("remove", CALLER, "--reason", "asked by mail").exit_code == 0
    assert "has not opted out" in site("remove", CALLER).stderr
    log = lines(site("log", CALLER, "--json"))
    assert [(e["event"], e["detail"]) for e in log] == [
        ("opt_in", "asked by mail"),
        ("opt_out", "asked at the counter"),
    ]
    assert "may be texted" in site("log", CALLER).output


def test_the_list_and_the_log_are_for_people_too_and_can_be_masked(site: Site) -> None:
    site("add", CALLER)
    shown = site("list").output
    assert CALLER in shown
    assert "every number" in shown
    assert "1 number opted out" in shown
    assert CALLER not in site("list", "--mask").output
    assert CALLER not in site("log", CALLER, "--mask").output
    assert "opted out: operator" in site("log", CALLER).output


def test_numbers_within_words_are_masked_too(site: Site) -> None:
    site("add", OTHER, "--reason", f"{OTHER} rang, (212) 555-0123 too")
    site.store(lambda store: store.record_reply(reply(f"can you stop {OTHER}")))
    for words in (("list",), ("log", OTHER), ("review",)):
        for form in ((), ("--json",)):
            told = site(*words, *form, "--mask")
            assert told.exit_code == 0, told.output
            assert "***" in told.output
            assert "5550124" not in told.output
            assert "555-0123" not in told.output


def test_the_service_is_told_of_each_change(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    kicks: list[Path] = []
    monkeypatch.setattr("textback.control.kick", lambda path: bool(kicks.append(path)))
    site("add", OTHER)
    site("remove", OTHER)
    site("import", site.file(OTHER))
    assert kicks == [site.folder / "textback.db"] * 3


def test_the_log_tells_of_an_opt_out_from_one_number_too(site: Site) -> None:
    async def opt_out(store: Store) -> None:
        await store.opt_out(CALLER, "operator a", datetime.now(UTC), scope="+12125550100")

    site.store(opt_out)
    shown = site("log", CALLER).output
    assert "may be texted" not in shown
    assert "number +12125550100" in shown


def test_review_lists_and_decides(site: Site) -> None:
    kept = site.store(lambda store: store.record_reply(reply("can you stop")))
    number = str(kept.text.id) if kept.text else ""
    (doubt,) = lines(site("review", "--json"))
    assert (str(doubt["reply"]), doubt["number"]) == (number, CALLER)
    assert "can you stop" in site("review").output
    assert "textback optout review" in site("review", number).stderr
    assert "no reply 99" in site("review", "99", "stop").stderr
    assert "1 text cancelled" in site("review", number, "stop").output
    assert site.out() == [CALLER]
    assert "was decided by operator" in site("review", number, "keep").stderr
    assert "0 replies to review" in site("review").output


def test_keep_releases_what_waited(site: Site) -> None:
    kept = site.store(lambda store: store.record_reply(reply("not interested")))
    assert kept.text is not None
    assert "1 text released" in site("review", str(kept.text.id), "keep").output
    assert site.out() == []
    assert site.store(lambda store: store.text(1)).state is OutboxState.QUEUED


def test_import_tells_every_bad_line_and_changes_nothing(site: Site) -> None:
    name = site.file(f"number,reason\n{OTHER},asked\nAnn,?\n12,\n{CALLER},\n")
    result = site("import", name)
    assert result.exit_code == 2
    assert "list.csv:3: Ann,?" in result.stderr
    assert "list.csv:4: 12," in result.stderr
    assert "nothing was changed" in result.stderr
    assert site.out() == []


def test_import_takes_the_rest_with_skip_bad_and_may_be_repeated(site: Site) -> None:
    name = site.file(f"number,reason\n{OTHER},asked\nAnn,?\n{CALLER},\n")
    result = site("import", name, "--skip-bad", "--reason", "the old list")
    assert "left out: list.csv:3" in result.output
    assert "2 numbers opted out, 0 had before; 1 text cancelled" in result.output
    assert sorted(site.out()) == [CALLER, OTHER]
    told = {o.number: o for o in site.store(lambda store: store.opt_outs())}
    assert (told[OTHER].reason, told[CALLER].reason) == ("asked", "the old list")
    assert told[OTHER].source is ConsentSource.IMPORT
    assert told[OTHER].word == "list.csv:2"
    again = site("import", name, "--skip-bad")
    assert "0 numbers opted out, 2 had before" in again.output


@pytest.mark.parametrize(
    ("data", "said"), [(b"\xff\xfe1\x00", "is not UTF-8"), (None, "cannot be read")]
)
def test_a_file_that_is_no_list_is_a_clear_mistake(
    site: Site, data: bytes | None, said: str
) -> None:
    name = site.file(data) if data is not None else str(site.folder / "nowhere.csv")
    result = site("import", name)
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_export_has_every_piece_by_number_and_by_time(site: Site) -> None:
    site("add", OTHER)
    site.store(lambda store: store.record_reply(reply('=HYPERLINK("x") stop calling')))
    site.store(lambda store: store.record_reply(reply("stop")))
    rows = list(csv.DictReader(io.StringIO(site("export").stdout)))
    # Replies are of 2026-11-23 14:01, the entry of staff is of now.
    assert {(r["number"], r["event"]) for r in rows} == {
        (OTHER, "opt_out"),
        (CALLER, "review"),
        (CALLER, "reviewed"),
        (CALLER, "opt_out"),
    }
    words = {r["event"]: r["words"] for r in rows if r["number"] == CALLER}
    assert words["review"] == '\'=HYPERLINK("x") stop calling', "no formula for a spreadsheet"
    exact = {e["event"]: e["words"] for e in lines(site("export", CALLER, "--json"))}
    assert exact["review"] == '=HYPERLINK("x") stop calling'
    assert {e["number"] for e in lines(site("export", "(212) 555-0124", "--json"))} == {OTHER}
    begin, end = "2026-11-23T14:00Z", "2026-11-23T14:02Z"
    day = lines(site("export", "--since", begin, "--until", end, "--json"))
    assert {e["number"] for e in day} == {CALLER}
    assert lines(site("export", "--until", "2020-01-01", "--json")) == []
    assert CALLER not in site("export", "--mask").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "x"), "'x' is no telephone number"),
        (("log", "x"), "'x' is no telephone number"),
        (("export", "x"), "'x' is no telephone number"),
        (("export", "--since", "ever"), "--since ever: "),
    ],
)
def test_a_mistake_is_said_in_a_line(site: Site, words: tuple[str, ...], said: str) -> None:
    result = site(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert NUMBER not in result.stderr

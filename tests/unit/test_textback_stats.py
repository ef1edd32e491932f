"""`textback stats` and the doctor's look at the calls: counted from the store, told in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.fakes.store import accepted, claim, fact, finished, receipt, reply, send
from tests.fakes.store import call as a_call
from textback.cli import app
from textback.cli_stats import distribution, spark
from textback.config import Config
from textback.config_load import load
from textback.doctor import Check, Level
from textback.doctor_numbers import check_calls
from textback.figures import Survey, Tally, figures
from textback.model import Direction, Moment, OutboxState, Outcome, Phase, Reason, Send, Skip
from textback.store.store import Store
from textback.store.survey import survey

pytestmark = pytest.mark.usefixtures("logging_as_before")

MAIN, CALLER = "+12125550100", "+12125550123"
CONFIG = """
[business]
name = "Acme Dental"
timezone = "UTC"
[store]
path = "{store}"
[[pbx]]
secret = "x"
[[smsc]]
host = "127.0.0.1"
system_id = "acme"
password = "p"
[[number]]
did = "+12125550100"
label = "Front desk"
"""


@dataclass
class Book:
    """A store that calls are written into, one after the other, all of them a while ago."""

    store: Store
    now: datetime
    written: int = 0

    async def write(
        self,
        verdict: Send | Skip,
        *,
        outcome: Outcome = Outcome.NO_ANSWER,
        waited: float = 20.0,
        number: str = MAIN,
        caller: str = CALLER,
        before: timedelta = timedelta(hours=2),
        **changes: Any,
    ) -> int:
        self.written += 1
        start = Moment(self.now - before, 1000.0)
        given: dict[str, Any] = {
            "outcome": outcome,
            "waited": waited,
            "started": start,
            "ringing": start.plus(1),
            "answered": start.plus(1 + waited) if outcome is Outcome.ANSWERED else None,
            "at": start.plus(waited + 5),
            "caller": caller,
            **changes,
        }
        made = a_call(f"1700000000.{self.written}", **given)
        told = replace(fact(made, verdict), number=number, caller=caller)
        return (await self.store.judge(told, made.at.utc)).call_id


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[Book]:
    store = await Store.open(tmp_path / "textback.db")
    yield Book(store, datetime.now(UTC))
    await store.close()


async def look(book: Book, days: float = 30, **how: Any) -> Survey:
    return await survey(book.store, book.now - timedelta(days=days), book.now, **how)


def skip(reason: Reason) -> Skip:
    return Skip(reason=reason, gates=())


# --- counting -----------------------------------------------------------------------------------


async def test_an_empty_store_counts_nothing(book: Book) -> None:
    told = await look(book, own=[MAIN])
    assert (told.tallies, told.texts, told.delays, told.quarters, told.replied) == (
        (),
        {},
        {},
        {},
        {},
    )


async def test_one_call_is_one_tally_with_its_text(book: Book) -> None:
    await book.write(send())
    told = await look(book)
    assert told.tallies == (
        Tally(
            calls=1,
            number=MAIN,
            outcome=Outcome.NO_ANSWER,
            reason="send",
            rang=True,
            second=20,
            texted=1,
        ),
    )
    assert told.texts == {MAIN: {OutboxState.QUEUED: 1}}
    ((when, counted),) = told.quarters[MAIN].items()
    assert counted == (1, 1)
    assert when == int((book.now - timedelta(hours=2)).timestamp()) // 900


async def test_equal_calls_are_added_up_and_long_waits_are_cut(book: Book) -> None:
    for waited in (4.9, 4.1, 300.0, 700.0):
        await book.write(skip(Reason.ANSWERED), outcome=Outcome.ANSWERED, waited=waited)
    found = {tally.second: tally.calls for tally in (await look(book)).tallies}
    assert found == {4: 2, 120: 2}


async def test_older_calls_and_calls_that_go_on_are_not_counted(book: Book) -> None:
    await book.write(send(), before=timedelta(days=31))
    await book.write(skip(Reason.ANSWERED), phase=Phase.ANSWERED, outcome=Outcome.ANSWERED)
    assert (await look(book)).tallies == ()
    assert (await look(book, days=40)).inbound == 1


async def test_outsiders_in_other_contexts_are_counted_and_our_own_phones_are_not(
    book: Book,
) -> None:
    inside = {"number": "", "direction": Direction.INTERNAL, "did": "2125550100"}
    await book.write(skip(Reason.INTERNAL), context="from-pstn-2", **inside)
    await book.write(skip(Reason.INTERNAL), context="from-internal", caller="", **inside)
    await book.write(skip(Reason.INTERNAL), context="from-internal", **{**inside, "caller": MAIN})
    (tally,) = (await look(book, own=[MAIN])).tallies
    assert (tally.context, tally.did, tally.pbx) == ("from-pstn-2", "2125550100", "pbx")


async def test_the_time_to_the_carrier_runs_from_the_end_of_the_call(book: Book) -> None:
    await book.write(send(expires=book.now + timedelta(minutes=5)))
    (row,) = (await book.store.turn((), claim(), book.now)).claimed
    ended = book.now - timedelta(hours=2) + timedelta(seconds=25)
    done = finished(row, accepted("id1"))
    await book.store.turn([replace(done, at=ended + timedelta(seconds=1.23))], None, book.now)
    await book.store.record_receipt(receipt("id1"))
    await book.store.record_reply(reply("Yes please", at=book.now))
    told = await look(book)
    assert told.delays == {MAIN: {12: 1}}
    assert told.replied == {MAIN: 1}
    f = figures(told, MAIN)
    assert (f.delivered, f.delay_median, f.replied) == (1, 1.2, 1)


async def test_a_reply_of_stop_is_no_reply(book: Book) -> None:
    await book.write(send())
    await book.store.record_reply(reply("STOP", at=book.now))
    assert (await look(book)).replied == {}


async def test_a_brief_survey_is_the_calls_alone(book: Book) -> None:
    await book.write(send())
    told = await look(book, brief=True)
    assert told.inbound == 1
    assert (told.texts, told.quarters) == ({}, {})


# --- the command --------------------------------------------------------------------------------

Run = Callable[..., Result]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TEXTBACK_CONFIG", raising=False)
    path = tmp_path / "textback.toml"
    path.write_text(CONFIG.format(store=tmp_path / "textback.db"), encoding="utf-8")
    path.chmod(0o640)
    return path


@pytest.fixture
def run(config: Path) -> Run:
    return lambda *words: CliRunner().invoke(app, ["--config", str(config), *words])


def fill(config: Path, work: Callable[[Book], Any]) -> None:
    async def filled() -> None:
        store = await Store.open(config.parent / "textback.db")
        await work(Book(store, datetime.now(UTC)))
        await store.close()

    asyncio.run(filled())


async def a_month(book: Book) -> None:
    """200 answered calls, 11 of them late; missed ones; a number nobody watches."""
    answered = {"outcome": Outcome.ANSWERED}
    for n in range(200):
        await book.write(skip(Reason.ANSWERED), waited=17.0 if n < 11 else 5.0, **answered)
    for _ in range(5):
        await book.write(send())
    await book.write(skip(Reason.COOLDOWN))
    for _ in range(4):
        await book.write(skip(Reason.NOT_WATCHED), number="", did="12\x1b[2J5550177")
        await book.write(skip(Reason.NOT_WATCHED), number="", did="2125550177")


def lines_of(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_empty_store_has_nothing_to_tell(config: Path, run: Run) -> None:
    async def nothing(book: Book) -> None: ...

    fill(config, nothing)
    result = run("stats")
    assert result.exit_code == 0
    assert "no call to a watched number" in result.stdout
    assert "nothing to recommend" in result.stdout


def test_the_figures_and_then_what_to_change(config: Path, run: Run) -> None:
    fill(config, a_month)
    said = run("stats").stdout
    row = next(line for line in said.splitlines() if line.startswith(MAIN))
    assert row.split()[:9] == [MAIN, "Front", "desk", "206", "200", "6", "5", "0", "0"]
    assert "11 of 200 answered calls (6 %) rang longer than ring_timeout = 15s" in said
    assert "answered after: 5-9 s 189, 15-19 s 11" in said
    assert '[[number]]\n       did = "+12125550177"' in said
    assert "\x1b" not in said


def test_json_is_one_object_a_line_each_with_its_type(config: Path, run: Run) -> None:
    fill(config, a_month)
    told = lines_of(run("stats", "--json"))
    assert [line["type"] for line in told[:2]] == ["period", "number"]
    assert told[1]["missed"] == {"no_answer": 6}
    assert told[1]["not_texted"] == {"cooldown": 1}
    assert sum(hour["calls"] for hour in told[1]["week"]) == 206
    topics = {line["topic"] for line in told if line["type"] == "recommendation"}
    assert {"ring_timeout", "not_watched", "did_format"} <= topics


def test_one_number_is_chosen_by_any_spelling_or_by_its_label(config: Path, run: Run) -> None:
    fill(config, a_month)
    for wanted in ("(212) 555-0100", "front desk", MAIN):
        told = lines_of(run("stats", "--json", "--number", wanted))
        assert [line["number"] for line in told if line["type"] == "number"] == [MAIN]
        topics = {line["topic"] for line in told if line["type"] == "recommendation"}
        assert topics == {"ring_timeout"}
    result = run("stats", "--number", "reception")
    assert result.exit_code == 2
    assert "Front desk" in result.output


def test_masked_figures_can_be_pasted_anywhere(config: Path, run: Run) -> None:
    fill(config, a_month)
    for said in (run("stats", "--mask").stdout, run("stats", "--mask", "--json").stdout):
        assert "5550100" not in said.replace("***", "")
        assert "5550177" not in said


def test_a_time_that_is_none_is_an_error_in_words(config: Path, run: Run) -> None:
    result = run("stats", "--since", "soon")
    assert result.exit_code == 2
    assert "--since soon" in result.output


def test_bars_show_everything_there_is() -> None:
    assert spark([0, 1, 1000]) == ".▁█"
    assert spark([0, 0]) == ".."
    assert distribution({"3": 2, "14": 1, "61": 4, "90": 1}) == (
        "0-4 s 2, 10-14 s 1, 60 s and more 5"
    )


# --- the doctor ---------------------------------------------------------------------------------


async def examined(
    book: Book, config: Path, parts: dict[str, Any] | None = None
) -> tuple[Config, list[Check]]:
    loaded = load(config)
    return loaded, await check_calls(loaded, parts)


async def test_the_doctor_warns_of_what_is_serious_with_the_line_to_paste(
    book: Book, config: Path
) -> None:
    await a_month(book)
    _, found = await examined(book, config)
    warned = [check for check in found if check.level is Level.WARN]
    assert any("rang longer than ring_timeout" in check.found for check in warned)
    assert any('[[number]]; did = "+12125550177"' in check.fix for check in warned)
    assert found[-1].level is Level.OK


async def test_the_doctor_says_that_calls_without_fault_are_well(book: Book, config: Path) -> None:
    await book.write(send())
    _, found = await examined(book, config)
    assert [c.found for c in found] == [
        "1 call came in within 30 days; nothing to recommend on them"
    ]


async def test_the_doctor_needs_no_store(tmp_path: Path) -> None:
    path = tmp_path / "textback.toml"
    path.write_text(CONFIG.format(store=tmp_path / "none.db"), encoding="utf-8")
    path.chmod(0o640)
    assert await check_calls(load(path), None) == []


async def test_the_doctor_tells_of_contexts_that_sound_like_a_trunk(
    book: Book, config: Path
) -> None:
    part = {
        "ok": True,
        "contexts": {"from-trunk": 5, "from-pstn-2": 3, "from-internal": 9},
        "contexts_unlisted": ["from-internal", "from-pstn-2"],
    }
    _, found = await examined(book, config, {"ami:pbx": part})
    (told,) = [check for check in found if check.level is Level.WARN]
    assert "from-pstn-2" in told.found


async def test_the_doctor_tells_of_alarms_that_stand(book: Book, config: Path) -> None:
    standing = {"cap_reached": {"since": "2026", "count": 970, "because": "limits.per_minute"}}
    _, found = await examined(book, config, {"alarms": {"standing": standing}})
    assert found[0].area == "alarms"
    assert "970 times" in found[0].found


# --- a block of numbers in the operator's hand --------------------------------------------------


def test_a_whole_block_is_held_released_and_dropped_by_its_prefix(config: Path, run: Run) -> None:
    async def block(book: Book) -> None:
        for n in range(3):
            await book.write(send(f"+1646555010{n}", expires=book.now + timedelta(minutes=5)))
        await book.write(send("+12125550123", expires=book.now + timedelta(minutes=5)))

    fill(config, block)
    assert run("hold", "--prefix", "+1 646-555*", "--yes").exit_code == 0
    held = lines_of(run("queue", "--json", "--state", "held"))
    assert [row["to"] for row in held] == ["+16465550100", "+16465550101", "+16465550102"]
    assert lines_of(run("queue", "--json", "--prefix", "+1212"))[0]["state"] == "queued"
    assert run("release", "--prefix", "+16465550100", "--reason", "a customer").exit_code == 0
    assert run("drop", "--state", "held", "--prefix", "+1646", "--yes").exit_code == 0
    states = {row["to"]: row["state"] for row in lines_of(run("queue", "--all", "--json"))}
    assert states == {
        "+16465550100": "queued",
        "+16465550101": "dropped",
        "+16465550102": "dropped",
        "+12125550123": "queued",
    }


@pytest.mark.parametrize("prefix", ["", "646", "+", "+1%", "+1212555010012345"])
def test_a_prefix_that_is_none_is_refused(config: Path, run: Run, prefix: str) -> None:
    result = run("drop", "--prefix", prefix, "--yes")
    assert result.exit_code == 2
    assert "--prefix" in result.output

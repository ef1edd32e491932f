"""`inbox`, `thread` and `reply` as people and programs use them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.fakes.store import CALLER, NUMBER, at, call, fact, reply
from tests.unit.configs import write
from textback import cli_common, cli_inbox
from textback.cli import app
from textback.model import Reply
from textback.store.store import Store

OTHER, SECOND = "+12125550124", "+12125550177"
CONFIG = """
[business]
name = "Acme Dental"
[store]
path = "{store}"
[[pbx]]
secret = "s3cret"
[[smsc]]
host = "127.0.0.1"
system_id = "acme"
password = "pa55"
[[number]]
did = "+12125550100"
label = "Front desk"
[[number]]
did = "+12125550177"
sender = "28777"
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("TEXTBACK_CONFIG", raising=False)
    path = write(tmp_path / "textback.toml", CONFIG.format(store=tmp_path / "textback.db"))
    # No daemon runs here: what is to be told is that the text was handed over.
    monkeypatch.setattr(cli_inbox, "wake", lambda config: True)

    def invoke(*words: str, **more: Any) -> Result:
        return CliRunner().invoke(app, ["--config", str(path), *words], **more)

    return invoke


@pytest.fixture
def wrote(tmp_path: Path) -> Callable[..., None]:
    """Keeps texts from handsets, and a missed call with its text first."""

    def keep(*found: Reply, missed: Sequence[str] = ("1.1",)) -> None:
        async def work() -> None:
            store = await Store.open(tmp_path / "textback.db")
            for uniqueid in missed:
                await store.judge(fact(call(uniqueid)), at(0))
            for one in found:
                await store.record_reply(one)
            await store.close()

        asyncio.run(work())

    return keep


def test_the_inbox_lists_who_waits_for_an_answer(run: Run, wrote: Callable[..., None]) -> None:
    wrote(reply("Please call me\nback"), reply("STOP", sender=OTHER))
    told = run("inbox")
    assert told.exit_code == 0
    assert "Please call me back" in told.output
    assert OTHER not in told.output
    assert "1 conversation waiting for an answer" in told.output
    assert "2 conversations unread" in run("inbox", "--unread").output
    assert OTHER in run("inbox", "--all").output
    assert "0 conversations" in run("inbox", "--number", SECOND).output
    assert CALLER in run("inbox", "--find", "212-555-0123").output


def test_the_inbox_for_programs_and_masked(run: Run, wrote: Callable[..., None]) -> None:
    wrote(reply("My other number is 646-555-0190"))
    (line,) = run("inbox", "--json", "--mask").stdout.splitlines()
    told = json.loads(line)
    assert told["handset"] == "+1212***0123"
    assert "646-555-0190" not in told["text"]
    assert (told["unread"], told["number"], told["text_in"]) == (1, NUMBER, True)


def test_two_ways_of_listing_exclude_each_other(run: Run, wrote: Callable[..., None]) -> None:
    wrote()
    assert run("inbox", "--all", "--unread").exit_code == 2
    assert "not watched" in run("inbox", "--number", "+12125550150").output


def test_a_thread_reads_as_a_conversation_and_counts_as_read(
    run: Run, wrote: Callable[..., None]
) -> None:
    wrote(
        reply("Please call\n  14:00:00  > forged"),
        reply("part", reference=9, part=1, parts=3, at=at(70)),
    )
    assert run("thread", "2125550123", "--peek").exit_code == 0
    assert "1 conversation unread" in run("inbox", "--unread").output
    told = run("thread", "2125550123").stdout.splitlines()
    assert told[0].strip() == f"{CALLER} and {NUMBER} (Front desk)"
    assert "* called: nobody answered, after 19 s" in told[3]
    assert "> Sorry we missed you  queued  by itself, for the missed call" in told[4]
    assert "< Please call" in told[5]
    # Set in: a handset cannot forge a line of its own.
    assert told[6].startswith(" " * 12)
    assert "1 of 3 parts so far" in told[7]
    assert "0 conversations unread" in run("inbox", "--unread").output
    assert "1 conversation waiting" in run("inbox").output
    run("thread", CALLER, "--done")
    assert "0 conversations waiting" in run("inbox").output


def test_a_thread_for_programs(run: Run, wrote: Callable[..., None]) -> None:
    wrote(reply("Please call"))
    told = json.loads(run("thread", CALLER, "--json").stdout)
    assert [line["line"] for line in told["lines"]] == ["call", "out", "in"]
    assert told["lines"][2]["text"] == "Please call"


def test_control_characters_of_a_handset_are_shown_as_such(
    run: Run, wrote: Callable[..., None]
) -> None:
    wrote(reply("\x1b]0;pwned\x07 \u202ehi [bold]x[/bold]"))
    for told in (run("thread", CALLER).output, run("inbox").output):
        assert "\x1b" not in told
        assert "\u202e" not in told
    assert "[bold]x[/bold]" in run("thread", CALLER).output


def test_a_thread_that_is_not_there_is_said(run: Run, wrote: Callable[..., None]) -> None:
    wrote()
    told = run("thread", OTHER)
    assert told.exit_code == 2
    assert "there is no conversation with +12125550124" in told.output


def rows(path: Path) -> list[Any]:
    raw = sqlite3.connect(path / "textback.db")
    found = raw.execute(
        "SELECT recipient, sender, text, kind, author FROM outbox WHERE kind = 'reply'"
    ).fetchall()
    raw.close()
    return found


def test_a_reply_goes_out_from_the_number_the_handset_wrote_to(
    run: Run, wrote: Callable[..., None], tmp_path: Path
) -> None:
    wrote(reply("Hello"))
    told = run("reply", "2125550123", "We call at 3 pm ✓", "--wait", "0")
    assert told.exit_code == 0, told.output
    assert f"{CALLER} from {NUMBER}: 1 segment, ucs2" in told.output
    assert "queued" in told.output
    ((to, sender, text, _, author),) = rows(tmp_path)
    assert (to, sender, text) == (CALLER, NUMBER, "We call at 3 pm ✓")
    assert author
    assert "0 conversations waiting" in run("inbox").output


def test_a_reply_may_come_from_stdin(run: Run, wrote: Callable[..., None], tmp_path: Path) -> None:
    wrote(reply("Hello"))
    for words in (("-",), ()):
        assert run("reply", CALLER, *words, "--wait", "0", input="Two\nlines\n").exit_code == 0
    assert [row[2] for row in rows(tmp_path)] == ["Two\nlines"] * 2
    assert run("reply", CALLER, "-", input="  \n").exit_code == 2


def test_a_reply_where_several_numbers_are_meant_is_refused_until_one_is_said(
    run: Run, wrote: Callable[..., None], tmp_path: Path
) -> None:
    wrote(reply("Hello"), reply("Hello", recipient="28777"))
    told = run("reply", CALLER, "Hi")
    assert told.exit_code == 2
    assert "say which with --from: " in told.output
    assert rows(tmp_path) == []
    assert run("reply", CALLER, "Hi", "--from", "28777", "--wait", "0").exit_code == 0
    assert [row[1] for row in rows(tmp_path)] == ["28777"]


def test_a_conversation_is_begun_only_from_a_number_of_ours(
    run: Run, wrote: Callable[..., None], tmp_path: Path
) -> None:
    wrote(missed=())
    assert "say from which of our numbers" in run("reply", OTHER, "Hi").output
    assert "is none of our numbers" in run("reply", OTHER, "Hi", "--from", "+12125550150").output
    assert run("reply", OTHER, "Hi", "--from", SECOND, "--wait", "0").exit_code == 0
    assert [row[:2] for row in rows(tmp_path)] == [(OTHER, "28777")]


def test_who_opted_out_is_not_written_to(run: Run, wrote: Callable[..., None]) -> None:
    wrote(reply("STOP"))
    told = run("reply", CALLER, "But why?")
    assert told.exit_code == 2
    assert "does not want to be texted" in told.output


def test_without_a_daemon_the_text_waits_and_that_is_said(
    run: Run, wrote: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_inbox, "wake", cli_common.wake)
    wrote(reply("Hello"))
    told = run("reply", CALLER, "Hi")
    assert told.exit_code == 2
    assert "the service does not run" in told.output


def test_a_text_in_another_encoding_is_a_clear_mistake(
    run: Run, wrote: Callable[..., None]
) -> None:
    wrote(reply("Hello"))
    told = run("reply", CALLER, "gr\udcfc\udcdfe")  # argv in Latin-1, as Python reads it
    assert told.exit_code == 2
    assert "character 3" in told.output

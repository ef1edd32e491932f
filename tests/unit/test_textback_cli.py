"""The command line: what each command says, and that no mistake of a user ends in a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text
from typer.testing import CliRunner, Result

from textback import __version__, cli_manual
from textback.cli import app
from textback.model import (
    Call,
    CallKey,
    Direction,
    Gate,
    Moment,
    OutboxState,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Send,
    Skip,
)
from textback.store.store import Store

pytestmark = pytest.mark.usefixtures("logging_as_before")

CALLER, OTHER, DID = "+12125550123", "+12125550124", "+12125550100"
CONFIG = """
[business]
name = "Acme Dental"
[store]
path = "{store}"
[[pbx]]
secret = "hunter2-ami"
[[smsc]]
host = "127.0.0.1"
system_id = "acme"
password = "hunter2"
[[number]]
did = "+12125550100"
label = "Front desk"
"""
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
    def call(*words: str, **options: str | None) -> Result:
        return CliRunner().invoke(
            app, ["--config", str(config), *words], input=options.get("input")
        )

    return call


def a_call(uniqueid: str, caller: str, at: datetime) -> Call:
    moment = Moment(at, at.timestamp())
    return Call(
        key=CallKey(pbx="pbx", boot="2026-11-01T00:00:00", uniqueid=uniqueid),
        phase=Phase.ENDED,
        at=moment,
        direction=Direction.INBOUND,
        linkedid=uniqueid,
        channel="PJSIP/trunk-00000001",
        context="from-trunk",
        caller=caller,
        caller_name="[red]Ann[/red]",
        caller_final=caller,
        did=DID,
        presentation=Presentation.ALLOWED,
        started=moment,
        ringing=moment,
        answered=None,
        outcome=Outcome.NO_ANSWER,
        waited=20.0,
        may_become=frozenset({Outcome.NO_ANSWER}),
        trail=((0.1, "phone PJSIP/101 rings"),),
    )


@pytest.fixture
def filled(config: Path) -> Path:
    """Three calls: one of CALLER texted, a later one not, one of OTHER texted; texts 1 and 2."""
    now = datetime.now(UTC)
    gates = (Gate("watched", True, DID, "[[number]]"), Gate("cooldown", True, "none", "24h"))
    failed = (gates[0], Gate("cooldown", False, "last text 1 h ago", "cooldown = 24h"))

    def send(to: str) -> Send:
        return Send(
            to=to, sender=DID, text="Sorry.", expires=now + timedelta(minutes=15), gates=gates
        )

    async def fill() -> None:
        store = await Store.open(config.parent / "textback.db")
        for uniqueid, caller, verdict in (
            ("1700000000.1", CALLER, send(CALLER)),
            ("1700000000.2", OTHER, send(OTHER)),
            ("1700000000.3", CALLER, Skip(reason=Reason.COOLDOWN, gates=failed)),
        ):
            at = now - timedelta(seconds=10 - float(uniqueid[-1]))
            call = a_call(uniqueid, caller, at)
            await store.record_verdict(call, verdict, due=at, number=DID, caller=caller)
        await store.close()

    asyncio.run(fill())
    return config


def rows(config: Path) -> list[str]:
    async def look() -> list[str]:
        store = await Store.open(config.parent / "textback.db", migrate=False)
        found = [row.state.value for row in await store.queue()]
        await store.close()
        return found

    return asyncio.run(look())


# --- the service ---


def test_the_version_is_said_in_two_ways(run: Run) -> None:
    assert run("--version").stdout.strip() == f"textback {__version__}"
    assert json.loads(run("version", "--json").stdout)["textback"] == __version__


def test_a_valid_configuration_is_said_to_be_valid(run: Run, config: Path) -> None:
    result = run("check-config")
    assert result.exit_code == 0
    assert f"{config} is valid: mode live, 1 number, 1 pbx, 1 smsc" in result.output


def test_every_mistake_in_the_configuration_is_said_at_once(run: Run, config: Path) -> None:
    text = config.read_text().replace('secret = "hunter2-ami"', 'port = 0\nsecret = "s"')
    config.write_text(text.replace('did = "+12125550100"', 'did = "+12125550100"\nenabled = 7'))
    result = run("check-config")
    assert result.exit_code == 2
    assert "pbx.port" in result.stderr
    assert "number.enabled" in result.stderr
    assert "Traceback" not in result.output


def test_the_configuration_shown_has_its_defaults_and_no_secret(run: Run) -> None:
    for words in (("show-config",), ("show-config", "--json")):
        result = run(*words)
        assert result.exit_code == 0
        assert "hunter2" not in result.output
        assert "per_minute" in result.output
    assert json.loads(run("show-config", "--json").stdout)["limits"]["per_day"] == 2000


def test_the_configuration_may_be_named_behind_the_command_or_by_the_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["check-config", "-c", str(config)]).exit_code == 0
    monkeypatch.setenv("TEXTBACK_CONFIG", str(config))
    assert runner.invoke(app, ["check-config"]).exit_code == 0


def test_a_tls_file_that_is_not_there_is_a_mistake_of_the_configuration(
    run: Run, config: Path
) -> None:
    config.write_text(
        config.read_text().replace("[[smsc]]", '[[smsc]]\ntls = true\ntls_ca = "/no"')
    )
    result = run("check-config")
    assert result.exit_code == 2
    assert "tls_ca" in result.stderr


def test_root_does_not_run_the_service_in_somebody_elses_store(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = config.parent.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if owner == 0:
        os.chown(config.parent, 12345, -1)
    result = run("run")
    assert result.exit_code == 2
    assert "as root this would leave files there" in result.stderr
    assert "runuser -u" in result.stderr


def test_a_service_that_cannot_start_just_now_exits_with_one(run: Run, config: Path) -> None:
    text = config.read_text().replace("/textback.db", "/missing/textback.db")
    config.write_text(text)
    result = run("run", "--log", "json")
    assert result.exit_code == 1
    assert "cannot_start" in result.stderr
    assert "does not exist; install -d -o textback" in result.stderr


# --- calls ---


@pytest.mark.parametrize(
    "wanted", [CALLER, "12125550123", "(212) 555-0123", "212-555-0123", " +1 212 555 0123 "]
)
def test_why_finds_a_caller_however_his_number_is_written(
    run: Run, filled: Path, wanted: str
) -> None:
    result = run("why", wanted)
    assert result.exit_code == 0, result.output
    assert "pbx:1700000000.3" in result.output
    assert "no text: cooldown" in result.output
    assert "1 earlier call" in result.output


@pytest.mark.parametrize("wanted", ["pbx:1700000000.1", "1700000000.1", "1"])
def test_why_finds_a_call_by_any_of_its_names(run: Run, filled: Path, wanted: str) -> None:
    result = run("why", wanted)
    assert result.exit_code == 0
    assert "Verdict: text this caller" in result.output
    assert "Text 1 to +12125550123" in result.output


def test_why_tells_all_calls_in_full_when_asked(run: Run, filled: Path) -> None:
    assert run("why", CALLER, "--all").stdout.count("Verdict:") == 2
    told = [json.loads(line) for line in run("why", CALLER, "--json").stdout.splitlines()]
    assert [story["reason"] for story in told] == ["cooldown", "send"]


def test_a_hostile_name_is_printed_as_it_is(run: Run, filled: Path) -> None:
    assert "[red]Ann[/red]" in run("why", "1").output


def test_calls_are_listed_newest_first_with_their_texts(run: Run, filled: Path) -> None:
    result = run("calls")
    lines = result.stdout.splitlines()
    assert [line.split()[-1] for line in lines[1:4]] == [
        "pbx:1700000000.3",
        "pbx:1700000000.2",
        "pbx:1700000000.1",
    ]
    assert all(line == line.rstrip() for line in lines)
    assert "2 send, 1 cooldown" in result.output
    assert run("calls", "--outcome", "busy").stdout.strip() == "no calls"


def test_calls_can_be_narrowed_to_those_learnt_late_and_by_source(run: Run, filled: Path) -> None:
    assert run("calls", "--late").stdout.strip() == "no calls"
    assert run("calls", "--source", "cel").stdout.strip() == "no calls"
    assert len(run("calls", "--source", "ami", "--json").stdout.splitlines()) == 3


@pytest.mark.parametrize("words", [("why", CALLER), ("calls",), ("queue",), ("calls", "--json")])
def test_no_number_is_left_when_asked_to_mask(
    run: Run, filled: Path, words: tuple[str, ...]
) -> None:
    assert "5550123" in run(*words).output
    assert "5550123" not in run(*words, "--mask").output


# --- texts ---


def test_the_queue_shows_what_waits_and_counts_the_rest(run: Run, filled: Path) -> None:
    result = run("queue")
    assert result.exit_code == 0
    assert "2 queued" in result.output
    assert "kind" in result.output
    assert result.output.count("missed") == 2
    told = [json.loads(line) for line in run("queue", "--json").stdout.splitlines()]
    assert [(text["id"], text["state"]) for text in told] == [(1, "queued"), (2, "queued")]
    assert run("queue", "--state", "held").stdout.startswith("nothing waits")


def test_texts_are_held_released_and_dropped_by_number(run: Run, filled: Path) -> None:
    assert "text 1 to +12125550123: held" in run("hold", "1").output
    assert rows(filled) == ["held", "queued"]
    assert run("release", "1").exit_code == 0
    assert run("drop", "1", "2", "--yes").exit_code == 0
    assert rows(filled) == ["dropped", "dropped"]
    story = json.loads(run("why", "1", "--json").stdout)
    assert [e["text"] for e in story["events"] if e["kind"] == "operator"] != []


def test_what_was_changed_is_told_to_programs_too(run: Run, filled: Path) -> None:
    told = [json.loads(line) for line in run("hold", "1", "2", "--json").stdout.splitlines()]
    assert [(text["id"], text["state"]) for text in told] == [(1, "held"), (2, "held")]
    assert run("drop", "--older", "1h", "--json").stdout == ""


def test_texts_are_meant_by_number_of_the_handset_and_age_too(run: Run, filled: Path) -> None:
    assert run("hold", "--to", "(212) 555-0124").exit_code == 0
    assert rows(filled) == ["queued", "held"]
    assert run("drop", "--older", "1h").stdout.strip() == "nothing to drop"


def test_a_release_takes_what_it_can_and_names_what_is_past_its_time(
    run: Run, filled: Path
) -> None:
    run("hold", "1", "2")
    expire(filled, 1)
    result = run("release", "--state", "held", "--yes")
    assert result.exit_code == 0
    assert "text 2 to +12125550124: queued" in result.output
    assert "text 1 to +12125550123: still held: it expired at" in result.output
    assert "--expires 15m" in result.output
    assert rows(filled) == ["held", "queued"]


def test_a_release_that_can_take_nothing_says_so_and_exits_with_one(run: Run, filled: Path) -> None:
    run("hold", "1")
    expire(filled, 1)
    result = run("release", "--state", "held", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["id"], told["state"]) == (1, "held")
    assert told["left"].startswith("it expired at ")
    assert run("release", "--state", "held", "--expires", "15m").exit_code == 0
    assert run("release", "--state", "held").stdout.strip() == "nothing to release"


def expire(config: Path, row: int) -> None:
    """As if text `row` were of last winter."""
    with sqlite3.connect(config.parent / "textback.db") as db:
        db.execute(
            "UPDATE outbox SET expires_at = '2026-01-02 00:00:00.000000' WHERE id = ?", [row]
        )
    db.close()


def test_several_texts_are_not_changed_by_accident(run: Run, filled: Path) -> None:
    result = run("hold", "--older", "0s")
    assert result.exit_code == 2
    assert "say --yes if that is meant" in result.stderr
    assert rows(filled) == ["queued", "queued"]
    assert run("hold", "--older", "0s", "--yes").exit_code == 0
    assert rows(filled) == ["held", "held"]


def test_a_test_text_without_the_service_is_kept_and_said_so(run: Run, filled: Path) -> None:
    result = run("send-test", "+12125550190", "--text", "hello")
    assert result.exit_code == 2
    assert "text 3 is in the queue, but the service does not run" in result.stderr
    assert rows(filled)[-1] == OutboxState.QUEUED.value


def test_why_tells_of_a_text_that_belongs_to_no_call(run: Run, filled: Path) -> None:
    run("send-test", "+12125550190", "--text", "hello")
    result = run("why", "(212) 555-0190")
    assert result.exit_code == 0, result.output
    assert "No call: written by hand (send-test)" in result.output
    assert "| hello" in result.output
    assert "text 3 queued" in result.output
    run("send-test", CALLER, "--text", "one")
    run("send-test", CALLER, "--text", "two")
    both = run("why", CALLER).output
    assert both.index("no text: cooldown") < both.index("| two")
    assert "1 earlier text without a call" in both
    assert "| one" in run("why", CALLER, "--all").output
    told = [json.loads(line) for line in run("why", CALLER, "--json").stdout.splitlines()]
    assert [story["call"] for story in told] == ["pbx:1700000000.3", "pbx:1700000000.1", None, None]
    assert [story["text"]["id"] for story in told[2:]] == [5, 4]


def test_a_test_text_needs_a_carrier(run: Run, filled: Path) -> None:
    text = filled.read_text()
    carrier = text[text.index("[[smsc]]") : text.index("[[number]]")]
    filled.write_text('mode = "shadow"\n' + text.replace(carrier, ""))
    result = run("send-test", CALLER)
    assert result.exit_code == 2
    assert "no [[smsc]] is configured" in result.stderr


def test_opt_outs_are_added_listed_and_removed(run: Run, filled: Path) -> None:
    assert "1 text cancelled" in run("optout", "add", "212 555 0123").output
    assert rows(filled) == ["cancelled", "queued"]
    assert json.loads(run("optout", "list", "--json").stdout)["number"] == CALLER
    assert run("optout", "remove", CALLER).exit_code == 0
    assert run("optout", "remove", CALLER).exit_code == 2


# --- mistakes ---


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("why", "nobody"), "no call is known by 'nobody'"),
        (("why", ""), "no call is known"),
        (("hold",), "say which texts are meant"),
        (("hold", "77"), "no text 77"),
        (("hold", "x"), "should be a valid integer"),
        (("release", "1"), "text 1 is queued and cannot be"),
        (("release", "1", "--expires", "soon"), "--expires soon: "),
        (("drop", "--state", "gone"), "'gone' is no state"),
        (("drop", "--to", "me"), "--to 'me' is no telephone number"),
        (("queue", "--state", "gone"), "'gone' is no state"),
        (("calls", "--since", "ever"), "--since ever: "),
        (("calls", "--outcome", "odd"), "'odd' is no outcome"),
        (("calls", "--source", "odd"), "'odd' is no source"),
        (("send-test", "12"), "'12' is no telephone number in US"),
        (("send-test", CALLER, "--from", "+12125550109"), "'+12125550109' is not watched"),
        (("send-test", CALLER, "--text", " "), "--text is empty"),
        (("optout", "add", "x"), "'x' is no telephone number"),
        (("replay", "/no/such/trace"), "/no/such/trace"),
        (("simulate-smsc", "--host", "192.0.2.1"), "not a loopback address"),
        (("simulate-smsc", "--receipts", "FINE"), "'FINE' is no state"),
        (("run", "--log", "xml"), "'xml' is no format"),
        (("nonsense",), "No such command"),
    ],
)
def test_a_mistake_is_one_clear_message_and_exit_code_two(
    run: Run, filled: Path, words: tuple[str, ...], said: str
) -> None:
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split()), result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("words", [("calls",), ("why", CALLER), ("queue",), ("hold", "1")])
def test_a_store_that_is_not_there_is_never_made_by_looking(
    run: Run, config: Path, words: tuple[str, ...]
) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert "there is no store at" in result.stderr
    assert not (config.parent / "textback.db").exists()


def test_a_file_that_is_no_store_is_said_to_be_none(run: Run, config: Path) -> None:
    (config.parent / "textback.db").write_bytes(b"not a database, not at all" * 100)
    result = run("calls")
    assert result.exit_code == 2
    assert "not a textback database" in result.stderr


def test_a_configuration_that_is_not_there_is_said_where_it_was_looked_for(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["-c", str(tmp_path / "none.toml"), "calls"])
    assert result.exit_code == 2
    assert f"there is no configuration at {tmp_path / 'none.toml'}" in result.stderr


def test_every_command_has_a_help_that_says_what_it_is_for(run: Run) -> None:
    names = [c.name or "" for c in app.registered_commands]
    assert {"run", "doctor", "why", "replay", "send-test", "simulate-smsc"} <= set(names)
    for name in names:
        result = run(name, "--help")
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) > 5
        # A table's name in brackets would be taken for markup, and be gone.
        assert "[]" not in result.output


def test_no_help_is_taken_for_markup() -> None:
    def sentences(command: Any) -> Iterator[str]:
        yield command.help or ""
        for parameter in command.params:
            yield getattr(parameter, "help", "") or ""
        for inner in getattr(command, "commands", {}).values():
            yield from sentences(inner)

    told = [text for text in sentences(typer.main.get_command(app)) if text]
    assert len(told) > 50
    assert [text for text in told if Text.from_markup(text).plain != text] == []


# --- the man page ---

MAN = Path(__file__).resolve().parents[2] / "conf" / "man" / "textback.1"


def test_the_man_page_is_what_the_command_line_says() -> None:
    assert MAN.read_text(encoding="utf-8") == cli_manual.man_page(), (
        "python -m textback.cli_manual > conf/man/textback.1"
    )


def test_every_command_and_option_is_in_the_man_page() -> None:
    page = cli_manual.man_page()
    for name in ("run", "why", "send\\-test", "simulate\\-smsc", "optout add", "replay"):
        assert f".SS textback {name}" in page
    for option in ("\\-\\-json", "\\-\\-mask", "\\-\\-from", "\\-\\-listen", "\\-\\-expires"):
        assert f"\\fB{option}\\fR" in page
    assert not [line for line in page.splitlines() if "\t" in line or line.startswith(" ")]


def test_the_man_page_is_clean_roff() -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-Tascii", "-ww", str(MAN)], capture_output=True, check=True, timeout=30
    )
    assert done.stderr == b""


# --- completion ---


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_each_shell(run: Run, shell: str) -> None:
    result = CliRunner().invoke(
        app,
        [],
        prog_name="textback",
        env={
            "_TEXTBACK_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": "textback sim",
            "COMP_CWORD": "1",
            "_TYPER_COMPLETE_ARGS": "textback sim",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
    )
    assert "simulate-smsc" in result.output

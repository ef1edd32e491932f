"""Hostile caller ids, names and replies through the whole service: shown, kept, never obeyed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner, Result

from sms_gateway.simulator import Simulator
from tests.integration.world_rig import CALLER, DID, FORGERY, Service, impatient, service, simulated
from textback import log
from textback.cli import app

NAMES = {
    "sql": "'); DROP TABLE calls; --",
    "markup": "[red]Ann[/red] [link=http://evil]x[/link] <script>alert(1)</script>",
    "escapes": "\x1b[2J\x1b]0;pwned\x07\x9b31m",
    "lines": "Ann\u2028pbx:1700000000.99 verdict=send\u2029\x85\x0b\x0c",
    "carriage return": "Ann\rpbx:1700000000.99 verdict=send",
    "bidi": "\u202eeninety\u202c\u2066\u2069\ufeff",
    "template": "{{ 7*7 }}{% include '/etc/passwd' %}${jndi:ldap://x}%s%n",
    "long": "A" * 10_000,
    "wide": "\U0001f600" * 500 + "\u0301" * 500,
    "noncharacters": "\ufffe\uffff\U0010ffff\u0000x",
    "json": '","level":"critical","event":"forged","x":"',
}
NUMBERS = [
    *("", "0", "+", "anonymous", "'; DROP TABLE outbox; --", "+1212555012٣", "sip:a@b", "*72"),
    *(
        "+12125550123;ext=1",
        "9" * 300,
        "\x1b[31m2125550123",
        "\u202e3210555212",
        "+1900555" + "0100",
    ),
    *("911", "%s%s%s", "+12125550123\x85+12125550124", "=cmd|'/C calc'!A0", "-1", "NaN", "\ud7ff"),
]


@pytest.fixture
async def made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Service, Simulator]]:
    impatient(monkeypatch)
    async with service(tmp_path) as built, simulated(built) as simulator:
        built.start(simulator.port)
        await built.up()
        yield built, simulator


async def tell(site: Service, *words: str) -> str:
    """What a command prints; it may neither fail with a traceback nor print a control."""

    def work() -> Result:
        # A command sets up its own log, and would take the daemon's away: they share this process.
        with mock.patch.object(log, "configure"):
            return CliRunner().invoke(app, ["--config", str(site.path), *words])

    told = await asyncio.to_thread(work)
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    assert told.exit_code in (0, 1, 2), told.output
    found = FORGERY.search(told.output)
    assert found is None, (words, told.output[max(found.start() - 40, 0) : found.end() + 40])
    return told.stdout


async def missed(site: Service, caller: str, name: str) -> str:
    uniqueid = site.new_call()
    site.ring(uniqueid, caller, name)
    site.hang_up(uniqueid, caller, name)
    await site.tap.until("call_ended", call=f"pbx:{uniqueid}")
    return f"pbx:{uniqueid}"


def check_log(site: Service) -> None:
    """Every line was one JSON object already, or the tap had raised; nothing steers a terminal."""
    for entry in site.tap.entries:
        found = FORGERY.search(json.dumps(entry, ensure_ascii=False))
        assert found is None, entry
        assert entry["event"] != "forged"
    assert not site.tap.alarms()


async def test_a_hostile_name_is_shown_harmless_and_never_sent(
    made: tuple[Service, Simulator],
) -> None:
    site, _ = made
    keys = [await missed(site, CALLER, name) for name in NAMES.values()]
    for what, key in zip(NAMES, keys, strict=True):
        shown = await tell(site, "why", key)
        assert key in shown, what
        story = json.loads(await tell(site, "why", key, "--json"))
        assert story["call"] == key
        assert "pbx:1700000000.99 verdict" not in "".join(line[:40] for line in shown.splitlines())
    listed = await tell(site, "calls")
    assert len([line for line in listed.splitlines() if "pbx:" in line]) == len(NAMES)
    for _ in range(site.texts.qsize()):
        assert site.texts.get_nowait().text == "Sorry we missed you."
    assert [row[0] for row in site.rows("SELECT count(*) FROM calls")] == [len(NAMES)]
    check_log(site)


async def test_a_hostile_number_is_shown_harmless_and_never_texted(
    made: tuple[Service, Simulator],
) -> None:
    site, _ = made
    keys = [await missed(site, number, "Ann") for number in NUMBERS]
    for number, key in zip(NUMBERS, keys, strict=True):
        shown = await tell(site, "why", key)
        assert "no text" in shown, (number, shown)
    await tell(site, "calls")
    await tell(site, "calls", "--json")
    for number in NUMBERS:
        if number and not number.startswith("-") and "\0" not in number:
            await tell(site, "why", number)
    assert site.texts.empty()
    assert site.rows("SELECT count(*) FROM outbox") == [(0,)]
    check_log(site)


async def test_a_hostile_reply_is_kept_as_it_is_and_shown_harmless(
    made: tuple[Service, Simulator],
) -> None:
    site, simulator = made
    key = await missed(site, CALLER, "Ann")
    await site.text()
    await site.tap.until("text_submitted")
    words = [name.replace("\0", "") for what, name in NAMES.items() if what != "long"]
    assert sum(simulator.reply(CALLER, DID, text) for text in words) > len(words)
    await site.tap.until("reply", len(words))
    shown = await tell(site, "why", key)
    assert "DROP TABLE" in shown
    await tell(site, "why", key, "--json")
    check_log(site)
    whole = json.dumps(list(site.tap.entries))
    assert "DROP TABLE" not in whole, "what people write is nobody's business"


@pytest.mark.parametrize("word", ["\udcff\udcfe", "\udc00 pbx", "a\udce9b"])
async def test_words_on_the_command_line_that_are_no_text_are_refused_in_words(
    made: tuple[Service, Simulator], word: str
) -> None:
    """What a shell passes on when octets are not UTF-8: lone surrogates, which no store takes."""
    site, simulator = made
    await simulator.stop()
    await tell(site, "send-test", "+12125550190", "--text", f"hello {word}", "--wait", "0")
    await tell(site, "why", word)
    await tell(site, "hold", "1", "--reason", word)
    await tell(site, "optout", "add", word)
    await tell(site, "queue")
    await tell(site, "queue", "--json")
    assert len(site.rows("SELECT state FROM outbox")) == 1
    await simulator.start()
    uniqueid = await missed(site, "+12125550188", "Ann")
    await site.tap.until("text_submitted", call=uniqueid)
    assert site.alive
    assert not site.tap.found("task_died")

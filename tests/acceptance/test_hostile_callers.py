"""Callers who mean harm, as real SIP calls: what they put into numbers, names and headers.

All of them call at once, each its own number of ours. Whatever Asterisk makes of what they send:
nobody but the caller shown is ever texted, the words of the text stay ours, and what we write (log,
command line, metrics, health) never holds a character that a terminal would obey.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import sys
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.stage import renumbered, scene
from tests.lab import sip
from tests.lab.agent import Agent, Leg
from tests.lab.phones import rejects
from tests.lab.row import Row, row
from tests.lab.service import ROOT, Service

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]

#: Whom the forgers would have texted. Nobody of that number ever calls.
VICTIM = "+16465550199"
FORGED = f"1%0D%0AUniqueid%3A%201.1%0D%0ACallerIDNum%3A%20{VICTIM}"
EVENT = "1%0D%0A%0D%0AEvent%3A%20Shutdown%0D%0AShutdown%3A%20Cleanly%0D%0A%0D%0A"
BIDI = "\u202e" + "3210 555 212" + "\u202c"
ESCAPES = "\x1b[2J\x1b]0;pwned\x07\x1b[31mred\x9b5m"
MARKUP = "[bold red]x[/bold red] [link=https://evil.example]y[/link] [/]"
CODE = "{{7*7}} {% for x in 'a' %}z{% endfor %} ${jndi} `id` $(id) %s %n"
SQL = "'); DROP TABLE calls; --"


@dataclass(frozen=True)
class Hostile:
    """One caller: the From header (`@me@` is his own number), further headers, what must come."""

    name: str
    sender: str
    expect: str  #: the reasons that are right, "send" among them, by "|"
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return self.name


ME = "<sip:@me@@127.0.0.1>"
PAI, RPID = "P-Asserted-Identity", "Remote-Party-ID"


def user(text: str) -> str:
    return f"<sip:{text}@127.0.0.1>"


def named(text: str) -> str:
    return f'"{text}" {ME}'


CALLERS = (
    # --- line breaks: headers and whole events of our own
    Hostile("crlf_in_user", user(FORGED), "tainted"),
    Hostile("event_in_user", user(EVENT), "tainted"),
    Hostile("lf_alone_in_user", user(FORGED.replace("%0D", "")), "tainted"),
    Hostile("cr_alone_in_user", user(FORGED.replace("%0A", "")), "tainted"),
    Hostile("crlf_in_name", named("x%0D%0AUniqueid: 1.1%0D%0ACallerIDNum: " + VICTIM), "send"),
    Hostile("escaped_crlf_in_name", named(f"x\\r\\nCallerIDNum: {VICTIM}"), "send"),
    Hostile("crlf_in_asserted", ME, "tainted", ((PAI, user(FORGED)),)),
    Hostile("crlf_in_remote_party", ME, "tainted", ((RPID, user(FORGED)),)),
    Hostile("crlf_in_diversion", ME, "send", (("Diversion", user(FORGED) + ";reason=busy"),)),
    Hostile("crlf_in_dialled", ME, "send", (("To", user(FORGED)),)),
    # --- headers that come twice
    Hostile("two_asserted", ME, "send", ((PAI, ME), (PAI, user(VICTIM)))),
    Hostile("two_in_one_asserted", ME, "send", ((PAI, f"{ME}, {user(VICTIM)}"),)),
    Hostile("privacy_twice", ME, "withheld", (("Privacy", "id"), ("Privacy", "none"), (PAI, ME))),
    # Asterisk reads the first, and tells of no other.
    Hostile("privacy_late", ME, "send", (("Privacy", "none"), ("Privacy", "id"), (PAI, ME))),
    # --- characters that are none
    Hostile("nul_in_user", user("%00@me@"), "no_number|not_dialable"),
    Hostile("nul_behind_number", user("@me@%00" + VICTIM), "send"),
    Hostile("nul_in_name", named("a%00b"), "send"),
    Hostile("no_utf8_in_name", named("\udcff\udcfe\udcc3"), "send"),
    Hostile("no_utf8_in_user", user("%FF%FE@me@"), "not_dialable"),
    Hostile("half_a_pair_in_name", named("\udced\udca0\udc80"), "send"),
    Hostile("bidi_in_name", named(BIDI), "send"),
    Hostile("bidi_in_user", user("%E2%80%AE@me@"), "not_dialable"),
    Hostile("emoji_in_name", named("\U0001f468\u200d\U0001f469\u200d\U0001f467 call me"), "send"),
    Hostile("arabic_digits", user("%D9%A1%D9%A6%D9%A4%D9%A6555"), "not_dialable"),
    Hostile("combining_in_name", named("e" + "\u0301" * 300), "send"),
    # --- what programs obey
    Hostile("terminal_escapes_in_name", named(ESCAPES), "send"),
    Hostile("terminal_escapes_in_user", user("%1B%5B2J%1B%5D0%3Bpwned%07"), "tainted"),
    Hostile("markup_in_name", named(MARKUP), "send"),
    Hostile("templates_in_name", named(CODE), "send"),
    Hostile("sql_in_name", named(SQL), "send"),
    Hostile("sql_in_user", user("1')%3B%20DROP%20TABLE%20calls%3B--"), "not_dialable"),
    Hostile("html_in_name", named("<script>alert(1)</script>"), "send"),
    # --- length
    Hostile("name_of_2_kb", named("n" * 2_000), "send"),
    Hostile("name_of_10_kb", named("n" * 10_000), "send"),
    Hostile("number_of_90_digits", user("1" * 90), "not_dialable"),
    Hostile("number_of_10_kb", user("+1" + "6" * 10_000), "not_dialable"),
    Hostile("twenty_zeroes_before", user("0" * 20 + "16465550123"), "not_dialable"),
    # --- spellings that are right, and some that are not
    Hostile("tel_uri", "<tel:@me@>", "send|no_number"),
    Hostile("user_is_phone", "<sip:@me@@127.0.0.1;user=phone>", "send"),
    Hostile("isub", "<sip:@me@;isub=4711@127.0.0.1;user=phone>", "send"),
    Hostile("phone_context", "<sip:@me@;phone-context=evil.example@127.0.0.1>", "send"),
    Hostile("anonymous", '"Anonymous" <sip:anonymous@anonymous.invalid>', "withheld"),
    Hostile("anonymous_with_digits", '"Anonymous" <sip:@me@@anonymous.invalid>', "send"),
    Hostile("letters", user("+1646555CALL"), "not_dialable"),
    Hostile("no_user", "<sip:127.0.0.1>", "no_number|withheld|not_dialable"),
    Hostile("our_own_number", user("+12125550100"), "own_number"),
    Hostile("emergency", user("911"), "short_number"),
)
BUSY = "Dial(PJSIP/@a@,18) | Busy(2)"
ROWS = renumbered(
    *(row(caller.name, BUSY, "busy send", a=rejects(486)) for caller in CALLERS),
    row("honest", BUSY, "busy send", a=rejects(486)),
)
HONEST = ROWS[-1]


def place(agent: Agent, of: Hostile, line: Row) -> Leg:
    """An INVITE whose headers are as the caller wants them, octet for octet."""
    me = line.number_outside
    headers = [(name, value.replace("@me@", me)) for name, value in of.headers]
    to = next(
        (value for name, value in headers if name == "To"), f"<sip:{line.did}@{agent.server}>"
    )
    invite = sip.Message(
        f"INVITE sip:{line.did}@{agent.server} SIP/2.0",
        [
            ("Via", f"SIP/2.0/UDP {agent.address};branch={sip.branch()};rport"),
            ("Max-Forwards", "70"),
            ("From", f"{of.sender.replace('@me@', me)};tag={sip.token()}"),
            ("To", to),
            ("Call-ID", f"{sip.token()}@127.0.0.1"),
            ("CSeq", "1 INVITE"),
            ("Contact", f"<sip:lab@{agent.address}>"),
            *((name, value) for name, value in headers if name != "To"),
            ("Content-Type", "application/sdp"),
        ],
        sip.sdp(agent.media_port),
    )
    leg = Leg(agent, invite, incoming=False)
    agent.legs[leg.call_id] = leg
    agent.send(invite.render())
    return leg


@dataclass
class Aftermath:
    """What was left when all of them had called."""

    stories: list[dict[str, Any]] = field(default_factory=list)
    texts: list[tuple[str, str, str]] = field(default_factory=list)  #: sender, to, words
    #: Every output there is, by what made it.
    outputs: dict[str, str] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)  #: SIP answer by caller
    faults: list[dict[str, Any]] = field(default_factory=list)
    integrity: str = ""
    words: list[str] = field(default_factory=list)  #: every text in the store
    honest: int = 0
    exit_code: int = -1

    def story(self, line: Row) -> dict[str, Any] | None:
        found = [s for s in self.stories if s["did"] == line.did]
        assert len(found) <= 1, f"{len(found)} calls for {line.name}"
        return found[0] if found else None


async def suffer(directory: Path, version: str) -> Aftermath:
    after = Aftermath()
    async with scene(directory, ROWS, version=version) as (lab, carrier):
        await lab.service.start()
        for line in ROWS:
            lab.agent.behaviours[line.phone("a")] = line.phones["a"]
        legs = {}
        for caller, line in zip(CALLERS, ROWS, strict=False):
            legs[caller.name] = place(lab.agent, caller, line)
            await asyncio.sleep(0.03)
        await settled(legs, lab.service.stories)
        # After all that, an honest caller is texted as ever.
        lab.agent.call(HONEST.number_outside, HONEST.did)
        await lab.story(HONEST)
        async with asyncio.timeout(30):
            while HONEST.number_outside not in [text.to for text in carrier.texts]:
                carrier.took.clear()
                await carrier.took.wait()
        after.stories = await lab.service.stories("calls", "--all", "-n", "1000")
        await until(
            lab.service.stories, lambda s: not s["text"] or s["text"]["state"] == "delivered"
        )
        after.status = {name: leg.status for name, leg in legs.items()}
        after.texts = [(t.sender, t.to, t.text) for t in carrier.texts]
        run = lab.service.command
        after.outputs = {
            "calls": await run("calls", "--all", "-n", "1000"),
            "calls --json": await run("calls", "--all", "-n", "1000", "--json"),
            "queue": await run("queue", "--all"),
            "stats": await run("stats"),
            "stats --json": await run("stats", "--json"),
            "doctor": await either(run, "doctor", "--listen", "0"),
        }
        after.outputs["why"] = await why(lab.service, [story["call"] for story in after.stories])
        for page in ("metrics", "healthz"):
            after.outputs[page] = await asyncio.to_thread(fetch, lab.service.console_port, page)
        after.exit_code = await lab.service.stop()
        after.outputs["log"] = lab.service.log.read_bytes().decode()
        after.faults = [
            event
            for event in lab.service.events()
            if event.get("level") in ("error", "critical") and event["event"] != "alarm_raised"
        ]
    with sqlite3.connect(directory / "textback.db") as db:
        after.integrity = db.execute("PRAGMA integrity_check").fetchone()[0]
        for (table,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            for record in db.execute(f'SELECT * FROM "{table}"'):
                after.words += [value for value in record if isinstance(value, str)]
    return after


async def settled(legs: dict[str, Leg], stories: Callable[..., Any]) -> None:
    """Until each call is over, or was never taken, and has its verdict."""

    async def over(leg: Leg) -> None:
        try:
            await leg.over(15)
        except TimeoutError:
            assert leg.status < 200, "answered and never ended"

    await asyncio.gather(*(over(leg) for leg in legs.values()))
    await until(stories, lambda story: story["verdict"] != "pending")


async def until(
    stories: Callable[..., Any], holds: Callable[[dict[str, Any]], bool], within: float = 30.0
) -> None:
    """Wait until that holds of every call."""
    async with asyncio.timeout(within):
        while True:
            if all(holds(story) for story in await stories("calls", "-n", "1000")):
                return
            await asyncio.sleep(0.2)


WHY = """
import sys
from typer.testing import CliRunner
from textback.cli import app
for call in sys.argv[2:]:
    said = CliRunner().invoke(app, ["--config", sys.argv[1], "why", call])
    assert said.exit_code == 0, said.output
    sys.stdout.write(said.stdout)
"""


async def why(service: Service, calls: list[str]) -> str:
    """`textback why` of each call, by one process: most of a command's time is its start."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WHY, str(service.config), *calls),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def either(run: Callable[..., Any], *words: str) -> str:
    """A command whose exit code is not the matter here: 1, something to look at."""
    said: str = await run(*words, code=1)
    return said


def fetch(port: int, page: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:  # 503: an alarm stands, as it should
        with error:
            return error.read().decode()


@pytest.fixture(scope="class")
def after(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    version: str = request.cls.version
    return asyncio.run(suffer(tmp_path_factory.mktemp(f"hostile{version}"), version))


def unclean(text: str) -> str:
    """The first character that a terminal would obey or that turns text around; "" for none."""
    for line in text.splitlines():
        for character in line:
            if unicodedata.category(character) in ("Cc", "Cs") or character in "\u2028\u2029":
                return f"{character!r} in {line[:200]!r}"
            if character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
                return f"{character!r} in {line[:200]!r}"
    return ""


class Callers:
    """What must hold on every Asterisk."""

    version: str

    @pytest.mark.parametrize("index", range(len(CALLERS)), ids=[repr(c) for c in CALLERS])
    def test_each_caller_gets_the_verdict_of_what_he_showed(
        self, after: Aftermath, index: int
    ) -> None:
        caller, line = CALLERS[index], ROWS[index]
        story = after.story(line)
        if story is None:
            assert after.status[caller.name] in (0, *range(400, 500)), "taken, and never seen"
            answered = f"Asterisk answered {after.status[caller.name]}"
            assert caller.name in REFUSED[self.version], answered
            return
        assert story["reason"] in caller.expect.split("|"), story["gates"][-1:]
        assert story["ended"] is not None

    def test_nobody_is_texted_but_the_callers_themselves(self, after: Aftermath) -> None:
        allowed = {
            (line.did, line.number_outside)
            for line in ROWS
            if (story := after.story(line)) is not None and story["verdict"] == "send"
        }
        assert {(sender, to) for sender, to, _ in after.texts} == allowed
        assert len(after.texts) == len(allowed)
        assert VICTIM not in [to for _, to, _ in after.texts]

    def test_no_word_of_a_caller_is_in_a_text(self, after: Aftermath) -> None:
        labels = {line.did: line.name for line in ROWS}
        for sender, _, words in after.texts:
            assert words == (f"Sorry we missed you at {labels[sender]}. Reply here. Acme Dental")

    def test_no_output_holds_what_a_terminal_obeys(self, after: Aftermath) -> None:
        assert {name: bad for name, text in after.outputs.items() if (bad := unclean(text))} == {}

    def test_names_are_shown_as_they_are_and_nothing_in_them_is_obeyed(
        self, after: Aftermath
    ) -> None:
        shown = after.outputs["why"].replace("\\'", "'")  # Asterisk escapes quotes in names
        for words in (MARKUP, CODE, SQL, "<script>alert(1)</script>"):
            assert words in shown
        assert "\\u009b5m" in shown, "what would be obeyed is spelt out"

    def test_every_line_of_the_log_is_one_event(self, after: Aftermath) -> None:
        for line in after.outputs["log"].splitlines():
            assert isinstance(json.loads(line).get("event"), str)

    def test_metrics_are_well_formed_and_hold_no_number(self, after: Aftermath) -> None:
        families = list(text_string_to_metric_families(after.outputs["metrics"]))
        labels = {v for f in families for s in f.samples for v in s.labels.values()}
        assert not [label for label in labels if re.search(r"\d{7}", label)]

    def test_the_store_is_whole_and_holds_no_nul(self, after: Aftermath) -> None:
        assert after.integrity == "ok"
        assert not [word for word in after.words if "\0" in word]

    def test_the_service_did_not_stumble(self, after: Aftermath) -> None:
        assert (after.exit_code, after.faults) == (0, [])

    def test_forgers_raise_one_alarm(self, after: Aftermath) -> None:
        raised = [
            event
            for line in after.outputs["log"].splitlines()
            if (event := json.loads(line))["event"] == "alarm_raised"
        ]
        assert [event["alarm"] for event in raised] == ["tainted_calls"]


#: What this Asterisk does not take as a call at all (416, unsupported URI scheme).
REFUSED = {"22": frozenset[str](), "16": frozenset({"tel_uri"})}


class TestCallersOfAsterisk22(Callers):
    version = "22"


class TestCallersOfAsterisk16(Callers):
    version = "16"

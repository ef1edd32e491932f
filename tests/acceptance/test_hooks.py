"""The dialplan hooks as shipped (conf/asterisk/extensions-textback-hooks.conf), on real Asterisks.

One call for each way of saying each thing, placed side by side; then what becomes of calls when
textback is stopped, frozen, or has lost its link to Asterisk.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sms_gateway.simulator import SimulatedText
from tests.acceptance.stage import Carrier, Stage, admin, renumbered, scene
from tests.lab.agent import Leg
from tests.lab.asterisk import PRODUCT, free_port
from tests.lab.people import hangs_up, keys, once_up
from tests.lab.phones import answers, rings
from tests.lab.row import ANSWERED, Row, configuration, play, row

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]

OWN, CLOSED, ADDRESS = "Sorry we missed you", "We are closed", "12 Main Street"
MESSAGES = (
    ("[[message]]", {"name": "closed", "text": f"{CLOSED} now. {{{{business.name}}}}"}),
    ("[[message]]", {"name": "address", "text": f"{{{{business.name}}}}: {ADDRESS}."}),
)
#: Where a phone behind a Local channel says that no text is wanted.
LEG = """
[leg-handled]
exten => _XXXX,1,Set(TEXTBACK=no)
 same => n,Dial(PJSIP/${EXTEN},18)
"""
RINGS = "Dial(PJSIP/@a@,18) | Hangup()"
HOLD = "Wait(6) | Hangup()"
FORGED = "1%0D%0Aagi_uniqueid%3A%201700000000.1%0D%0Aagi_callerid%3A%20+16465550199"


def asterisk_files(agi_port: int) -> Callable[[Sequence[Row]], Mapping[str, str]]:
    """The generated dialplan, and the product's own files with this run's port in them."""
    names = ("extensions-textback.conf", "extensions-textback-hooks.conf")
    shipped = "\n".join((PRODUCT / name).read_text() for name in names)
    assert shipped.count(":4574/") == 1, "one place names the port"
    text = shipped.replace(":4574/", f":{agi_port}/") + LEG

    def files(rows: Sequence[Row]) -> Mapping[str, str]:
        made = {k: v.replace("@AGI_PORT@", str(agi_port)) for k, v in configuration(rows).items()}
        return {**made, "extensions-textback.conf": text}

    return files


@asynccontextmanager
async def hooked(
    directory: Path, rows: Sequence[Row], **settings: Any
) -> AsyncIterator[tuple[Stage, Carrier]]:
    """A scene whose Asterisk and textback agree on the hooks' port."""
    port = free_port()
    more = {"agi_port": port, "files": asterisk_files(port), "more": MESSAGES, **settings}
    async with scene(directory, rows, **more) as set_up:
        yield set_up


@dataclass(frozen=True)
class Case:
    """A call, what the caller is texted, and what `why` tells of the dialplan's words."""

    row: Row
    texts: tuple[str, ...]
    said: str


def case(name: str, dialplan: str, expect: str, *texts: str, said: str, **rest: Any) -> Case:
    return Case(row(name, dialplan, expect, **rest), texts, said)


_MISSED, _HANDLED = "this call is missed", "no text is wanted"
_CASES = (
    case(
        "missed_agi",
        f"Answer() | Gosub(textback-missed,s,1) | {HOLD}",
        "ivr_abandoned send",
        OWN,
        said=f"{_MISSED} (agi)",
    ),
    case(
        "missed_variable",
        f"Answer() | Gosub(textback-missed-variable,s,1) | {HOLD}",
        "ivr_abandoned send",
        OWN,
        said=f"{_MISSED} (TEXTBACK=missed)",
    ),
    case(
        "missed_event",
        f"Answer() | Gosub(textback-missed-event,s,1) | {HOLD}",
        "ivr_abandoned send",
        OWN,
        said=f"{_MISSED} (UserEvent)",
    ),
    case(
        "missed_when_it_is_over",
        f"Set(CHANNEL(hangup_handler_push)=textback-missed-event,s,1) | {RINGS}",
        "abandoned send",
        OWN,
        said=f"{_MISSED} (UserEvent)",
        caller=hangs_up(2),
        a=rings(),
    ),
    case(
        "handled_agi",
        f"Gosub(textback-handled,s,1) | {RINGS}",
        "no_answer skip handled",
        said=f"{_HANDLED} (agi)",
        a=rings(),
    ),
    case(
        "handled_variable",
        f"Gosub(textback-handled-variable,s,1) | {RINGS}",
        "no_answer skip handled",
        said=f"{_HANDLED} (TEXTBACK=no)",
        a=rings(),
    ),
    case(
        "handled_on_a_leg",
        "Dial(Local/@a@@leg-handled/n,18) | Hangup()",
        "no_answer skip handled",
        said=f"{_HANDLED} (TEXTBACK=no)",
        a=rings(),
    ),
    case(
        "missed_after_handled",
        f"Answer() | Gosub(textback-handled,s,1) | Gosub(textback-missed,s,1) | {HOLD}",
        "ivr_abandoned send",
        OWN,
        said=f"{_MISSED} (agi)",
    ),
    case(
        "closed_agi",
        f"Gosub(textback-closed,s,1) | {RINGS}",
        "no_answer send",
        CLOSED,
        said="message closed (agi)",
        a=rings(),
    ),
    case(
        "closed_variable",
        f"Gosub(textback-closed-variable,s,1) | {RINGS}",
        "no_answer send",
        CLOSED,
        said="message closed (TEXTBACK_MESSAGE=closed)",
        a=rings(),
    ),
    case(
        "message_that_is_not_there",
        f"Gosub(textback-agi,s,1(message?name=nowhere)) | {RINGS}",
        "no_answer send",
        OWN,
        said="phone PJSIP",
        a=rings(),
    ),
    case(
        "address_agi",
        f"Gosub(textback-menu,s,1) | {RINGS}",
        ANSWERED,
        ADDRESS,
        said="phone PJSIP",
        caller=keys("1", once_up(12)),
        a=answers(2),
    ),
    case(
        "address_event",
        f"Gosub(textback-menu-event,s,1) | {RINGS}",
        ANSWERED,
        ADDRESS,
        said="offer address (UserEvent)",
        caller=keys("1", once_up(12)),
        a=answers(2),
    ),
    case(
        "stop_agi",
        f"Gosub(textback-menu,s,1) | {RINGS}",
        "no_answer skip opted_out",
        said="phone PJSIP",
        caller=keys("9", once_up(60)),
        a=rings(),
    ),
    case(
        "stop_event",
        f"Gosub(textback-menu-event,s,1) | {RINGS}",
        "no_answer skip opted_out",
        said="optout (UserEvent)",
        caller=keys("9", once_up(60)),
        a=rings(),
    ),
    case(
        "no_key",
        f"Gosub(textback-menu,s,1) | {RINGS}",
        "no_answer send",
        OWN,
        said="phone PJSIP",
        a=rings(),
    ),
    case(
        "verstat_failed",
        f"Gosub(textback-verstat,s,1(X-Verstat)) | {RINGS}",
        "no_answer skip verstat",
        said="verstat is TN-Validation-Failed",
        headers=(("X-Verstat", "TN-Validation-Failed"),),
        a=rings(),
    ),
    case(
        "forged_head",
        f"Answer() | Gosub(textback-missed,s,1) | {HOLD}",
        "ivr_abandoned skip outcome_off",  # the hook was not believed
        said="hung up",
        caller_user=FORGED,
    ),
)
ROWS = renumbered(*(made.row for made in _CASES))
CASES = tuple(
    Case(numbered, made.texts, made.said) for made, numbered in zip(_CASES, ROWS, strict=True)
)
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.row.name)


@dataclass
class Played:
    stories: list[dict[str, Any]] = field(default_factory=list)
    texts: list[SimulatedText] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    asterisk_log: str = ""
    opted_out: str = ""

    def story(self, row: Row) -> dict[str, Any]:
        (found,) = (story for story in self.stories if story["did"] == row.did)
        return found


async def play_all(version: str, directory: Path) -> Played:
    played = Played()
    settings = {"version": version, "pbx": {"verstat": "not_failed"}}
    async with hooked(directory, ROWS, **settings) as (lab, carrier), admin(lab.asterisk) as hand:
        await lab.service.start()
        async with asyncio.TaskGroup() as group:
            for made in ROWS:
                group.create_task(play(made, lab.agent, hand), name=made.name)
                await asyncio.sleep(0.05)
        async with asyncio.timeout(30):
            while True:
                played.stories = await lab.service.stories("calls", "--all", "-n", "1000")
                ended = [s for s in played.stories if s["ended"] and s["verdict"] != "pending"]
                if len(ended) == len(ROWS):
                    break
                await asyncio.sleep(0.3)
        played.opted_out = await lab.service.command("optout", "list")
        assert await lab.service.stop() == 0
        played.log = lab.service.events()
        played.texts = list(carrier.texts)
        played.asterisk_log = (lab.asterisk.directory / "log" / "full").read_text(errors="replace")
    return played


@pytest.fixture(scope="class")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    version: str = request.cls.version
    return asyncio.run(play_all(version, tmp_path_factory.mktemp(f"hooks{version}")))


class Hooks:
    """What must hold of each call, whatever the Asterisk."""

    version: str

    @each_case
    def test_the_call_comes_to_the_verdict_the_dialplan_asked_for(
        self, played: Played, case: Case
    ) -> None:
        story = played.story(case.row)

        assert (story["outcome"], story["verdict"], story["reason"]) == (
            case.row.outcome,
            case.row.verdict,
            case.row.reason,
        )
        assert any(case.said in what for _, what in story["trail"]), story["trail"]

    @each_case
    def test_the_caller_gets_the_texts_the_dialplan_chose_and_no_other(
        self, played: Played, case: Case
    ) -> None:
        texts = [t for t in played.texts if t.to == case.row.number_outside]

        assert len(texts) == len(case.texts)
        for text, words in zip(texts, case.texts, strict=True):
            assert words in text.text
            assert text.sender == case.row.did

    def test_missed_texts_while_the_caller_is_still_there(self, played: Played) -> None:
        for made in ROWS[:3]:
            story = played.story(made)
            assert story["decided"] < story["ended"]

    def test_who_pressed_nine_is_opted_out(self, played: Played) -> None:
        for made in ROWS:
            assert (made.number_outside in played.opted_out) == made.name.startswith("stop_")

    def test_a_template_that_is_not_there_is_told_with_those_that_are(self, played: Played) -> None:
        (told,) = (e for e in played.log if e["event"] == "hook_refused" and e["hook"] == "message")

        assert "nowhere" in told["reason"]
        assert "closed, address" in told["reason"]

    def test_a_head_forged_by_its_caller_is_told_and_the_call_goes_on(self, played: Played) -> None:
        (told,) = (e for e in played.log if e["event"] == "agi_bad_request")

        assert "forged" in told["reason"]

    def test_asterisk_complains_of_nothing_about_the_hooks(self, played: Played) -> None:
        lines = played.asterisk_log.splitlines()
        agi = [line for line in lines if "res_agi" in line]
        assert not [line for line in agi if "WARNING" in line or "ERROR" in line]
        assert not [e for e in played.log if e.get("level") in ("error", "critical")]


class TestHooksOnAsterisk22(Hooks):
    version = "22"


class TestHooksOnAsterisk16(Hooks):
    version = "16"


# --- one scene each -------------------------------------------------------------------------------

LINE, FIRST, QUEUE = renumbered(
    row("line", RINGS, "abandoned send", hangs_up(6), a=rings()),
    row("first", f"Gosub(textback-first,s,1) | {RINGS}", ANSWERED, a=answers(1)),
    row(
        "queue",
        "Answer() | Gosub(textback-first,s,1) | Queue(@name@,,,,30) | Hangup()",
        "queue_abandoned send",
        a=rings(),
        queue="PJSIP/@a@",
    ),
)


async def misses_a_call(lab: Stage, carrier: Carrier) -> None:
    """LINE's caller calls, gives up, and is texted."""
    leg = lab.agent.call(LINE.number_outside, LINE.did, name="Zoe Q. Caller")
    lab.agent.behaviours[LINE.phone("a")] = rings()
    await hangs_up(6)(leg)
    await asyncio.wait_for(carrier.took.wait(), 20.0)


async def test_the_phone_shows_that_this_caller_was_missed_before(tmp_path: Path) -> None:
    shown: asyncio.Queue[str] = asyncio.Queue()

    async def looks(leg: Leg) -> None:
        shown.put_nowait(leg.invite.get("from"))
        await answers(0)(leg)

    async with hooked(tmp_path, [LINE, FIRST]) as (lab, carrier):
        await lab.service.start()
        lab.agent.behaviours[FIRST.phone("a")] = looks
        await lab.agent.call(LINE.number_outside, FIRST.did, name="Zoe Q. Caller").over()
        assert "Missed" not in await shown.get()

        await misses_a_call(lab, carrier)
        await lab.agent.call(LINE.number_outside, FIRST.did, name="Zoe Q. Caller").over()
        assert "Missed 1x Zoe Q. Caller" in await shown.get()

        await lab.story(FIRST)  # answered, and on the disk: the case is closed
        await lab.agent.call(LINE.number_outside, FIRST.did, name="Zoe Q. Caller").over()
        assert "Missed" not in await shown.get()


async def test_a_caller_who_was_missed_stands_before_one_who_waits(tmp_path: Path) -> None:
    async with hooked(tmp_path, [LINE, QUEUE]) as (lab, carrier), admin(lab.asterisk) as hand:
        await lab.service.start()
        lab.agent.behaviours[QUEUE.phone("a")] = rings()
        hand.act("Events", EventMask="agent")
        await misses_a_call(lab, carrier)

        patient = lab.agent.call(QUEUE.number_outside, QUEUE.did)
        await hand.until(rb"(?s)Event: QueueCallerJoin.*Count: 1")
        missed = lab.agent.call(LINE.number_outside, QUEUE.did)
        await hand.until(rb"(?s)Event: QueueCallerJoin.*Count: 2")
        joined = bytes(hand.data).split(b"Event: QueueCallerJoin")[-1]
        patient.hang_up()
        missed.hang_up()

    assert LINE.number_outside.encode() in joined
    assert b"\r\nPosition: 1\r\n" in joined


GUARDED, BARE = renumbered(
    row("guarded", f"Gosub(textback-handled,s,1) | {RINGS}", "no_answer send", a=rings()),
    row("bare", f"AGI(agi://127.0.0.1:@AGI_PORT@/handled) | {RINGS}", "no_answer send", a=rings()),
)


@pytest.fixture(params=["22", "16"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_with_textback_stopped_the_phone_rings_all_the_same(
    tmp_path: Path, version: str
) -> None:
    async with hooked(tmp_path, [GUARDED], version=version) as (lab, _):
        leg = await lab.ring(GUARDED)
        leg.hang_up()
        log = await lab.asterisk.logged("Connection refused")

        assert "Connection refused" in log
        assert "T@textback-agi" not in log, "nothing was waited for"


async def test_with_textback_frozen_a_guarded_hook_lets_the_call_go_on_and_a_bare_one_waits(
    tmp_path: Path, version: str
) -> None:
    """A frozen process still has its connections taken, by the kernel; AGI() has no time-out."""
    async with hooked(tmp_path, [GUARDED, BARE], version=version) as (lab, _):
        await lab.service.start()
        lab.agent.behaviours[BARE.phone("a")] = rings()
        assert lab.service.process is not None
        lab.service.process.send_signal(signal.SIGSTOP)
        try:
            bare = lab.agent.call(BARE.number_outside, BARE.did)
            guarded = await lab.ring(GUARDED)
            log = await lab.asterisk.logged("T@textback-agi")

            assert "T@textback-agi" in log, "the time-out of the call let it go on"
            assert not bare.ringing.is_set()
        finally:
            lab.service.process.send_signal(signal.SIGCONT)
        await asyncio.wait_for(bare.ringing.wait(), 10.0)
        guarded.hang_up()
        bare.hang_up()
        await lab.service.well()


# --- the AMI link is down, AGI is not ------------------------------------------------------------

(WAITS,) = renumbered(
    row("waits", "Answer() | Gosub(textback-missed,s,1) | Wait(60) | Hangup()", "unknown send")
)


class Relay:
    """A port in front of Asterisk's AMI that can be cut and mended."""

    def __init__(self) -> None:
        self.port = free_port()
        self.target = 0
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for pipe in self._pipes:
            pipe.cancel()
        if self._pipes:
            await asyncio.wait(self._pipes)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, away = await asyncio.open_connection("127.0.0.1", self.target)
        for source, sink in ((reader, away), (there, writer)):
            pipe = asyncio.create_task(self._pipe(source, sink), name="ami relay")
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.closing(sink):
            while data := await source.read(65536):
                sink.write(data)


@asynccontextmanager
async def relayed(directory: Path) -> AsyncIterator[tuple[Stage, Carrier, Relay]]:
    relay = Relay()
    async with hooked(directory, [WAITS], pbx={"port": relay.port}) as (lab, carrier):
        relay.target = lab.asterisk.ami_port
        try:
            yield lab, carrier, relay
        finally:
            await lab.service.close()
            await relay.cut()


async def link_is(lab: Stage, up: bool) -> None:
    async with asyncio.timeout(60):
        while True:
            health = await lab.service.health() or {"parts": {}}
            part = health["parts"].get("ami:pbx", {"state": ""})
            if (part["state"] == "up") is up:
                return
            await asyncio.sleep(0.05)


async def one_story_to_its_end(lab: Stage) -> dict[str, Any]:
    """The only call there is, once it has ended."""
    async with asyncio.timeout(20):
        while True:
            stories = await lab.service.stories("calls", "--all", "-n", "10")
            if all(story["ended"] for story in stories):
                (story,) = stories
                return story
            await asyncio.sleep(0.1)


async def test_missed_texts_while_the_ami_link_is_down_and_once_when_it_returns(
    tmp_path: Path,
) -> None:
    async with relayed(tmp_path) as (lab, carrier, relay):
        await relay.mend()
        await lab.service.start()
        await relay.cut()
        await link_is(lab, up=False)

        leg = lab.agent.call(WAITS.number_outside, WAITS.did)
        await asyncio.wait_for(carrier.took.wait(), 20.0)
        assert not leg.ended.is_set()
        await relay.mend()
        await link_is(lab, up=True)
        leg.hang_up()
        told = await one_story_to_its_end(lab)

        assert (told["did"], told["verdict"]) == (WAITS.did, "send")
        assert any("this call is missed (agi)" in what for _, what in told["trail"])
        assert len(carrier.texts) == 1


async def test_missed_texts_though_the_ami_link_was_never_up(tmp_path: Path) -> None:
    async with relayed(tmp_path) as (lab, carrier, relay):
        await lab.service.start(healthy=False)
        leg = lab.agent.call(WAITS.number_outside, WAITS.did)
        await asyncio.wait_for(carrier.took.wait(), 20.0)
        await relay.mend()
        await link_is(lab, up=True)
        leg.hang_up()
        told = await one_story_to_its_end(lab)

        assert (told["did"], told["verdict"]) == (WAITS.did, "send")
        assert len(carrier.texts) == 1


async def test_a_call_that_only_a_hook_told_of_comes_to_an_end_when_the_link_returns(
    tmp_path: Path,
) -> None:
    async with relayed(tmp_path) as (lab, carrier, relay):
        await relay.mend()
        await lab.service.start()
        await relay.cut()
        await link_is(lab, up=False)
        leg = lab.agent.call(WAITS.number_outside, WAITS.did)
        await asyncio.wait_for(carrier.took.wait(), 20.0)
        leg.hang_up()
        await leg.over()
        await relay.mend()
        await link_is(lab, up=True)
        told = await one_story_to_its_end(lab)

        assert (told["did"], told["verdict"]) == (WAITS.did, "send")
        assert len(carrier.texts) == 1

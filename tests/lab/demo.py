"""`make demo`: a real call on a private Asterisk 22 that nobody answers becomes a text, live.

Everything is private to this run and gone at its end: Asterisk (own namespaces), the simulated
carrier, `textback run` on SQLite in a temporary directory with the shipped sample configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog

from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from tests.lab.agent import Agent, Leg
from tests.lab.asterisk import AMI_SECRET, Asterisk, LabError, asterisk_version, free_port
from tests.lab.people import hangs_up, waits
from tests.lab.phones import answers, rings
from tests.lab.row import Row, configuration
from tests.lab.screen import Screen
from tests.lab.service import ROOT, Service, toml

MISSED = Row(
    name="Main line",
    dialplan=("Dial(PJSIP/@a@&PJSIP/@b@,25)", "Hangup()"),
    phones={"a": rings(), "b": rings()},
    caller=hangs_up(19.0),
    expect="no_answer send",
    display="Jamie Rivera",
    index=0,
)
TAKEN = Row(
    name="Service line",
    dialplan=("Dial(PJSIP/@a@,25)", "Hangup()"),
    phones={"a": answers(3.0, talk=4.0)},
    caller=waits,
    expect="answered skip answered",
    index=1,
)
REPLY = "Hi, could I get an appointment on Tuesday?"


def set_key(sample: str, table: str, key: str, value: Any) -> str:
    """The sample configuration with one key of one [[table]] set; it may be a comment there."""
    head, found, rest = sample.partition(f"\n[[{table}]]\n")
    changed, count = re.subn(
        rf"^#?{key} = .*$", lambda _: f"{key} = {toml(value)}", rest, count=1, flags=re.MULTILINE
    )
    if not found or not count:
        raise LabError(f"conf/textback.toml has no {key} in [[{table}]]")
    return head + found + changed


def write_configuration(directory: Path, ami_port: int, smsc_port: int, console_port: int) -> Path:
    """The shipped sample with this run's ports in it, and a conf.d as an admin would write one."""
    text = (ROOT / "conf" / "textback.toml").read_text()
    for table, keys in {
        "pbx": {"port": ami_port, "secret": AMI_SECRET},
        "smsc": {"host": "127.0.0.1", "port": smsc_port, "password": "demo"},
    }.items():
        for key, value in keys.items():
            text = set_key(text, table, key, value)
    path = directory / "textback.toml"
    path.write_text(text)
    (directory / "conf.d").mkdir()
    (directory / "conf.d" / "demo.toml").write_text(
        f'mode = "live"\n'
        f"[store]\npath = {toml(str(directory / 'textback.db'))}\n"
        f"[console]\nlisten = {toml(f'127.0.0.1:{console_port}')}\n"
        f"[agi]\nenabled = false\n[log]\nmask = false\n"
        f"[[number]]\ndid = {toml(TAKEN.did)}\nlabel = {toml(TAKEN.name)}\n"
    )
    return path


async def log_lines(service: Service) -> AsyncIterator[dict[str, Any]]:
    """What textback logs, as it does."""
    seen = 0
    while True:
        events = service.events()
        for event in events[seen:]:
            yield event
        seen = len(events)
        await asyncio.sleep(0.05)


class Story:
    """Puts what the log, the phones and the carrier tell onto the screen."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.texts: list[SimulatedText] = []
        self.delivered = asyncio.Event()
        self.replied = asyncio.Event()
        self.over = 0
        self.both_over = asyncio.Event()
        self._names: dict[str, str] = {}

    def text(self, text: SimulatedText) -> None:
        """The carrier has it: shown once textback's log has said so, to keep the order."""
        self.texts.append(text)

    def _text_submitted(self, event: dict[str, Any]) -> None:
        self.screen.say("textback", "submitted over SMPP", f"{event.get('state', '')}")
        text = self.texts.pop(0)
        parts = f"{text.parts} segment{'s' * (text.parts > 1)}"
        self.screen.say("carrier", f"took a text from {text.sender} to {text.to}", parts)
        self.screen.bubble(True, text.sender, text.text)

    async def follow(self, service: Service) -> None:
        async for event in log_lines(service):
            told = getattr(self, f"_{event.get('event')}", None)
            if told is not None:
                told(event)

    def _call_started(self, event: dict[str, Any]) -> None:
        line = {MISSED.did: MISSED.name, TAKEN.did: TAKEN.name}.get(event["did"], event["did"])
        self._names[event["call"]] = line
        self.screen.say("textback", f"{line}: a call from {event['caller']}", event["call"])

    def _call_answered(self, event: dict[str, Any]) -> None:
        self.screen.say("textback", f"{self._name(event)}: a person answered")

    def _call_ended(self, event: dict[str, Any]) -> None:
        what = f"{self._name(event)}: over, {event['outcome']}"
        self.screen.say("textback", what, f"waited {event['waited']} s")
        self.over += 1
        if self.over == 2:
            self.both_over.set()

    def _verdict(self, event: dict[str, Any]) -> None:
        self.screen.ring(None)
        why = f"at {event['at']}" if event["verdict"] == "send" else event.get("found") or ""
        verdict = "TEXT BACK" if event["verdict"] == "send" else f"no text: {event['reason']}"
        self.screen.say("textback", f"{self._name(event)}: verdict {verdict}", why)

    def _receipt(self, event: dict[str, Any]) -> None:
        self.screen.say("textback", "delivery receipt recorded", str(event.get("state", "")))
        self.delivered.set()

    def _reply(self, event: dict[str, Any]) -> None:
        what = f"a reply from {event['sender']} is in the inbox on this machine"
        self.screen.say("textback", what)
        self.replied.set()

    def _name(self, event: dict[str, Any]) -> str:
        call: str = event["call"]
        return self._names.get(call, call)


async def call(row: Row, agent: Agent, admin: Any, story: Story) -> None:
    """Place the row's call, and say what its phones do."""
    leg = agent.call(row.number_outside, row.did, name=row.display)
    story.screen.say("caller", f"{row.number_outside} dials {row.did}", row.name)
    watch = asyncio.create_task(_ringing(leg, row, story), name=f"ringing {row.name}")
    try:
        await row.caller(leg)
    finally:
        watch.cancel()
        await asyncio.wait([watch])
    story.screen.say("caller", f"{row.number_outside} is off the line")


async def _ringing(leg: Leg, row: Row, story: Story) -> None:
    await leg.ringing.wait()
    story.screen.say("phone", f"{row.name}: {len(row.phones)} of the office's phones ring")
    if row is MISSED:
        story.screen.ring(15.0)


async def perform(screen: Screen, directory: Path, asterisk: Asterisk, port: int) -> None:
    story = Story(screen)
    simulator = Simulator(SimulatorSettings(port=0, receipt_delay=1.5), on_message=story.text)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(simulator)
        agent = await stack.enter_async_context(Agent(asterisk.sip_port))
        await agent.open(port)
        for row in (MISSED, TAKEN):
            for letter, behaviour in row.phones.items():
                agent.behaviours[row.phone(letter)] = behaviour
        console_port = free_port()
        config = write_configuration(directory, asterisk.ami_port, simulator.port, console_port)
        service = await stack.enter_async_context(Service(config, console_port))
        await service.start()
        screen.say("textback", "runs: logged in to Asterisk, bound to the carrier")
        follow = asyncio.create_task(story.follow(service), name="log")
        try:
            screen.begin()
            async with asyncio.timeout(45), asyncio.TaskGroup() as group:
                group.create_task(call(MISSED, agent, None, story), name="the missed call")
                await asyncio.sleep(2.0)
                group.create_task(call(TAKEN, agent, None, story), name="the answered call")
                await story.delivered.wait()
                screen.say("handset", "delivered; the caller writes back")
                screen.bubble(False, MISSED.number_outside, REPLY)
                simulator.reply(MISSED.number_outside, MISSED.did, REPLY)
                await story.replied.wait()
                await story.both_over.wait()
        finally:
            follow.cancel()
            await asyncio.wait([follow])
        screen.__exit__(None, None, None)
        for number in (MISSED.number_outside, TAKEN.number_outside):
            screen.console.rule(f"$ textback why {number}", align="left", style="dim")
            out = await service.command("why", number)
            screen.console.print(out.rstrip(), markup=False)


async def main() -> int:
    """0 when everything it promises was seen."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    # The simulator's own log lines would tear the picture.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    screen = Screen()
    console = screen.console
    directory = Path(tempfile.mkdtemp(prefix="textback-demo-"))
    try:
        console.print(
            f"A private {asterisk_version().split('+')[0]}, a simulated carrier, textback."
        )
        port = free_port(socket.SOCK_DGRAM)
        files = configuration([MISSED, TAKEN])
        with Asterisk(files=files, agent_port=port) as asterisk, screen:
            screen.say("phone", "Asterisk is up, phones and trunk are connected")
            await perform(screen, directory, asterisk, port)
    finally:
        shutil.rmtree(directory)
    console.print("\nDone. Nothing is left running and no file is left behind.", style="bold")
    return 0


def without_asterisk(error: LabError) -> int:
    """Say what could not be done, and show what can be: a recorded call through the verdict."""
    print(f"textback demo: {error}", file=sys.stderr)
    print("textback demo: so no live call. A recorded one of an Asterisk 22:", file=sys.stderr)
    trace = ROOT / "tests" / "data" / "ami" / "ring_out.filtered.ami"
    command = [sys.executable, "-m", "textback", "replay", str(trace)]
    subprocess.run(command, cwd=ROOT, check=False)
    return 1


if __name__ == "__main__":
    try:
        code = asyncio.run(main())
    except LabError as error:
        code = without_asterisk(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\ntextback demo: stopped; everything it started is gone", file=sys.stderr)
        code = 130
    sys.exit(code)

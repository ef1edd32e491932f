"""`simulate-smsc`: a carrier on this machine; every text it takes is shown as a phone would."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from textback import log
from textback.cli_common import JsonOption, UserError, count, print_json, run_async, show
from textback.model import ReceiptState

#: Texts shown at once; the newest at the bottom.
SHOWN = 6


def simulate_smsc(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 2775,
    host: Annotated[str, typer.Option(help="A loopback address.")] = "127.0.0.1",
    system_id: Annotated[str, typer.Option(help="The only one allowed; empty: any.")] = "",
    password: Annotated[
        str, typer.Option(envvar="TEXTBACK_SIMULATOR_PASSWORD", help="Empty: any.")
    ] = "",
    receipts: Annotated[
        str, typer.Option(metavar="STATE", help="What receipts say: DELIVRD, UNDELIV, ...")
    ] = ReceiptState.DELIVERED.value,
    delay: Annotated[float, typer.Option(min=0, help="Seconds until a receipt.")] = 1.0,
    answer: Annotated[
        str, typer.Option(metavar="TEXT", help="Reply to every text with this, as the handset.")
    ] = "",
    number: Annotated[
        int, typer.Option("--count", "-n", min=0, help="Stop after this many texts; 0: never.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Be a small SMSC on loopback: take texts and show them, send receipts and replies.

    Point host and port of an smsc table here to try everything without a carrier. Ctrl-C ends it.
    """
    try:
        state = ReceiptState(receipts)
    except ValueError:
        allowed = ", ".join(s.value for s in ReceiptState)
        raise UserError(f"--receipts {receipts!r} is no state", f"allowed: {allowed}") from None
    settings = SimulatorSettings(
        host=host,
        port=port,
        system_id=system_id,
        password=password,
        receipt_delay=delay,
        receipt_state=state,
    )
    run_async(_simulate(settings, answer, number, as_json))


async def _simulate(settings: SimulatorSettings, answer: str, number: int, as_json: bool) -> None:
    done = asyncio.Event()
    view = _Phone(Console(highlight=False), as_json=as_json)

    def taken(text: SimulatedText) -> None:
        view.show(text)
        if answer:
            simulator.reply(text.to, text.sender, answer)
        if number and view.total >= number:
            done.set()

    try:
        simulator = Simulator(settings, on_message=taken)
        await simulator.start()
    except (OSError, ValueError) as error:
        raise UserError(f"cannot listen on {settings.host}:{settings.port}: {error}") from None
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, done.set)
    try:
        with view.live(f"SMSC on {settings.host}:{simulator.port}"):
            await done.wait()
            if answer or settings.receipt_delay:
                # What was promised for the last text still goes out.
                await asyncio.sleep(min(settings.receipt_delay + 0.2, 5.0) if number else 0)
    finally:
        await simulator.stop()


class _Phone:
    """Texts as bubbles, live on a terminal; a line each where there is none."""

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json
        self._texts: deque[SimulatedText] = deque(maxlen=SHOWN)
        self._title = ""
        self._live: Live | None = None
        self.total = 0

    def live(self, title: str) -> Live | _Quiet:
        self._title = title
        if self._as_json or not self._console.is_terminal:
            if not self._as_json:
                show(Text(title))
            return _Quiet()
        self._live = Live(console=self._console, get_renderable=self._picture, auto_refresh=False)
        return self._live

    def show(self, text: SimulatedText) -> None:
        self.total += 1
        self._texts.append(text)
        if self._as_json:
            print_json(
                {
                    "at": text.at.isoformat(),
                    "from": text.sender,
                    "to": text.to,
                    "text": text.text,
                    "parts": text.parts,
                    "data_coding": text.data_coding,
                    "message_ids": list(text.message_ids),
                }
            )
        elif self._live is not None:
            self._live.refresh()
        else:
            show(_bubble(text))

    def _picture(self) -> RenderableType:
        head = Text(f"{self._title}: {count(self.total, 'text')}. Ctrl-C ends it.", style="dim")
        return Group(head, *(_bubble(text) for text in self._texts))


class _Quiet:
    """Where there is no terminal to draw on."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _bubble(text: SimulatedText) -> RenderableType:
    # Line breaks of a text are its own; everything else that could steer the terminal is not.
    words = "\n".join(log.escape(line) for line in text.text.splitlines())
    size = count(text.parts, "segment")
    return Panel(
        Text(words),
        title=Text(f"{text.sender} to {text.to}"),
        title_align="left",
        subtitle=Text(f"{text.at:%H:%M:%S} UTC, {size}"),
        subtitle_align="right",
        width=min(64, max(30, len(text.text) + 4)),
        border_style="green",
    )

"""What the demo shows: a timeline and a handset, live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

STYLES = {
    "phone": "yellow",
    "textback": "bold",
    "carrier": "cyan",
    "handset": "green",
    "caller": "magenta",
}


class Screen:
    """`with Screen() as screen:` then `say`, `ring`, `bubble`."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.lines: list[tuple[float, str, str, str]] = []
        self.bubbles: list[tuple[bool, str, str]] = []
        self._began = 0.0
        self._ringing = 0.0  #: since when, 0: not
        self._ring_timeout = 15.0
        self._live: Live | None = None

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._picture,
                console=self.console,
                refresh_per_second=8,
                vertical_overflow="visible",
            )
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._ringing = 0.0
        if self._live is not None:
            self._live.stop()

    def begin(self) -> None:
        """The first call is being placed: time counts from here."""
        self._began = time.monotonic()

    def say(self, who: str, what: str, detail: str = "") -> None:
        after = time.monotonic() - self._began if self._began else 0.0
        self.lines.append((after, who, what, detail))
        if self._live is None:
            extra = f"  ({detail})" if detail else ""
            self.console.print(Text(f"{after:5.1f} s  {who:9} {what}{extra}"), soft_wrap=True)

    def ring(self, ring_timeout: float | None) -> None:
        """Show the bar that fills up to `ring_timeout` seconds; None takes it away."""
        self._ringing = time.monotonic() if ring_timeout else 0.0
        self._ring_timeout = ring_timeout or 15.0

    def bubble(self, ours: bool, number: str, text: str) -> None:
        """One message on the caller's handset; `ours`: the business wrote it."""
        self.bubbles.append((ours, number, text))
        if self._live is None:
            self.console.print(Text(f"         | {number}: {text}"), soft_wrap=True)

    # --- the picture ------------------------------------------------------------------------------

    def _picture(self) -> RenderableType:
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(ratio=5)
        grid.add_column(ratio=3)
        grid.add_row(self._timeline(), self._handset())
        return grid

    def _timeline(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column()
        for after, who, what, detail in self.lines:
            line = Text(what)
            if detail:
                line.append(f"  {detail}", style="dim")
            table.add_row(f"{after:.1f} s", Text(who, style=STYLES.get(who, "")), line)
        parts: list[RenderableType] = [table]
        if self._ringing:
            rung = time.monotonic() - self._ringing
            bar = Table.grid(padding=(0, 1))
            full = min(rung, self._ring_timeout)
            bar.add_row(
                Text("   ringing", style="yellow"),
                ProgressBar(total=self._ring_timeout, completed=full, width=30),
                Text(f"{rung:.0f} of {self._ring_timeout:.0f} s"),
            )
            parts.append(Padding(bar, (1, 0, 0, 0)))
        return Panel(Group(*parts), title="what happens", border_style="dim")

    def _handset(self) -> RenderableType:
        if not self.bubbles:
            return Panel(Text("no messages", style="dim"), title="the caller's phone")
        shown: list[RenderableType] = []
        for ours, number, text in self.bubbles:
            style = "green" if ours else "blue"
            side = (0, 4, 0, 0) if ours else (0, 0, 0, 4)
            shown.append(Padding(Panel(Text(text), title=number, border_style=style), side))
        return Panel(Group(*shown), title="the caller's phone")

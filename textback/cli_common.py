"""What every command shares: the configuration, the store, tables, JSON, and errors that are clear.

A mistake the user can make ends in one line (or a list) on stderr and exit code 2, never in a
traceback. Numbers are shown in full: the operator asked by number, on his own terminal; `--mask`
is for what is pasted elsewhere.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError
from typer.core import TyperGroup

from textback import control, log, wiring
from textback.config import Config, ConfigError
from textback.config_load import load
from textback.store.errors import StoreError
from textback.store.store import Store

DEFAULT_CONFIG = Path("/etc/textback/textback.toml")
EXIT_USER_ERROR = 2
#: Columns where there is no terminal: `grep` and `less -S` mind no long line.
PAPER = 200

T = TypeVar("T")


class UserError(Exception):
    """Something the user can put right; `hints` are said below it, one a line."""

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.hints = hints


class Commands(TyperGroup):
    """The commands; what goes wrong in one is said in words."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            complain(str(error), *error.hints)
        except ConfigError as error:
            complain(f"the configuration has {count(len(error.errors), 'error')}:", *error.errors)
        except StoreError as error:
            complain(str(error))
        except SQLAlchemyError as error:
            # The statement and its parameters hold numbers and texts; the first line does not.
            complain(f"the store: {str(error).splitlines()[0]}")
        raise typer.Exit(EXIT_USER_ERROR)


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help=f"The configuration; else TEXTBACK_CONFIG, else {DEFAULT_CONFIG}.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
MaskOption = Annotated[bool, typer.Option("--mask", help="Hide the middle of telephone numbers.")]


def explicit_config(context: typer.Context, given: Path | None) -> Path | None:
    """The command's own --config, else the one before it, else TEXTBACK_CONFIG; else None."""
    before = context.find_root().params.get("config")
    named = os.environ.get("TEXTBACK_CONFIG", "")
    return given or before or (Path(named) if named else None)


def config_path(context: typer.Context, given: Path | None) -> Path:
    """The configuration that is meant, in /etc unless said otherwise."""
    return explicit_config(context, given) or DEFAULT_CONFIG


def configuration(
    context: typer.Context, given: Path | None, *, need_secrets: bool = False
) -> Config:
    """The configuration that is meant. Raises UserError or ConfigError."""
    path = config_path(context, given)
    try:
        there = path.exists()
    except PermissionError:
        raise UserError(f"{path} cannot be looked at", "try again as root") from None
    if not there:
        raise UserError(
            f"there is no configuration at {path}",
            "say where it is: textback --config FILE ...",
            "or begin with the sample: conf/textback.toml",
        )
    return load(path, measure=wiring.measure, need_secrets=need_secrets)


def store_path(config: Config) -> Path:
    """Where the store is. Raises UserError when it is not there or not ours to write."""
    path = Path(config.store.path)
    try:
        there = path.is_file()
    except PermissionError:
        raise UserError(f"{path} cannot be looked at", "try again as root") from None
    if not there:
        raise UserError(f"there is no store at {path} yet", "it is made when `textback run` starts")
    if not os.access(path, os.R_OK | os.W_OK):
        raise UserError(f"{path} is not yours to read and write", "try again as root")
    return path


@asynccontextmanager
async def open_store(config: Config) -> AsyncIterator[Store]:
    """The store of this configuration, beside a running daemon or without one; never a new one."""
    store = await Store.open(store_path(config), migrate=False)
    try:
        yield store
    finally:
        await store.close()


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run one command's coroutine; the library logs go to stderr, warnings and worse only."""
    log.configure(style="console", level="warning", mask=False)
    return asyncio.run(work)


def wake(config: Config) -> bool:
    """Tell the running daemon to look at the store again; False when none runs."""
    return control.kick(Path(config.store.path))


def zone_of(config: Config) -> ZoneInfo:
    return ZoneInfo(str(config.business.timezone))


# --- words ------------------------------------------------------------------------------------


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def complain(message: str, *hints: str) -> None:
    """An error on stderr: one line, and a line for each thing to know or do."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text.assemble(("textback: ", "bold red"), log.escape(message)))
    for hint in hints:
        console.print(Text(f"  {log.escape(hint)}"))


def say(message: str, style: str = "") -> None:
    show(Text(message, style=style))


def show(*what: RenderableType) -> None:
    """On a terminal as wide as it is; elsewhere in lines of their own length, without padding."""
    if sys.stdout.isatty():
        here = Console(highlight=False)
        tables = [one for one in what if isinstance(one, Table)]
        # Wider than the terminal: it breaks whole lines, which stay in step with each other.
        width = max([here.width, *(_least(here, one) for one in tables)])
        Console(highlight=False, width=width).print(*what)
        return
    console = Console(highlight=False, width=PAPER, file=io.StringIO())
    with console.capture() as captured:
        console.print(*what)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_json(value: Any) -> None:
    """One object on one line, so that `jq` and `grep` both work."""
    typer.echo(json.dumps(value, ensure_ascii=True, default=str))


#: Columns of words of any length: folded where a terminal is narrow, down to so many characters.
#: All others are kept whole: a number that is broken in two cannot be copied.
_WORDY: Final = frozenset(
    {"", "detail", "label", "last error", "name", "note", "organization", "owner", "reason"}
    | {"state", "tags", "text", "to", "what", "why", "words", "wrote"}
)
_LEAST: Final = 12


def table(*titles: str) -> Table:
    """A table without lines: what is seen can be copied, and `awk` can read it."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        made.add_column(title, overflow="fold", no_wrap=title not in _WORDY)
    return made


def _least(console: Console, made: Table) -> int:
    """How wide a table has to be, columns of words folded."""
    widths = 0
    for column in made.columns:
        cells = [column.header, *column.cells]
        whole = max(Measurement.get(console, console.options, cell).maximum for cell in cells)
        widths += (whole if column.no_wrap else min(whole, _LEAST)) + 2
    return widths


def add_row(made: Table, *cells: str | Text) -> None:
    """A row of plain texts: nothing a caller calls himself is markup."""
    made.add_row(*[c if isinstance(c, Text) else Text(log.escape(c)) for c in cells])


def shown(number: str, mask: bool) -> str:
    return log.mask_number(number) if mask else number


def local(at: datetime | None, zone: ZoneInfo) -> str:
    """A time of today as a clock, another with its day."""
    if at is None:
        return ""
    there = at.astimezone(zone)
    if there.date() == datetime.now(zone).date():
        return there.strftime("%H:%M:%S")
    return there.strftime("%Y-%m-%d %H:%M:%S")


def age(at: datetime, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that fits: "5 s", "12 min", "3 h", "2 d"."""
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    sign = "-" if seconds < 0 else ""
    seconds = abs(seconds)
    for unit, length, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{sign}{seconds / length:.0f} {unit}"
    return f"{sign}{seconds / 86_400:.0f} d"


def since(option: str, text: str | None, parse: Callable[[object], float]) -> datetime | None:
    """`24h` -> the moment 24 hours ago. Raises UserError with what is allowed."""
    if text is None:
        return None
    try:
        return datetime.now(UTC) - timedelta(seconds=parse(text))
    except ValueError as error:
        raise UserError(f"{option} {text}: {error}") from None


def choices(values: Iterable[str], given: str, what: str) -> str:
    """`given` when it is one of `values`; else UserError naming them all."""
    allowed = sorted(values)
    if given not in allowed:
        raise UserError(f"{given!r} is no {what}", f"allowed: {', '.join(allowed)}")
    return given


def confirm_many(rows: Sequence[Any], verb: str, yes: bool) -> None:
    """Ask before several texts are changed at once, unless told `--yes`."""
    if len(rows) < 2 or yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"this would {verb} {len(rows)} texts", "say --yes if that is meant")
    typer.confirm(f"{verb} {len(rows)} texts?", abort=True)

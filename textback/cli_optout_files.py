"""`optout import|export`: opt-outs from a list, and the evidence as CSV or JSON."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from textback import optout_import, phone
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    configuration,
    count,
    open_store,
    print_json,
    run_async,
    say,
    shown,
    since,
    wake,
    zone_of,
)
from textback.cli_outbox import operator
from textback.config import Config, parse_duration
from textback.log import mask_text
from textback.store.consenting import Entry
from textback.store.consents import Consent, plain
from textback.store.store import Store

#: Numbers in one transaction: a running service waits no longer than that takes.
_LOT = 500
#: Rows of evidence read at a time.
_PAGE = 1_000
_COLUMNS = (
    *("id", "at", "number", "number_hash", "scope", "event", "source", "by", "words", "detail"),
    *("call", "incoming", "text"),
)
#: With these a spreadsheet takes a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines or CSV, in UTF-8.")],
    reason: Annotated[
        str,
        typer.Option("--reason", "-r", metavar="WORDS", help="Why, where the list does not say."),
    ] = "",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Take the good lines though others are bad.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Never text the numbers of a list again: one number a line, or CSV with the columns number and
    reason.

    Every bad line is told, and then nothing is changed unless --skip-bad is given. A list may be
    imported again: numbers that are there already stay as they are.
    """
    loaded = configuration(context, config)
    listed, bad = optout_import.read(_text(file), loaded.business.country)
    told = [f"{file.name}:{b.line}: {b.shown}: {b.why}" for b in bad]
    if bad and not skip_bad:
        raise UserError(
            f"{count(len(bad), 'line')} of {file} cannot be read, nothing was changed:",
            *told,
            "mend the list, or take the rest with --skip-bad",
        )
    entries = [
        Entry(number=one.number, word=f"{file.name}:{one.line}", reason=one.reason or reason)
        for one in listed
    ]

    async def work() -> tuple[int, int]:
        new = cancelled = 0
        async with open_store(loaded) as store:
            by, now = f"operator {operator()}", datetime.now(UTC)
            for at in range(0, len(entries), _LOT):
                fresh, gone = await store.import_opt_outs(entries[at : at + _LOT], by, now)
                new += fresh
                cancelled += len(gone)
        return new, cancelled

    new, cancelled = run_async(work())
    wake(loaded)
    for line in told:
        say(f"left out: {line}", "yellow")
    say(
        f"{count(new, 'number')} opted out, {len(entries) - new} had before"
        + (f"; {count(cancelled, 'text')} cancelled" if cancelled else "")
    )


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(optout_import.MOST + 1)
        if len(data) > optout_import.MOST:
            raise UserError(f"{file} is larger than {optout_import.MOST} bytes", "divide it")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8", "save it with that encoding") from None
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None


def export(
    context: typer.Context,
    number: Annotated[
        str | None, typer.Argument(metavar="[NUMBER]", help="Of this handset only.")
    ] = None,
    since_: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="From then on: 30d, or 2026-01-31."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="WHEN", help="Before then: 1d, or 2026-12-31."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """Write the evidence to standard output, oldest first, as CSV or with --json as JSON.

    In CSV a cell that a spreadsheet would take for a formula has a ' before it; JSON has the exact
    words.
    """
    loaded = configuration(context, config)
    wanted = _number(loaded, number)
    begin, end = _moment(loaded, "--since", since_), _moment(loaded, "--until", until)

    async def work() -> None:
        async with open_store(loaded) as store:
            await _write(store, wanted, begin, end, as_json=as_json, mask=mask)

    run_async(work())


async def _write(
    store: Store,
    numbers: tuple[str, ...],
    begin: datetime | None,
    end: datetime | None,
    *,
    as_json: bool,
    mask: bool,
) -> None:
    if not as_json:
        typer.echo(_csv(_COLUMNS))
    last: Consent | None = None
    while True:
        found = await store.evidence_between(
            since=begin, until=end, numbers=numbers, after=last, limit=_PAGE
        )
        for one in found:
            told = row(one, mask)
            if as_json:
                print_json(told)
            else:
                typer.echo(_csv([_cell(name, told[name]) for name in _COLUMNS]))
        if len(found) < _PAGE:
            return
        last = found[-1]


def row(one: Consent, mask: bool) -> dict[str, Any]:
    """One entry of the evidence by column; masked also where a handset or staff wrote a number."""
    found = plain(one)
    if mask:
        hidden = {name: mask_text(found[name]) for name in ("words", "detail")}
        found |= {"number": shown(one.number, mask)} | hidden
    return found


def _cell(name: str, value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if name != "number" and text.startswith(_FORMULA) else text


def _csv(cells: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def _number(config: Config, number: str | None) -> tuple[str, ...]:
    if number is None:
        return ()
    full = phone.to_e164(number, config.business.country)
    if full is None:
        raise UserError(f"{number!r} is no telephone number", "write it with + in full")
    return (full,)


def _moment(config: Config, option: str, text: str | None) -> datetime | None:
    """A day in the business's time zone, an instant, or a duration back from now."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return since(option, text, parse_duration)
    return at if at.tzinfo is not None else at.replace(tzinfo=zone_of(config))

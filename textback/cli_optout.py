"""`optout list|add|remove`: who asked not to be texted, and the operator's word on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from textback import phone
from textback.cli_common import (
    Commands,
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    add_row,
    configuration,
    count,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    shown,
    table,
    zone_of,
)
from textback.cli_outbox import operator
from textback.config import Config

app = typer.Typer(
    cls=Commands,
    help="Who asked not to be texted.",
    no_args_is_help=True,
)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The handset.")]


@app.command("list")
def list_(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """List the numbers that are never texted because they said so."""
    loaded = configuration(context, config)

    async def work() -> list[tuple[str, str, datetime]]:
        async with open_store(loaded) as store:
            return await store.opted_out()

    found = run_async(work())
    if as_json:
        for number, word, at in found:
            print_json({"number": shown(number, mask), "word": word, "since": at.isoformat()})
        return
    made = table("number", "since", "wrote")
    for number, word, at in found:
        add_row(made, shown(number, mask), local(at, zone_of(loaded)), word)
    if found:
        show(made)
    say(f"{count(len(found), 'number')} opted out", "dim")


@app.command("add")
def add(context: typer.Context, number: Number, config: ConfigOption = None) -> None:
    """Never text this number again; what waits for it is cancelled."""
    loaded = configuration(context, config)
    full = _read(loaded, number)

    async def work() -> tuple[int, ...]:
        async with open_store(loaded) as store:
            return await store.opt_out(full, f"by {operator()}", datetime.now(UTC))

    cancelled = run_async(work())
    say(
        f"{full} is not texted any more"
        + (f"; {count(len(cancelled), 'text')} cancelled" if cancelled else "")
    )


@app.command("remove")
def remove(context: typer.Context, number: Number, config: ConfigOption = None) -> None:
    """Text this number again; only when its owner asked for it."""
    loaded = configuration(context, config)
    full = _read(loaded, number)

    async def work() -> bool:
        async with open_store(loaded) as store:
            return await store.opt_in(full, operator(), datetime.now(UTC))

    if not run_async(work()):
        raise UserError(f"{full} has not opted out")
    say(f"{full} may be texted again")


def _read(config: Config, number: str) -> str:
    full = phone.to_e164(number, config.business.country)
    if full is None:
        raise UserError(f"{number!r} is no telephone number", "write it with + in full")
    return full

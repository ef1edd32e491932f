"""`send-test`: one text by hand, through the queue and the carrier, and what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from textback import phone, wiring
from textback import why as telling
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    UserError,
    configuration,
    count,
    open_store,
    print_json,
    run_async,
    say,
    show,
    wake,
)
from textback.cli_outbox import operator
from textback.config import Config
from textback.model import OutboxRow, OutboxState, Send
from textback.store.store import Store
from textback.why_json import outbox_dict


def send_test(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The handset to text.")],
    config: ConfigOption = None,
    sender: Annotated[
        str | None,
        typer.Option("--from", metavar="DID", help="From this number; else the first watched."),
    ] = None,
    text: Annotated[
        str, typer.Option("--text", help="What to write.")
    ] = "This is a test of textback. Nothing to do.",
    route: Annotated[
        str | None,
        typer.Option(
            "--route",
            metavar="NAME",
            help="By this carrier account, if it stands and may; else the one the rules choose.",
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds to wait for the carrier's answer.")
    ] = 15.0,
    as_json: JsonOption = False,
) -> None:
    """Send one text through the queue and the carrier, and say what came of it.

    It asks no gate and counts for no cooldown; in shadow mode it is sent all the same.
    """
    loaded = configuration(context, config)
    send = _test_text(loaded, number, sender, text)
    if route is not None:
        if loaded.smsc_named(route) is None or not route:
            known = ", ".join(s.name for s in loaded.smsc)
            raise UserError(f"there is no [[smsc]] named {route!r}", f"named: {known}")
        send = replace(send, route=route)
    size = wiring.measure(text)
    if not as_json:
        say(f"{send.to} from {send.sender}: {count(size[0], 'segment')}, {size[1]}", "dim")

    async def work() -> OutboxRow:
        async with open_store(loaded) as store:
            row = await store.enqueue(send, by=operator(), now=datetime.now(UTC))
            if not wake(loaded):
                raise UserError(
                    f"text {row.id} is in the queue, but the service does not run",
                    "systemctl start textback",
                    f"or take it back: textback drop {row.id}",
                )
            return await settled(store, row.id, wait)

    row = run_async(work())
    if as_json:
        print_json(outbox_dict(row))
    else:
        line = Text.assemble(f"text {row.id}: ", (row.state.value, telling.STATE_STYLES[row.state]))
        if row.reason:
            line.append(f" ({row.reason})")
        show(line)
    if row.state not in (OutboxState.ACCEPTED, OutboxState.DELIVERED):
        raise typer.Exit(1)


def _test_text(config: Config, number: str, sender: str | None, text: str) -> Send:
    country = config.business.country
    to = phone.to_e164(number, country)
    if to is None:
        raise UserError(
            f"{number!r} is no telephone number in {country}", "write it with + in full"
        )
    if not text.strip():
        raise UserError("--text is empty")
    if not config.smsc:
        raise UserError("no [[smsc]] is configured", "name your SMPP account, then reload")
    watched = config.number_for(sender) if sender else next(iter(config.number), None)
    if watched is None:
        raise UserError(
            f"{sender!r} is not watched" if sender else "no [[number]] is configured",
            "say one that is: " + ", ".join(n.did for n in config.number) if sender else "",
        )
    return Send(
        to=to,
        sender=watched.sender or watched.did,
        text=text,
        expires=datetime.now(UTC) + timedelta(seconds=config.limits.max_age),
        route=config.router.new(watched.sender or watched.did, to, watched.did),
    )


async def settled(store: Store, row_id: int, seconds: float) -> OutboxRow:
    """The text once the carrier has answered, or as it is after `seconds`.

    The store is looked at from outside the daemon, so there is no event to wait for.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        row = await store.text(row_id)
        left = deadline - asyncio.get_running_loop().time()
        if row.state not in (OutboxState.QUEUED, OutboxState.SENDING) or left <= 0:
            return row
        await asyncio.sleep(min(0.1, left))

"""`tell list|retry|drop|test`: what webhooks and notifications have still to be told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from textback import control
from textback.cli_common import (
    Commands,
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    add_row,
    age,
    choices,
    configuration,
    count,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    shown,
    store_path,
    table,
    wake,
    zone_of,
)
from textback.cli_outbox import operator
from textback.config import Config
from textback.model import DeliveryState, Event, EventKind, Telling
from textback.store.telling import Addressee
from textback.store.told import Waiting
from textback.tell_rules import Answer, Target, Told, targets
from textback.tell_shapes import body

app = typer.Typer(
    cls=Commands,
    help="What webhooks and notifications are told, and what they have still to be told.",
    no_args_is_help=True,
)

_STYLES = {
    DeliveryState.QUEUED: "yellow",
    DeliveryState.DELIVERED: "green",
    DeliveryState.FAILED: "bold red",
    DeliveryState.DROPPED: "dim",
}
#: What `list` shows unless told otherwise: whatever may still need somebody.
OPEN_STATES = (DeliveryState.QUEUED, DeliveryState.FAILED)
#: Seconds between two looks at what the service made of a test.
LOOK = 0.2

Ids = Annotated[list[int] | None, typer.Argument(metavar="ID", help="Numbers, from `tell list`.")]
TargetOption = Annotated[
    str | None,
    typer.Option("--target", "-t", metavar="NAME", help="All of this webhook or notification."),
]


@app.command("list")
def list_(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
    target: TargetOption = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="Only those in this state.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="In every state.")] = False,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="At most.")] = 50,
) -> None:
    """List events that wait to be told or could not be told, the newest first."""
    loaded = configuration(context, config)
    states = list(DeliveryState) if every else list(OPEN_STATES)
    if state is not None:
        states = [DeliveryState(choices([s.value for s in DeliveryState], state, "state"))]

    async def work() -> tuple[list[Telling], list[Waiting]]:
        async with open_store(loaded) as store:
            # State by state: what waits, and what failed, is found by an index of its own.
            found = [
                telling
                for one in states
                for telling in await store.tellings([one], target or "", limit)
            ]
            return found, await store.tellings_waiting()

    found, waiting = run_async(work())
    found = sorted(found, key=lambda telling: -telling.id)[:limit]
    if as_json:
        for telling in found:
            print_json(_as_dict(telling, mask))
        return
    if found:
        _show(found, loaded, mask)
    for one in waiting:
        since = age(one.oldest)
        say(f"{one.channel} {one.target}: {count(one.queued, 'event')} to tell, since {since}")
    if not waiting:
        say("nothing waits", "dim")


@app.command("retry")
def retry(
    context: typer.Context,
    ids: Ids = None,
    config: ConfigOption = None,
    target: TargetOption = None,
) -> None:
    """Try again now what waits or was given up; its time to be tried begins anew."""
    loaded = configuration(context, config)
    _require(loaded, ids, target)

    async def work() -> int:
        async with open_store(loaded) as store:
            now = datetime.now(UTC)
            return await store.retry_tellings(ids or (), target or "", now=now)

    _done(loaded, run_async(work()), "tried again")


@app.command("drop")
def drop(
    context: typer.Context,
    ids: Ids = None,
    config: ConfigOption = None,
    target: TargetOption = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Of a target also what was given up.")
    ] = False,
) -> None:
    """Give up telling these events."""
    loaded = configuration(context, config)
    _require(loaded, ids, target, known=False)

    async def work() -> int:
        async with open_store(loaded) as store:
            return await store.drop_tellings(
                ids or (),
                target or "",
                failed=failed,
                why=f"dropped by {operator()}",
                now=datetime.now(UTC),
            )

    _done(loaded, run_async(work()), "dropped")


@app.command("test")
def test(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The webhook or notification.")],
    config: ConfigOption = None,
    here: Annotated[
        bool,
        typer.Option(
            "--here", help="From this command, not by the service; shows what Apprise says."
        ),
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=1, max=300, help="Seconds to wait for the service.")
    ] = 30.0,
) -> None:
    """Tell one webhook or notification a test, in the way every event goes.

    While the service does not run, it is sent from here. Exit code: 0 taken, 1 not taken.
    """
    loaded = configuration(context, config)
    target = _target(loaded, name)
    running = control.running(store_path(loaded)) if not here else False
    if running:
        told, words = run_async(_by_service(loaded, target, wait))
    else:
        with_secrets = configuration(context, config, need_secrets=True)
        told, words = run_async(_from_here(with_secrets, target))
    by = "the service" if running else "this command"
    say(f"{target.channel} {name}: {'taken' if told else 'not taken'}, sent by {by}")
    if words:
        say(words, "dim" if told else "yellow")
    if not told:
        raise typer.Exit(1)


def _test_event() -> Event:
    return Event(
        kind=EventKind.TEST,
        at=datetime.now(UTC),
        payload={"message": f"This is a test of textback, asked for by {operator()}."},
    )


async def _by_service(config: Config, target: Target, wait: float) -> tuple[bool, str]:
    async with open_store(config) as store:
        now = datetime.now(UTC)
        who = Addressee(target.channel, target.name, 0)
        row_id = await store.tell_alone(_test_event(), who, now)
        wake(config)
        try:
            async with asyncio.timeout(wait):
                while (found := await store.telling(row_id)).attempts == 0:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            found = await store.telling(row_id)
        if found.state is DeliveryState.DELIVERED:
            return True, ""
        # Nobody wants to hear of a test tomorrow.
        await store.drop_tellings([row_id], why="a test that failed", now=datetime.now(UTC))
        return False, found.error or f"the service did not try within {wait:g} s: see its log"


async def _from_here(config: Config, target: Target) -> tuple[bool, str]:
    # Only here: an HTTP client and Apprise are slow to import.
    from textback.tell_lane import Lane
    from textback.tell_senders import ToPeople, sender

    way = sender(config, target)
    if isinstance(way, ToPeople):
        way.listening = True
    try:
        answer: Answer = await Lane.tell_now(way, target, _test_event())
    finally:
        await way.close()
    words = "" if isinstance(answer, Told) else answer.why
    if isinstance(way, ToPeople):
        words = "\n".join(filter(None, (words, way.messenger.words.strip())))
    return isinstance(answer, Told), words


def _target(config: Config, name: str) -> Target:
    known = {target.name: target for target in targets(config)}
    if name not in known:
        named = ", ".join(known) or "none"
        raise UserError(f"there is no [[webhook]] or [[notify]] named {name!r}", f"named: {named}")
    return known[name]


def _require(config: Config, ids: list[int] | None, target: str | None, known: bool = True) -> None:
    if bool(ids) == bool(target):
        raise UserError(
            "say which are meant",
            "by number: textback tell retry 17 18 (textback tell list shows them)",
            "or all of one: --target NAME",
        )
    if target and known:
        _target(config, target)


def _done(config: Config, changed: int, what: str) -> None:
    if changed:
        wake(config)
    say(f"{count(changed, 'event')} {what}")


def _show(found: list[Telling], config: Config, mask: bool) -> None:
    zone = zone_of(config)
    made = table("id", "to", "state", "event", "caller", "age", "tried", "next", "why")
    for one in found:
        add_row(
            made,
            str(one.id),
            f"{one.channel} {one.target}",
            Text(one.state.value, style=_STYLES[one.state]),
            one.event.kind.value,
            shown(one.event.caller, mask),
            age(one.created),
            str(one.attempts),
            local(one.due, zone) if one.state is DeliveryState.QUEUED else "",
            one.error,
        )
    show(made)


def _as_dict(one: Telling, mask: bool) -> dict[str, Any]:
    told = body(one.event)
    del told["data"]  # names and texts: the webhook's business
    return {
        "delivery": one.id,
        "channel": one.channel,
        "target": one.target,
        "state": one.state.value,
        "attempts": one.attempts,
        "created": one.created.isoformat(),
        "due": one.due.isoformat() if one.state is DeliveryState.QUEUED else None,
        "changed": one.changed.isoformat(),
        "status": one.status,
        "error": one.error,
        "event": {**told, "caller": shown(one.event.caller, mask)},
    }

"""`routes`: every carrier account, how it stands, who carries for it, and what waits there."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text

from textback import control
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    add_row,
    age,
    configuration,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    store_path,
    table,
    zone_of,
)
from textback.config import Config, SmscConfig
from textback.store.route_notes import RouteNote, RouteQueue

_STYLES = {"carrying": "green", "troubled": "yellow", "returning": "yellow", "down": "red"}


def routes(
    context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the carrier accounts: state, who carries for whom, what waits there, the last error.

    Exit code 1: one is down, or the service does not run.
    """
    loaded = configuration(context, config)

    async def work() -> tuple[dict[str, RouteNote], dict[str, RouteQueue]]:
        async with open_store(loaded) as store:
            return await store.route_notes(), await store.route_queues()

    notes, queues = run_async(work())
    running = control.running(store_path(loaded))
    told = [_told(s, notes.get(s.name), queues, notes, running) for s in loaded.smsc]
    if as_json:
        for one in told:
            print_json(one)
    else:
        _list(told, notes, loaded, running)
    if not running or any(one["standing"] in ("down", "returning") for one in told):
        raise typer.Exit(1)


def _told(
    smsc: SmscConfig,
    note: RouteNote | None,
    queues: dict[str, RouteQueue],
    notes: dict[str, RouteNote],
    running: bool,
) -> dict[str, Any]:
    queue = queues.get(smsc.name, RouteQueue())
    known = running and note is not None
    return {
        "route": smsc.name,
        "peer": f"{smsc.host}:{smsc.port}",
        "standing": note.standing if note is not None and known else "unknown",
        "since": note.since.isoformat() if note is not None and known else None,
        "because": note.why if note is not None and known else "",
        "carried_by": list(note.instead) if note is not None and known else [],
        "carries_for": [n for n, other in notes.items() if known and smsc.name in other.instead],
        "backup": smsc.backup,
        "senders": list(smsc.senders),
        "countries": list(smsc.countries),
        "prefixes": list(smsc.prefixes),
        "queued": queue.queued,
        "sending": queue.sending,
        "uncertain": queue.uncertain,
        "last_error": note.last_error if note is not None else "",
        "last_error_at": (
            note.last_error_at.isoformat()
            if note is not None and note.last_error_at is not None
            else None
        ),
    }


def _list(
    told: list[dict[str, Any]], notes: dict[str, RouteNote], config: Config, running: bool
) -> None:
    if not running:
        say("the service does not run: how the routes stand is not known", "yellow")
    zone = zone_of(config)
    made = table("route", "state", "since", "carries for", "queued", "sending", "last error")
    for one in told:
        state = one["standing"]
        words = state
        if one["carried_by"]:
            words += f", carried by {', '.join(one['carried_by'])}"
        if one["because"]:
            words += f": {one['because']}"
        note, error = notes.get(one["route"]), one["last_error"]
        if note is not None and note.last_error_at is not None:
            error += f" ({age(note.last_error_at)} ago)"
        add_row(
            made,
            one["route"] + (" (backup)" if one["backup"] else ""),
            Text(words, style=_STYLES.get(state, "")),
            local(note.since, zone) if note is not None and one["since"] else "",
            ", ".join(one["carries_for"]),
            str(one["queued"]),
            str(one["sending"]),
            error,
        )
    if told:
        show(made)
    else:
        say("no [[smsc]] is configured")

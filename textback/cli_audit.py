"""`audit`: who did what in the console, and to its users."""

from __future__ import annotations

from typing import Annotated

import typer

from textback.cli_common import (
    ConfigOption,
    JsonOption,
    MaskOption,
    add_row,
    configuration,
    count,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    since,
    table,
    zone_of,
)
from textback.config_values import parse_duration
from textback.log import mask_text
from textback.store.auditing import Entry


def audit(
    context: typer.Context,
    ago: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Not older than this: 24h, 7d."),
    ] = None,
    who: Annotated[str, typer.Option("--who", metavar="NAME", help="Of this one only.")] = "",
    action: Annotated[
        str,
        typer.Option(
            "--action", metavar="WORD", help="One action, or the first word: login, thread, user."
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")
    ] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """Show who did what in the console, and to its users and tokens; newest first.

    Of callers it has the numbers of rows, which `textback thread` and `textback cases` know.
    """
    loaded = configuration(context, config)
    start = since("--since", ago, parse_duration)

    async def work() -> list[Entry]:
        async with open_store(loaded) as store:
            name = who.strip()
            found = await store.audited(since=start, who=name, action=action, limit=limit)
            return found or await store.audited(
                since=start, who=name.casefold(), action=action, limit=limit
            )

    found = run_async(work())
    zone = zone_of(loaded)

    def shown(text: str) -> str:
        return mask_text(text) if mask else text

    if as_json:
        for one in found:
            print_json(
                {
                    "id": one.id,
                    "at": one.at.isoformat(),
                    "who": shown(one.who),
                    "via": one.via,
                    "address": one.address,
                    "action": one.action,
                    "subject": shown(one.subject),
                    "detail": shown(one.detail),
                    "times": one.times,
                    "last": one.last.isoformat(),
                }
            )
        return
    made = table("when", "who", "by", "action", "to", "detail", "from")
    for one in found:
        detail = shown(one.detail) + (f" ({one.times} times)" if one.times > 1 else "")
        who_ = shown(one.who) or "-"
        add_row(
            made,
            local(one.at, zone),
            who_,
            one.via,
            one.action,
            shown(one.subject),
            detail,
            one.address,
        )
    if found:
        show(made)
    say(count(len(found), "line"), "dim")

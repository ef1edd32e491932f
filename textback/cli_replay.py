"""`textback replay`: what textback makes of a captured AMI trace; a bug report becomes a test."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from textback.cli_common import (
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    add_row,
    complain,
    configuration,
    count,
    explicit_config,
    say,
    show,
    shown,
    table,
)
from textback.log import mask_text
from textback.replay import Replay, ReplayRow


def replay(
    context: typer.Context,
    trace: Annotated[
        Path,
        typer.Argument(
            metavar="TRACE", help="Raw AMI bytes, as `record` of a pbx table writes them."
        ),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
    pbx: Annotated[
        str, typer.Option(metavar="NAME", help="Whose rules, with several PBXs; else the first.")
    ] = "",
) -> None:
    """Run a captured AMI trace through the tracker and the gates, on its own clock.

    Nothing is sent and nothing is stored. Without --config every number is watched, with the
    defaults. The trace needs timestampevents = yes in manager.conf.
    """
    # The configuration of this host is not used unaskedly: the trace may come from another.
    rules = configuration(context, config) if explicit_config(context, config) else None
    stderr = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
    )
    with progress if stderr.is_terminal else nullcontext():
        task = progress.add_task(trace.name, total=None)
        try:
            run = Replay(
                trace,
                rules,
                pbx=pbx,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
            rows = list(run)
        except OSError as error:
            raise UserError(f"{trace}: {error.strerror or error}") from None
        except ValueError as error:
            raise UserError(f"{trace}: {error}") from None
    if as_json:
        for row in rows:
            typer.echo((_masked(row) if mask else row).as_json())
    else:
        _table(rows, mask)
    for hint in run.hints:
        complain(f"note: {hint}")


def _masked(row: ReplayRow) -> ReplayRow:
    return replace(
        row,
        caller=shown(row.caller, True),
        did=shown(row.did, True),
        to=shown(row.to, True),
        found=mask_text(row.found),
    )


def _table(rows: list[ReplayRow], mask: bool) -> None:
    if not rows:
        say("no calls in this trace")
        return
    made = table("when", "call", "from", "to", "outcome", "verdict", "reason", "found")
    for row in rows:
        told = _masked(row) if mask else row
        add_row(
            made,
            row.time.replace("T", " ")[:19],
            f"{row.pbx}:{row.uniqueid}",
            told.caller or "(none)",
            told.did or "(none)",
            row.outcome,
            Text(row.verdict, style="green" if row.verdict == "send" else ""),
            row.reason,
            told.found,
        )
    show(made)
    texts = sum(row.verdict == "send" for row in rows)
    say(f"{count(len(rows), 'call')}, {count(texts, 'text')}", "dim")

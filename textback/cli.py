"""The command `textback`: every command by name; what each does is in the cli_* modules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textback import (
    __version__,
    cli_audit,
    cli_calls,
    cli_cases,
    cli_contacts,
    cli_doctor,
    cli_inbox,
    cli_keeping,
    cli_lint,
    cli_optout,
    cli_outbox,
    cli_replay,
    cli_routes,
    cli_send,
    cli_service,
    cli_simulate,
    cli_stats,
    cli_tell,
    cli_token,
    cli_user,
)
from textback.cli_common import DEFAULT_CONFIG, Commands

app = typer.Typer(
    name="textback",
    cls=Commands,
    help="Texts back the callers nobody answered: Asterisk AMI in, SMPP out.",
    epilog="Exit codes: 0 well, 1 something to look at, 2 a mistake that can be put right.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # locals hold numbers, texts and secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"textback {__version__}")
        raise typer.Exit


@app.callback()
def textback(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help=f"The configuration; else TEXTBACK_CONFIG, else {DEFAULT_CONFIG}.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and stop.")
    ] = False,
) -> None:
    """Texts back the callers nobody answered: Asterisk AMI in, SMPP out."""


PEOPLE = "The console"
SERVICE, CALLS, TEXTS, TRIAL = "The service", "Calls", "Texts", "Trying things out"
KEPT = "What is kept"

app.command("run", rich_help_panel=SERVICE)(cli_service.run)
app.command("check-config", rich_help_panel=SERVICE)(cli_service.check_config)
app.command("show-config", rich_help_panel=SERVICE)(cli_service.show_config)
app.command("lint", rich_help_panel=SERVICE)(cli_lint.lint)
app.command("doctor", rich_help_panel=SERVICE)(cli_doctor.doctor)
app.command("routes", rich_help_panel=SERVICE)(cli_routes.routes)
app.command("version", rich_help_panel=SERVICE)(cli_service.version)

app.command("why", rich_help_panel=CALLS)(cli_calls.why)
app.command("calls", rich_help_panel=CALLS)(cli_calls.calls)
app.command("stats", rich_help_panel=CALLS)(cli_stats.stats)
app.add_typer(cli_cases.app, name="cases", rich_help_panel=CALLS)

app.command("export", rich_help_panel=KEPT)(cli_keeping.export)
app.command("erase", rich_help_panel=KEPT)(cli_keeping.erase)
app.command("purge", rich_help_panel=KEPT)(cli_keeping.purge)

app.command("inbox", rich_help_panel=TEXTS)(cli_inbox.inbox)
app.command("thread", rich_help_panel=TEXTS)(cli_inbox.thread)
app.command("reply", rich_help_panel=TEXTS)(cli_inbox.reply)
app.command("queue", rich_help_panel=TEXTS)(cli_outbox.queue)
app.command("hold", rich_help_panel=TEXTS)(cli_outbox.hold)
app.command("release", rich_help_panel=TEXTS)(cli_outbox.release)
app.command("drop", rich_help_panel=TEXTS)(cli_outbox.drop)
app.add_typer(cli_optout.app, name="optout", rich_help_panel=TEXTS)
app.add_typer(cli_contacts.app, name="contacts", rich_help_panel=TEXTS)
app.add_typer(cli_tell.app, name="tell", rich_help_panel=SERVICE)

app.add_typer(cli_user.app, name="user", rich_help_panel=PEOPLE)
app.add_typer(cli_token.app, name="token", rich_help_panel=PEOPLE)
app.command("audit", rich_help_panel=PEOPLE)(cli_audit.audit)

app.command("send-test", rich_help_panel=TRIAL)(cli_send.send_test)
app.command("simulate-smsc", rich_help_panel=TRIAL)(cli_simulate.simulate_smsc)
app.command("replay", rich_help_panel=TRIAL)(cli_replay.replay)


def main() -> None:
    """The console script."""
    app(prog_name="textback")

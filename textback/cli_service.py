"""`run`, `check-config`, `show-config`, `version`: the service and its configuration."""

from __future__ import annotations

import asyncio
import os
import platform
import pwd
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.pretty import Pretty

from textback import __version__, log, wiring
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    UserError,
    config_path,
    configuration,
    count,
    print_json,
    say,
    show,
)
from textback.config import Config
from textback.control import AlreadyRunningError
from textback.store.errors import StoreUnavailableError


def run(
    context: typer.Context,
    config: ConfigOption = None,
    log_format: Annotated[
        str | None,
        typer.Option("--log", metavar="json|console", help="Instead of log.format."),
    ] = None,
) -> None:
    """Run the service in the foreground, as systemd does.

    SIGHUP reloads the configuration (a wrong one is refused and the old one stays), SIGTERM and
    Ctrl-C stop it: what was submitted is answered, nothing stays half-sent.
    """
    from textback.daemon import Daemon

    if log_format not in (None, "json", "console"):
        raise UserError(f"--log {log_format!r} is no format", "allowed: json, console")
    loaded = configuration(context, config, need_secrets=True)
    wiring.check(loaded)
    _not_as_the_wrong_user(loaded)
    log.configure(
        style=log_format or loaded.log.format, level=loaded.log.level, mask=loaded.log.mask
    )
    daemon = Daemon(loaded, config_path(context, config), log_style=log_format)
    try:
        code = asyncio.run(daemon.run())
    except (AlreadyRunningError, StoreUnavailableError, OSError) as error:
        # Not a mistake in the configuration: systemd is to try again (exit code 2 it does not).
        structlog.get_logger(__name__).critical("cannot_start", error=str(error))
        raise typer.Exit(1) from None
    raise typer.Exit(code)


def _not_as_the_wrong_user(config: Config) -> None:
    """Files that root makes in somebody else's store would lock the service out of it later."""
    folder = Path(config.store.path).parent
    if os.geteuid() != 0 or not folder.is_dir():
        return
    owner = folder.stat().st_uid
    if owner == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    raise UserError(
        f"{folder} belongs to {name}; as root this would leave files there that {name} cannot open",
        "systemctl start textback",
        f"or: runuser -u {name} -- textback run",
    )


def check_config(context: typer.Context, config: ConfigOption = None) -> None:
    """Say every mistake in the configuration, with its file, line, key and what is allowed."""
    loaded = configuration(context, config)
    wiring.check(loaded)
    for warning in loaded.warnings:
        say(f"warning: {warning}", "yellow")
    if loaded.overrides:
        files = ", ".join(sorted({Path(o.place.rpartition(":")[0]).name for o in loaded.overrides}))
        say(f"{count(len(loaded.overrides), 'key')} overridden by {files}; see show-config", "dim")
    numbers = count(len(loaded.number), "number")
    links = f"{len(loaded.pbx)} pbx, {len(loaded.smsc)} smsc"
    path = config_path(context, config)
    say(f"{path} is valid: mode {loaded.mode}, {numbers}, {links}", "green")


def show_config(
    context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the configuration in force, every default filled in; secrets are never shown.

    Under `override` stand the keys that are said over the other files, and where.
    """
    loaded = configuration(context, config)
    shown = loaded.redacted()
    shown["override"] = [
        {"did": said.did, "key": said.key, "at": said.place} for said in loaded.overrides
    ]
    if as_json:
        print_json(shown)
    else:
        show(Pretty(shown, expand_all=True))


def version(as_json: JsonOption = False) -> None:
    """Say which textback this is, and on what it runs."""
    import aiosqlite
    import sqlalchemy
    import structlog

    told = {
        "textback": __version__,
        "python": platform.python_version(),
        "sqlite": aiosqlite.sqlite_version,
        "sqlalchemy": sqlalchemy.__version__,
        "structlog": structlog.__version__,
    }
    if as_json:
        print_json(told)
        return
    for name, what in told.items():
        typer.echo(f"{name} {what}")

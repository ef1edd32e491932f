"""`token add|list|revoke`: programs that may use the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy import Connection

from textback.cli_common import (
    Commands,
    ConfigOption,
    JsonOption,
    UserError,
    add_row,
    choices,
    configuration,
    count,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    table,
    wake,
    zone_of,
)
from textback.cli_outbox import operator
from textback.cli_user import user_name
from textback.config_values import parse_duration
from textback.console import cookies
from textback.console.auth import TOKEN_MARK
from textback.console.who import Role
from textback.store import auditing, tokens
from textback.store.tokens import Token

app = typer.Typer(
    cls=Commands,
    help="Programs that may use the API: see textback-api(7).",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the token is for: crm.")]


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[
        str,
        typer.Option("--role", metavar="ROLE", help="What it may do: viewer, agent or admin."),
    ] = "viewer",
    expires: Annotated[
        str,
        typer.Option("--expires", metavar="TIME", help="When it ends: 90d, 1y. Without: never."),
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Make a token and show it, once: only its hash is kept. Send it as
    `Authorization: Bearer TOKEN`, never in an address."""
    loaded = configuration(context, config)
    who, now = user_name(name, "a token"), datetime.now(UTC)
    wanted = choices([r.value for r in Role], role, "role")
    end = _end(expires, now)
    token = TOKEN_MARK + cookies.fresh()
    by = operator()

    def work(db: Connection) -> None:
        tokens.add(db, who, cookies.digest(token), wanted, now, by=by, expires=end)
        until = f" expires={end.date().isoformat()}" if end else ""
        detail = f"role={wanted}{until}"
        auditing.audit(db, by, "cli", "", "token.add", f"token {who}", detail, now=now)

    async def run() -> None:
        async with open_store(loaded) as store:
            await store.change_people(work)

    run_async(run())
    typer.echo(token)
    typer.echo(f"textback: {who} may use the API as {wanted}; this is shown only now", err=True)


@app.command("list")
def list_(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the tokens: whose they are, until when, and when each was last used."""
    loaded = configuration(context, config)

    async def work() -> list[Token]:
        async with open_store(loaded) as store:
            return await store.tokens()

    found, now, zone = run_async(work()), datetime.now(UTC), zone_of(loaded)
    if as_json:
        for one in found:
            print_json(
                {
                    "name": one.name,
                    "role": one.role,
                    "created": one.created.isoformat(),
                    "by": one.by,
                    "expires": one.expires.isoformat() if one.expires else None,
                    "used": one.used.isoformat() if one.used else None,
                }
            )
        return
    made = table("name", "role", "made", "by", "used", "until")
    for one in found:
        until = "" if one.expires is None else local(one.expires, zone)
        if not one.counts(now):
            until += " (over)"
        used = local(one.used, zone) or "never"
        add_row(made, one.name, one.role, local(one.created, zone), one.by, used, until or "-")
    if found:
        show(made)
    say(count(len(found), "token"), "dim")


@app.command("revoke")
def revoke(context: typer.Context, name: Name, config: ConfigOption = None) -> None:
    """End a token, at once and for good."""
    loaded = configuration(context, config)
    who, now = user_name(name, "a token"), datetime.now(UTC)

    def work(db: Connection) -> None:
        tokens.revoke(db, who)
        auditing.audit(db, operator(), "cli", "", "token.revoke", f"token {who}", now=now)

    async def run() -> None:
        async with open_store(loaded) as store:
            await store.change_people(work)

    run_async(run())
    wake(loaded)  # what it listens to ends
    say(f"the token {who} is revoked")


def _end(expires: str, now: datetime) -> datetime | None:
    if not expires:
        return None
    try:
        seconds = parse_duration(expires)
    except ValueError as error:
        raise UserError(f"--expires {expires}: {error}") from None
    if seconds < 60:
        raise UserError(f"--expires {expires}: at least a minute")
    return now + timedelta(seconds=seconds)

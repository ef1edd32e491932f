"""`token add|list|phone|revoke`: programs that may use the API."""

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
from textback.cli_user import PbxOption, desk_phone, user_name
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
    phone: Annotated[
        str,
        typer.Option(
            "--phone",
            metavar="PHONE",
            help="The desk phone that its clicks ring: PJSIP/101. Without one it has to name the "
            "phone of a user each time.",
        ),
    ] = "",
    pbx: PbxOption = "",
    config: ConfigOption = None,
) -> None:
    """Make a token and show it, once: only its hash is kept. Send it as
    `Authorization: Bearer TOKEN`, never in an address."""
    loaded = configuration(context, config)
    who, now = user_name(name, "a token"), datetime.now(UTC)
    wanted = choices([r.value for r in Role], role, "role")
    end = _end(expires, now)
    phone, pbx = desk_phone(loaded, phone, pbx)
    token = TOKEN_MARK + cookies.fresh()
    by = operator()

    def work(db: Connection) -> None:
        tokens.add(
            db, who, cookies.digest(token), wanted, now, by=by, expires=end, phone=phone, pbx=pbx
        )
        until = f" expires={end.date().isoformat()}" if end else ""
        at = f" phone={phone}" if phone else ""
        detail = f"role={wanted}{until}{at}"
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
                    "phone": one.phone,
                    "pbx": one.pbx,
                }
            )
        return
    made = table("name", "role", "phone", "made", "by", "used", "until")
    for one in found:
        until = "" if one.expires is None else local(one.expires, zone)
        if not one.counts(now):
            until += " (over)"
        used = local(one.used, zone) or "never"
        phone = f"{one.phone} ({one.pbx})" if one.pbx else one.phone
        when = local(one.created, zone)
        add_row(made, one.name, one.role, phone or "-", when, one.by, used, until or "-")
    if found:
        show(made)
    say(count(len(found), "token"), "dim")


@app.command("phone")
def phone(
    context: typer.Context,
    name: Name,
    phone: Annotated[
        str, typer.Argument(metavar="[PHONE]", help="As Asterisk dials it: PJSIP/101. None: none.")
    ] = "",
    pbx: PbxOption = "",
    config: ConfigOption = None,
) -> None:
    """Say which desk phone rings first when this program calls somebody."""
    loaded = configuration(context, config)
    who, now = user_name(name, "a token"), datetime.now(UTC)
    phone, pbx = desk_phone(loaded, phone, pbx)

    def work(db: Connection) -> None:
        tokens.set_phone(db, who, phone, pbx)
        detail = phone or "none"
        auditing.audit(db, operator(), "cli", "", "token.phone", f"token {who}", detail, now=now)

    async def run() -> None:
        async with open_store(loaded) as store:
            await store.change_people(work)

    run_async(run())
    say(f"the token {who} rings {phone}" if phone else f"the token {who} has no desk phone")


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
        raise UserError(f"--expires {expires}: {error}", "days as 90d, years as 1y") from None
    if seconds < 60:
        raise UserError(f"--expires {expires}: at least a minute")
    return now + timedelta(seconds=seconds)

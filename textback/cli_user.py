"""`user add|list|passwd|role|phone|disable|enable|remove`: who may sign in to the console."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy import Connection

from ami_listener.phones import ENDPOINT
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
from textback.config import Config
from textback.console import passwords
from textback.console.passwords import Passwords
from textback.console.who import Role
from textback.store import auditing, users
from textback.store.users import User, spelt

T = TypeVar("T")

app = typer.Typer(
    cls=Commands,
    help="Who may sign in to the console, and what each may do there.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user; capitals do not matter.")]
RoleOption = Annotated[
    str,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="viewer reads; agent answers and calls back as well; admin changes numbers and texts.",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Its first line is the password; - is standard input. Without it you are asked, or "
        "standard input is read where it is no terminal.",
    ),
]
PhoneOption = Annotated[
    str,
    typer.Option(
        "--phone", metavar="PHONE", help="The desk phone that rings first at a click: PJSIP/101."
    ),
]
PbxOption = Annotated[
    str,
    typer.Option(
        "--pbx", metavar="PBX", help="The PBX of that phone, by its name, where there are several."
    ),
]
_WEAK = {
    passwords.SHORT: f"the password is too short; at least {passwords.LEAST} characters",
    passwords.LONG: f"the password is too long; at most {passwords.MOST} characters",
    passwords.NAME: "the password is the name; anybody would try that first",
    passwords.COMMON: "the password is among the first that anybody would try",
}


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    role: RoleOption = "agent",
    password_file: PasswordFile = None,
    no_password: Annotated[
        bool,
        typer.Option("--no-password", help="Signs in through the reverse proxy only."),
    ] = False,
    phone: PhoneOption = "",
    pbx: PbxOption = "",
    config: ConfigOption = None,
) -> None:
    """Make a user. The password is never given on the command line, where others could see it."""
    loaded = configuration(context, config)
    who = user_name(name)
    wanted = choices([r.value for r in Role], role, "role")
    phone, pbx = desk_phone(loaded, phone, pbx)
    _free(loaded, who)
    made = "" if no_password else _hashed(who, password_file)
    now = datetime.now(UTC)

    def work(db: Connection) -> User:
        user = users.add(db, who, wanted, made, now, phone=phone, pbx=pbx)
        _log(db, "user.add", who, now, f"role={wanted}")
        return user

    _change(loaded, work)
    say(f"{who} may sign in as {wanted}" + (", through the proxy" if no_password else ""))


@app.command("list")
def list_(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the users."""
    loaded = configuration(context, config)

    async def work() -> list[User]:
        async with open_store(loaded) as store:
            return await store.users()

    found = run_async(work())
    if as_json:
        for user in found:
            print_json(
                {
                    "name": user.name,
                    "role": user.role,
                    "disabled": user.disabled,
                    "password": bool(user.password),
                    "phone": user.phone,
                    "pbx": user.pbx,
                    "created": user.created.isoformat(),
                    "password_set": user.password_set.isoformat(),
                    "signed_in": user.seen.isoformat() if user.seen else None,
                }
            )
        return
    zone = zone_of(loaded)
    made = table("name", "role", "phone", "signed in", "password of", "state")
    for user in found:
        state = "disabled" if user.disabled else "" if user.password else "through the proxy only"
        phone = f"{user.phone} ({user.pbx})" if user.pbx else user.phone
        when = local(user.password_set, zone) if user.password else ""
        add_row(made, user.name, user.role, phone, local(user.seen, zone) or "never", when, state)
    if found:
        show(made)
    say(count(len(found), "user"), "dim")


@app.command("passwd")
def passwd(
    context: typer.Context,
    name: Name,
    password_file: PasswordFile = None,
    config: ConfigOption = None,
) -> None:
    """Set another password; all sessions of this user end at once."""
    loaded = configuration(context, config)
    who = spelt(name)
    _there(loaded, who)
    made, now = _hashed(who, password_file), datetime.now(UTC)

    def work(db: Connection) -> int:
        ended = users.set_password(db, who, made, now)
        _log(db, "user.password", who, now)
        return ended

    _ended(_change(loaded, work), f"{who} has another password")


@app.command("role")
def role(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, agent or admin.")],
    config: ConfigOption = None,
) -> None:
    """Give a user another role; all sessions of this user end at once."""
    loaded = configuration(context, config)
    who, now = spelt(name), datetime.now(UTC)
    wanted = choices([r.value for r in Role], role, "role")

    def work(db: Connection) -> int:
        before = users.require(db, who).role
        ended = users.set_role(db, who, wanted)
        _log(db, "user.role", who, now, f"{before} -> {wanted}")
        return ended

    _ended(_change(loaded, work), f"{who} is {wanted}")


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
    """Say which desk phone rings first when this user calls somebody by a click."""
    loaded = configuration(context, config)
    who, now = spelt(name), datetime.now(UTC)
    phone, pbx = desk_phone(loaded, phone, pbx)

    def work(db: Connection) -> None:
        users.set_phone(db, who, phone, pbx)
        _log(db, "user.phone", who, now, phone or "none")

    _change(loaded, work)
    say(f"{who} is at {phone}" if phone else f"{who} has no desk phone")


@app.command("disable")
def disable(context: typer.Context, name: Name, config: ConfigOption = None) -> None:
    """Shut a user out, at once; nothing else of him changes."""
    _set_disabled(context, config, spelt(name), disabled=True)


@app.command("enable")
def enable(context: typer.Context, name: Name, config: ConfigOption = None) -> None:
    """Let a user in again who was shut out."""
    _set_disabled(context, config, spelt(name), disabled=False)


def _set_disabled(context: typer.Context, config: Path | None, who: str, *, disabled: bool) -> None:
    loaded, now = configuration(context, config), datetime.now(UTC)

    def work(db: Connection) -> int:
        ended = users.set_disabled(db, who, disabled)
        _log(db, "user.disable" if disabled else "user.enable", who, now)
        return ended

    done = "cannot sign in any more" if disabled else "may sign in again"
    _ended(_change(loaded, work), f"{who} {done}")


@app.command("remove")
def remove(context: typer.Context, name: Name, config: ConfigOption = None) -> None:
    """Remove a user and his sessions. What he did stays in the audit log under his name."""
    loaded, who, now = configuration(context, config), spelt(name), datetime.now(UTC)

    def work(db: Connection) -> None:
        users.remove(db, who)
        _log(db, "user.remove", who, now)

    _change(loaded, work)
    say(f"{who} is removed")


# --- what they share --------------------------------------------------------------------------


def _change(loaded: Config, work: Callable[[Connection], T]) -> T:
    async def run() -> T:
        async with open_store(loaded) as store:
            return await store.change_people(work)

    done = run_async(run())
    wake(loaded)  # pages that are open ask again whether they may
    return done


def _log(db: Connection, action: str, who: str, now: datetime, detail: str = "") -> None:
    auditing.audit(db, operator(), "cli", "", action, f"user {who}", detail, now=now)


def _ended(sessions: int, done: str) -> None:
    say(done + (f"; {count(sessions, 'session')} ended" if sessions else ""))


def _there(loaded: Config, who: str) -> None:
    """Before a password is asked for. Raises UserError."""

    async def work() -> User | None:
        async with open_store(loaded) as store:
            return await store.user(who)

    if run_async(work()) is None:
        raise UserError(f"there is no user {who}", "textback user list names them all")


def _free(loaded: Config, who: str) -> None:
    """Before a password is asked for, and typed for nothing. Raises UserError."""

    async def work() -> User | None:
        async with open_store(loaded) as store:
            return await store.user(who)

    if run_async(work()) is not None:
        raise UserError(f"there is a user {who} already", f"textback user passwd {who}")


def user_name(name: str, what: str = "a user") -> str:
    """As it is kept. Raises UserError."""
    who = spelt(name)
    if re.fullmatch(r"[a-z0-9][a-z0-9._@-]{0,39}", who) is None:
        hint = "letters, digits, dots, dashes, _ and @, beginning with one of the first two"
        raise UserError(f"{name!r} is no name for {what}", f"{hint}; at most 40")
    return who


def desk_phone(loaded: Config, phone: str, pbx: str) -> tuple[str, str]:
    """Raises UserError."""
    if not phone:
        if pbx:
            raise UserError("--pbx says nothing without a phone")
        return "", ""
    if ENDPOINT.fullmatch(phone) is None:
        raise UserError(f"{phone!r} is no phone", "as Asterisk dials it: PJSIP/101")
    named = [p.name for p in loaded.pbx]
    if not pbx and len(named) > 1:
        raise UserError("which PBX has this phone?", f"--pbx, one of {', '.join(named)}")
    return phone, choices(named, pbx, "[[pbx]]") if pbx else ""


def _hashed(who: str, file: Path | None) -> str:
    password = _password(file)
    if weak := passwords.weakness(password, who):
        raise UserError(_WEAK[weak])
    return Passwords().hash(password)


def _password(file: Path | None) -> str:
    """From a file, from standard input, or asked for twice. Raises UserError."""
    if file is not None and str(file) != "-":
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise UserError(f"{file} cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise UserError(f"{file} is not text") from None
    elif file is not None or not sys.stdin.isatty():
        try:
            lines = [sys.stdin.readline().rstrip("\r\n")]
        except UnicodeDecodeError:
            raise UserError("the password is not UTF-8") from None
    else:
        lines = [
            str(typer.prompt("Password", hide_input=True, confirmation_prompt="The same again"))
        ]
    if not lines or not lines[0]:
        raise UserError("there is no password")
    if any(not c.isprintable() for c in lines[0]):
        raise UserError("the password has characters in it that cannot be typed")
    return lines[0]

"""`queue`, `hold`, `release`, `drop`: the operator's hand on the texts.

Every verb changes the store in one transaction, is written down with who did it, and then wakes the
running daemon.
"""

from __future__ import annotations

import getpass
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer
from rich.text import Text

from textback import phone
from textback import why as telling
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    add_row,
    age,
    choices,
    configuration,
    confirm_many,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    shown,
    since,
    table,
    wake,
    zone_of,
)
from textback.config import Config, parse_duration
from textback.model import OutboxRow, OutboxState
from textback.store.rows import Changed, RowFilter
from textback.store.verbs import takes
from textback.why_json import outbox_dict

Verb = Literal["hold", "release", "drop"]

#: What `queue` shows unless told otherwise: whatever may still need somebody.
OPEN_STATES = (
    OutboxState.QUEUED,
    OutboxState.SENDING,
    OutboxState.UNCERTAIN,
    OutboxState.HELD,
    OutboxState.REFUSED,
)

Ids = Annotated[
    list[int] | None, typer.Argument(metavar="ID", help="Numbers of texts, from `queue`.")
]
StateOption = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="All texts in this state.")
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="NUMBER", help="To this number.")]
PrefixOption = Annotated[
    str | None,
    typer.Option("--prefix", metavar="+1646555", help="To numbers that begin so, a whole block."),
]
OlderOption = Annotated[str | None, typer.Option("--older", metavar="1h", help="Older than this.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Written down with it.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def queue(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
    state: StateOption = None,
    prefix: PrefixOption = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="Texts in every state.")] = False,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="Texts at most.")] = 200,
) -> None:
    """List the texts that wait, are on their way, are uncertain, held or refused."""
    loaded = configuration(context, config)
    states = (
        frozenset({_state(state)}) if state else frozenset(OutboxState if every else OPEN_STATES)
    )

    async def work() -> tuple[list[OutboxRow], dict[OutboxState, int]]:
        async with open_store(loaded) as store:
            wanted = RowFilter(states=states, prefix=_prefix(prefix))
            return await store.queue(wanted, limit=limit), await store.counts()

    rows, counts = run_async(work())
    if as_json:
        for row in rows:
            print_json(outbox_dict(row, mask=mask))
        return
    if rows:
        _list(rows, loaded, mask)
    else:
        say("nothing waits")
    total = ", ".join(f"{n} {state.value}" for state, n in counts.items() if n)
    say(total or "no text was ever written", "dim")


def hold(
    context: typer.Context,
    ids: Ids = None,
    config: ConfigOption = None,
    to: ToOption = None,
    prefix: PrefixOption = None,
    older: OlderOption = None,
    reason: ReasonOption = "held by the operator",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Keep queued texts back until they are released or dropped."""
    loaded = configuration(context, config)
    _change(loaded, "hold", _filter(loaded, ids, None, to, prefix, older), reason, yes, as_json)


def release(
    context: typer.Context,
    ids: Ids = None,
    config: ConfigOption = None,
    state: StateOption = None,
    to: ToOption = None,
    prefix: PrefixOption = None,
    older: OlderOption = None,
    reason: ReasonOption = "released by the operator",
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="15m", help="A new end, for a text past its own."),
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put held, uncertain or refused texts back into the queue; an uncertain one may come twice.

    Of the texts that --state, --to, --prefix or --older mean, those past their time are left and
    named. Exit code 1: all were left. With --expires they are taken too.
    """
    loaded = configuration(context, config)
    rows = _filter(loaded, ids, state, to, prefix, older)
    _change(loaded, "release", rows, reason, yes, as_json, expires)


def drop(
    context: typer.Context,
    ids: Ids = None,
    config: ConfigOption = None,
    state: StateOption = None,
    to: ToOption = None,
    prefix: PrefixOption = None,
    older: OlderOption = None,
    reason: ReasonOption = "dropped by the operator",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give texts up for good: queued, held or uncertain ones."""
    loaded = configuration(context, config)
    _change(loaded, "drop", _filter(loaded, ids, state, to, prefix, older), reason, yes, as_json)


# --- what the verbs share ---------------------------------------------------------------------


def operator() -> str:
    """Who is at the keyboard, also behind sudo; written down with what he did."""
    behind = os.environ.get("SUDO_USER", "")
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no passwd entry and no LOGNAME
        name = str(os.getuid())
    return f"{name} (sudo: {behind})" if behind and behind != name else name


def _state(given: str) -> OutboxState:
    return OutboxState(choices([s.value for s in OutboxState], given, "state"))


def _prefix(given: str | None) -> str:
    """The beginning of a number in E.164. Raises UserError."""
    if given is None:
        return ""
    digits = re.sub(r"[ ().\-]", "", given.strip().removesuffix("*"))
    if not re.fullmatch(r"\+[0-9]{1,14}", digits, re.ASCII):
        raise UserError(f"--prefix {given!r} is not how a number begins", "in full: +1646555")
    return digits


def _filter(
    config: Config,
    ids: list[int] | None,
    state: str | None,
    to: str | None,
    prefix: str | None,
    older: str | None,
) -> RowFilter:
    number = ""
    if to is not None:
        number = phone.to_e164(to, config.business.country) or ""
        if not number:
            raise UserError(f"--to {to!r} is no telephone number", "write it with + in full")
    made = RowFilter(
        ids=frozenset(ids or ()),
        states=frozenset({_state(state)}) if state else frozenset(),
        to=number,
        prefix=_prefix(prefix),
        older_than=since("--older", older, parse_duration),
    )
    if not made:
        raise UserError(
            "say which texts are meant",
            "by number: textback hold 17 18 (textback queue lists them)",
            "or by --to, --prefix, --older, --state",
        )
    return made


def _change(
    config: Config,
    verb: Verb,
    rows: RowFilter,
    reason: str,
    yes: bool,
    as_json: bool,
    expires: str | None = None,
) -> None:
    now = datetime.now(UTC)
    try:
        end = now + timedelta(seconds=parse_duration(expires)) if expires else None
    except ValueError as error:
        raise UserError(f"--expires {expires}: {error}") from None

    async def work() -> Changed:
        async with open_store(config) as store:
            if not rows.ids:
                meant = await store.queue(rows, limit=100_000)
                confirm_many([row for row in meant if row.state in takes(verb)], verb, yes)
            match verb:
                case "hold":
                    return await store.hold(rows, reason=reason, by=operator(), now=now)
                case "release":
                    return await store.release(
                        rows, reason=reason, by=operator(), now=now, expires=end
                    )
                case "drop":
                    return await store.drop(rows, reason=reason, by=operator(), now=now)

    done = run_async(work())
    if done.rows:
        wake(config)
    elif not done.left and not as_json:
        say(f"nothing to {verb}")
    for row in done.rows:
        if as_json:
            print_json(outbox_dict(row))
        else:
            say(f"text {row.id} to {row.to}: {row.state.value}")
    for left in done.left:
        if as_json:
            print_json({**outbox_dict(left.row), "left": left.why})
        else:
            said = f"text {left.row.id} to {left.row.to}: still {left.row.state.value}: {left.why}"
            say(said, "yellow")
    if any(left.row.state is not OutboxState.SENDING for left in done.left) and not as_json:
        say("to release what is past its time, say a new end: --expires 15m", "dim")
    if done.left and not done.rows:
        raise typer.Exit(1)


def _list(rows: list[OutboxRow], config: Config, mask: bool) -> None:
    zone = zone_of(config)
    # With one carrier there is nothing to tell apart.
    several = len(config.smsc) > 1
    titles = ("text", "kind", "state", "to", "from", "age", "tried", "next", "expires")
    made = table(*titles, *(["route"] if several else []), "why")
    for row in rows:
        add_row(
            made,
            str(row.id),
            row.kind.value,
            Text(row.state.value, style=telling.STATE_STYLES[row.state]),
            shown(row.to, mask),
            shown(row.sender, mask),
            age(row.created),
            str(row.attempts),
            local(row.due, zone) if row.state is OutboxState.QUEUED else "",
            local(row.expires, zone) if row.state is OutboxState.QUEUED else "",
            *([row.route] if several else []),
            row.reason,
        )
    show(made)

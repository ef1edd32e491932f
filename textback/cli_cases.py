"""`cases`: the missed callers who are to be called back, and the operator's hand on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from textback import phone
from textback.callback import OPEN_STAGES
from textback.cli_case_views import listing, story, story_as_dict
from textback.cli_common import (
    Commands,
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    choices,
    configuration,
    count,
    open_store,
    print_json,
    run_async,
    say,
    since,
    wake,
    zone_of,
)
from textback.cli_outbox import operator
from textback.config import Config, parse_duration
from textback.model import CallbackCase, CaseStage
from textback.store.caseload import CaseFilter
from textback.store.casestory import CaseStory
from textback.store.store import Store
from textback.why_json import case_dict


class Listing(Commands):
    """The commands on cases; without one, or with options only, it is `list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        helped = bool(args) and args[0] in ctx.help_option_names
        if not helped and (not args or args[0].startswith("-")):
            args = ["list", *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


app = typer.Typer(cls=Listing, help="Missed callers who are to be called back.")

Id = Annotated[int, typer.Argument(metavar="ID", help="A case's number, from `cases`.")]
Change = Callable[[Store], Awaitable[CallbackCase]]


@app.command("list")
def list_(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
    number: Annotated[
        str | None, typer.Option("--number", metavar="NUMBER|LABEL", help="Of this number of ours.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="OWNER", help='Whose; "" are nobody\'s.')
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Those that are yours.")] = False,
    caller: Annotated[
        str | None, typer.Option("--caller", metavar="NUMBER", help="Of this caller.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option("--stage", metavar="STAGE", help="In this stage.")
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Past their due time.")] = False,
    closed: Annotated[
        str | None, typer.Option("--closed", metavar="24h", help="Closed not longer ago than this.")
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="Cases at most.")] = 50,
    after: Annotated[
        int | None, typer.Option("--after", metavar="ID", help="Those behind this one.")
    ] = None,
) -> None:
    """List the open cases, the one to be called back first at the top; overdue ones are red.

    A case is a missed caller of one of our numbers. The PBX closes it: a call of ours that reached
    the caller, or a call of his that was answered, on whichever of our numbers. A text back closes
    none; `cases done` does.
    """
    loaded = configuration(context, config)
    now = datetime.now(UTC)
    if stage is not None:
        choices([s.value for s in CaseStage], stage, "stage")
        if CaseStage(stage) not in OPEN_STAGES and closed is None:
            raise UserError(f"a case in stage {stage} is closed", "say since when: --closed 7d")
    whose = operator() if mine else owner
    wanted = CaseFilter(
        number=_number(loaded, number) if number is not None else "",
        owner=whose or "",
        nobodys=whose == "",
        caller=_caller(loaded, caller) if caller is not None else "",
        stage=CaseStage(stage) if stage is not None else None,
        overdue=now if overdue else None,
        closed_since=since("--closed", closed, parse_duration),
    )

    async def work() -> tuple[list[CallbackCase], dict[int, str], dict[CaseStage, int], int]:
        async with open_store(loaded) as store:
            found = await store.cases(wanted, limit=limit, after=after)
            return found, await store.case_names(found), *await store.case_counts(now)

    found, names, counts, late = run_async(work())
    if as_json:
        for case in found:
            print_json(case_dict(case, mask=mask) | {"name": names.get(case.id, "")})
        return
    if found:
        listing(found, loaded, mask, now, names)
    else:
        say("no case")
    total = ", ".join(f"{n} {s.value}" for s, n in counts.items() if n)
    say((f"open: {total}; " if total else "") + f"{count(late, 'case')} overdue", "dim")


@app.command("show")
def show_(
    context: typer.Context,
    case_id: Id,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """Tell the story of a case: its calls, texts and replies, and who changed it."""
    loaded = configuration(context, config)

    async def work() -> CaseStory:
        async with open_store(loaded) as store:
            return await store.case_story(case_id)

    told = run_async(work())
    if as_json:
        print_json(story_as_dict(told, mask=mask))
        return
    story(told, zone_of(loaded), mask)


@app.command("take")
def take(
    context: typer.Context,
    case_id: Id,
    config: ConfigOption = None,
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Else as who you are logged in.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a case yours."""
    by, now = operator(), datetime.now(UTC)
    owner = name or by
    _change(context, config, as_json, lambda s: s.assign_case(case_id, owner, by=by, now=now))


@app.command("assign")
def assign(
    context: typer.Context,
    case_id: Id,
    owner: Annotated[
        str, typer.Argument(metavar="OWNER", help='An extension or a name; "" for nobody.')
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a case somebody's."""
    by, now = operator(), datetime.now(UTC)
    _change(context, config, as_json, lambda s: s.assign_case(case_id, owner, by=by, now=now))


@app.command("due")
def due(
    context: typer.Context,
    case_id: Id,
    when: Annotated[
        str,
        typer.Argument(
            metavar="2h|TIME|none",
            help="From now, or as in 2026-11-24T15:00, the business's clock.",
        ),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say by when a caller is to be called back."""
    loaded = configuration(context, config)
    by, now = operator(), datetime.now(UTC)
    until = moment(when, now, zone_of(loaded))
    _change(context, config, as_json, lambda s: s.set_case_due(case_id, until, by=by, now=now))


@app.command("note")
def note(
    context: typer.Context,
    case_id: Id,
    words: Annotated[str, typer.Argument(metavar="WORDS", help='What to know of it; "": nothing.')],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note what to know of a case, in place of the note before; `show` has them all."""
    by, now = operator(), datetime.now(UTC)
    _change(context, config, as_json, lambda s: s.note_case(case_id, words, by=by, now=now))


@app.command("done")
def done(
    context: typer.Context,
    case_id: Id,
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Written down with it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Close a case without a call: it counts as dismissed, not as recovered."""
    by, now = operator(), datetime.now(UTC)
    _change(
        context, config, as_json, lambda s: s.dismiss_case(case_id, reason=reason, by=by, now=now)
    )


@app.command("reopen")
def reopen(
    context: typer.Context, case_id: Id, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Open a closed case again: who answered was a mailbox, or not the caller."""
    by, now = operator(), datetime.now(UTC)
    _change(context, config, as_json, lambda s: s.reopen_case(case_id, by=by, now=now))


# --- what they share ------------------------------------------------------------------------------


def _change(context: typer.Context, config: Any, as_json: bool, change: Change) -> None:
    loaded = configuration(context, config)

    async def work() -> CallbackCase:
        async with open_store(loaded) as store:
            return await change(store)

    case = run_async(work())
    wake(loaded)
    if as_json:
        print_json(case_dict(case))
    else:
        listing([case], loaded, False, datetime.now(UTC))


def moment(given: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """A due time as typed: "2h", "2026-11-24T15:00" or "none". Raises UserError."""
    word = given.strip()
    if word.casefold() == "none":
        return None
    try:
        at = datetime.fromisoformat(word) if "-" in word else None
        if at is None:
            return now + timedelta(seconds=parse_duration(word))
    except ValueError:
        hint = 'write "2h" from now, "2026-11-24T15:00", or "none"'
        raise UserError(f"{given!r} is no time", hint) from None
    return at.replace(tzinfo=at.tzinfo or zone)


def _number(config: Config, given: str) -> str:
    """The did of the number meant by a number in any spelling, or by a label."""
    labelled = [n.did for n in config.number if n.label.casefold() == given.strip().casefold()]
    full = phone.to_e164(given, config.business.country)
    if not labelled and not full and given not in {n.did for n in config.number}:
        raise UserError(
            f"--number {given!r} is no number and no label",
            "allowed: a number, or one of " + ", ".join(n.label or n.did for n in config.number),
        )
    return labelled[0] if labelled else full or given


def _caller(config: Config, given: str) -> str:
    full = phone.to_e164(given, config.business.country)
    if full is None:
        raise UserError(f"{given!r} is no telephone number", "write it with + in full")
    return full

"""`optout list|add|remove|log|review`: who is not texted, why, and the doubtful replies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from textback import answers, cli_optout_files, phone
from textback.cli_common import (
    Commands,
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    add_row,
    age,
    configuration,
    count,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    shown,
    table,
    wake,
    zone_of,
)
from textback.cli_outbox import operator
from textback.config import Config
from textback.log import mask_text
from textback.model import Review
from textback.store.consents import Consent
from textback.store.doubts import Doubt
from textback.store.outs import OptedOut

app = typer.Typer(
    cls=Commands,
    help="Who asked not to be texted, and the evidence of it.",
    no_args_is_help=True,
)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The handset.")]
Reason = Annotated[
    str,
    typer.Option("--reason", "-r", metavar="WORDS", help="Why; it is kept with the evidence."),
]


@app.command("list")
def list_(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """List the numbers that are not texted because they said so."""
    loaded = configuration(context, config)

    async def work() -> list[OptedOut]:
        async with open_store(loaded) as store:
            return await store.opt_outs()

    found = run_async(work())
    if as_json:
        for out in found:
            print_json(
                {
                    "number": shown(out.number, mask),
                    "word": out.word,
                    "since": out.at.isoformat(),
                    "scope": out.scope or "business",
                    "source": out.source.value,
                    "reason": mask_text(out.reason) if mask else out.reason,
                }
            )
        return
    made = table("number", "since", "by", "wrote", "scope", "reason")
    for out in found:
        add_row(
            made,
            shown(out.number, mask),
            local(out.at, zone_of(loaded)),
            out.source.value,
            out.word,
            shown(out.scope, mask) or "every number",
            mask_text(out.reason) if mask else out.reason,
        )
    if found:
        show(made)
    say(f"{count(len(found), 'number')} opted out", "dim")


@app.command("add")
def add(
    context: typer.Context,
    number: Number,
    reason: Reason = "",
    config: ConfigOption = None,
) -> None:
    """Never text this number again, from any number of the business; what waits for it is
    cancelled. For an opt-out that came by voice, by mail, or over the counter."""
    loaded = configuration(context, config)
    full = read_number(loaded, number)

    async def work() -> tuple[int, ...]:
        async with open_store(loaded) as store:
            by = f"operator {operator()}"
            return await store.opt_out(full, by, datetime.now(UTC), reason=reason)

    cancelled = run_async(work())
    wake(loaded)
    say(
        f"{full} is not texted any more"
        + (f"; {count(len(cancelled), 'text')} cancelled" if cancelled else "")
    )


@app.command("remove")
def remove(
    context: typer.Context,
    number: Number,
    reason: Reason = "",
    config: ConfigOption = None,
) -> None:
    """Text this number again; only when its owner asked for it. Say how in --reason."""
    loaded = configuration(context, config)
    full = read_number(loaded, number)

    async def work() -> bool:
        async with open_store(loaded) as store:
            by = f"operator {operator()}"
            return await store.opt_in(full, by, datetime.now(UTC), reason=reason)

    if not run_async(work()):
        raise UserError(f"{full} has not opted out")
    wake(loaded)
    say(f"{full} may be texted again")


@app.command("log")
def log(
    context: typer.Context,
    number: Number,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """Show the evidence on one number: what was said, how, and what came of it; newest first."""
    loaded = configuration(context, config)
    full = read_number(loaded, number)

    async def work() -> tuple[list[str], list[Consent]]:
        async with open_store(loaded) as store:
            return await store.outs_of(full), await store.evidence(full)

    out, found = run_async(work())
    if as_json:
        for one in found:
            print_json(cli_optout_files.row(one, mask))
        return
    made = table("when", "what", "by way of", "words", "detail")
    for one in found:
        told = cli_optout_files.row(one, mask)
        when = local(one.at, zone_of(loaded))
        said = told["words"] or one.by
        add_row(made, when, one.event.value, one.source.value, said, told["detail"])
    if found:
        show(made)
    state = f"opted out: {'; '.join(out)}" if out else "may be texted"
    say(f"{shown(full, mask)}: {mask_text(state) if mask else state}", "dim")


@app.command("review")
def review(
    context: typer.Context,
    reply: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="A reply of the list.")
    ] = None,
    decision: Annotated[
        str | None,
        typer.Argument(metavar="[stop|keep]", help="It is an opt-out, or it is none."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """List the replies that may be an opt-out, or decide one of them.

    Until then no automatic text goes to that handset; what is due is held. You may write to it.
    """
    loaded = configuration(context, config)
    if reply is None:
        _list_reviews(loaded, as_json, mask)
        return
    if decision not in {"stop", "keep"}:
        raise UserError(
            f"what is reply {reply}?",
            f"an opt-out: textback optout review {reply} stop",
            f"no opt-out: textback optout review {reply} keep",
        )
    _decide(loaded, reply, decision == "stop", mask)


def _list_reviews(loaded: Config, as_json: bool, mask: bool) -> None:
    async def work() -> list[Doubt]:
        async with open_store(loaded) as store:
            return await store.doubts()

    found = run_async(work())
    if as_json:
        for doubt in found:
            print_json(_plain(doubt, mask))
        return
    made = table("reply", "number", "wrote to", "waits", "text")
    for doubt in found:
        number, did = shown(doubt.sender, mask), shown(doubt.number, mask)
        text = mask_text(doubt.text) if mask else doubt.text
        add_row(made, str(doubt.id), number, did, age(doubt.at), text[:160])
    if found:
        show(made)
    replies = "1 reply" if len(found) == 1 else f"{len(found)} replies"
    say(f"{replies} to review", "dim")


def _plain(doubt: Doubt, mask: bool) -> dict[str, Any]:
    return {
        "reply": doubt.id,
        "number": shown(doubt.sender, mask),
        "to": shown(doubt.number, mask),
        "at": doubt.at.isoformat(),
        "text": mask_text(doubt.text) if mask else doubt.text,
    }


def _decide(loaded: Config, reply: int, out: bool, mask: bool) -> None:
    async def work() -> tuple[Doubt, bool, tuple[int, ...]]:
        async with open_store(loaded) as store:
            doubt = await store.doubt(reply)
            if doubt is None or doubt.review is Review.NONE:
                raise UserError(f"there is no reply {reply} to review")
            scope = answers.scope_of(doubt.number, loaded)
            by = f"operator {operator()}"
            done, texts = await store.decide_doubt(
                reply, out=out, scope=scope, by=by, now=datetime.now(UTC)
            )
            return doubt, done, texts

    doubt, done, texts = run_async(work())
    if not done:
        raise UserError(f"reply {reply} was decided by {doubt.by}: {doubt.review.value}")
    wake(loaded)
    number = shown(doubt.sender, mask)
    if out:
        then = f"; {count(len(texts), 'text')} cancelled" if texts else ""
        say(f"{number} is not texted any more{then}")
    else:
        then = f"; {count(len(texts), 'text')} released" if texts else ""
        say(f"{number} may be texted as before{then}")


def read_number(config: Config, number: str) -> str:
    """In E.164. Raises UserError."""
    full = phone.to_e164(number, config.business.country)
    if full is None:
        raise UserError(f"{number!r} is no telephone number", "write it with + in full")
    return full


app.command("import")(cli_optout_files.import_)
app.command("export")(cli_optout_files.export)

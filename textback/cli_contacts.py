"""`contacts import|list|show|set|remove`: who callers are, and who must not be texted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from textback import contacts_files, phone
from textback.cli_common import (
    Commands,
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    add_row,
    complain,
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
    zone_of,
)
from textback.config import Config
from textback.contacts import Found, Rules, plain_tag
from textback.model import Contact
from textback.store.contacts import OPERATOR, Exchanged

app = typer.Typer(cls=Commands, help="Who callers are.", no_args_is_help=True)

#: Rows that could not be used and are told one by one.
TOLD = 20

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The contact's number.")]


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .vcf file.")],
    source: Annotated[
        str,
        typer.Option(
            "--source",
            metavar="NAME",
            help="What to remember it by; importing again under one name exchanges its contacts.",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is in the file, and change nothing.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Import a file once, in place of what was imported under its name before.

    A file that changes is better listed in `files` of the table contacts: the service then reads it
    by itself.
    """
    loaded = configuration(context, config)
    name = f"import:{source.strip() or file.name}"
    try:
        found = contacts_files.read(file, contacts_files.rules_of(loaded), name)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}") from None
    if found.refused:
        raise UserError(f"{file} {found.refused}", "nothing was changed")
    _tell_problems(file, found)
    numbers = len({contact.number for contact in found.contacts})
    if dry_run:
        say(f"{count(numbers, 'number')} in {file}, nothing was changed")
        return

    async def work() -> Exchanged:
        async with open_store(loaded) as store:
            return await store.exchange_contacts(name, found.contacts, datetime.now(UTC))

    done = run_async(work())
    say(
        f"{count(done.total, 'number')} as {name}: {done.added} added, {done.changed} changed, "
        f"{done.removed} removed"
    )


def _tell_problems(file: Path, found: Found) -> None:
    for problem in found.problems[:TOLD]:
        complain(f"{file}:{problem.line}: {problem.text}")
    more = len(found.problems) + found.more_problems - TOLD
    if more > 0:
        complain(f"{count(more, 'more row')} could not be used")
    if found.without_number:
        say(f"{count(found.without_number, 'entry')} without a number".replace("entrys", "entries"))


@app.command("list")
def list_(
    context: typer.Context,
    tag: Annotated[str, typer.Option("--tag", help="Only those with this tag.")] = "",
    source: Annotated[str, typer.Option("--source", help="Only those of this source.")] = "",
    search: Annotated[
        str, typer.Option("--search", help="Only those with this in name or organization.")
    ] = "",
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many at most.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """List contacts by name, and where they come from."""
    loaded = configuration(context, config)

    async def work() -> tuple[list[Contact], list[tuple[str, int, datetime]]]:
        async with open_store(loaded) as store:
            found = await store.contacts(
                tag=tag.casefold(), source=source, words=search, limit=limit
            )
            return found, await store.contact_sources()

    found, sources = run_async(work())
    if as_json:
        for contact in found:
            print_json(_plain(contact, mask))
        return
    made = table("number", "name", "organization", "tags", "source")
    for contact in found:
        add_row(made, *_cells(contact, mask))
    if found:
        show(made)
    for name, numbers, at in sources:
        changed = local(at, zone_of(loaded))
        say(f"{name}: {count(numbers, 'number')}, last changed {changed}", "dim")
    if not sources:
        say("no contacts", "dim")


@app.command("show")
def show_(
    context: typer.Context,
    number: Number,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """Show what every source says of a number; the first counts, and any that says no text."""
    loaded = configuration(context, config)
    full = _read(loaded, number)

    async def work() -> list[Contact]:
        async with open_store(loaded) as store:
            return await store.known_contacts(full)

    found = run_async(work())
    if not found:
        raise UserError(f"{shown(full, mask)} is not in the contacts")
    if as_json:
        for contact in found:
            print_json(_plain(contact, mask))
        return
    made = table("number", "name", "organization", "tags", "source")
    for contact in found:
        add_row(made, *_cells(contact, mask))
    show(made)


@app.command("set")
def set_(
    context: typer.Context,
    number: Number,
    name: Annotated[str | None, typer.Option("--name", help="How {{contact.name}} greets.")] = None,
    organization: Annotated[
        str | None, typer.Option("--organization", help="The firm, for lists.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", help="A tag; repeat it for several. They replace those there were."),
    ] = None,
    vip: Annotated[
        bool | None, typer.Option("--vip/--no-vip", help="Whether it is a VIP.", show_default=False)
    ] = None,
    no_text: Annotated[
        bool | None,
        typer.Option("--no-text/--text", help="Whether rules never text it.", show_default=False),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Enter a contact by hand, or change what was entered; it comes before every file."""
    loaded = configuration(context, config)
    full = _read(loaded, number)
    rules = contacts_files.rules_of(loaded)

    async def work() -> Contact:
        async with open_store(loaded) as store:
            known = await store.known_contacts(full)
            own = next((c for c in known if c.source == OPERATOR), None)
            entry = own or Contact(number=full, name="", source=OPERATOR)
            if name is not None:
                entry = replace(entry, name=name.strip())
            if organization is not None:
                entry = replace(entry, organization=organization.strip())
            if tag is not None:
                entry = tagged(entry, tag, rules)
            if vip is not None:
                entry = replace(entry, vip=vip)
            if no_text is not None:
                entry = replace(entry, no_text=no_text)
            await store.put_contact(entry, datetime.now(UTC))
            return entry

    entry = run_async(work())
    flags = [*(["VIP"] if entry.vip else []), *(["never texted"] if entry.no_text else [])]
    said = ", ".join([entry.name or "no name", *entry.tags, *flags])
    say(f"{full}: {said}")


def tagged(entry: Contact, tags: list[str], rules: Rules) -> Contact:
    """With these tags, and what they mean."""
    plain = {plain_tag(tag) for tag in tags}
    kept = tuple(dict.fromkeys(t for tag in tags if (t := tag.strip().casefold())))
    return replace(
        entry,
        tags=kept,
        vip=bool(plain & rules.vip_tags),
        no_text=bool(plain & rules.no_text_tags),
    )


@app.command("remove")
def remove(
    context: typer.Context,
    number: Number,
    source: Annotated[
        str, typer.Option("--source", help="Only what this source says; else all.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Forget a number. A file that still has it brings it back when it is read again."""
    loaded = configuration(context, config)
    full = _read(loaded, number)

    async def work() -> int:
        async with open_store(loaded) as store:
            return await store.remove_contact(full, source)

    if not run_async(work()):
        raise UserError(f"{full} is not in the contacts" + (f" of {source}" if source else ""))
    say(f"{full} is forgotten")


def _cells(contact: Contact, mask: bool) -> tuple[str, str, str, str, str]:
    flags = ["no text"] if contact.no_text else []
    tags = ", ".join([*contact.all_tags, *flags])
    number = shown(contact.number, mask)
    return number, contact.name, contact.organization, tags, contact.source


def _plain(contact: Contact, mask: bool) -> dict[str, object]:
    return {
        "number": shown(contact.number, mask),
        "name": contact.name,
        "organization": contact.organization,
        "tags": list(contact.tags),
        "vip": contact.vip,
        "no_text": contact.no_text,
        "source": contact.source,
    }


def _read(config: Config, number: str) -> str:
    full = phone.to_e164(number, config.business.country)
    if full is None:
        raise UserError(f"{number!r} is no telephone number", "write it with + in full")
    return full

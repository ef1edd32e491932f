"""`export`, `erase`, `purge`: what is kept of a person, and what is too old to be kept."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from textback import control, phone
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    UserError,
    add_row,
    configuration,
    count,
    open_store,
    print_json,
    run_async,
    say,
    show,
    store_path,
    table,
)
from textback.cli_outbox import operator
from textback.config import Config
from textback.keeping import cutoffs
from textback.keeping_run import count as count_old
from textback.keeping_run import purge as purge_store
from textback.keeping_spelling import Spelling
from textback.store.erasing import Erased, UnderWayError
from textback.store.holdings import HOLDINGS
from textback.store.keeping import still_in
from textback.store.store import Store

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="In any spelling.")]

#: How long an erasure waits for what is under way, and how often it looks, seconds.
PATIENCE, AGAIN = 15.0, 0.5
#: The daemon may have heard something of the number that it writes a moment later: a hint waits 5 s
#: for its call, an end 10 s for a voicemail.
SECOND_LOOK = 11.0

#: What lies outside of the store, and so outside of `erase`.
ELSEWHERE = (
    "Asterisk's own records: CDR and CEL (files, databases), queue_log, voicemail and recordings",
    "the journal and log files: numbers in them are masked unless log.mask is false",
    "traces that [[pbx]] record writes",
    "backups of the store, and replicas",
    "the carrier's records of texts",
    "whoever was told by [[webhook]] or [[notify]]: CRMs, chats, mailboxes",
    "files contacts are imported from (the import leaves out who was erased)",
)


def export(
    context: typer.Context,
    number: Number,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Into this new file, mode 0600."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything the store has about a number: for whoever asks what you keep of them.

    Calls with verdicts, texts with tries and receipts, what they wrote, cases, opt-outs and their
    evidence, contacts, what others were told, and where else the number stands. With --json whole,
    every column; bytes as hexadecimal, times in UTC.
    """
    loaded = configuration(context, config)
    who = _spelling(loaded, number)

    async def work() -> dict[str, Any]:
        async with open_store(loaded) as store:
            return await store.export_person(who)

    found = run_async(work())
    if output is not None:
        _write(output, found, as_json)
        say(f"{count(_rows(found), 'row')} about {who.e164} in {output}")
    elif as_json:
        print_json(found)
    else:
        typer.echo(_readable(found))


def erase(
    context: typer.Context,
    number: Number,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="WHY", help="Kept in the operator's log; without name and number."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    vacuum: Annotated[
        bool,
        typer.Option(
            "--vacuum",
            help="Write the whole file anew in any case; calls wait meanwhile.",
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything about a number goes; a keyed hash stays, so that it is not texted again.

    Texts that wait are cancelled first. Rows that figures are counted from stay without anything
    that tells whose they were. The hash is on the suppression list until START is written from
    that handset; its key lies beside the store. While a text is on its way or a call is not over,
    nothing is erased: try again. Afterwards the database's files are searched for the number.
    """
    loaded = configuration(context, config)
    who = _spelling(loaded, number)
    if who.e164 in loaded.own_numbers:
        raise UserError(f"{who.e164} is a number of the business itself: it stands in every call")
    if not reason.strip():
        raise UserError("--reason is empty", "say why, in a few words")
    if who.found_in(reason):
        raise UserError("the number stands in --reason, and that is kept", "say it without")
    if not yes:
        if not sys.stdin.isatty():
            raise UserError(f"this would erase all about {number}", "say --yes if that is meant")
        typer.confirm(f"erase everything about {who.e164} for good?", abort=True)
    done, left = run_async(_erase(loaded, who, reason.strip(), vacuum))
    if as_json:
        print_json(
            {
                "hash": done.number_hash,
                "rows": dict(done.rows),
                "mentions": done.mentions,
                "still_in_the_file": bool(left),
                "elsewhere": ELSEWHERE,
            }
        )
    else:
        _tell(done, left)
    if left:
        raise typer.Exit(1)


async def _erase(
    config: Config, who: Spelling, reason: str, vacuum: bool
) -> tuple[Erased, tuple[str, ...]]:
    path = store_path(config)
    async with open_store(config) as store:
        done = await _once(store, who, reason)
        if control.running(path):
            _meanwhile(f"looking again in {SECOND_LOOK:.0f} s, for what the service has in hand")
            await asyncio.sleep(SECOND_LOOK)
            again = await _once(store, who, reason)
            done = _sum(done, again)
        if vacuum:
            await store.rebuild_file()
        words = (*who.needles, *await store.nobody_elses(done.words))
        left = await _left(store, path, words)
        others = await store.in_others(left) if left else set()
        if others:
            within = ", ".join(sorted(others))
            _meanwhile(f"{within} is part of longer numbers or ids: what the files have is theirs")
        if set(left) - others:
            # Written before deleted rows were overwritten: by an older textback, another tool.
            _meanwhile("the number is in free pages of the file: it is written anew")
            await store.rebuild_file()
            left = await _left(store, path, who.needles)
    return done, tuple(word for word in left if word not in others and word in who.needles)


def _meanwhile(message: str) -> None:
    """What takes its time; not where the result goes, which may be JSON."""
    typer.echo(f"textback: {message}", err=True)


async def _left(store: Store, path: Path, words: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the words the files still have."""
    for _ in range(20):
        if await store.take_over_log():
            break
        await asyncio.sleep(0.1)
    return await asyncio.to_thread(still_in, path, words)


async def _once(store: Store, who: Spelling, reason: str) -> Erased:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return await store.erase_person(
                who, by=operator(), reason=reason, now=datetime.now(UTC)
            )
        except UnderWayError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(AGAIN)


def _sum(first: Erased, second: Erased) -> Erased:
    names = {*first.rows, *second.rows}
    return Erased(
        number_hash=first.number_hash,
        rows={n: max(first.rows.get(n, 0), second.rows.get(n, 0)) for n in sorted(names)},
        mentions=first.mentions + second.mentions,
        words=(*first.words, *second.words),
    )


def _tell(done: Erased, left: tuple[str, ...]) -> None:
    if done.rows:
        made = table("table", "rows", "what became of them")
        for holding in HOLDINGS:
            if rows := done.rows.get(holding.name):
                add_row(made, holding.name, str(rows), f"{holding.erase}d".replace("kd", "ked"))
        show(made)
    say(f"{count(done.count, 'row')} erased; the number also stood in {done.mentions} others")
    say(f"on the suppression list: {done.number_hash[:16]}...")
    if left:
        say("the database's files still have the number in them: run it again", "red")
    else:
        say("the database's files were searched: the number is not in them", "green")
    say("not in the store, and yours to look after:")
    for what in ELSEWHERE:
        say(f"  - {what}")


def purge(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what is too old, and delete nothing.")
    ] = False,
    vacuum: Annotated[
        bool,
        typer.Option(
            "--vacuum",
            help="Then write the whole file anew, so that it shrinks; calls wait meanwhile.",
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete what is older than `retention` allows; the service does so every night by itself.

    A batch at a time, also beside the running service: no call waits.
    """
    loaded = configuration(context, config)
    now = datetime.now(UTC)

    async def work() -> dict[str, int]:
        async with open_store(loaded) as store:
            if dry_run:
                return await count_old(store, loaded, now)
            rows = await purge_store(store, loaded, now)
            if vacuum:
                await store.rebuild_file()
            return rows

    rows = run_async(work())
    if as_json:
        before = {kind: at.isoformat() for kind, at in cutoffs(loaded, now).items()}
        print_json({"dry_run": dry_run, "rows": rows, "before": before})
        return
    made = table("table", "rows")
    for name, found in rows.items():
        if found:
            add_row(made, name, str(found))
    if any(rows.values()):
        show(made)
    verb = "would be deleted" if dry_run else "deleted"
    say(f"{count(sum(rows.values()), 'row')} {verb}", "dim")


# --- words --------------------------------------------------------------------------------------


def _spelling(config: Config, number: str) -> Spelling:
    full = phone.to_e164(number, config.business.country)
    if full is None:
        raise UserError(f"{number!r} is no telephone number", "write it with + in full")
    homes = {config.business.country, *(phone.country_of(n.did) for n in config.number)}
    codes = phone.calling_codes(home for home in homes if home)
    home = bool(phone.calling_codes([phone.country_of(full)]) & codes)
    return Spelling(full, home=home)


def _rows(found: dict[str, Any]) -> int:
    return sum(len(rows) for rows in found.values() if isinstance(rows, list))


def _readable(found: dict[str, Any]) -> str:
    """Table by table, row by row, without what is empty."""
    lines = [f"everything about {found['number']}"]
    if found["suppressed"]:
        lines.append(f"suppressed: {found['suppressed']}")
    for name, rows in found.items():
        if not isinstance(rows, list) or not rows:
            continue
        lines += ["", f"{name} ({count(len(rows), 'row')})"]
        for row in rows:
            told = [
                f"{key}={_shown(value)}" for key, value in row.items() if value not in ("", None)
            ]
            lines.append("  " + "  ".join(told))
    if len(lines) == 1:
        lines.append("nothing")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    text = str(value)
    return "".join(c if c.isprintable() else "?" for c in text)


def _write(path: Path, found: dict[str, Any], as_json: bool) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False, default=str) if as_json else None
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserError(f"{path} cannot be made ({error.strerror})") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write((text if text is not None else _readable(found)) + "\n")

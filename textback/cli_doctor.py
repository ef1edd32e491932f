"""`textback doctor`: the examination, shown item by item as it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import typer
from rich.text import Text

from textback import control, desk_words, doctor_console, log
from textback import doctor as examination
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    complain,
    config_path,
    configuration,
    print_json,
    run_async,
    show,
)
from textback.config import Config, ConfigError
from textback.doctor import Check, Level

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    listen: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds to listen for call events.")
    ] = 3.0,
    bind: Annotated[
        bool,
        typer.Option(
            "--bind", help="Bind to the carrier even while the service runs (may disturb it)."
        ),
    ] = False,
) -> None:
    """Look at everything between this host and a text; say what is wrong and how to cure it.

    Exit code: 0 all is well, 1 something to look at, 2 no text will be sent until it is put right.
    """
    path = config_path(context, config)
    try:
        loaded = configuration(context, config)
    except ConfigError as error:
        checks = [
            examination.fail("config", said, "textback check-config; see textback.toml(5)")
            for said in error.errors
        ]
        for check in checks:
            _show(check, as_json)
        raise typer.Exit(2) from None

    async def work() -> list[Check]:
        found = []
        for check in examination.check_config(loaded, path):
            found.append(check)
            _show(check, as_json)
        for check in await doctor_console.check_console(loaded, path):
            found.append(check)
            _show(check, as_json)
        async for check in _examine(loaded, listen, bind):
            found.append(check)
            _show(check, as_json)
        return found

    found = run_async(work())
    code = examination.exit_code(found)
    if not as_json:
        words = ("all is well", "something to look at", "no text will be sent like this")
        complain(words[code]) if code else show(Text(words[0], style="green"))
    raise typer.Exit(code)


async def _examine(config: Config, listen: float, bind: bool) -> AsyncIterator[Check]:
    # Only here: an HTTP client is half of this program's start, and most commands need none.
    from textback import (
        doctor_agi,
        doctor_contacts,
        doctor_keeping,
        doctor_links,
        doctor_numbers,
        doctor_records,
        doctor_smsc,
        doctor_tell,
        doctor_users,
    )

    yield examination.check_daemon(config)
    for check in await examination.check_store(config):
        yield check
    for check in await doctor_keeping.check_keeping(config):
        yield check
    for check in await doctor_users.check_users(config):
        yield check
    for check in await examination.check_clock():
        yield check
    running = control.running(examination.store_path(config))
    parts = await doctor_links.ask_daemon(config) if running else None
    for pbx in config.pbx:
        if parts is not None:
            for check in doctor_links.pbx_by_daemon(pbx, parts):
                yield check
        if doctor_links.hidden(pbx):
            if parts is None:
                yield doctor_links.not_asked(f"ami {pbx.name}", pbx, config)
            continue
        seen = doctor_links.calls_seen(pbx, parts)
        phones = desk_words.phones_at(config, pbx.name)
        async for check in doctor_links.check_pbx(pbx, listen=listen, seen=seen, phones=phones):
            yield check
    for pbx in config.pbx:
        for check in await doctor_records.check(config, pbx, parts):
            yield check
    for smsc in config.smsc:
        if parts is not None and not bind:
            yield doctor_smsc.smsc_by_daemon(smsc, parts)
        elif doctor_links.hidden(smsc):
            yield doctor_links.not_asked(f"smpp {smsc.name}", smsc, config)
        elif running and not bind:
            yield examination.warn(
                f"smpp {smsc.name}",
                "the service runs and cannot be asked; a second bind might disturb it",
                "enable [console], or run `textback doctor --bind`",
            )
        else:
            yield await doctor_smsc.check_smsc(smsc, config.business.country)
        for check in doctor_smsc.check_receipts(smsc):
            yield check
    for check in await doctor_agi.check_agi(config, parts):
        yield check
    for check in await doctor_contacts.check_contacts(config):
        yield check
    async for check in doctor_tell.check(config, parts):
        yield check
    for check in await doctor_numbers.check_calls(config, parts):
        yield check


def _show(check: Check, as_json: bool) -> None:
    if as_json:
        print_json(check.as_dict())
        return
    line = Text()
    line.append(f"{check.level.value:<5}", style=_STYLES[check.level])
    line.append(f"{check.area:<12} ", style="bold")
    line.append(log.escape(check.found))
    if check.fix and check.level is not Level.OK:
        line.append(f"\n{'':<18} -> {log.escape(check.fix)}", style="italic")
    show(line)

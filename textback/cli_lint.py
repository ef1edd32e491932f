"""`lint`: what carriers and readers want of the texts that are sent, and do not find in them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from textback import compose, linter, linting, wiring
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    UserError,
    choices,
    configuration,
    count,
    print_json,
    say,
)
from textback.compose import TemplateError
from textback.config import Config
from textback.config_check import sample_subject
from textback.linter import Role, Severity
from textback.linting import Configured, Linted


def lint(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="TEXT", help="This text instead of those configured; variables work."
        ),
    ] = None,
    role: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="ROLE",
            help="With --text, what it is for: first, more (a second one or a follow-up), help, "
            "confirm_stop, confirm_start.",
        ),
    ] = "first",
    number: Annotated[
        str | None,
        typer.Option(
            "--number",
            metavar="DID",
            help="Only texts of this number; with --text, as this number would send it.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the texts against what carriers want: who writes, how to opt out, no shortener, size.

    Every text of the configuration is filled in and read: message, after_hours_message,
    message_again, follow_up, the named messages, and the answers to STOP, START and HELP. For
    numbers of the United States and Canada it is what their carriers hold senders to, elsewhere
    what holds everywhere. `check-config` tells the warnings too. Exit code 1: there is a warning.
    """
    loaded = configuration(context, config)
    if text is None:
        found = _configured(loaded, number)
    else:
        purpose = Role(choices([r.value for r in Role], role, "role"))
        found = [_given(loaded, text, purpose, number)]
    for linted in found:
        if as_json:
            print_json(_plain(linted))
        else:
            _show(linted)
    warnings = [f for one in found for f in one.findings if f.severity is Severity.WARNING]
    if not as_json:
        said = count(len(warnings), "warning") if warnings else "no warnings"
        say(f"{count(len(found), 'text')}, {said}", "yellow" if warnings else "green")
    if warnings:
        raise typer.Exit(1)


def _configured(config: Config, number: str | None) -> list[Linted]:
    found = list(linting.lint_config(config, wiring.measure))
    if number is None:
        return found
    rules = config.number_for(number)
    if rules is None:
        raise UserError(f"there is no [[number]] for {number!r}")
    dids = {n.did for n in config.number if n.did in (rules.did, "*")}
    wanted = rules.did if rules.did in dids else "*"
    return [one for one in found if one.text.did == wanted]


def _given(config: Config, text: str, role: Role, number: str | None) -> Linted:
    rules = config.number[0] if number is None else config.number_for(number)
    if rules is None:
        raise UserError(f"there is no [[number]] for {number!r}")
    try:
        filled = compose.render(text, sample_subject(rules, config.business))
    except TemplateError as error:
        raise UserError(f"--text {error}") from None
    draft = linting.draft_of(filled, config, rules, role)
    told = Configured(("text",), "--text", rules.did, draft)
    return Linted(told, linter.lint(draft, wiring.measure))


def _plain(linted: Linted) -> dict[str, Any]:
    draft = linted.text.draft
    parts, encoding, _ = wiring.measure(draft.text)
    return {
        "key": linted.text.key,
        "number": linted.text.did,
        "role": draft.role.value,
        "text": draft.text,
        "segments": parts,
        "encoding": encoding,
        "findings": [
            {"rule": f.rule, "severity": f.severity.value, "text": f.text, "todo": f.todo}
            for f in linted.findings
        ],
    }


def _show(linted: Linted) -> None:
    draft = linted.text.draft
    parts, encoding, _ = wiring.measure(draft.text)
    where = f"{linted.text.did} " if linted.text.did else ""
    size = f"{len(draft.text)} characters, {count(parts, 'segment')}, {encoding}"
    say(f"{where}{linted.text.key}: {size}", "bold")
    say(f"  {draft.text}", "dim")
    for finding in linted.findings:
        warns = finding.severity is Severity.WARNING
        say(f"  {finding.severity} {finding.rule}: {finding}", "yellow" if warns else "dim")

"""`why` and `calls`: what was seen, decided, and became of it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

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
    choices,
    configuration,
    count,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    shown,
    since,
    table,
    zone_of,
)
from textback.config import Config, parse_duration
from textback.model import CallStory, Outcome, Source, TextStory
from textback.why_json import as_dict, text_as_dict


def why(
    context: typer.Context,
    wanted: Annotated[
        str, typer.Argument(metavar="NUMBER|CALL", help="A caller's number, or a call's id.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
    every: Annotated[
        bool, typer.Option("--all", "-a", help="Every call found in full, not the newest only.")
    ] = False,
    limit: Annotated[int, typer.Option("-n", min=1, max=1000, help="Calls at most.")] = 20,
) -> None:
    """Say why a caller was texted or not: every gate in order, then the life of the text.

    CALL is what the log begins with (pbx:1700000000.12), an Asterisk Uniqueid or Linkedid, or our
    own number of the call. With several calls the newest is told in full, the others are listed.
    Texts to this number that belong to no call (send-test) come after them.
    """
    loaded = configuration(context, config)

    async def work() -> tuple[list[CallStory], list[TextStory]]:
        spellings = _spellings(wanted, loaded)
        async with open_store(loaded) as store:
            found = await store.find(*spellings, limit=limit)
            return found, await store.find_texts(*spellings, limit=limit)

    stories, texts = run_async(work())
    if not stories and not texts:
        raise UserError(
            f"no call is known by {wanted!r}, and no text to it",
            "textback calls    lists the newest calls",
            "textback doctor   says whether calls are seen at all",
        )
    told = stories if every or as_json else stories[:1]
    if as_json:
        for story in told:
            print_json(as_dict(story, mask=mask))
        for text in texts:
            print_json(text_as_dict(text, mask=mask))
        return
    zone = zone_of(loaded)
    for number, story in enumerate(told):
        if number:
            say("-" * 78, "dim")
        show(telling.render(story, mask=mask, zone=zone))
    others = stories[len(told) :]
    if others:
        say("")
        say(f"{count(len(others), 'earlier call')} (--all tells them in full):", "bold")
        _list(others, loaded, mask)
    shown_texts = texts if every else texts[:1]
    for number, text in enumerate(shown_texts):
        if told or number:
            say("-" * 78, "dim")
        show(telling.render_text(text, mask=mask, zone=zone))
    if more := len(texts) - len(shown_texts):
        say("")
        say(f"{count(more, 'earlier text')} without a call (--all tells them in full)", "bold")


def _spellings(wanted: str, config: Config) -> list[str]:
    """As typed, and in E.164 by the business's country."""
    typed = wanted.strip()
    full = phone.to_e164(typed, config.business.country)
    return [typed, full] if full and full != typed else [typed]


def calls(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
    since_: Annotated[
        str | None, typer.Option("--since", metavar="24h", help="Not older than this.")
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="Calls at most.")] = 30,
    outcome: Annotated[
        str | None, typer.Option(metavar="OUTCOME", help="Only calls that ended so.")
    ] = None,
    living: Annotated[bool, typer.Option("--living", help="Only calls going on now.")] = False,
    late: Annotated[
        bool, typer.Option("--late", help="Only calls learnt after the fact: catch-up, resync.")
    ] = False,
    source: Annotated[
        str | None, typer.Option(metavar="ami|cel|cdr|agi", help="Only calls learnt from there.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", "-a", help="Internal and outgoing calls as well.")
    ] = False,
) -> None:
    """List the newest calls: who, to which number, how it ended, texted or why not."""
    loaded = configuration(context, config)
    if outcome is not None:
        choices([o.value for o in Outcome], outcome, "outcome")
    if source is not None:
        choices([s.value for s in Source], source, "source")
    begin = since("--since", since_, parse_duration)

    async def work() -> list[CallStory]:
        async with open_store(loaded) as store:
            return await store.calls(
                since=begin,
                limit=limit,
                living=living,
                inbound_only=not every,
                late=late,
                sources=[Source(source)] if source is not None else [],
            )

    stories = run_async(work())
    if outcome is not None:
        stories = [s for s in stories if s.outcome is not None and s.outcome.value == outcome]
    if as_json:
        for story in stories:
            print_json(as_dict(story, mask=mask))
        return
    if not stories:
        say("no calls")
        return
    _list(stories, loaded, mask)
    reasons = Counter(s.reason or "pending" for s in stories)
    say(", ".join(f"{n} {reason}" for reason, n in reasons.most_common()), "dim")


def _list(stories: list[CallStory], config: Config, mask: bool) -> None:
    zone = zone_of(config)
    made = table("when", "from", "to", "ended", "waited", "verdict", "text", "call")
    for s in stories:
        verdict = s.reason or "pending"
        state = s.outbox.state if s.outbox else None
        add_row(
            made,
            local(s.started, zone),
            shown(s.caller, mask) or "(none)",
            s.number_label or shown(s.did, mask),
            s.outcome.value if s.outcome else "(living)",
            f"{s.waited:.0f} s",
            Text(verdict, style="green" if s.verdict == "send" else ""),
            Text(state.value, style=telling.STATE_STYLES[state]) if state else Text(""),
            str(s.key),
        )
    show(made)

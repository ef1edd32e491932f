"""`inbox`, `thread` and `reply`: what handsets wrote, and what people answer."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from textback import phone, wiring
from textback.cli_common import (
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
from textback.cli_send import settled
from textback.config import Config
from textback.log import escape, mask_text
from textback.model import Conversation, InboxList, OutboxRow, Thread
from textback.recipients import Recipients
from textback.store.errors import NoThreadError, ReplyRefusedError
from textback.store.inbox_lists import position
from textback.store.store import Store
from textback.thread_view import line_dict, lines, thread_dict
from textback.why import STATE_STYLES
from textback.why_json import outbox_dict

#: Characters of a text in the list, on a terminal.
SHOWN = 60
#: Conversations read at a time.
PAGE = 200

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The handset.")]
Ours = Annotated[
    str | None,
    typer.Option("--from", metavar="OURS", help="Our number, when it has written to several."),
]


def inbox(
    context: typer.Context,
    config: ConfigOption = None,
    unread: Annotated[
        bool, typer.Option("--unread", help="Those nobody has looked at, the newest first.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", "-a", help="All conversations, the newest first.")
    ] = False,
    number: Annotated[
        str | None, typer.Option("--number", metavar="DID", help="Only those with this number.")
    ] = None,
    find: Annotated[
        str | None,
        typer.Option("--find", metavar="WORDS", help="By number, name or text, the newest first."),
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="At most so many.")] = 50,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """List the conversations that wait for an answer, the longest waiting first.

    One waits from the first text that nobody has answered; `textback reply` answers it, and
    `textback thread NUMBER --done` says that it needs none. STOP, START and HELP need none.
    """
    loaded = configuration(context, config)
    if sum((unread, every, find is not None)) > 1:
        raise UserError("--unread, --all and --find exclude each other")
    which = InboxList.UNREAD if unread else InboxList.ALL if every else InboxList.NEEDS_YOU
    did = _did(loaded, number)

    async def work() -> list[Thread]:
        async with open_store(loaded) as store:
            if find is not None:
                found = await store.search_threads(_spelt(loaded, find), limit=limit)
                return [thread for thread in found if did in {"", thread.number}]
            return await _pages(store, which, did, limit)

    found = run_async(work())
    if as_json:
        for thread in found:
            print_json(thread_dict(thread, text=thread.text, mask=mask))
        return
    made = table("handset", "name", "to", "unread", "waits", "last", "text")
    for thread in found:
        made_of = thread.text.replace("\n", " ")
        words = ("" if thread.text_in else "> ") + (mask_text(made_of) if mask else made_of)
        add_row(
            made,
            shown(thread.handset, mask),
            thread.name,
            thread.number or thread.ours,
            str(thread.unread or ""),
            age(thread.waits_since) if thread.waits_since else "",
            local(thread.last, zone_of(loaded)),
            words if len(words) <= SHOWN else words[: SHOWN - 1] + "…",
        )
    if found:
        show(made)
    what = {InboxList.NEEDS_YOU: " waiting for an answer", InboxList.UNREAD: " unread"}
    say(f"{count(len(found), 'conversation')}{'' if find else what.get(which, '')}", "dim")


def thread(
    context: typer.Context,
    number: Number,
    config: ConfigOption = None,
    ours: Ours = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=10_000, help="Lines at most.")] = 200,
    peek: Annotated[bool, typer.Option("--peek", help="Leave it unread.")] = False,
    done: Annotated[bool, typer.Option("--done", help="Nothing in it needs an answer.")] = False,
    as_json: JsonOption = False,
    mask: MaskOption = False,
) -> None:
    """Show the conversation with a handset: texts both ways with what became of each, and calls.

    It counts as read from then on.
    """
    loaded = configuration(context, config)
    handset = _handset(loaded, number)

    async def work() -> list[Conversation]:
        async with open_store(loaded) as store:
            found = await _threads(store, loaded, handset, ours)
            told = [await store.conversation(one.id, limit=limit) for one in found]
            for one in found:
                if not peek:
                    await store.mark_read(one.id)
                if done:
                    await store.done(one.id)
            return told

    for found in run_async(work()):
        if as_json:
            head = thread_dict(found.thread, mask=mask)
            print_json({**head, "lines": [line_dict(one, mask=mask) for one in found.lines]})
        else:
            told = lines(found, zone_of(loaded), mask=mask)
            show(Group(_headline(found.thread, loaded, mask), *told))


def reply(
    context: typer.Context,
    number: Number,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What to write; - or nothing: from stdin.")
    ] = None,
    config: ConfigOption = None,
    ours: Ours = None,
    wait: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds to wait for the carrier's answer.")
    ] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Write to a handset, from the number it wrote to.

    With --from and one of our numbers a conversation is begun. Whoever opted out is not written to.
    It counts for no cooldown and no cap, and is sent in shadow mode too.
    """
    loaded = configuration(context, config)
    handset = _handset(loaded, number)
    words = _words(text)
    size = wiring.measure(words)
    if not loaded.smsc:
        raise UserError("no [[smsc]] is configured", "name your SMPP account, then reload")

    async def work() -> OutboxRow:
        async with open_store(loaded) as store:
            sender, did = await _sender(store, loaded, handset, ours)
            if not as_json:
                segments = count(size[0], "segment")
                say(f"{handset} from {sender}: {segments}, {size[1]}", "dim")
            row = await store.reply(
                handset, sender, words, by=operator(), now=datetime.now(UTC), number=did
            )
            if not wake(loaded):
                raise UserError(
                    f"text {row.id} is in the queue, but the service does not run",
                    "systemctl start textback",
                    f"or take it back: textback drop {row.id}",
                )
            return await settled(store, row.id, wait)

    row = run_async(work())
    if as_json:
        print_json(outbox_dict(row))
        return
    line = Text.assemble(f"text {row.id}: ", (row.state.value, STATE_STYLES[row.state]))
    show(line.append(f" ({row.reason})" if row.reason else ""))


# --- what is meant ------------------------------------------------------------------------------


async def _pages(store: Store, which: InboxList, did: str, limit: int) -> list[Thread]:
    found: list[Thread] = []
    after = None
    while len(found) < limit:
        size = min(PAGE, limit - len(found))
        page = await store.inbox(which, number=did, after=after, limit=size)
        found += page
        if len(page) < size:
            break
        after = position(which, page[-1])
    return found


async def _threads(store: Store, config: Config, handset: str, ours: str | None) -> list[Thread]:
    found = await store.threads_of(handset)
    if ours is not None:
        wanted = Recipients(config).of(ours).ours
        found = [one for one in found if wanted in (one.ours, one.number)]
    if not found:
        raise NoThreadError(
            f"there is no conversation with {handset}" + (f" and {ours}" if ours else "")
        )
    return found


async def _sender(
    store: Store, config: Config, handset: str, ours: str | None
) -> tuple[str, str | None]:
    """Our number to write from, and of which [[number]] it is when a thread may be begun."""
    found = await store.threads_of(handset)
    if ours is not None:
        there = Recipients(config).of(ours)
        thread = next((one for one in found if there.ours in (one.ours, one.number)), None)
        if thread is not None:
            return thread.ours, None
        watched = config.number_for(ours)
        if watched is None:
            named = ", ".join(n.did for n in config.number)
            raise UserError(f"{ours!r} is none of our numbers", f"say one of {named}")
        return watched.sender or watched.did, watched.did
    if not found:
        raise UserError(
            f"there is no conversation with {handset}",
            "say from which of our numbers to begin one: --from DID",
        )
    if len(found) == 1:
        return found[0].ours, None
    if not sys.stdin.isatty():
        raise UserError(
            f"{handset} has conversations with {len(found)} of our numbers",
            "say which with --from: " + ", ".join(one.ours for one in found),
        )
    for index, one in enumerate(found, 1):
        say(f"{index}: {one.ours}, last text {local(one.last, zone_of(config))}")
    which = typer.prompt("From which of our numbers", type=int)
    if not 1 <= which <= len(found):
        raise UserError(f"{which} is none of them")
    return found[which - 1].ours, None


def _words(text: str | None) -> str:
    if text is None or text == "-":
        if text is None and sys.stdin.isatty():
            say("Write, and end with Ctrl-D on a line of its own.", "dim")
        text = sys.stdin.read().removesuffix("\n")
    if not text.strip():
        raise ReplyRefusedError("there is no text to send")
    return text


def _handset(config: Config, number: str) -> str:
    full = phone.to_e164(number, config.business.country)
    return full or number.strip()  # a short code writes, and may be read


def _did(config: Config, number: str | None) -> str:
    if number is None:
        return ""
    watched = config.number_for(number)
    if watched is None:
        named = ", ".join(n.did for n in config.number)
        raise UserError(f"{number!r} is not watched", f"say one of {named}")
    return watched.did


def _spelt(config: Config, words: str) -> str:
    """A whole number in any spelling is looked for as the store has it."""
    return phone.to_e164(words, config.business.country) or words


def _headline(thread: Thread, config: Config, mask: bool) -> Text:
    number = config.number_for(thread.number) if thread.number else None
    label = f" ({number.label})" if number is not None and number.label else ""
    head = Text(shown(thread.handset, mask), style="bold")
    head.append(f" {escape(thread.name)}" if thread.name else "")
    head.append(f" and {thread.ours}{label}")
    if thread.opted_out:
        out = mask_text(thread.opted_out) if mask else thread.opted_out
        head.append(f"\nopted out: {escape(out)}", style="red")
    elif thread.waits_since is not None:
        head.append(f"\nwaits for an answer since {age(thread.waits_since)}", style="yellow")
    return head

"""Watched numbers in the API: what they do, changes, previews, tests, and the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from textback import names, phone
from textback.compose import TemplateError
from textback.config import CATCH_ALL, Config, NumberConfig
from textback.config_check import TEXT_KEYS
from textback.console import cursor, edits, numbers_edits, numbers_view
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.i18n import _
from textback.console.numbers_models import (
    ChangeOut,
    ChangePage,
    ChangesIn,
    KeyOut,
    Made,
    ModeChange,
    NumberChange,
    NumberList,
    OneNumber,
    PreviewIn,
    TestIn,
    TestText,
    TextOut,
)
from textback.console.who import Role
from textback.model import OutboxRow, OutboxState, Send, TextKind
from textback.store.changes import Change
from textback.store.errors import NoSuchRowError
from textback.store.samples import Sample

#: Changes on one page of the history.
PAGE = 30
_COMING = (OutboxState.QUEUED, OutboxState.SENDING)


async def numbers(ctx: Ctx) -> NumberList:
    """What each watched number does, with its texts as a caller would get them."""
    standing = await edits.standing(ctx.backend)
    samples = await _samples(ctx)
    return numbers_view.numbers(ctx.config, standing, samples, ctx.backend.measure, ctx.now)


async def number(ctx: Ctx, *, number: int) -> OneNumber:
    """One watched number, by its place."""
    rules = rules_of(ctx, number)
    standing = await edits.standing(ctx.backend)
    sample = (await _samples(ctx)).get(rules.did)
    return numbers_view.one(ctx.config, standing, number, sample, ctx.backend.measure, ctx.now)


def rules_of(ctx: Ctx, number: int) -> NumberConfig:
    """Raises Problem 404."""
    if not 1 <= number <= len(ctx.config.number):
        raise Problem(404, "number", _("There is no such number."))
    return ctx.config.number[number - 1]


async def _samples(ctx: Ctx) -> dict[str, Sample]:
    use = ctx.config.contacts.cnam == "use"
    return await ctx.store.sample_callers(names.of_network if use else _no_name)


def _no_name(_cnam: str) -> str:
    return ""


# --- changing -----------------------------------------------------------------------------------


async def change_number(ctx: Ctx, *, number: int, body: NumberChange) -> Made:
    """Change keys of a number: checked as a whole, written to conf.d/console.toml, in force."""
    rules = rules_of(ctx, number)
    unknown = [key for key in body.reset if key not in numbers_edits.EDITABLE]
    if unknown:
        raise Problem(422, "fields", _("A field is wrong."), reset=_("There is no such key."))
    wanted = numbers_edits.edits(ctx.config, rules, body)
    made = await edits.change(ctx.backend, wanted, ctx.who.name, seen=body.seen)
    if made is not None:
        keys = " ".join(edit.key for edit in wanted)
        await ctx.act("number.change", f"number {number}", change=made, keys=keys)
    return Made(change=made)


async def change_mode(ctx: Ctx, *, body: ModeChange) -> Made:
    """Send for real, or only record: for all numbers at once."""
    wanted = numbers_edits.mode(ctx.config, body.mode)
    made = await edits.change(ctx.backend, wanted, ctx.who.name, seen=body.seen)
    if made is not None:
        await ctx.act("mode.change", body.mode, change=made)
    return Made(change=made)


async def changes(ctx: Ctx, *, query: ChangesIn) -> ChangePage:
    """What was changed here, by whom, and what it was before."""
    before = 0
    if query.cursor:
        (read,) = cursor.read("changes", query.cursor, int)
        before = read if isinstance(read, int) else 0
    await edits.settle(ctx.backend)
    found = await ctx.store.config_changes(before=before, limit=PAGE + 1)
    more = cursor.write("changes", found[PAGE - 1].id) if len(found) > PAGE else ""
    return ChangePage(changes=[change_out(one, ctx.config) for one in found[:PAGE]], next=more)


async def undo(ctx: Ctx, *, change: int) -> Made:
    """Put the keys of a change back to what they were before it: itself a change."""
    made = await edits.undo(ctx.backend, change, ctx.who.name)
    await ctx.act("change.undo", f"change {change}", change=made)
    return Made(change=made)


def change_out(one: Change, config: Config) -> ChangeOut:
    labels = {n.did: n.label for n in config.number}
    return ChangeOut(
        change=one.id,
        at=one.at,
        who=one.who,
        state=one.state,
        undoes=one.undoes,
        keys=[
            KeyOut(did=k.did, label=labels.get(k.did, ""), key=k.key, was=k.was, now=k.now)
            for k in one.keys
        ],
    )


async def numbers_standing(ctx: Ctx) -> edits.Standing:
    """Whether anything may be changed here."""
    return await edits.standing(ctx.backend)


def mode_changed(ctx: Ctx) -> bool:
    """Whether the mode was said here, and not in a file of the administrator's."""
    return numbers_edits.overridden(ctx.config, "", "mode") is not None


# --- texts --------------------------------------------------------------------------------------


async def preview(ctx: Ctx, *, number: int, body: PreviewIn) -> TextOut:
    """A text as the last caller with a name would get it from this number: nothing is sent."""
    rules = rules_of(ctx, number)
    sample = (await _samples(ctx)).get(rules.did)
    template = body.text.replace("\r\n", "\n").strip()
    return numbers_view.text_out(ctx.config, rules, template, body.key, sample, ctx.backend.measure)


async def previews(ctx: Ctx, number: int, templates: Mapping[str, str]) -> dict[str, TextOut]:
    """As `preview`, of every text that has something in it, by key."""
    rules = rules_of(ctx, number)
    sample = (await _samples(ctx)).get(rules.did)
    texts = {key: templates.get(key, "").replace("\r\n", "\n").strip() for key in TEXT_KEYS}
    return {
        key: numbers_view.text_out(ctx.config, rules, text, key, sample, ctx.backend.measure)
        for key, text in texts.items()
        if text
    }


async def send_test(ctx: Ctx, *, number: int, body: TestIn) -> TestText:
    """Send a text of this number to a handset of one's own, also in shadow mode."""
    rules, config = rules_of(ctx, number), ctx.config
    to = phone.to_e164(body.to, config.business.country)
    if to is None:
        words = _("This is no telephone number. Write it in full, as in +12125550190.")
        raise Problem(409, "to", words, to=words)
    if rules.did == CATCH_ALL and not rules.sender:
        raise Problem(409, "sender", _("It texts from the number that was dialled: none was."))
    if not config.smsc:
        raise Problem(409, "smsc", _("There is no carrier account to send with."))
    template = getattr(rules, body.key)
    if not template:
        raise Problem(409, "text", _("This number has no such text."))
    contact = await ctx.store.contact(to)
    try:
        name = contact.name if contact is not None else ""
        text = numbers_view.filled(config, rules, template, name, ctx.now)
    except TemplateError as error:
        raise Problem(409, "text", str(error)) from error
    sender = rules.sender or rules.did
    send = Send(
        to=to,
        sender=sender,
        text=text,
        expires=ctx.now + timedelta(seconds=config.limits.max_age),
        route=config.router.new(sender, to, rules.did),
    )
    row = await ctx.store.enqueue(replace(send, kind=TextKind.TEST), by=ctx.who.name, now=ctx.now)
    ctx.backend.kick()
    await ctx.act("number.test", f"text {row.id}", number=number, text=body.key)
    return _test_text(ctx, row)


async def test_text(ctx: Ctx, *, row: int) -> TestText:
    """How far a test came."""
    try:
        found = await ctx.store.text(row)
    except NoSuchRowError:
        found = None
    if found is None or found.kind is not TextKind.TEST:
        raise Problem(404, "text", _("There is no such test."))
    return _test_text(ctx, found)


def _test_text(ctx: Ctx, row: OutboxRow) -> TestText:
    parts, encoding, _odd = ctx.backend.measure(row.text)
    smsc = ctx.config.smsc_named(row.route)
    told = smsc is None or smsc.receipts
    coming = row.state in _COMING or (row.state is OutboxState.ACCEPTED and told)
    return TestText(
        row=row.id,
        state=row.state,
        over=not coming,
        reason=row.reason,
        to=row.to,
        sender=row.sender,
        text=row.text,
        route=row.route,
        parts=parts,
        encoding=encoding,
        created=row.created,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/numbers",
        handler=numbers,
        answer=NumberList,
        summary="What each watched number does",
    ),
    Endpoint(
        method="GET",
        path="/numbers/{number}",
        handler=number,
        answer=OneNumber,
        summary="One watched number",
        errors=(404,),
    ),
    Endpoint(
        method="PATCH",
        path="/numbers/{number}",
        handler=change_number,
        answer=Made,
        body=NumberChange,
        need=Role.ADMIN,
        summary="Change a number",
        errors=(404, 409),
    ),
    Endpoint(
        method="POST",
        path="/numbers/{number}/preview",
        handler=preview,
        answer=TextOut,
        body=PreviewIn,
        summary="Show a text as its reader would get it",
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/numbers/{number}/test",
        handler=send_test,
        answer=TestText,
        body=TestIn,
        need=Role.ADMIN,
        status=201,
        summary="Send a text to a handset of one's own",
        errors=(404, 409),
    ),
    Endpoint(
        method="GET",
        path="/test-texts/{row}",
        handler=test_text,
        answer=TestText,
        need=Role.ADMIN,
        summary="How far a test came",
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/mode",
        handler=change_mode,
        answer=Made,
        body=ModeChange,
        need=Role.ADMIN,
        summary="Send for real, or only record",
        errors=(409,),
    ),
    Endpoint(
        method="GET",
        path="/changes",
        handler=changes,
        answer=ChangePage,
        query=ChangesIn,
        need=Role.ADMIN,
        summary="What was changed in the console",
        errors=(400,),
    ),
    Endpoint(
        method="POST",
        path="/changes/{change}/undo",
        handler=undo,
        answer=Made,
        need=Role.ADMIN,
        summary="Put a change back",
        errors=(404, 409),
    ),
)

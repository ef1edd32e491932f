"""The dialplan hooks: one function each, and the one table that names them.

A hook reads its arguments, and hands what the dialplan said to the `Desk` (the product). It never
waits for a disk: what it hands over is taken into memory. Two do: `lookup` asks the store, within
the server's deadline, and `reply`, for which no caller waits, writes to it. What a hook sets
besides TEXTBACK_RESULT and TEXTBACK_REASON stands in its row; those variables are set whatever
happens, so that no value of an earlier hook stays behind.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agi import messages
from agi.protocol import AgiRequest
from textback.model import Hint, HintKind, HookAnswer, HookResult, Moment, PhoneText

#: What `lookup` sets: name and what it holds.
LOOKUP_VARIABLES = {
    "TEXTBACK_LAST_MISSED": "when we last missed this caller: seconds since 1970, or empty",
    "TEXTBACK_LAST_NUMBER": "the number of ours that was dialled then, in E.164",
    "TEXTBACK_NAME": "the caller's name in your contacts, or empty",
    "TEXTBACK_OPEN_CASE": "1 when nobody has spoken with the caller since that call, else 0",
    "TEXTBACK_MISSES": "how many calls of this caller we missed since we last spoke",
}

#: Seconds a desk phone's text may take to the disk: nobody hears anything meanwhile, but Asterisk
#: sees to one SIP MESSAGE at a time. The dialplan gives up half a second later.
REPLY_PATIENCE = 1.5


class Desk(Protocol):
    """Where hooks hand in what the dialplan said. No method raises for anything hostile."""

    def take(self, hint: Hint, peer: str) -> HookAnswer:
        """Take `hint`, told by the Asterisk at address `peer`; `hint.pbx` is the one the dialplan
        named, or "". Never blocks."""

    def look_up(self, hint: Hint, peer: str) -> Coroutine[Any, Any, HookAnswer]:
        """What is known of `hint.caller`, as `LOOKUP_VARIABLES`; may be cancelled."""

    def answer(self, text: PhoneText, peer: str) -> Coroutine[Any, Any, HookAnswer]:
        """Send a desk phone's text on, told by the Asterisk at `peer`; may be cancelled, which
        does not undo what is being written."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request on its way through a hook."""

    request: AgiRequest
    peer: str  #: address of the Asterisk that asks
    at: Moment
    desk: Desk
    told: tuple[str, ...] = ()  #: Asterisk's answers to the hook's `asks`

    def hint(self, kind: HintKind, message: str = "") -> Hint:
        request = self.request
        return Hint(
            kind=kind,
            pbx=request.query.get("pbx", "").strip()[:80],
            uniqueid=request.uniqueid[:150],
            at=self.at,
            source="agi",
            message=message,
            caller=request.caller[:256],
            did=request.did[:256],
            channel=request.channel[:256],
            context=request.context[:256],
            presentation=request.presentation,
        )


Answer = HookAnswer | Coroutine[Any, Any, HookAnswer]


@dataclass(frozen=True, slots=True)
class Hook:
    """One row of the table."""

    run: Callable[[Ask], Answer]
    sets: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()  #: what Asterisk is asked first, as a dialplan would write it
    patience: float = 0.0  #: seconds it may take, where that is more than the deadline

    def without_values(self, answer: HookAnswer) -> HookAnswer:
        """`answer` with every variable of this hook that it leaves out set to nothing."""
        given = dict(answer.variables)
        return replace(answer, variables=tuple((n, given.get(n, "")) for n in self.sets))


def error(reason: str) -> HookAnswer:
    return HookAnswer(result=HookResult.ERROR, reason=reason)


def missed(ask: Ask) -> HookAnswer:
    """This call is missed, whatever it looks like: text the caller now."""
    return ask.desk.take(ask.hint(HintKind.MISSED, ask.request.argument("name")), ask.peer)


def handled(ask: Ask) -> HookAnswer:
    """No text for this call: an answering service, or another system, looks after the caller."""
    return ask.desk.take(ask.hint(HintKind.HANDLED), ask.peer)


def message(ask: Ask) -> HookAnswer:
    """If this call is texted, then with this [[message]]."""
    return _named(ask, HintKind.MESSAGE)


def optout(ask: Ask) -> HookAnswer:
    """The caller wants no texts."""
    return ask.desk.take(ask.hint(HintKind.OPTOUT), ask.peer)


def optin(ask: Ask) -> HookAnswer:
    """The caller wants texts again."""
    return ask.desk.take(ask.hint(HintKind.OPTIN), ask.peer)


def offer(ask: Ask) -> HookAnswer:
    """The caller pressed a key for this [[message]]: send it, and record the consent."""
    return _named(ask, HintKind.OFFER)


def lookup(ask: Ask) -> Answer:
    """What we know of the caller: missed before, by which name, is a case open."""
    # The kind is of no meaning here: a question is no word about the call.
    return ask.desk.look_up(ask.hint(HintKind.MESSAGE), ask.peer)


def reply(ask: Ask) -> Answer:
    """A desk phone answers by SIP MESSAGE: send it as a text to the number it was written to."""
    named = ask.request.query.get("pbx", "").strip()[:80]
    try:
        text = messages.read(ask.request, ask.told, ask.at, named)
    except messages.Unreadable as reason:
        return error(str(reason))
    return ask.desk.answer(text, ask.peer)


def ping(ask: Ask) -> HookAnswer:
    """Nothing: shows that Asterisk reaches us."""
    return HookAnswer(result=HookResult.OK)


def _named(ask: Ask, kind: HintKind) -> HookAnswer:
    name = ask.request.argument("name")
    if not name:
        script = ask.request.script
        return error(f"{script} needs the name of a [[message]]: agi://.../{script}?name=NAME")
    return ask.desk.take(ask.hint(kind, name), ask.peer)


HOOKS: dict[str, Hook] = {
    "missed": Hook(missed),
    "handled": Hook(handled),
    "message": Hook(message),
    "optout": Hook(optout),
    "optin": Hook(optin),
    "offer": Hook(offer),
    "lookup": Hook(lookup, tuple(LOOKUP_VARIABLES)),
    "reply": Hook(reply, asks=messages.QUESTIONS, patience=REPLY_PATIENCE),
    "ping": Hook(ping),
}


def unknown(script: str) -> HookAnswer:
    """The answer to a script that is no hook."""
    names = ", ".join(sorted(HOOKS))
    return error(f"there is no hook {script[:40]!r}; there are {names}")

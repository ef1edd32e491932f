"""What the dialplan says, understood: of which PBX, which call, and what may come of it; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from textback import phone
from textback.case import caller_of
from textback.config import Config, NumberConfig
from textback.model import (
    Call,
    CallKey,
    Direction,
    Hint,
    HintKind,
    HookAnswer,
    HookResult,
    Outcome,
    Phase,
    Presentation,
    Source,
)

if TYPE_CHECKING:
    from textback.store.rows import CallerCard

OK = HookAnswer(result=HookResult.OK)
#: Kinds that are kept with the call and bear on its verdict; the others concern the caller.
OF_THE_CALL = frozenset({HintKind.MISSED, HintKind.HANDLED, HintKind.MESSAGE})
_NAMED = frozenset({HintKind.MISSED, HintKind.MESSAGE, HintKind.OFFER})
_NOTHING_KNOWN = (
    ("TEXTBACK_LAST_MISSED", ""),
    ("TEXTBACK_LAST_NUMBER", ""),
    ("TEXTBACK_NAME", ""),
    ("TEXTBACK_OPEN_CASE", "0"),
    ("TEXTBACK_MISSES", "0"),
)
_MOST_LINES = 60  # of the trail of a call told by hooks alone


class NotTold(Exception):  # noqa: N818
    """It cannot be told which PBX is meant; the message is for whoever writes the dialplan."""


def ignored(reason: str) -> HookAnswer:
    return HookAnswer(result=HookResult.IGNORED, reason=reason)


def refused(reason: str) -> HookAnswer:
    return HookAnswer(result=HookResult.ERROR, reason=reason)


# --- which PBX ----------------------------------------------------------------------------------


def which_pbx(named: str, peer: str, config: Config, knows: Callable[[str], bool]) -> str:
    """The [[pbx]] whose Asterisk, at address `peer`, asks. Raises NotTold.

    What the dialplan named counts (`?pbx=`), then the peer's address, then which link `knows` the
    call. A PBX with an address of its own is never spoken for from another PBX's: its calls are
    nobody else's business.
    """
    names = [pbx.name for pbx in config.pbx]
    if not names:
        raise NotTold("there is no [[pbx]]")
    here = [pbx.name for pbx in config.pbx if _is_at(pbx.host, peer)]
    anywhere = [p.name for p in config.pbx if not has_address(p.host) and p.name not in here]
    if named:
        if named not in names:
            raise NotTold(
                f"there is no [[pbx]] {phone.printable(named)!r}; there are {_list(names)}"
            )
        if here and named not in here and named not in anywhere:
            raise NotTold(f"pbx={named} was named by the host of {_list(here)}")
        return named
    for possible in (here, anywhere, [] if here or anywhere else names):
        if len(possible) == 1:
            return possible[0]
        holders = [name for name in possible if knows(name)]
        if len(holders) == 1:
            return holders[0]
        if possible:
            raise NotTold(f"which [[pbx]]? add pbx=NAME to the URL; there are {_list(possible)}")
    raise NotTold(f"which [[pbx]]? add pbx=NAME to the URL; there are {_list(names)}")


def _is_at(host: str, peer: str) -> bool:
    if host == "localhost":
        host = "127.0.0.1"
    try:
        one, other = ipaddress.ip_address(host), ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(other, ipaddress.IPv6Address) and other.ipv4_mapped is not None:
        other = other.ipv4_mapped
    return one == other or (one.is_loopback and other.is_loopback)


def has_address(host: str) -> bool:
    """Whether a [[pbx]] host is an address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _list(names: list[str]) -> str:
    return ", ".join(names)


# --- which call -----------------------------------------------------------------------------------


def call_by_hint(hint: Hint, boot: str) -> Call:
    """A call nothing is known of but what a hook told: the AMI link is down.

    It is keyed as the tracker would key it, so that a link that comes back doubles nothing.
    """
    return Call(
        key=CallKey(pbx=hint.pbx, boot=boot, uniqueid=hint.uniqueid),
        phase=Phase.HINTED,
        at=hint.at,
        direction=Direction.INBOUND,
        linkedid=hint.linkedid or hint.uniqueid,
        channel=hint.channel,
        context=hint.context,
        caller=hint.caller,
        caller_name="",
        caller_final=hint.caller,
        did=hint.did,
        presentation=hint.presentation,
        started=hint.at,
        ringing=None,
        answered=None,
        outcome=Outcome.UNKNOWN,
        waited=0.0,
        may_become=frozenset(Outcome),
        gap=True,
        source=Source.AGI,
        trail=((0.0, "told by a dialplan hook while the AMI link was down"),),
    )


def with_word(call: Call, hint: Hint) -> Call:
    """`call` as it stands after the dialplan has said `hint` of it; the last word counts."""
    since = max(0.0, hint.at.steady - call.started.steady)
    said = {
        HintKind.MISSED: "this call is missed",
        HintKind.HANDLED: "no text is wanted",
        HintKind.MESSAGE: f"message {phone.printable(hint.message)}",
    }[hint.kind]
    trail = (*call.trail[:_MOST_LINES], (round(since, 3), f"dialplan: {said} ({hint.source})"))
    told = replace(call, phase=Phase.HINTED, at=hint.at, source=Source.AGI, trail=trail)
    if told.presentation is Presentation.UNKNOWN:
        told = replace(told, presentation=hint.presentation)
    if hint.kind is HintKind.HANDLED:
        return replace(told, handled=hint.source, told_missed="", told_at=None)
    told = replace(told, message=hint.message or call.message)
    if hint.kind is HintKind.MISSED:
        told = replace(told, told_missed=hint.source, told_at=hint.at, handled="")
    return told


# --- what may come of it ----------------------------------------------------------------------


def objection(hint: Hint, call: Call | None, config: Config) -> HookAnswer | None:
    """Why nothing can come of `hint`, as far as that is known; None: something may."""
    if hint.kind in _NAMED and hint.message and config.message_named(hint.message) is None:
        names = _list([m.name for m in config.message]) or "none"
        wanted = phone.printable(hint.message)
        return refused(f"there is no [[message]] named {wanted!r}; there are {names}")
    if call is None:
        return None
    if call.direction is not Direction.INBOUND:
        return ignored(f"this is no call from outside, but {call.direction.value}")
    watched = config.number_for(call.did) is not None
    if not watched and hint.kind in (HintKind.MISSED, HintKind.OFFER):
        return ignored("no [[number]] watches the number that was dialled")
    if hint.kind not in OF_THE_CALL and not caller(call, config):
        return ignored("the caller's number is withheld, or is none that could be texted")
    return None


def caller(call: Call, config: Config) -> str:
    """The caller in E.164; "" for one that is withheld or no telephone number."""
    if call.presentation is Presentation.WITHHELD:
        return ""
    return caller_of(call, config).e164


def number(call: Call, config: Config) -> NumberConfig | None:
    return config.number_for(call.did)


def card_variables(card: CallerCard | None) -> tuple[tuple[str, str], ...]:
    """What `lookup` sets, from what the store knows of the caller."""
    if card is None:
        return _NOTHING_KNOWN
    missed = card.last_missed
    return (
        ("TEXTBACK_LAST_MISSED", str(int(missed.timestamp())) if missed is not None else ""),
        ("TEXTBACK_LAST_NUMBER", card.number if missed is not None else ""),
        ("TEXTBACK_NAME", card.name),
        ("TEXTBACK_OPEN_CASE", "1" if card.open_case else "0"),
        ("TEXTBACK_MISSES", str(card.misses)),
    )

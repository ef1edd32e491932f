"""What the dialplan says, understood: which PBX is meant, which call, and what may come of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from textback import hints
from textback.config import Config
from textback.config_load import loads
from textback.model import (
    Direction,
    Hint,
    HintKind,
    HookResult,
    Moment,
    Outcome,
    Phase,
    Presentation,
    Source,
)
from textback.store.rows import CallerCard

NOW = Moment.at(1_700_000_000.0)
CALLER, DID = "+12125550123", "+12125550100"


def configuration(*hosts: str, more: str = "") -> Config:
    pbxs = "".join(
        f'[[pbx]]\nname = "pbx{number}"\nhost = "{host}"\nsecret = "s"\n'
        for number, host in enumerate(hosts or ("127.0.0.1",), 1)
    )
    return loads(
        f'mode = "shadow"\n[business]\nname = "Acme"\n{pbxs}'
        f'[[number]]\ndid = "{DID}"\n[[message]]\nname = "closed"\ntext = "We are closed."\n{more}'
    )


def hint(kind: HintKind = HintKind.MISSED, **changed: Any) -> Hint:
    values: dict[str, Any] = {
        "pbx": "pbx1",
        "uniqueid": "1700000000.1",
        "at": NOW,
        "source": "agi",
        "caller": CALLER,
        "did": DID,
        "presentation": Presentation.ALLOWED,
        **changed,
    }
    return Hint(kind=kind, **values)


# --- which PBX ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hosts", "peer", "named", "known", "found"),
    [
        (("127.0.0.1",), "127.0.0.1", "", (), "pbx1"),
        (("127.0.0.1",), "::1", "", (), "pbx1"),
        (("localhost",), "127.0.0.1", "", (), "pbx1"),
        (("pbx.example.net",), "192.0.2.9", "", (), "pbx1"),
        (("192.0.2.1",), "192.0.2.77", "", (), "pbx1"),
        (("192.0.2.1", "192.0.2.2"), "192.0.2.2", "", (), "pbx2"),
        (("192.0.2.1", "192.0.2.2"), "::ffff:192.0.2.1", "", (), "pbx1"),
        (("192.0.2.1", "a.example.net"), "192.0.2.7", "", (), "pbx2"),
        (("192.0.2.1", "192.0.2.2"), "192.0.2.7", "pbx2", (), "pbx2"),
        (("127.0.0.1", "127.0.0.1"), "127.0.0.1", "", ("pbx2",), "pbx2"),
        (("127.0.0.1", "127.0.0.1"), "127.0.0.1", "pbx1", ("pbx2",), "pbx1"),
        (("a.example.net", "b.example.net"), "192.0.2.7", "", ("pbx1",), "pbx1"),
        (("192.0.2.1", "a.example.net"), "192.0.2.1", "pbx2", (), "pbx2"),
    ],
)
def test_the_pbx_is_the_one_named_else_the_one_at_that_address_else_the_one_with_the_call(
    hosts: tuple[str, ...], peer: str, named: str, known: tuple[str, ...], found: str
) -> None:
    config = configuration(*hosts)

    assert hints.which_pbx(named, peer, config, lambda name: name in known) == found


@pytest.mark.parametrize(
    ("hosts", "peer", "named", "known", "says"),
    [
        (("127.0.0.1",), "127.0.0.1", "nowhere", (), "there are pbx1"),
        (("192.0.2.1", "192.0.2.2"), "192.0.2.1", "pbx2", (), "by the host of pbx1"),
        (("192.0.2.1", "192.0.2.2"), "192.0.2.7", "", (), "add pbx=NAME"),
        (("127.0.0.1", "127.0.0.1"), "127.0.0.1", "", (), "add pbx=NAME"),
        (("127.0.0.1", "127.0.0.1"), "127.0.0.1", "", ("pbx1", "pbx2"), "add pbx=NAME"),
        # A call of another PBX, whose Uniqueid a hostile dialplan or a chance has come to.
        (("192.0.2.1", "192.0.2.2", "192.0.2.2"), "192.0.2.2", "", ("pbx1",), "add pbx=NAME"),
    ],
)
def test_no_pbx_is_guessed_and_none_is_spoken_for_by_another(
    hosts: tuple[str, ...], peer: str, named: str, known: tuple[str, ...], says: str
) -> None:
    with pytest.raises(hints.NotTold, match=says):
        hints.which_pbx(named, peer, configuration(*hosts), lambda name: name in known)


# --- a call by hooks alone ------------------------------------------------------------------------


def test_a_call_by_a_hook_has_the_trackers_key_and_claims_nothing_it_does_not_know() -> None:
    call = hints.with_word(hints.call_by_hint(hint(), "2026-01-01T00:00:00"), hint())

    assert (call.key.pbx, call.key.boot, call.key.uniqueid) == (
        *("pbx1", "2026-01-01T00:00:00", "1700000000.1"),
    )
    assert (call.phase, call.source, call.direction) == (
        *(Phase.HINTED, Source.AGI, Direction.INBOUND),
    )
    assert (call.outcome, call.gap) == (Outcome.UNKNOWN, True)
    assert (call.told_missed, call.told_at) == ("agi", NOW)


def test_words_about_one_call_add_up_and_the_last_one_counts() -> None:
    call = hints.call_by_hint(hint(), "")
    call = hints.with_word(call, hint(HintKind.MESSAGE, message="closed"))
    call = hints.with_word(call, hint(HintKind.HANDLED, at=NOW.plus(2)))
    assert (call.message, call.handled, call.told_missed) == ("closed", "agi", "")

    call = hints.with_word(call, hint(HintKind.MISSED, at=NOW.plus(5)))
    assert (call.message, call.handled, call.told_missed) == ("closed", "", "agi")
    assert call.at == NOW.plus(5)
    assert call.trail[-1] == (5.0, "dialplan: this call is missed (agi)")


def test_a_call_that_loops_through_hooks_keeps_a_short_trail() -> None:
    call = hints.call_by_hint(hint(), "")
    for _ in range(500):
        call = hints.with_word(call, hint(HintKind.HANDLED))

    assert len(call.trail) < 70


# --- what may come of it --------------------------------------------------------------------------


def test_a_message_that_is_not_there_is_refused_with_those_that_are() -> None:
    answer = hints.objection(hint(HintKind.OFFER, message="clsoed\x1b[1m"), None, configuration())

    assert answer is not None
    assert answer.result is HookResult.ERROR
    assert "there are closed" in answer.reason
    assert "\x1b" not in answer.reason


@pytest.mark.parametrize(
    ("kind", "changed", "says"),
    [
        (HintKind.MISSED, {"direction": Direction.OUTBOUND}, "outbound"),
        (HintKind.HANDLED, {"direction": Direction.INTERNAL}, "internal"),
        (HintKind.MISSED, {"did": "+12125550199"}, "no [[number]]"),
        (HintKind.OFFER, {"did": "+12125550199"}, "no [[number]]"),
        (HintKind.OFFER, {"presentation": Presentation.WITHHELD}, "withheld"),
        (HintKind.OPTOUT, {"presentation": Presentation.WITHHELD}, "withheld"),
        (HintKind.OPTOUT, {"caller": "anonymous", "caller_final": "anonymous"}, "withheld"),
        (HintKind.OPTIN, {"caller": "", "caller_final": ""}, "withheld"),
    ],
)
def test_nothing_is_promised_that_cannot_be_kept(
    kind: HintKind, changed: dict[str, Any], says: str
) -> None:
    call = replace(hints.call_by_hint(hint(), ""), **changed)
    answer = hints.objection(hint(kind, message="closed"), call, configuration())

    assert answer is not None
    assert answer.result is HookResult.IGNORED
    assert says in answer.reason


@pytest.mark.parametrize("kind", list(HintKind))
def test_what_can_be_done_meets_no_objection(kind: HintKind) -> None:
    call = hints.call_by_hint(hint(), "")

    assert hints.objection(hint(kind, message="closed"), call, configuration()) is None


@pytest.mark.parametrize("kind", [HintKind.HANDLED, HintKind.OPTOUT, HintKind.OPTIN])
def test_an_opt_out_needs_no_number_that_is_watched(kind: HintKind) -> None:
    call = replace(hints.call_by_hint(hint(), ""), did="s")

    assert hints.objection(hint(kind), call, configuration()) is None


# --- lookup ---------------------------------------------------------------------------------------


def test_a_card_becomes_variables() -> None:
    card = CallerCard(
        last_missed=datetime(2026, 11, 23, 14, 0, tzinfo=UTC), number=DID, name="Zoe", misses=2
    )

    assert dict(hints.card_variables(card)) == {
        "TEXTBACK_LAST_MISSED": "1795442400",
        "TEXTBACK_LAST_NUMBER": DID,
        "TEXTBACK_NAME": "Zoe",
        "TEXTBACK_OPEN_CASE": "1",
        "TEXTBACK_MISSES": "2",
    }


def test_a_caller_never_seen_has_an_empty_card() -> None:
    assert dict(hints.card_variables(None)) == {
        "TEXTBACK_LAST_MISSED": "",
        "TEXTBACK_LAST_NUMBER": "",
        "TEXTBACK_NAME": "",
        "TEXTBACK_OPEN_CASE": "0",
        "TEXTBACK_MISSES": "0",
    }

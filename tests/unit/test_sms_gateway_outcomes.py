"""command_status: every code of the standard is judged, and the rest by range."""

from __future__ import annotations

import pytest
from smpplib import consts

from sms_gateway.outcomes import STATUS, Kind, judge, judge_bind, name

STANDARD = {
    value: key.removeprefix("SMPP_") for key, value in vars(consts).items() if "_ESME_" in key
}


def test_every_code_of_the_standard_has_its_name() -> None:
    assert len(STANDARD) == 48
    assert {code: STATUS[code].name for code in STANDARD} == STANDARD


def test_every_code_has_a_comment_and_one_name() -> None:
    assert all(outcome.comment for outcome in STATUS.values())
    assert len({outcome.name for outcome in STATUS.values()}) == len(STATUS)


@pytest.mark.parametrize(
    ("status", "kind", "counts"),
    [
        (0x00, Kind.OK, False),
        (0x58, Kind.THROTTLE, False),
        (0x14, Kind.THROTTLE, False),
        (0x08, Kind.LATER, True),
        (0x45, Kind.LATER, True),
        (0x64, Kind.LATER, True),
        (0x0B, Kind.REFUSED, True),
        (0x0A, Kind.REFUSED, True),
        (0x01, Kind.REFUSED, True),
        (0xC3, Kind.REFUSED, True),
        (0x04, Kind.REBIND, False),
        (0x05, Kind.REBIND, False),
        (0x0D, Kind.BIND_REFUSED, False),
        (0x0E, Kind.BIND_REFUSED, False),
        (0x0F, Kind.BIND_REFUSED, False),
        (0x53, Kind.BIND_REFUSED, False),
        (0x400, Kind.LATER, True),
        (0x4FF, Kind.LATER, True),
        (0x3FF, Kind.REFUSED, True),
        (0x500, Kind.REFUSED, True),
        (0xFFFFFFFF, Kind.REFUSED, True),
    ],
)
def test_an_answer_to_submit_sm_is_judged(status: int, kind: Kind, counts: bool) -> None:
    found = judge(status)
    assert (found.kind, found.counts) == (kind, counts)
    assert found.name == name(status)
    assert found.comment


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0x00, Kind.OK),
        (0x0D, Kind.BIND_REFUSED),
        (0x0E, Kind.BIND_REFUSED),
        (0x05, Kind.REBIND),
        (0x08, Kind.REBIND),
        (0x58, Kind.REBIND),
        (0x14, Kind.REBIND),
        (0x410, Kind.REBIND),
        (0x03, Kind.BIND_REFUSED),  # it takes no bind of this kind: our `bind` setting
        (0x1234, Kind.BIND_REFUSED),
    ],
)
def test_an_answer_to_a_bind_is_judged(status: int, kind: Kind) -> None:
    assert judge_bind(status).kind is kind


def test_no_answer_to_a_bind_blames_a_message() -> None:
    kinds = {judge_bind(status).kind for status in range(0x600)}
    assert kinds == {Kind.OK, Kind.REBIND, Kind.BIND_REFUSED}


def test_a_code_without_a_name_is_shown_as_documents_print_it() -> None:
    assert name(0x0B) == "ESME_RINVDSTADR"
    assert name(0x40D) == "vendor error 0x0000040D"
    assert name(0xDEAD) == "error 0x0000DEAD"

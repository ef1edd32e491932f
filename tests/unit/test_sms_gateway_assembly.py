"""A message in segments: what is built, and how the ends of its parts become one answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sms_gateway.assembly import Assembly, End, assemble
from sms_gateway.settings import RouteSettings
from textback.model import Accepted, Later, Message, PartId, Refused, Submission, Unsure

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
ROUTE = RouteSettings(name="r", host="h", system_id="s")
SHORT = Message(
    row_id=1,
    to="+12125550123",
    sender="+12125550100",
    text="Sorry we missed your call.",
    expires=NOW + timedelta(minutes=15),
    reference=0x1234,
)
THREE = replace(SHORT, text="0123456789" * 40)

A, B, C = (PartId(number, 3, f"id{number}") for number in (1, 2, 3))
NO = Refused(status=0x0B, name="ESME_RINVDSTADR", detail="no such number")
WAIT = Later(after=5.0, detail="throttled", status=0x58, name="ESME_RTHROTTLED", counts=False)
FAULT = Later(after=30.0, detail="fault", status=0x08, name="ESME_RSYSERR")
BACK = Later(after=1.0, detail="taken back", counts=False)
SILENT = Unsure(detail="no answer within 30 s")


def built(message: Message = THREE, **more: Any) -> tuple[Assembly, list[Submission]]:
    answers: list[Submission] = []
    return assemble(message, replace(ROUTE, **more), answers.append, NOW), answers


def test_a_short_text_is_one_segment_with_all_its_fields() -> None:
    assembly, _ = built(SHORT, service_type="CMT", tlvs=((0x1400, b"1101"),))
    (segment,) = assembly.segments
    assert segment.fields == {
        "service_type": "CMT",
        "source_addr_ton": 1,
        "source_addr_npi": 1,
        "source_addr": "12125550100",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": "12125550123",
        "validity_period": "000000001500000R",
        "registered_delivery": 1,
        "esm_class": 0,
        "data_coding": 0,
        "short_message": b"Sorry we missed your call.",
    }
    assert segment.tlvs == ((0x1400, b"1101"),)


@pytest.mark.parametrize(("route", "message"), [(False, True), (True, False), (False, False)])
def test_a_receipt_is_asked_for_only_when_route_and_message_want_one(
    route: bool, message: bool
) -> None:
    assembly, _ = built(replace(SHORT, receipt=message), receipts=route)
    assert assembly.segments[0].fields["registered_delivery"] == 0


def test_a_long_text_has_numbered_segments_under_one_reference() -> None:
    assembly, _ = built()
    assert [(s.number, s.total) for s in assembly.segments] == [(1, 3), (2, 3), (3, 3)]
    heads = [segment.fields["short_message"][:7] for segment in assembly.segments]
    assert heads == [bytes([6, 8, 4, 0x12, 0x34, 3, n]) for n in (1, 2, 3)]


def test_parts_that_were_accepted_before_are_left_out() -> None:
    assembly, answers = built(replace(THREE, parts_done=frozenset({1, 3})))
    (segment,) = assembly.segments
    assert segment.number == 2
    assembly.end(segment, B, NOW)
    assert answers == [Accepted(parts=(B,), at=NOW)]


def test_a_payload_weighs_as_many_segments_as_it_becomes() -> None:
    assembly, _ = built(long_messages="payload")
    assert [segment.weight for segment in assembly.segments] == [3]


@pytest.mark.parametrize("bad", [{"to": "anonymous"}, {"sender": "Much too long a name"}])
def test_a_message_that_can_never_go_says_why(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"digits|11 characters"):
        built(replace(SHORT, **bad))


@pytest.mark.parametrize(
    ("ends", "answer"),
    [
        ((A, B, C), Accepted(parts=(A, B, C), at=NOW)),
        ((A, SILENT, NO), Unsure(detail=SILENT.detail, parts=(A,))),
        ((A, NO, WAIT), replace(NO, parts=(A,))),
        ((A, WAIT, BACK), replace(WAIT, parts=(A,))),
        ((BACK, FAULT, C), replace(FAULT, parts=(C,))),
        ((WAIT, FAULT, BACK), replace(FAULT, parts=())),
        ((SILENT, SILENT, SILENT), SILENT),
        ((BACK, BACK, BACK), BACK),
    ],
)
def test_the_ends_of_all_parts_are_one_answer(
    ends: tuple[End, End, End], answer: Submission
) -> None:
    assembly, answers = built()
    for segment, end in zip(reversed(assembly.segments), reversed(ends), strict=True):
        assert answers == []
        assembly.end(segment, end, NOW)
    assert answers == [answer]


def test_anything_but_an_acceptance_dooms_the_message() -> None:
    for end in (NO, WAIT, SILENT):
        assembly, _ = built()
        assembly.end(assembly.segments[0], A, NOW)
        assert not assembly.doomed
        assembly.end(assembly.segments[1], end, NOW)
        assert assembly.doomed


def test_a_late_answer_is_filled_in() -> None:
    assembly, answers = built()
    ends: tuple[End, ...] = (A, SILENT, SILENT)
    for segment, end in zip(assembly.segments, ends, strict=True):
        assembly.end(segment, end, NOW)
    _, second, third = assembly.segments
    assert assembly.amend(second, B, NOW) == Unsure(detail=SILENT.detail, parts=(A, B))
    assert assembly.amend(third, C, NOW) == Accepted(parts=(A, B, C), at=NOW)
    assert len(answers) == 1

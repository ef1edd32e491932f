"""Receipts: early, late, twice, out of order, with the id in other words, and without any."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.fakes.store import (
    CALLER,
    accepted,
    at,
    claim,
    finished,
    queued,
    receipt,
    sending,
)
from textback.model import (
    OUTBOX_TRANSITIONS,
    Accepted,
    Later,
    OutboxRow,
    OutboxState,
    PartId,
    ReceiptState,
    Unsure,
)
from textback.store.errors import IllegalTransitionError
from textback.store.matching import may_mean
from textback.store.store import Store
from textback.store.tables_carrier import receipt_forms, receipts
from textback.store.transitions import better, require, sources, state_from_parts

R = ReceiptState
DELIVERED, ACCEPTED = OutboxState.DELIVERED, OutboxState.ACCEPTED
UNDELIVERED, UNCERTAIN = OutboxState.UNDELIVERED, OutboxState.UNCERTAIN


def hex_or_decimal(route: str, message_id: str) -> frozenset[str]:
    """As a route with id_format = "hex_dec" would: what came as hex may come back as decimal."""
    return frozenset({message_id, str(int(message_id, 16))})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "textback.db", id_forms=hex_or_decimal)
    yield opened
    await opened.close()


async def sent(store: Store, *ids: str, **changes: object) -> OutboxRow:
    """A text the carrier has taken under these ids."""
    (row,) = await sending(store, **changes)
    await store.record_submissions([finished(row, accepted(*ids))], at(2))
    return row


async def state(store: Store, row: OutboxRow) -> OutboxState:
    return (await store.text(row.id)).state


async def waiting(store: Store) -> int:
    query = select(func.count()).select_from(receipt_forms)
    return await store.read(lambda db: db.execute(query).scalar_one())


# --- by id ------------------------------------------------------------------------------------


async def test_a_receipt_finds_its_text_by_the_id(store: Store) -> None:
    row = await sent(store, "1a")
    found = await store.record_receipt(receipt("1a"))
    assert (found.row_id, found.part, found.note) == (row.id, 1, "by message id")
    assert found.state is await state(store, row) is DELIVERED


async def test_a_receipt_finds_its_text_in_decimal(store: Store) -> None:
    row = await sent(store, "1a")
    assert (await store.record_receipt(receipt("26"))).row_id == row.id


async def test_a_receipt_brings_forms_of_its_own(store: Store) -> None:
    row = await sent(store, "1a")
    found = await store.record_receipt(receipt("0026", id_forms=frozenset({"0026", "26"})))
    assert found.row_id == row.id


async def test_an_id_belongs_to_its_route(store: Store) -> None:
    await sent(store, "1a")
    assert (await store.record_receipt(receipt("1a", route="backup"))).row_id is None


async def test_an_undelivered_text_says_what_the_receipt_said(store: Store) -> None:
    row = await sent(store, "1a")
    await store.record_receipt(receipt("1a", R.UNDELIVERABLE, error="069"))
    found = await store.text(row.id)
    assert (found.state, found.reason) == (UNDELIVERED, "receipt says UNDELIV, error 069")


@pytest.mark.parametrize("order", list(itertools.permutations([R.ENROUTE, R.DELIVERED])))
async def test_delivered_beats_enroute_in_any_order(
    store: Store, order: tuple[ReceiptState, ...]
) -> None:
    row = await sent(store, "1a")
    for said in order:
        await store.record_receipt(receipt("1a", said))
    assert await state(store, row) is DELIVERED


async def test_undelivered_is_corrected_to_delivered_and_not_back(store: Store) -> None:
    row = await sent(store, "1a")
    for said in (R.UNDELIVERABLE, R.DELIVERED, R.UNDELIVERABLE, R.ENROUTE):
        await store.record_receipt(receipt("1a", said))
    assert await state(store, row) is DELIVERED


async def test_a_receipt_that_comes_twice_is_kept_twice_and_changes_nothing(store: Store) -> None:
    row = await sent(store, "1a")
    for _ in range(2):
        found = await store.record_receipt(receipt("1a"))
        assert (found.row_id, found.state) == (row.id, DELIVERED)
    kept = await store.read(lambda db: db.execute(select(receipts.c.raw)).scalars().all())
    assert kept == [b"id:", b"id:"]


async def test_a_batch_of_receipts_is_applied_in_its_order(store: Store) -> None:
    row = await sent(store, "1a")
    found = await store.record_receipts(
        [receipt("1a", R.ENROUTE), receipt("ff"), receipt("1a"), receipt("1a", R.EXPIRED)]
    )
    assert [m.row_id for m in found] == [row.id, None, row.id, row.id]
    assert await state(store, row) is DELIVERED


async def test_a_long_text_has_arrived_when_every_part_has(store: Store) -> None:
    row = await sent(store, "1a", "1b")
    assert (await store.record_receipt(receipt("1b"))).state is ACCEPTED
    assert (await store.record_receipt(receipt("1a"))).state is DELIVERED
    assert await state(store, row) is DELIVERED


async def test_a_long_text_has_not_arrived_when_one_part_has_not(store: Store) -> None:
    await sent(store, "1a", "1b")
    assert (await store.record_receipt(receipt("1b"))).state is ACCEPTED
    assert (await store.record_receipt(receipt("1a", R.EXPIRED))).state is UNDELIVERED
    assert (await store.record_receipt(receipt("1a"))).state is DELIVERED


async def test_an_id_used_again_means_the_latest_text_to_that_handset(store: Store) -> None:
    old = await sent(store, "1a")
    other = await sent(store, "1a", to="+12125550199")
    new = await sent(store, "1a")
    found = await store.record_receipt(receipt("1a"))
    assert (found.row_id, found.note) == (new.id, "by message id, handset and time")
    assert [await state(store, row) for row in (old, other)] == [ACCEPTED, ACCEPTED]


async def test_an_id_used_again_to_strangers_stays_open(store: Store) -> None:
    await sent(store, "1a", to="+12125550198")
    await sent(store, "1a", to="+12125550199")
    found = await store.record_receipt(receipt("1a"))
    assert found.row_id is None
    assert "2 texts have this message id" in found.note


# --- before submit_sm_resp --------------------------------------------------------------------


async def test_a_receipt_may_come_before_its_answer(store: Store) -> None:
    (row,) = await sending(store)
    assert (await store.record_receipt(receipt("26"))).row_id is None
    assert await waiting(store) == 1
    states = await store.record_submissions([finished(row, accepted("1a"))], at(6))
    assert states == {row.id: DELIVERED}
    assert await state(store, row) is DELIVERED
    assert await waiting(store) == 0


async def test_several_receipts_may_come_before_their_answer(store: Store) -> None:
    (row,) = await sending(store)
    for said in (R.DELIVERED, R.ENROUTE):
        await store.record_receipt(receipt("1a", said))
    await store.record_submissions([finished(row, accepted("1a"))], at(6))
    assert await state(store, row) is DELIVERED


async def test_a_receipt_older_than_the_text_is_not_its_own(store: Store) -> None:
    await store.record_receipt(receipt("1a", at=at(-3600)))
    row = await sent(store, "1a")
    assert await state(store, row) is ACCEPTED
    assert await waiting(store) == 1


async def test_a_receipt_for_the_first_part_may_come_before_the_last_part_is_taken(
    store: Store,
) -> None:
    (row,) = await sending(store, text="a" * 2)
    later = Later(after=1, detail="", parts=(PartId(1, 2, "1a"),))
    await store.turn([finished(row, later, state=OutboxState.QUEUED, due=at(3))], None, at(2))
    await store.record_receipt(receipt("1a", R.UNDELIVERABLE))
    assert await state(store, row) is OutboxState.QUEUED
    await store.turn((), claim(segments=len), at(3))
    rest = Accepted(parts=(PartId(2, 2, "1b"),), at=at(4))
    assert await store.record_submissions([finished(row, rest)], at(4)) == {row.id: UNDELIVERED}


# --- uncertain, without an id -----------------------------------------------------------------


async def uncertain(store: Store, **changes: object) -> OutboxRow:
    (row,) = await sending(store, **changes)
    await store.turn([finished(row, Unsure(detail="timeout"))], None, at(2))
    return row


async def test_an_uncertain_text_is_resolved_by_handset_sender_and_time(store: Store) -> None:
    row = await uncertain(store)
    found = await store.record_receipt(receipt("1a"))
    assert (found.row_id, found.state) == (row.id, DELIVERED)
    assert found.note == "by handset, sender and time"


async def test_the_carrier_may_leave_out_the_plus(store: Store) -> None:
    row = await uncertain(store)
    bare = receipt("1a", sender=CALLER.lstrip("+"), recipient="12125550100")
    assert (await store.record_receipt(bare)).row_id == row.id


async def test_a_receipt_without_any_id_resolves_too(store: Store) -> None:
    row = await uncertain(store)
    assert (await store.record_receipt(receipt(""))).row_id == row.id


async def test_the_next_receipt_of_a_resolved_text_is_found_by_its_id(store: Store) -> None:
    row = await uncertain(store)
    enroute, delivered = receipt("1a", R.ENROUTE), receipt("26")
    assert (await store.record_receipt(enroute)).state is ACCEPTED
    found = await store.record_receipt(delivered)
    assert (found.row_id, found.note, found.state) == (row.id, "by message id", DELIVERED)


async def test_two_receipts_of_one_uncertain_text_may_come_together(store: Store) -> None:
    row = await uncertain(store)
    found = await store.record_receipts([receipt("1a", R.ENROUTE), receipt("1a")])
    assert [m.row_id for m in found] == [row.id, row.id]
    assert await state(store, row) is DELIVERED


async def test_two_candidates_are_left_open_and_named(store: Store) -> None:
    one, two = await uncertain(store), await uncertain(store)
    found = await store.record_receipt(receipt("1a"))
    assert found.row_id is None
    assert found.note.endswith(f"it could mean text {one.id}, {two.id}: left open")
    kept = await store.read(lambda db: db.execute(select(receipts.c.note)).scalar_one())
    assert kept == found.note


async def test_a_text_on_the_wire_is_a_candidate_as_well(store: Store) -> None:
    await uncertain(store)
    (flying,) = await sending(store)
    assert (await store.record_receipt(receipt("1a"))).row_id is None
    states = await store.record_submissions([finished(flying, accepted("1a"))], at(6))
    assert states == {flying.id: DELIVERED}


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": "+12125550199"},
        {"recipient": "+12125550109"},
        {"at": at(-60)},
        {"at": at(4 * 86400)},
        {"route": "backup"},
    ],
)
async def test_another_handset_sender_time_or_route_resolves_nothing(
    store: Store, changes: dict[str, object]
) -> None:
    row = await uncertain(store)
    assert (await store.record_receipt(receipt("1a", **changes))).row_id is None
    assert await state(store, row) is UNCERTAIN


async def test_an_accepted_text_is_not_resolved_by_address(store: Store) -> None:
    row = await sent(store, "1a")
    assert (await store.record_receipt(receipt("ff"))).row_id is None
    assert await state(store, row) is ACCEPTED


async def test_a_receipt_that_came_before_we_gave_up_waiting_counts(store: Store) -> None:
    (row,) = await sending(store)
    await store.record_receipt(receipt("1a"))
    unsure = finished(row, Unsure(detail="timeout"), at=at(31), resend=True, due=at(31))
    assert (await store.turn([unsure], None, at(31))).states == {row.id: DELIVERED}
    assert await waiting(store) == 0


async def test_a_long_uncertain_text_is_resolved_part_by_part(store: Store) -> None:
    await queued(store, text="aa")
    (row,) = (await store.turn((), claim(segments=len), at(1))).claimed
    await store.turn([finished(row, Unsure(detail="timeout"))], None, at(2))
    assert (await store.record_receipt(receipt("1a"))).state is UNCERTAIN
    assert (await store.record_receipt(receipt("1b"))).state is DELIVERED
    assert (await store.record_receipt(receipt("1c"))).row_id is None


async def test_a_receipt_spares_a_text_that_waits_to_be_sent_again(store: Store) -> None:
    (row,) = await sending(store)
    unsure = finished(row, Unsure(detail="timeout"), resend=True, due=at(7))
    await store.turn([unsure], None, at(2))
    assert (await store.record_receipt(receipt("1a"))).row_id == row.id
    (again,) = (await store.turn((), claim(), at(7))).claimed
    assert again.parts_done == frozenset({1})


# --- the machine ------------------------------------------------------------------------------


def test_the_sources_of_a_state_are_the_table_read_backwards() -> None:
    for new in OutboxState:
        for old in OutboxState:
            assert (old in sources(new)) == (new in OUTBOX_TRANSITIONS[old])


def test_a_step_that_is_not_in_the_table_is_refused_in_words() -> None:
    with pytest.raises(IllegalTransitionError, match="text 7 is delivered and cannot be released"):
        require(7, DELIVERED, OutboxState.QUEUED)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ReceiptState), min_size=1, max_size=6))
def test_any_order_of_receipts_with_delivered_among_them_ends_delivered(
    said: list[ReceiptState],
) -> None:
    known: ReceiptState | None = None
    for one in said:
        if better(known, one):
            known = one
    assert (known is R.DELIVERED) == (R.DELIVERED in said)
    assert known is not None
    assert known.final == any(one.final for one in said)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(OutboxState),
    st.integers(1, 4),
    st.lists(st.none() | st.sampled_from(ReceiptState), max_size=4),
)
def test_receipts_only_ever_take_a_step_of_the_table(
    old: OutboxState, total: int, said: list[ReceiptState | None]
) -> None:
    new = state_from_parts(old, total, said)
    assert new is old or new in OUTBOX_TRANSITIONS[old]


@pytest.mark.parametrize(
    ("message_id", "sender", "recipient", "means"),
    [
        ("20", "+16465550123", "+12125550100", True),
        ("20", "6465550123", "2125550100", True),  # without the country code
        ("20", "12125550100", "16465550123", True),  # not swapped
        ("20", "+16465550199", "+12125550100", False),  # a stranger's short id
        ("000000020", "+16465550199", "+12125550100", False),
        ("20", "", "", True),  # names nobody
        ("7f3a9c20d1", "+16465550199", "+12125550100", True),  # no chance meeting
    ],
)
def test_a_short_id_alone_does_not_make_a_receipt_another_handsets(
    message_id: str, sender: str, recipient: str, means: bool
) -> None:
    assert may_mean(message_id, sender, recipient, "+16465550123") is means


async def test_a_receipt_whose_decimal_is_anothers_hexadecimal_waits_for_its_own(
    store: Store,
) -> None:
    other = await sent(store, "14")  # hexadecimal for 20
    early = receipt("20", sender="+16465550177")
    (found,) = await store.record_receipts([early])
    assert found.row_id is None
    (own,) = await sending(store, to="+16465550177")
    settled = await store.record_submissions([finished(own, accepted("20"))], at(4))
    assert settled[own.id] is DELIVERED
    assert (await store.text(other.id)).state is ACCEPTED

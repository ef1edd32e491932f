"""The outbox: claimed on the disk before a byte leaves, recorded, put right after a crash."""

from __future__ import annotations

from sqlalchemy import select

from tests.fakes.statements import heard
from tests.fakes.store import (
    NOW,
    accepted,
    at,
    call,
    claim,
    fact,
    finished,
    queued,
    receipt,
    send,
    sending,
)
from textback.model import (
    Accepted,
    Later,
    OutboxState,
    PartId,
    ReceiptState,
    Refused,
    Unsure,
)
from textback.store.rows import Recovered
from textback.store.store import Store
from textback.store.tables import AttemptResult, attempts


async def results(store: Store) -> list[tuple[int, AttemptResult]]:
    query = select(attempts.c.number, attempts.c.result).order_by(
        attempts.c.row_id, attempts.c.number
    )
    return await store.read(lambda db: [(row.number, row.result) for row in db.execute(query)])


async def test_a_claimed_text_is_sending_on_the_disk_with_an_open_attempt(store: Store) -> None:
    (row,) = await sending(store)
    assert row.state is OutboxState.SENDING
    assert (row.route, row.attempts, row.claimed) == ("smsc", 1, at(1))
    assert await store.text(row.id) == row
    assert await results(store) == [(1, AttemptResult.OPEN)]


async def test_a_turn_costs_as_many_statements_for_many_texts_as_for_one(store: Store) -> None:
    said: list[int] = []
    for count in (1, 20):
        for n in range(count):
            there = call(f"17.{count}{n}")
            await store.judge(fact(there, send(f"+1212555{n:04d}"), caller=f"+1212555{n:04d}"), NOW)
        with heard(store) as first:
            rows = (await store.turn((), claim(), at(1))).claimed
        assert len(rows) == count
        with heard(store) as second:
            came = [finished(row, accepted(f"{row.id:08x}")) for row in rows]
            await store.turn(came, None, at(2))
        said.append(len(first) + len(second))
    assert said[0] == said[1] <= 15


async def test_the_oldest_due_text_goes_first(store: Store) -> None:
    first, second, third = await queued(store, 3)
    settled = await store.turn((), claim(room=2), at(1))
    assert [row.id for row in settled.claimed] == [first.id, second.id]
    assert settled.more
    settled = await store.turn((), claim(room=2), at(1))
    assert [row.id for row in settled.claimed] == [third.id]
    assert (settled.more, settled.blocked, settled.next_due) == (False, False, None)


async def test_no_text_is_claimed_twice(store: Store) -> None:
    await sending(store)
    assert (await store.turn((), claim(), at(1))).claimed == ()


async def test_a_text_is_not_claimed_before_it_is_due(store: Store) -> None:
    (row,) = await sending(store)
    later = finished(row, Later(after=5, detail=""), state=OutboxState.QUEUED, due=at(60))
    settled = await store.turn([later], claim(), at(2))
    assert (settled.claimed, settled.next_due) == ((), at(60))
    assert await store.next_due() == at(60)
    assert [r.id for r in (await store.turn((), claim(), at(60))).claimed] == [row.id]


async def test_a_text_past_its_time_expires_instead_of_being_claimed(store: Store) -> None:
    (row,) = await queued(store)
    settled = await store.turn((), claim(), at(900))
    assert (settled.claimed, settled.expired) == ((), (row.id,))
    found = await store.text(row.id)
    assert (found.state, found.reason) == (OutboxState.EXPIRED, "too old to be useful")


async def test_a_text_expires_also_when_there_is_no_room(store: Store) -> None:
    (row,) = await queued(store)
    assert (await store.turn((), claim(room=0), at(900))).expired == (row.id,)


async def test_without_room_nothing_is_claimed_and_it_says_so(store: Store) -> None:
    await queued(store)
    settled = await store.turn((), claim(room=0, idle=False), at(1))
    assert (settled.claimed, settled.blocked) == ((), True)


async def test_room_is_counted_in_segments_and_none_overtakes(store: Store) -> None:
    await queued(store, 1, text="a" * 3)
    await queued(store, 1, text="a" * 3)
    await queued(store, 1, text="a")
    settled = await store.turn((), claim(room=5, segments=len), at(1))
    assert [row.id for row in settled.claimed] == [1]
    assert (settled.segments, settled.blocked) == ((3,), True)


async def test_a_text_longer_than_the_window_goes_when_nothing_else_is_out(store: Store) -> None:
    await queued(store, 1, text="a" * 12)
    waits = await store.turn((), claim(room=10, segments=len, idle=False), at(1))
    assert (waits.claimed, waits.blocked) == ((), True)
    goes = await store.turn((), claim(room=10, segments=len, idle=True), at(1))
    assert goes.segments == (12,)


async def test_a_lane_takes_its_own_texts_and_the_primary_all_that_are_nobodys(
    store: Store,
) -> None:
    for route in ("backup", "", "gone"):
        await queued(store, 1, route=route)
    backup = await store.turn((), claim(route="backup", others=None), at(1))
    assert [row.id for row in backup.claimed] == [1]
    primary = await store.turn((), claim(others=frozenset({"backup"})), at(1))
    assert [(row.id, row.route) for row in primary.claimed] == [(2, "smsc"), (3, "smsc")]


async def test_claiming_without_a_lane_takes_what_is_due(store: Store) -> None:
    await queued(store, 3)
    assert len(await store.claim(2, at(1))) == 2


# --- what came back ---------------------------------------------------------------------------


async def test_an_accepted_text_keeps_its_ids_and_its_attempt(store: Store) -> None:
    (row,) = await sending(store)
    states = await store.record_submissions([finished(row, accepted("1A", "1B"))], at(2))
    assert states == {row.id: OutboxState.ACCEPTED}
    assert (await store.text(row.id)).parts_done == frozenset({1, 2})
    assert await results(store) == [(1, AttemptResult.ACCEPTED)]


async def test_a_refused_text_says_why(store: Store) -> None:
    (row,) = await sending(store)
    refused = Refused(status=0x0B, name="ESME_RINVDSTADR", detail="no such number")
    done = finished(row, refused, state=OutboxState.REFUSED, reason="refused: ESME_RINVDSTADR")
    await store.turn([done], None, at(2))
    found = await store.text(row.id)
    assert (found.state, found.reason) == (OutboxState.REFUSED, "refused: ESME_RINVDSTADR")


async def test_throttling_does_not_burn_an_attempt(store: Store) -> None:
    (row,) = await sending(store)
    later = Later(after=1, detail="throttled", status=0x58, name="ESME_RTHROTTLED", counts=False)
    await store.turn([finished(row, later, state=OutboxState.QUEUED, due=at(3))], None, at(2))
    assert (await store.text(row.id)).attempts == 0
    await store.turn((), claim(), at(3))
    assert (await store.text(row.id)).attempts == 1
    assert await results(store) == [(1, AttemptResult.LATER), (2, AttemptResult.OPEN)]


async def test_parts_that_were_taken_are_not_sent_again(store: Store) -> None:
    (row,) = await sending(store, text="a" * 3)
    later = Later(after=1, detail="", parts=(PartId(1, 3, "x"), PartId(3, 3, "z")))
    await store.turn([finished(row, later, state=OutboxState.QUEUED, due=at(3))], None, at(2))
    settled = await store.turn((), claim(segments=len), at(3))
    assert settled.claimed[0].parts_done == frozenset({1, 3})
    assert settled.segments == (1,)
    assert settled.claimed[0].reference == row.reference


async def test_record_and_claim_share_one_transaction(store: Store) -> None:
    (first,) = await sending(store)
    (second,) = await queued(store)
    settled = await store.turn([finished(first, accepted("a"))], claim(), at(2))
    assert settled.states == {first.id: OutboxState.ACCEPTED}
    assert [row.id for row in settled.claimed] == [second.id]


async def test_the_reference_follows_from_the_row(store: Store) -> None:
    first, second = await queued(store, 2)
    assert second.reference == first.reference + 1


async def test_a_shadow_text_is_never_claimed(store: Store) -> None:
    await queued(store, shadow=True)
    assert (await store.turn((), claim(), at(1))).claimed == ()
    assert await store.next_due() is None


async def test_a_text_without_a_call_is_claimed_like_any_other(store: Store) -> None:
    row = await store.enqueue(send(), by="root", now=NOW)
    assert [r.id for r in await store.claim(10, at(1))] == [row.id]


# --- uncertain --------------------------------------------------------------------------------


async def test_hold_keeps_an_unsure_text_uncertain(store: Store) -> None:
    (row,) = await sending(store)
    settled = await store.turn([finished(row, Unsure(detail="timeout"))], claim(), at(2))
    assert settled.states == {row.id: OutboxState.UNCERTAIN}
    assert settled.claimed == ()


async def test_resend_puts_an_unsure_text_back(store: Store) -> None:
    (row,) = await sending(store)
    unsure = finished(row, Unsure(detail="timeout"), resend=True, due=at(7))
    assert (await store.turn([unsure], None, at(2))).states == {row.id: OutboxState.QUEUED}
    assert (await store.text(row.id)).due == at(7)


async def test_resend_leaves_a_text_past_its_time_uncertain(store: Store) -> None:
    (row,) = await sending(store)
    unsure = finished(row, Unsure(detail="timeout"), resend=True, at=at(901), due=at(905))
    states = (await store.turn([unsure], None, at(901))).states
    assert states == {row.id: OutboxState.UNCERTAIN}


async def test_a_late_answer_resolves_an_uncertain_text(store: Store) -> None:
    (row,) = await sending(store)
    await store.turn([finished(row, Unsure(detail="timeout"))], None, at(2))
    assert await store.record_late(row.id, accepted("1A"), at(40)) is OutboxState.ACCEPTED
    (found,) = await store.record_receipts([receipt("1A")])
    assert found.state is OutboxState.DELIVERED


async def test_a_late_refusal_refuses_an_uncertain_text_and_says_why(store: Store) -> None:
    (row,) = await sending(store)
    await store.turn([finished(row, Unsure(detail="timeout"))], None, at(2))
    refused = Refused(status=0x0B, name="ESME_RINVDSTADR", detail="")
    assert await store.record_late(row.id, refused, at(40)) is OutboxState.REFUSED
    assert "ESME_RINVDSTADR" in (await store.text(row.id)).reason


async def test_a_late_answer_spares_a_text_that_waits_to_be_sent_again(store: Store) -> None:
    (row,) = await sending(store)
    unsure = finished(row, Unsure(detail="timeout"), resend=True, due=at(7))
    await store.turn([unsure], None, at(2))
    assert await store.record_late(row.id, accepted("1A"), at(5)) is OutboxState.QUEUED
    (again,) = (await store.turn((), claim(), at(7))).claimed
    assert again.parts_done == frozenset({1})
    # The gateway finds nothing left to send, and the receipt that came meanwhile counts.
    await store.record_receipts([receipt("1A")])
    nothing = finished(again, Accepted(parts=(), at=at(8)))
    assert await store.record_submissions([nothing], at(8)) == {row.id: OutboxState.DELIVERED}


# --- after a crash ----------------------------------------------------------------------------


async def test_what_was_sending_is_uncertain_after_a_crash(store: Store) -> None:
    rows = await sending(store, 2)
    await queued(store)
    assert await store.recover(at(60)) == Recovered(uncertain=2)
    for row in rows:
        found = await store.text(row.id)
        assert found.state is OutboxState.UNCERTAIN
        assert found.reason.startswith("found sending at start")
    assert await results(store) == [(1, AttemptResult.LOST)] * 2


async def test_what_was_sending_is_sent_again_where_the_route_says_so(store: Store) -> None:
    (row,) = await sending(store)
    assert await store.recover(at(60), ["smsc"]) == Recovered(resend=1)
    (again,) = (await store.turn((), claim(), at(60))).claimed
    assert (again.id, again.attempts) == (row.id, 2)
    assert await results(store) == [(1, AttemptResult.LOST), (2, AttemptResult.OPEN)]


async def test_a_receipt_from_before_the_crash_resolves_what_was_sending(store: Store) -> None:
    await sending(store)
    await store.record_receipts([receipt("77")])
    assert await store.recover(at(60), ["smsc"]) == Recovered(resolved=1)
    assert (await store.counts())[OutboxState.DELIVERED] == 1


async def test_after_a_clean_stop_there_is_nothing_to_recover(store: Store) -> None:
    (row,) = await sending(store)
    await store.turn([finished(row, accepted("a"))], None, at(2))
    assert await store.recover(at(60), ["smsc"]) == Recovered()


async def test_recovering_twice_changes_nothing_more(store: Store) -> None:
    await sending(store)
    await store.recover(at(60))
    assert await store.recover(at(61), ["smsc"]) == Recovered()


async def test_a_receipt_state_is_kept_on_its_part(store: Store) -> None:
    (row,) = await sending(store)
    await store.turn([finished(row, accepted("a"))], None, at(2))
    (found,) = await store.record_receipts([receipt("a", ReceiptState.ENROUTE)])
    assert (found.row_id, found.state) == (row.id, OutboxState.ACCEPTED)

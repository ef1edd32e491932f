"""Export and erasure of a person: every table, every spelling, and the bytes of the file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select, text, update

from tests.fakes.person import NUMBERS, put_everywhere
from tests.fakes.store import NOW, receipt
from textback.keeping_spelling import Spelling
from textback.model import Contact
from textback.store import suppression
from textback.store.erasing import Erased, UnderWayError
from textback.store.finding import person
from textback.store.holdings import HELD, HOLDINGS, Erase, searched
from textback.store.keeping import files_of, still_in
from textback.store.schema import metadata
from textback.store.store import Store
from textback.store.tables import calls, outbox, verdicts

ANNA, BOB = "+12125550123", "+12125550177"
ANNA_SAYS = "my dog ate the homework, call Zebulon"
BOB_SAYS = "this is somebody else altogether, fine"
NAME, OTHER = "Anna Quixenberry", "Bob Vandersloot"


async def fill(store: Store) -> None:
    def work(db: Connection) -> None:
        put_everywhere(db, ANNA, NAME, ANNA_SAYS, NOW)
        put_everywhere(db, BOB, OTHER, BOB_SAYS, NOW)
        db.execute(update(calls).values(ended_at=NOW))

    await store._db.write(work)


async def erase(store: Store, number: str = ANNA) -> Erased:
    return await store.erase_person(Spelling(number), by="operator kim", reason="asked", now=NOW)


async def rows(store: Store) -> dict[str, int]:
    def count(db: Connection) -> dict[str, int]:
        return {
            t.name: db.execute(select(func.count()).select_from(t)).scalar_one()
            for t in metadata.sorted_tables
        }

    return await store.read(count)


# --- the list of tables ------------------------------------------------------------------------


def test_every_table_says_how_long_it_is_kept_and_what_erasure_makes_of_it() -> None:
    named = {holding.name for holding in HOLDINGS}
    assert named == set(metadata.tables), "put it into textback/store/holdings.py"


def test_a_table_that_is_erased_is_found_by_a_number_or_by_a_row_it_belongs_to() -> None:
    order = [holding.name for holding in HOLDINGS]
    for holding in HOLDINGS:
        if holding.erase is Erase.NOTHING:
            continue
        assert holding.by or holding.via, holding.name
        for column, parent in holding.via:
            assert column in holding.table.c
            assert order.index(parent) < order.index(holding.name), "its parents come first"


def test_what_is_blanked_are_columns_of_the_table() -> None:
    for holding in HOLDINGS:
        assert set(holding.blank) <= set(holding.table.c.keys()), holding.name


def test_every_column_with_words_is_searched() -> None:
    assert {c.name for c in searched(HELD["calls"])} >= {"did", "trail", "message", "context"}
    assert {c.name for c in searched(HELD["replies"])} >= {"raw", "text", "octets"}
    assert "uniqueid" not in {c.name for c in searched(HELD["calls"])}


def test_the_tests_person_is_in_every_table_that_has_people() -> None:
    for holding in HOLDINGS:
        if holding.by and holding.name != "meta":
            assert holding.name in NUMBERS


# --- export ------------------------------------------------------------------------------------


async def test_an_export_has_the_persons_row_of_every_table_and_nobody_elses(store: Store) -> None:
    await fill(store)
    found = await store.export_person(Spelling(ANNA))
    for holding in HOLDINGS:
        if holding.by or holding.via:
            assert len(found[holding.name]) == 1, holding.name
    assert OTHER not in str(found)
    assert BOB not in str(found)
    assert found["replies"][0]["text"] == ANNA_SAYS


async def test_an_export_names_rows_of_others_in_which_the_number_stands(store: Store) -> None:
    await fill(store)
    note = "passed on to (212) 555-0123"
    await store._db.write(
        lambda db: db.execute(update(calls).where(calls.c.caller == BOB).values(trail=[[0, note]]))
    )
    found = await store.export_person(Spelling(ANNA))
    assert found["mentions"] == [{"table": "calls", "row": 2, "trail": [[0, note]]}]


# --- erasure -----------------------------------------------------------------------------------


async def test_nothing_is_left_in_the_files_but_the_hash(store: Store, tmp_path: Path) -> None:
    await fill(store)
    path = tmp_path / "textback.db"
    every = (*Spelling(ANNA).needles, "12125550123", NAME, "Quixenberry", ANNA_SAYS, "Zebulon")
    assert set(still_in(path, every)) >= {"2125550123", NAME, ANNA_SAYS}
    done = await erase(store)
    assert await store.take_over_log()
    assert still_in(path, every) == ()
    blob = b"".join(file.read_bytes() for file in files_of(path))
    assert b"5550123" not in blob
    assert done.number_hash.encode() in blob
    assert set(still_in(path, (OTHER, BOB_SAYS))) == {OTHER, BOB_SAYS}


async def test_of_each_table_as_many_rows_stay_as_it_says(store: Store) -> None:
    await fill(store)
    before = await rows(store)
    await erase(store)
    after = await rows(store)
    for holding in HOLDINGS:
        gone = before[holding.name] - after[holding.name]
        added = {"suppressed": 1, "operator_log": 1, "consents": 1}.get(holding.name, 0)
        assert gone + added == (1 if holding.erase is Erase.DELETE else 0), holding.name


async def test_the_other_person_is_as_before(store: Store) -> None:
    await fill(store)
    before = await store.export_person(Spelling(BOB))
    await erase(store)
    assert await store.export_person(Spelling(BOB)) == before


async def test_erased_twice_there_is_nothing_more_to_erase(store: Store) -> None:
    await fill(store)
    await erase(store)
    again = await erase(store)
    assert again.count == 0
    assert again.mentions == 0
    assert (await store.export_person(Spelling(ANNA)))["mentions"] == []


async def test_calls_and_texts_still_count_as_they_did(store: Store) -> None:
    await fill(store)

    def figures(db: Connection) -> list[Any]:
        kinds = select(calls.c.direction, calls.c.outcome, calls.c.started_at, func.count())
        texts = select(outbox.c.state, outbox.c.kind, func.count())
        asked = select(verdicts.c.reason, verdicts.c.send, func.count())
        return [
            list(
                db.execute(kinds.group_by(calls.c.direction, calls.c.outcome, calls.c.started_at))
            ),
            list(db.execute(texts.group_by(outbox.c.state, outbox.c.kind))),
            list(db.execute(asked.group_by(verdicts.c.reason, verdicts.c.send))),
        ]

    before = await store.read(figures)
    await erase(store)
    assert await store.read(figures) == before


async def test_a_text_on_its_way_keeps_the_number_from_being_erased(store: Store) -> None:
    await fill(store)
    await store._db.write(lambda db: db.execute(update(outbox).values(state="sending")))
    with pytest.raises(UnderWayError, match="on its way to the carrier; nothing was erased"):
        await erase(store)
    assert (await store.export_person(Spelling(ANNA)))["contacts"]


async def test_a_call_that_is_not_over_does_so_too_but_not_one_that_was_lost(store: Store) -> None:
    await fill(store)
    await store._db.write(lambda db: db.execute(update(calls).values(ended_at=None)))
    with pytest.raises(UnderWayError, match="is not over yet"):
        await erase(store)
    late = NOW + timedelta(days=2)
    done = await store.erase_person(Spelling(ANNA), by="kim", reason="asked", now=late)
    assert done.rows["calls"] == 1


async def test_a_text_that_waits_is_cancelled_and_blank(store: Store) -> None:
    await fill(store)
    await store._db.write(lambda db: db.execute(update(outbox).values(state="queued")))
    await erase(store)
    row = (await store.queue(None))[0]
    assert (row.state, row.to, row.text) == ("cancelled", "", "")


async def test_other_spellings_are_found_too(store: Store) -> None:
    await fill(store)

    def respell(db: Connection) -> None:
        db.execute(text("UPDATE replies SET sender = '12125550123' WHERE sender = :n"), {"n": ANNA})
        db.execute(
            text("UPDATE calls SET caller = '2125550123', caller_e164 = '' WHERE caller = :n"),
            {"n": ANNA},
        )
        db.execute(
            text("UPDATE receipts SET row_id = NULL, sender = '12125550123' WHERE sender = :n"),
            {"n": ANNA},
        )

    await store._db.write(respell)
    found = await store.read(lambda db: person(db, Spelling(ANNA)))
    assert [found.ids(name) for name in ("replies", "calls", "receipts")] == [[1], [1], [1]]
    await erase(store)
    assert await store.mentions(Spelling(ANNA)) == []


async def test_a_foreign_number_is_not_mistaken_for_one_of_ours() -> None:
    london = Spelling("+442079460100", home=False)
    assert not london.found_in("2079460100")
    assert not london.found_in("12079460100")
    assert london.found_in("+44 20 7946 0100")
    assert "2079460100" not in london.exact


async def test_calls_that_reached_the_person_still_say_that_somebody_was_reached(
    store: Store,
) -> None:
    await fill(store)
    mine = update(calls).where(calls.c.caller == BOB).values(called_back=ANNA, did=ANNA)
    await store._db.write(lambda db: db.execute(mine))
    await erase(store)
    row = await store.read(lambda db: db.execute(select(calls).where(calls.c.caller == BOB)).one())
    assert (row.called_back, row.did, row.caller_name) == ("[erased]", "[erased]", OTHER)


@pytest.mark.parametrize("reached", [ANNA, ""])
async def test_what_the_house_dialled_goes_whether_or_not_somebody_answered(
    store: Store, tmp_path: Path, reached: str
) -> None:
    await fill(store)
    out = {"direction": "outbound", "called_back": reached, "did": "92125550123"}
    trail = [[0, "dials PJSIP/912125550123@trunk"]]
    mine = update(calls).where(calls.c.caller == BOB).values(**out, trail=trail)
    await store._db.write(lambda db: db.execute(mine))
    await erase(store)
    row = await store.read(lambda db: db.execute(select(calls).where(calls.c.caller == BOB)).one())
    assert row.did == "[erased]"
    assert await store.take_over_log()
    assert still_in(tmp_path / "textback.db", Spelling(ANNA).needles) == ()


async def test_somebody_whose_number_has_the_same_digits_is_left_alone(store: Store) -> None:
    await fill(store)
    british = "+44" + ANNA[2:]
    note = f"{british}, or {british[:3]} {british[3:]}"

    def respell(db: Connection) -> None:
        db.execute(update(calls).where(calls.c.caller == BOB).values(trail=[[0, note]]))
        db.execute(
            text("UPDATE replies SET sender = :n WHERE sender = :b"), {"n": british, "b": BOB}
        )

    await store._db.write(respell)
    await erase(store)
    row = await store.read(lambda db: db.execute(select(calls).where(calls.c.caller == BOB)).one())
    assert row.trail == [[0, note]]
    found = await store.export_person(Spelling(british, home=False))
    assert [reply["sender"] for reply in found["replies"]] == [british]
    # What the files have of the digits is theirs, and the command must not call it a failure.
    assert await store.in_others((ANNA[2:], "5550123", "Quixenberry")) == {ANNA[2:], "5550123"}


# --- the suppression list ------------------------------------------------------------------------


async def test_an_erased_caller_counts_as_opted_out_until_start(store: Store) -> None:
    await fill(store)
    await erase(store)
    known = await store.history(ANNA, "+12125550100", NOW)
    assert known.opted_out.startswith("erased at their wish")
    assert (await store.history(BOB, "+12125550100", NOW)).opted_out != known.opted_out
    assert await store._db.write(lambda db: suppression.lift(db, ANNA))
    assert (await store.history(ANNA, "+12125550100", NOW)).opted_out == ""


async def test_the_key_is_private_and_not_in_the_database(store: Store, tmp_path: Path) -> None:
    await fill(store)
    assert not (tmp_path / suppression.KEY_FILE).exists()
    await erase(store)
    file = tmp_path / suppression.KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert still_in(tmp_path / "textback.db", [file.read_text().strip()]) == ()


async def test_without_its_key_nobody_is_texted_and_it_is_said_why(
    store: Store, tmp_path: Path
) -> None:
    await fill(store)
    await erase(store)
    (tmp_path / suppression.KEY_FILE).unlink()
    known = await store.history("+12125550155", "+12125550100", NOW)
    assert "is missing" in known.opted_out
    with pytest.raises(suppression.KeyMissingError, match=r"restored from a backup"):
        await store.require_suppression_key()
    with pytest.raises(suppression.KeyMissingError):
        await erase(store, BOB)


async def test_a_key_that_is_none_is_said_so(store: Store, tmp_path: Path) -> None:
    await fill(store)
    await erase(store)
    (tmp_path / suppression.KEY_FILE).write_text("not hexadecimal\n")
    with pytest.raises(suppression.KeyMissingError, match="no key of ours"):
        await store.require_suppression_key()


async def test_the_next_import_does_not_bring_an_erased_person_back(store: Store) -> None:
    await fill(store)
    await erase(store)
    found = [
        Contact(number=number, name="Somebody", organization="", source="csv:a.csv")
        for number in (ANNA, "+12125550144")
    ]
    await store.exchange_contacts("csv:a.csv", found, NOW)
    assert await store.known_contacts(ANNA) == []
    assert len(await store.known_contacts("+12125550144")) == 1


async def test_a_receipt_that_comes_after_the_erasure_is_kept_without_the_number(
    store: Store, tmp_path: Path
) -> None:
    await fill(store)
    await erase(store)
    late = receipt("late-1", sender=ANNA.lstrip("+"), raw=b"id:late-1 12125550123")
    other = receipt("late-2", sender="12125550144", raw=b"id:late-2 12125550144")
    await store.record_receipts([late, other])
    await store.take_over_log()
    left = still_in(tmp_path / "textback.db", ("2125550123", "2125550144"))
    assert left == ("2125550144",)
    assert (await rows(store))["receipts"] == 3  # Bob's, and these two


# --- plans ---------------------------------------------------------------------------------------


async def test_a_person_is_found_by_indexes_alone(store: Store) -> None:
    seen: list[str] = []

    def explain(db: Connection) -> None:
        statements: list[tuple[str, Any]] = []

        def note(_c: Any, _cur: Any, statement: str, parameters: Any, *_: Any) -> None:
            statements.append((statement, parameters))

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            person(db, Spelling(ANNA))
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        for statement, parameters in statements:
            plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            seen.extend(str(row[3]) for row in plan)

    await fill(store)
    await store.read(explain)
    big = [line for line in seen if line.startswith("SCAN") and "opt_outs" not in line]
    assert seen
    assert big == []

"""Reading what Asterisk writes: files without an end, hostile fields, tables that are in use."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.births import Inbound
from ami_listener.records import csv_tail
from ami_listener.records.columns import CDR_CSV, CEL_CSV, cdr_order, named
from ami_listener.records.csv_tail import parse, read_tail
from ami_listener.records.reader import RecordReader
from ami_listener.records.settings import RecordSettings
from ami_listener.records.table import UnusableTableError, read_table
from textback.model import Call, Outcome

INBOUND = Inbound(frozenset({"from-trunk"}))


def line(*fields: str) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
    return out.getvalue()


# --- CSV -----------------------------------------------------------------------------------------

texts = st.text(
    st.one_of(st.sampled_from('",\n\r;x1 '), st.characters(codec="utf-8", exclude_characters="\0")),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(texts, min_size=3, max_size=5), max_size=6), st.data())
def test_reading_from_anywhere_gives_the_last_rows_and_never_others(
    rows: list[list[str]], data: st.DataObject
) -> None:
    # Asterisk's first field is a word or empty, never a stranger's.
    rows = [["HANGUP", *row] for row in rows]
    whole = "".join(line(*row) for row in rows).encode()

    assert parse(whole, whole=True).rows == rows
    begin = data.draw(st.integers(0, len(whole)))
    tail = parse(whole[begin:], whole=False).rows
    found = [row for row in tail if row is not None]
    assert found == rows[len(rows) - len(found) :]


def test_name_that_holds_a_whole_row_is_no_row() -> None:
    forged = 'x"\nHANGUP,1,2\n"HANGUP","1","2"\n'
    data = (line("A", forged, "z") + line("B", "y", "z")).encode()

    assert parse(data, whole=True).rows == [["A", forged, "z"], ["B", "y", "z"]]
    for begin in range(1, len(data)):
        assert [r for r in parse(data[begin:], whole=False).rows if r] in ([["B", "y", "z"]], [])


def test_row_that_is_still_being_written_waits() -> None:
    data = (line("A", "1") + line("B", "2")).encode()

    assert parse(data[:-1], whole=True).rows == [["A", "1"]]


def test_damaged_row_leaves_a_hole_and_the_next_one_is_read() -> None:
    data = (line("A", "1") + '"B","torn\n' + line("C", "3")).encode()

    assert parse(data, whole=True).rows == [["A", "1"], None, ["C", "3"]]


def test_huge_file_is_read_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "Master.csv"
    path.write_text("".join(line("A", str(n)) for n in range(5000)))

    tail = read_tail(path, 10)
    assert tail.truncated
    assert tail.rows == [["A", str(n)] for n in range(4990, 5000)]

    short = read_tail(path, 5000, max_bytes=1000)
    assert short.truncated
    assert short.rows[-1] == ["A", "4999"]
    assert len(short.rows) < 100


def test_file_before_the_rotation_is_read_first(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(line("A", "2"))
    (tmp_path / "Master.csv-20260101").write_text(line("A", "0"))
    (tmp_path / "Master.csv-20260102").write_text(line("A", "1"))
    (tmp_path / "Master.csv-20260102.gz").write_bytes(b"\x1f\x8b")

    tail = read_tail(path, 100)
    assert (tail.rows, tail.rotated) == ([["A", "1"], ["A", "2"]], "Master.csv-20260102")

    (tmp_path / "Master.csv.1").write_text(line("A", "9"))
    assert read_tail(path, 100).rotated == "Master.csv.1"


def test_row_of_megabytes_is_not_taken() -> None:
    data = (line("A", "x" * 200_000) + line("B", "1")).encode()

    assert parse(data, whole=True).rows == [None, ["B", "1"]]
    assert csv_tail.MAX_ROW < 200_000


# --- columns -------------------------------------------------------------------------------------


def test_master_csv_has_the_columns_its_width_tells() -> None:
    assert cdr_order(16) == CDR_CSV
    assert cdr_order(17) == (*CDR_CSV, "uniqueid")
    assert cdr_order(21) == (
        *CDR_CSV,
        *("uniqueid", "userfield", "peeraccount", "linkedid", "sequence"),
    )
    assert cdr_order(19) is None


def test_usual_spellings_of_columns_are_understood() -> None:
    assert named(["CallDate", "UniqueID", "last_app"], cel=False) == (
        "start",
        "uniqueid",
        "lastapp",
    )
    assert named(["channel", "Extra", "cid_num"], cel=True) == (
        "channame",
        "eventextra",
        "cidnum",
    )


@pytest.mark.parametrize("key", ["cel_columns", "cdr_columns"])
def test_columns_that_cannot_work_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} lacks .*uniqueid"):
        RecordSettings(pbx="p", inbound=INBOUND, **{key: ("eventtype", "src")})  # type: ignore[arg-type]


# --- tables --------------------------------------------------------------------------------------


def table(path: Path, columns: str = "a, b", rows: int = 3) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"CREATE TABLE cel (AcctId INTEGER PRIMARY KEY, {columns})")
        for n in range(rows):
            db.execute("INSERT INTO cel (a, b) VALUES (?, ?)", (str(n), None))
    return path


def test_last_rows_of_a_table_in_the_order_they_were_written(tmp_path: Path) -> None:
    found = read_table(table(tmp_path / "master.db"), "cel", 2)

    assert found.columns == ("AcctId", "a", "b")
    assert found.rows == [["2", "1", ""], ["3", "2", ""]]
    assert found.truncated


def test_table_is_read_while_asterisk_holds_it_open_and_nothing_is_written(tmp_path: Path) -> None:
    path = table(tmp_path / "ma?ster&#.db")
    before = path.read_bytes()
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("SELECT 1 FROM cel").fetchone()
        assert len(read_table(path, "cel", 10).rows) == 3

    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "no table"), (b"not a database, but long enough to be one" * 30, "not a database")],
)
def test_file_that_is_no_database_is_told(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "master.db"
    path.write_bytes(content)

    with pytest.raises(UnusableTableError, match=says):
        read_table(path, "cel", 10)


def test_truncated_database_is_told(tmp_path: Path) -> None:
    path = table(tmp_path / "master.db", rows=5000)
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(UnusableTableError, match="malformed"):
        read_table(path, "cel", 10_000)


def test_locked_database_is_told_and_waited_for_no_longer_than_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ami_listener.records.table.BUSY", 10)
    path = table(tmp_path / "master.db")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnusableTableError, match="locked"):
            read_table(path, "cel", 10)


# --- the reader ----------------------------------------------------------------------------------


def reader(**paths: Path) -> RecordReader:
    return RecordReader(
        RecordSettings(pbx="p", inbound=INBOUND, utc=True, **paths),  # type: ignore[arg-type]
        lambda _: 15.0,
    )


def test_source_that_is_not_there_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    cdr = tmp_path / "Master.csv"
    cdr.write_text(missed_call())

    records = reader(cel_csv=tmp_path / "none.csv", cdr_csv=cdr).read(0.0, "boot")

    assert list(records.unreadable) == ["cel_csv"]
    assert "No such file" in records.unreadable["cel_csv"]
    assert outcomes(records.calls.values()) == [Outcome.NO_ANSWER]


def test_file_with_other_columns_is_told(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(line("a", "b", "c"))

    records = reader(cel_csv=path).read(0.0, "boot")

    assert records.unreadable["cel_csv"].endswith("its columns (3) are not those expected")


def test_table_without_linkedid_is_told(tmp_path: Path) -> None:
    path = tmp_path / "master.db"
    with closing(sqlite3.connect(path)) as db, db:
        names = ", ".join(name for name in CEL_CSV if name != "linkedid")
        db.execute(f"CREATE TABLE cel ({names})")

    records = reader(cel_sqlite=path).read(0.0, "boot")

    assert records.unreadable["cel_sqlite"].endswith("it has no linkedid")


def test_file_in_another_time_zone_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(missed_call(start="2026-11-23 10:34:15", end="2026-11-23 10:34:33"))

    records = reader(cdr_csv=path).read(0.0, "boot")

    assert "its times are -5.0 h off" in records.unreadable["cdr_csv"]
    assert records.calls == {}


def outcomes(calls: object) -> list[Outcome]:
    return [call.outcome for call in calls if isinstance(call, Call)]  # type: ignore[attr-defined]


def missed_call(start: str = "2026-11-23 15:34:15", end: str = "2026-11-23 15:34:33") -> str:
    row = (
        *("", "+16465550100", "+12125550100", "from-trunk", '"" <+16465550100>'),
        *("PJSIP/trunk-1", "PJSIP/1001-1", "Dial", "PJSIP/1001,18", start, "", end),
        *("18", "0", "NO ANSWER", "DOCUMENTATION", "1795448055.0", "", "", "1795448055.0", "0"),
    )
    return line(*row)

"""Contacts as files and phonebooks tell them."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textback import contacts_astdb, contacts_csv, contacts_files, contacts_vcard
from textback.contacts import MAX_NUMBERS, Found, Rules, numbers_in
from textback.model import Contact

RULES = Rules(
    countries=("US",),
    vip_tags=frozenset({"vip"}),
    no_text_tags=frozenset({"no text", "supplier"}),
)
ANN = "+16465550123"
BEN = "+12125550124"


def csv(text: str, encoding: str = "utf-8", rules: Rules = RULES) -> Found:
    return contacts_csv.read(text.encode(encoding), rules, "csv:x.csv")


def vcard(text: str, rules: Rules = RULES) -> Found:
    return contacts_vcard.read(text.encode(), rules, "vcard:x.vcf")


def told(found: Found) -> list[tuple[str, str]]:
    assert not found.refused
    return [(contact.number, contact.name) for contact in found.contacts]


# --- CSV --------------------------------------------------------------------------------------

GOOGLE = (
    "Name,Given Name,Additional Name,Family Name,Organization 1 - Name,Group Membership,"
    "Phone 1 - Type,Phone 1 - Value,Phone 2 - Type,Phone 2 - Value\r\n"
    "Ann Lee,Ann,,Lee,Acme,VIP ::: * myContacts,Mobile,(646) 555-0123 ::: +1 212 555 0124,Fax,\r\n"
)
GOOGLE_NEW = (
    "First Name,Middle Name,Last Name,Organization Name,Labels,Phone 1 - Label,Phone 1 - Value\n"
    "Ann,,Lee,Acme,vip ::: * myContacts,Mobile,646-555-0123\n"
)
OUTLOOK = (
    '"First Name","Last Name","Company","Business Fax","Business Phone","Mobile Phone","Pager",'
    '"Categories"\r\n'
    '"Ann","Lee","Acme","(212) 555-0199","(212) 555-0124","1-646-555-0123","2125550198","VIP"\r\n'
)


@pytest.mark.parametrize(
    "text",
    [
        "name,phone\nAnn Lee,6465550123\n",
        "Name;Mobile\nAnn Lee;+1 646 555 0123\n",
        "Full Name\tCell Phone\nAnn Lee\t(646) 555-0123\n",
        "phone number|customer name\n1.646.555.0123|Ann Lee\n",
        "Vorname;Nachname;Handy\nAnn;Lee;001 646 555 0123\n".replace("001 ", "+1 "),
        "Nombre,Apellidos,Móvil\nAnn,Lee,6465550123\n",
        "Prénom;Nom;Téléphone\nAnn;Lee;6465550123\n",
        "\n\nName, Phone\nAnn Lee, 6465550123\n",
        "sep=;\nName;Phone\nAnn Lee;6465550123\n",
        '"Ann Lee";6465550123;42\n',
        "6465550123,Ann Lee\n",
        "name,phone\nAnn Lee,'6465550123\n",
        "name,phone\nAnn Lee,16465550123.0\n",
        "name,phone\nAnn Lee,646-555-0123 ext. 12\n",
        "name,phone\nAnn Lee,tel:+16465550123;ext=12\n",
        "name,phone\nAnn Lee,\u202a+16465550123\u202c\n",
        GOOGLE_NEW,
    ],
)
def test_a_name_and_its_number_are_found_whatever_the_columns_are_called(text: str) -> None:
    found = csv(text)
    assert told(found) == [(ANN, "Ann Lee")]
    assert found.problems == []


def test_googles_and_outlooks_exports_are_read_with_all_numbers_and_no_fax() -> None:
    for text in (GOOGLE, OUTLOOK):
        found = csv(text)
        assert sorted(told(found)) == [(BEN, "Ann Lee"), (ANN, "Ann Lee")]
        assert {(c.organization, c.vip, c.tags) for c in found.contacts} == {
            ("Acme", True, ("vip",))
        }
        assert found.problems == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_file_is_read_in_the_encoding_it_has(encoding: str) -> None:
    assert told(csv("name,phone\r\nZoë Müller,6465550123\r\n", encoding)) == [(ANN, "Zoë Müller")]


def test_numbers_are_read_as_in_the_countries_of_the_business() -> None:
    rules = Rules(countries=("GB", "US"))
    text = "name,phone\nA,020 7946 0018\nB,+1 646 555 0123\nC,07700 900123\n"
    assert [number for number, _ in told(csv(text, rules=rules))] == [
        "+442079460018",
        ANN,
        "+447700900123",
    ]


def test_a_bad_row_is_told_with_its_line_and_spoils_no_other() -> None:
    text = (
        "name,phone\n"
        "Ann Lee,6465550123\n"
        "Bad,12345678901234567890\n"
        '"Two\nlines",nonsense\n'
        "Excel,1.64656E+10\n"
        "Extension,101\n"
        "Too,6465550125,many\n"
        "Nobody,\n"
        "Ben Ray,2125550124\n"
    )
    found = csv(text)
    assert told(found) == [(ANN, "Ann Lee"), (BEN, "Ben Ray")]
    assert [problem.line for problem in found.problems] == [3, 4, 6, 7, 8]
    assert "format the column as text" in found.problems[2].text
    assert "more columns than the header" in found.problems[4].text
    assert found.without_number == 1


def test_flags_come_from_columns_and_from_tags() -> None:
    text = (
        "name,phone,vip,no text,tags\n"
        "A,6465550101,yes,,\n"
        "B,6465550102,,x,\n"
        'C,6465550103,,,"Regular; Supplier"\n'
        "D,6465550104,no,no,No-Text\n"
        "E,6465550105,,perhaps,\n"
    )
    found = csv(text)
    assert [(c.name, c.vip, c.no_text) for c in found.contacts] == [
        ("A", True, False),
        ("B", False, True),
        ("C", False, True),
        ("D", False, True),
        ("E", False, True),
    ]
    assert found.contacts[2].tags == ("regular", "supplier")
    assert [problem.line for problem in found.problems] == [6]


@pytest.mark.parametrize(
    "text", ["name,street\nAnn,Main Street\n", "just words\nand more\n", "{}", '"unclosed']
)
def test_a_file_without_numbers_is_refused_as_a_whole(text: str) -> None:
    found = csv(text)
    assert "no column with numbers" in found.refused
    assert found.contacts == []


def test_an_empty_file_has_no_contacts_and_nothing_is_wrong_with_it() -> None:
    assert (csv("").refused, csv("\n\n").refused) == ("", "")


def test_more_numbers_in_a_cell_than_anybody_has_are_cut() -> None:
    numbers = ";".join(f"6465550{n:03}" for n in range(100, 150))
    found = csv(f'name,phone\nAnn,"{numbers}"\n')
    assert len(found.contacts) == MAX_NUMBERS
    assert [problem.line for problem in found.problems] == [2]


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("646-555-0123 / 212-555-0124", ["646-555-0123", "212-555-0124"]),
        ("(646) 555-0123, (212) 555-0124", ["(646) 555-0123", "(212) 555-0124"]),
        ("+16465550123,,12", ["+16465550123"]),
        ("646 555 0123 x5", ["646 555 0123"]),
        ("", []),
    ],
)
def test_numbers_in_a_cell_are_divided(cell: str, numbers: list[str]) -> None:
    assert list(numbers_in(cell)) == numbers


# --- vCard ------------------------------------------------------------------------------------

PICTURE = base64.b64encode(bytes(range(256)) * 400).decode()
FOLDED = "\r\n ".join(PICTURE[i : i + 72] for i in range(0, len(PICTURE), 72))


def test_vcards_of_each_version_are_read_side_by_side() -> None:
    found = vcard(
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN:M=C3=BCller;Zo=C3=AB\r\n"
        "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Zo=C3=AB =\r\nM=C3=BCller\r\n"
        "TEL;CELL:646-555-0123\r\nTEL;WORK;FAX:212-555-0199\r\n"
        f"PHOTO;ENCODING=BASE64;TYPE=JPEG:{PICTURE[:76]}\r\n{PICTURE[76:152]}\r\n\r\n"
        "END:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Ray;Ben;;;\r\nORG:Acme;Sales\r\n"
        "item1.TEL;type=CELL;type=VOICE;type=pref:+1 (212) 555-\r\n 0124\r\n"
        f"PHOTO;ENCODING=b;TYPE=JPEG:{FOLDED}\r\nCATEGORIES:VIP,Friends\r\nEND:VCARD\r\n"
        "begin:vcard\nVERSION:4.0\nFN:Cleo Dee\nTEL;VALUE=uri;TYPE=cell:tel:+1-646-555-0125\n"
        "TEL;TYPE=home:(646) 555-0126\nCATEGORIES:supplier\nend:vcard\n"
    )
    assert told(found) == [
        (ANN, "Zoë Müller"),
        (BEN, "Ben Ray"),
        ("+16465550125", "Cleo Dee"),
        ("+16465550126", "Cleo Dee"),
    ]
    assert [c.vip for c in found.contacts] == [False, True, False, False]
    assert [c.no_text for c in found.contacts] == [False, False, True, True]
    assert found.contacts[1].organization == "Acme, Sales"
    assert found.problems == []


def test_a_broken_card_spoils_no_other_and_is_told_with_its_line() -> None:
    good = "BEGIN:VCARD\nVERSION:3.0\nFN:Ann Lee\nTEL:6465550123\nEND:VCARD\n"
    found = vcard(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Open\nTEL:6465550199\n"
        + good
        + "BEGIN:VCARD\nVERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE;CHARSET=klingon:=ZZ\nEND:VCARD\n"
        + "BEGIN:VCARD\nVERSION:3.0\nFN:Last\nTEL:6465550198\n"
    )
    assert told(found) == [(ANN, "Ann Lee")]
    lines = [problem.line for problem in found.problems]
    assert lines[0] == 1
    assert lines[-1] == 14


def test_a_card_of_hostile_size_costs_nothing() -> None:
    names = "\n".join("FN:" + "x" * 10_000 for _ in range(20))
    found = vcard(f"BEGIN:VCARD\nVERSION:3.0\n{names}\nTEL:6465550123\nEND:VCARD\n")
    assert found.contacts == []
    assert "longer than" in found.problems[0].text


def test_what_is_no_vcard_is_refused() -> None:
    assert vcard("name,phone\nAnn,6465550123\n").refused == "has no vCard in it"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"name,phone\n", b"", b"a;tel\r\n"]))
def test_no_bytes_break_the_csv_reader(data: bytes, head: bytes) -> None:
    found = contacts_csv.read(head + data, RULES, "csv:x")
    assert all(c.number.startswith("+") and c.name.isprintable() for c in found.contacts)
    assert all(problem.text.isprintable() for problem in found.problems)


LINES = st.sampled_from(
    [
        "BEGIN:VCARD",
        "END:VCARD",
        "VERSION:2.1",
        "FN;ENCODING=QUOTED-PRINTABLE:=C3=",
        "FN;CHARSET=utf-7;ENCODING=QUOTED-PRINTABLE:+AGE-",
        "N:;;;;;;;;",
        "N;ENCODING=BASE64:!!!",
        "TEL;;;=:,",
        'TEL;TYPE="a:6465550123',
        "TEL;VALUE=uri:tel:+16465550123",
        "ORG:\\;\\,\\n;;",
        " folded",
        "\tfolded=",
        "CATEGORIES:,,,a\\,b",
        "AGENT:BEGIN:VCARD",
        "BEGIN:VCALENDAR",
        ".TEL:1",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES | st.text(max_size=60), max_size=20))
def test_no_lines_break_the_vcard_reader(lines: list[str]) -> None:
    text = "\n".join(["BEGIN:VCARD", *lines, "END:VCARD"])
    found = contacts_vcard.read(text.encode("utf-8", "surrogatepass"), RULES, "vcard:x")
    assert all(c.number.startswith("+") and c.name.isprintable() for c in found.contacts)


# --- Asterisk's database ----------------------------------------------------------------------


def test_a_phonebook_by_ami_gives_names_by_number() -> None:
    rows = [
        {"event": "DBGetTreeResponse", "key": "/cidname/6465550123", "val": "Ann Lee"},
        {"event": "DBGetTreeResponse", "key": "/cidname/101", "val": "Front desk"},
    ]
    found = contacts_astdb.of_rows(rows, RULES, "astdb:pbx")
    assert found.contacts == [Contact(number=ANN, name="Ann Lee", source="astdb:pbx")]
    assert [problem.line for problem in found.problems] == [2]


def test_a_phonebook_is_read_from_its_file_and_only_its_own_family(tmp_path: Path) -> None:
    path = tmp_path / "astdb.sqlite3"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE astdb (key VARCHAR(256), value VARCHAR(256), PRIMARY KEY (key))")
        rows = [
            ("/cidname/6465550123", "Ann Lee"),
            ("/cidnames/6465550124", "Other"),
            ("/registrar/contact/101", "sip"),
        ]
        db.executemany("INSERT INTO astdb VALUES (?, ?)", rows)
    assert told(contacts_astdb.of_file(path, RULES, "astdb:pbx")) == [(ANN, "Ann Lee")]
    path.write_bytes(b"no database")
    with pytest.raises(OSError, match="not a database"):
        contacts_astdb.of_file(path, RULES, "astdb:pbx")


# --- files ------------------------------------------------------------------------------------


def test_files_are_found_by_pattern_and_named_for_people(tmp_path: Path) -> None:
    for name in ("b.csv", "a.vcf", "other/b.csv", "x.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("name,phone\n")
    found = contacts_files.files_of([f"{tmp_path}/*.csv", f"{tmp_path}/*.vcf"])
    assert list(found) == ["csv:b.csv", "vcard:a.vcf"]
    both = contacts_files.files_of([f"{tmp_path}/*.csv", f"{tmp_path}/other/*.csv"])
    assert list(both) == [f"csv:{tmp_path}/b.csv", f"csv:{tmp_path}/other/b.csv"]


def test_a_file_that_is_none_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        contacts_files.read(tmp_path, RULES, "csv:x")

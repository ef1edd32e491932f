"""A list of numbers that are not to be texted, as people keep such lists."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from textback.optout_import import read

ONE, TWO = "+12125550123", "+12125550124"


def numbers(text: str) -> list[tuple[int, str, str]]:
    found, bad = read(text, "US")
    assert bad == []
    return [(one.line, one.number, one.reason) for one in found]


def test_one_number_a_line_with_comments_and_blanks() -> None:
    text = f"# asked by mail\n\n{ONE}\n(212) 555-0124   # at the counter\n"
    assert numbers(text) == [(3, ONE, ""), (4, TWO, "")]


def test_csv_by_its_header_whatever_divides_it() -> None:
    for divider in (",", ";", "\t"):
        rows = [("Name", "Phone", "Reason"), ("Ann", "2125550123", "wrote a letter")]
        text = "\r\n".join(divider.join(row) for row in rows)
        assert numbers(text) == [(2, ONE, "wrote a letter")]


def test_csv_without_a_header_is_number_and_reason() -> None:
    assert numbers(f'{ONE},"no, thanks"\n{TWO}') == [(1, ONE, "no, thanks"), (2, TWO, "")]


def test_a_number_twice_counts_once_in_its_first_place() -> None:
    assert numbers(f"{ONE}\n2125550123\n") == [(1, ONE, "")]


def test_every_bad_line_is_told_with_its_number() -> None:
    found, bad = read(f"{ONE}\nAnn\n12\n{TWO}\n;\n", "US")
    assert [one.number for one in found] == [ONE, TWO]
    assert [(b.line, b.shown) for b in bad] == [(2, "Ann"), (3, "12"), (5, ";")]
    assert all(b.why for b in bad)


def test_numbers_are_read_as_in_the_country() -> None:
    found, _ = read("020 7946 0101", "GB")
    assert found[0].number == "+442079460101"


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_list_breaks_the_reader(text: str) -> None:
    found, bad = read(text, "US")
    lines = text.splitlines()
    assert len(found) + len(bad) <= len(lines)
    assert all(b.shown.isprintable() for b in bad)

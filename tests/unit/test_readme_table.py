"""README.md's table of topologies says what the acceptance tests play, and no more."""

from __future__ import annotations

import pytest

from tests.acceptance.played import Matrix
from tests.lab import readme_table
from tests.lab.readme_table import README, lines, renewed, table
from tests.lab.row import Row, row
from tests.lab.sentences import SENTENCES
from tests.lab.tables import classes
from tests.lab.versions import VERSIONS


def test_readme_has_the_table_of_what_is_played() -> None:
    readme = README.read_text()
    assert renewed(readme, table(classes())) == readme, "run: make generated"


def test_each_sentence_belongs_to_a_row_that_is_played() -> None:
    played = {(cls.dialplan, row.name) for cls in classes() for row in cls.rows()}
    assert played == {(dialplan, name) for dialplan in SENTENCES for name in SENTENCES[dialplan]}


def test_each_sentence_of_a_dialplan_is_about_one_row() -> None:
    for sentences in SENTENCES.values():
        assert len(set(sentences.values())) == len(sentences)


def test_both_versions_are_played_with_each_dialplan() -> None:
    assert {(cls.dialplan, cls.version) for cls in classes()} == {
        (dialplan, version) for dialplan in SENTENCES for version in VERSIONS
    }


def classes_for(rows: list[Row], **more: tuple[str, str]) -> list[type[Matrix]]:
    """A class for each keyword: name = (dialplan, version)."""
    return [
        type(name, (Matrix,), {"table": rows, "dialplan": dialplan, "version": version})
        for name, (dialplan, version) in more.items()
    ]


@pytest.fixture
def sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"one": "One rings", "two": "It is called twice", "old": "An old way"}
    monkeypatch.setattr(readme_table, "SENTENCES", {"plain": told, "other": told})


@pytest.mark.usefixtures("sentences")
def test_a_version_is_claimed_only_where_a_class_plays_the_row_on_it() -> None:
    rows = [
        row("one", "Hangup()", "no_answer send"),
        row("old", "Hangup()", "answered skip answered", versions=("16",)),
    ]
    found = lines(classes_for(rows, A=("plain", "22"), B=("plain", "16"), C=("other", "22")))

    assert [(line.what, line.verdict, line.versions) for line in found] == [
        ("One rings", "text", {"plain": {"22", "16"}, "other": {"22"}}),
        ("An old way", "no text", {"plain": {"16"}}),
    ]


@pytest.mark.usefixtures("sentences")
def test_both_calls_of_a_row_are_told() -> None:
    twice = row("two", "Hangup()", "no_answer send", second="no_answer skip cooldown")
    found = lines(classes_for([twice], A=("plain", "22")))

    assert [(line.what, line.verdict) for line in found] == [
        ("It is called twice", "text"),
        ("It is called twice: the second call", "no text: cooldown"),
    ]


@pytest.mark.usefixtures("sentences")
def test_a_row_without_a_sentence_is_an_error() -> None:
    with pytest.raises(KeyError, match="nameless"):
        lines(classes_for([row("nameless", "Hangup()", "busy send")], A=("plain", "22")))


def test_a_readme_without_the_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="lacks"):
        renewed("# textback\n", "| |")

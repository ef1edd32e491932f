"""Every text of the console has its translation, with the same blanks to fill in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from tests.lab import messages
from textback.console import i18n

PLACES = re.compile(r"%\((\w+)\)[sd]|%%")


def every(path: Path) -> list[Message]:
    return [message for message in messages.read(path) if message.id]


def forms(words: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def test_there_is_a_translation_for_every_language_but_the_sources() -> None:
    found = [path.parents[1].name for path in messages.translations()]
    assert found == sorted(i18n.LANGUAGES[1:])


@pytest.mark.parametrize("path", messages.translations(), ids=lambda path: path.parents[1].name)
def test_a_translation_has_every_text_of_the_sources_and_no_other(path: Path) -> None:
    wanted = {forms(message.id) for message in messages.gathered() if message.id}
    assert {forms(message.id) for message in every(path)} == wanted, "run `make messages`"


@pytest.mark.parametrize("path", messages.translations(), ids=lambda path: path.parents[1].name)
def test_no_text_is_left_without_its_translation(path: Path) -> None:
    empty = [message.id for message in every(path) if not all(forms(message.string or ""))]
    assert not empty
    assert not [message.id for message in every(path) if message.fuzzy]


@pytest.mark.parametrize("path", messages.translations(), ids=lambda path: path.parents[1].name)
def test_a_translation_has_the_same_blanks_to_fill_in(path: Path) -> None:
    for message in every(path):
        wanted = set(PLACES.findall(forms(message.id)[-1]))
        for text in forms(message.string):
            # "one" may say the number in words.
            found = set(PLACES.findall(text))
            assert found <= wanted, message.id
        assert set(PLACES.findall(forms(message.string)[-1])) == wanted, message.id


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR,fr;q=0.9,de;q=0.5,en;q=0.4", "de"),
        ("fr", "en"),
        ("en;q=0.3,de;q=0.9", "de"),
        ("de;q=0", "en"),
        (";;;q=,,,de;q=nonsense,en", "en"),
        ("*", "en"),
    ],
)
def test_a_browser_says_which_language_it_wants(header: str, language: str) -> None:
    assert i18n.preferred(header) == language


def test_a_text_is_said_in_the_language_of_its_request() -> None:
    said = {}
    for language in i18n.LANGUAGES:
        with i18n.speaking(language):
            said[language] = i18n._("Inbox"), i18n.ngettext("x", "y", 2)
    assert said["en"] == ("Inbox", "y")
    assert said["de"][0] == "Posteingang"
    assert i18n._("Inbox") == "Inbox"

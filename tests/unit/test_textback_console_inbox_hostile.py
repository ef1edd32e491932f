"""The inbox before hostile texts and names: nothing they write is more than words on the page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.store import CALLER, at, reply
from tests.unit import console_rig
from tests.unit.test_textback_console_inbox import Desk
from textback.console import contained
from textback.model import Contact

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'\" autofocus onfocus=alert(1) x='",
    "javascript:alert(1) https://evil.example/a?b=<c>",
    "</textarea><script>alert(1)</script>",
    "</bdi></span></a><form action=//evil.example><input name=q>",
    "{{7*7}} {% for x in y %} ${7*7} #{7*7}",
    "<!--<style>*{display:none}</style>-->",
    "%(count)s %s %d {0} {name}",
    "&lt;script&gt; &amp; &#60;",
    "Anna\u202egnp.exe\u202c \u2066x\u2069 \u200b\u200f",
    "Z" + "\u0301" * 500 + "algo",
    "a" * 5_000,
    "\x00\x07\x1b[31m\x85\u2028\ufeff",
    "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 שלום مرحبا",
]


class Seen(HTMLParser):
    """The elements and attributes of a page, and its words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def seen(page: str) -> Seen:
    parser = Seen()
    parser.feed(page)
    parser.close()
    return parser


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """What the page is made of, without any word that could be anybody's."""
    return [(tag, tuple(sorted(attrs))) for tag, attrs in seen(page).tags]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console_rig.console(tmp_path, role="agent") as (client, backend):
        yield Desk(client, backend)


async def everywhere(desk: Desk, words: str) -> dict[str, str]:
    """Every page of the inbox on which these words stand as name, text, draft and search."""
    known = Contact(number=CALLER, name=words, organization=words, tags=(words,), source="csv")
    await desk.store.put_contact(known, at(0))
    thread = await desk.wrote(words.replace("\x00", ""))
    return {
        "list": await desk.get("/inbox"),
        "talk": await desk.get(f"/inbox/{thread}"),
        "found": await desk.post("/inbox/search", 200, q="0123"),
        "refused": await desk.post(f"/inbox/{thread}/reply", 422, text=words + "x" * 1_600),
        "new": await desk.post("/inbox/new", 422, to=words[:40], line="1", text=words),
        "sought": await desk.post("/inbox/search", 200, q=words[:200] or "x"),
    }


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
async def test_no_word_becomes_an_element_an_attribute_or_a_link(desk: Desk, attack: str) -> None:
    for name, page in (await everywhere(desk, attack)).items():
        for tag, attributes in seen(page).tags:
            assert tag != "style", name
            assert not [key for key in attributes if key.startswith("on")], (name, tag)
            if tag == "script":
                assert (attributes.get("src") or "").startswith("/static/"), name
            for key in ("href", "src", "action", "formaction"):
                where = attributes.get(key)
                assert where is None or re.match(r"[/#](?!/)", where), (name, tag, where)
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f]", body(page, attack))


def body(page: str, attack: str) -> str:
    """The page without the boxes in which people type: what is in them is theirs to mend."""
    return re.sub(r"<textarea.*?</textarea>|value=\"[^\"]*\"", "", page, flags=re.DOTALL)


async def test_a_page_with_an_attack_has_the_shape_of_one_without(desk: Desk) -> None:
    thread = await desk.wrote("Please call")
    await desk.store.put_contact(Contact(number=CALLER, name="Ana", source="csv"), at(0))
    plain = shape(await desk.get(f"/inbox/{thread}"))
    for attack in ATTACKS[:9]:
        known = Contact(number=CALLER, name=f"Ana {attack}", source="csv")
        await desk.store.put_contact(known, at(0))
        assert shape(await desk.get(f"/inbox/{thread}")) == plain, attack


async def test_a_link_in_a_text_is_shown_whole_and_cannot_be_clicked(desk: Desk) -> None:
    thread = await desk.wrote("Look: https://evil.example/login?a=1 or call +1 212 555 0199")
    page = seen(await desk.get(f"/inbox/{thread}"))
    assert "https://evil.example/login?a=1" in " ".join(page.words)
    assert not [a for tag, a in page.tags if tag == "a" and "evil" in str(a.get("href"))]


async def test_a_text_of_a_megabyte_is_shown_in_part(desk: Desk) -> None:
    await desk.store.record_reply(reply("x" * 1_000_000))
    (thread,) = await desk.store.threads_of(CALLER)
    assert len(await desk.get("/inbox")) < 40_000
    assert len(await desk.get(f"/inbox/{thread.id}")) < 60_000


async def test_a_name_of_a_megabyte_is_one_line_of_a_list(desk: Desk) -> None:
    await desk.store._db.write(
        lambda db: db.exec_driver_sql(
            "INSERT INTO contacts (number, name, organization, tags, vip, no_text, source, "
            "updated_at) VALUES (?, ?, '', '', 0, 0, 'csv', '2026-01-01 00:00:00.000000')",
            (CALLER, "N" * 1_000_000),
        )
    )
    thread = await desk.wrote("Hello")
    assert len(await desk.get("/inbox")) < 40_000
    assert len(await desk.get(f"/inbox/{thread}")) < 60_000


# --- what is shown of words -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("two\r\nlines", "two\nlines"),
        ("a\u202eb\u2066c\u200bd\ufeffe", "abcde"),
        ("bell\x07 and \x1b[31m", "bell\ufffd and \ufffd[31m"),
        ("a\u2028b", "a\nb"),
        ("e" + "\u0301" * 30, "e" + "\u0301" * 4),
        ("Nguyễn Thị Ánh", "Nguyễn Thị Ánh"),
        ("👩‍👩‍👧‍👦 👍🏽", "👩‍👩‍👧‍👦 👍🏽"),
        ("שָׁלוֹם مرحبا", "שָׁלוֹם مرحبا"),
    ],
)
def test_steering_characters_go_and_every_script_stays(words: str, shown: str) -> None:
    assert contained.plain(words) == shown


def test_a_line_is_one_line_and_says_when_it_was_cut() -> None:
    assert contained.oneline(" a \n b\t c ") == "a b c"
    assert contained.oneline("x" * 100, 10) == "x" * 9 + "…"
    assert contained.plain("x" * 100, 10) == "x" * 10 + "…"


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_what_is_shown_never_steers_and_never_grows(words: str) -> None:
    for shown in (contained.plain(words), contained.oneline(words)):
        assert len(shown) <= len(words) + 1
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f\x7f]", shown)
    assert "\n" not in contained.oneline(words)

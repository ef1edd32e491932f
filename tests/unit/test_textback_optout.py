"""The words by which a reply asks us to stop, to start, or who we are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textback.optout import Request, read


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        *((w, Request.STOP) for w in ("stop", "STOPALL", "quit", "End", "REVOKE", "optout")),
        *((w, Request.STOP) for w in ("Opt Out", "opt-out", "cancel", "unsubscribe", "STOP ALL")),
        *(
            (w, Request.STOP)
            for w in ("Stop!", " stop. ", '"STOP"', "S T O P", "stop\n", "ＳＴＯＰ")
        ),
        *((w, Request.STOP) for w in ("🛑 STOP 🛑", "st\u200bop", "\ufeffSTOP", "«stop»")),
        *((w, Request.START) for w in ("start", "UNSTOP", "Start.")),
        *((w, Request.HELP) for w in ("help", "INFO", "Help?")),
    ],
)
def test_a_word_by_itself_is_understood(text: str, request_: Request) -> None:
    assert read(text) is request_


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "yes", "no", "Stop by at 5?", "please call me", "I need help", "the end", "1"),
        *("🛑", "don't stop", "stop stop", "information", "cancel my appointment", "starting"),
        "stop" * 50,
    ],
)
def test_anything_else_is_a_reply(text: str) -> None:
    assert read(text) is None


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    assert read(text) in {None, *Request}

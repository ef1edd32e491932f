"""A SIP MESSAGE as Asterisk's answers tell it: who wrote, what, and what cannot be believed."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agi.messages import MAX_BODY, QUESTIONS, Unreadable, read, value_of
from agi.protocol import AgiRequest, HeadReader
from tests.fakes.agi import head
from textback.model import Moment, PhoneText

NOW = Moment.now()
FROM = '"Desk" <sip:101@192.0.2.1>'


def request(extension: str = "+12125550123", kind: str = "Message") -> AgiRequest:
    found = HeadReader().feed(
        head("reply", type=kind, channel="Message/ast_msg_queue", extension=extension, dnid="")
    )
    assert found is not None
    return found


def answers(body: bytes, sender: str = FROM, endpoint: str = "") -> list[str]:
    return [str(len(body)), quote(body, safe=""), quote(sender, safe=""), endpoint]


def told(body: bytes = b"Hi", sender: str = FROM, endpoint: str = "") -> PhoneText:
    return read(request(), answers(body, sender, endpoint), NOW, "")


def test_what_asterisk_22_and_16_answered_is_read() -> None:
    """Captured from both."""
    said = ["4", "disp", "%22A%5C%22B%20%C3%AB%20%3Csip%3A104%40x%3E%22%20%3Csip%3A101%40h%3E", ""]
    text = read(request(), said, NOW, "")
    assert (text.endpoint, text.text, text.handset) == ("PJSIP/101", "disp", "+12125550123")
    assert not text.vouched


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=300).filter(lambda t: bool(t.strip())))
def test_any_text_comes_as_it_was_written(text: str) -> None:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    assert told(raw).text == text


@pytest.mark.parametrize(
    ("sender", "endpoint"),
    [
        ("<sip:101@192.0.2.1>", "PJSIP/101"),
        ("sip:101@192.0.2.1", "PJSIP/101"),
        ("<sips:desk-1@[2001:db8::1]:5061;transport=tls>", "PJSIP/desk-1"),
        ('"<sip:102@x>" <sip:101@192.0.2.1>', "PJSIP/101"),
        ("<sip:%31%30%31@192.0.2.1>", "PJSIP/101"),
        ("<sip:192.0.2.1>", "PJSIP/192.0.2.1"),
    ],
)
def test_endpoint_is_the_user_of_the_address_behind_the_name(sender: str, endpoint: str) -> None:
    assert told(sender=sender).endpoint == endpoint


@pytest.mark.parametrize("sender", ["", "101", "<tel:101>", '"101"', "<sip:@x>"])
def test_from_without_an_address_is_nobodys(sender: str) -> None:
    with pytest.raises(Unreadable, match="who wrote"):
        told(sender=sender)


def test_endpoint_the_dialplan_names_counts_before_from() -> None:
    text = told(endpoint="102")
    assert (text.endpoint, text.vouched) == ("PJSIP/102", True)


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_empty_body_names_the_limit_of_asterisk(body: bytes) -> None:
    with pytest.raises(Unreadable, match=f"{MAX_BODY} bytes"):
        told(body)


def test_body_that_lost_bytes_is_refused() -> None:
    with pytest.raises(Unreadable, match="damaged"):
        read(request(), ["5", "four", quote(FROM), ""], NOW, "")


def test_text_that_is_no_utf_8_is_read_as_latin_1() -> None:
    assert told("Zoë".encode("latin-1")).text == "Zoë"


def test_hook_is_for_messages_and_not_for_calls() -> None:
    with pytest.raises(Unreadable, match="message_context"):
        read(request(kind="PJSIP"), answers(b"Hi"), NOW, "")


def test_values_are_taken_out_of_replies() -> None:
    assert value_of("result=1 (a(b)c)") == "a(b)c"
    assert value_of("result=1 ()") == ""
    assert value_of("result=0") == ""
    assert len(QUESTIONS) == 4

"""Desk phones over AMI: which contacts are written to, from whom, and what the answers mean."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.actions import ActionRefused, ActionTimeout, AmiAction, NotConnected
from ami_listener.phones import MAX_BODY, PhoneLine
from textback.model import PhoneResult

CONTACT = "PJSIP/101/sip:101@127.0.0.1:5070;transport=udp"


@dataclass
class FakeLink:
    contacts: str = CONTACT
    refuse: dict[str, Exception] = field(default_factory=dict)  #: by action, or by To
    sent: list[dict[str, str]] = field(default_factory=list)

    async def action(self, name: str, **fields: str) -> list[dict[str, str]]:
        AmiAction({"Action": name, **fields})  # raises for what no line can hold
        for key in (name, fields.get("To", "")):
            if key in self.refuse:
                raise self.refuse[key]
        if name == "Getvar":
            assert fields["Variable"] == "PJSIP_DIAL_CONTACTS(101)"
            return [{"response": "Success", "value": self.contacts}]
        assert name == "MessageSend"
        self.sent.append(fields)
        return [{"response": "Success", "message": "Message successfully sent"}]


def line(link: FakeLink, host: str = "127.0.0.1", sip_host: str = "") -> PhoneLine:
    return PhoneLine(link, host=host, sip_host=sip_host)


async def told(link: FakeLink, body: str = "Hello", name: str = "Text from Zoë") -> PhoneResult:
    answer = await line(link).tell("PJSIP/101", "+12125550123", name, body)
    return answer.result


async def test_text_goes_to_the_contact_from_the_handset_with_its_name() -> None:
    link = FakeLink()
    assert await told(link, "Grüße 😀\nzwei") is PhoneResult.TOOK
    (sent,) = link.sent
    assert sent["To"] == "pjsip:101/sip:101@127.0.0.1:5070;transport=udp"
    assert sent["From"] == '"Text from Zoë" <sip:+12125550123@127.0.0.1>'
    assert base64.b64decode(sent["Base64Body"]).decode() == "Grüße 😀\nzwei"


async def test_every_contact_is_written_to_and_one_that_takes_it_is_enough() -> None:
    link = FakeLink(contacts=f"{CONTACT}&PJSIP/101/sip:101@127.0.0.1:5071")
    link.refuse["pjsip:101/sip:101@127.0.0.1:5071"] = ActionRefused("MessageSend", "failed to send")
    assert await told(link) is PhoneResult.TOOK
    assert len(link.sent) == 1
    del link.refuse["pjsip:101/sip:101@127.0.0.1:5071"]
    assert await told(link) is PhoneResult.TOOK
    assert len(link.sent) == 3


@pytest.mark.parametrize("contacts", ["", "PJSIP/999/sip:x@127.0.0.1", "nonsense"])
async def test_phone_without_a_contact_of_its_own_is_away(contacts: str) -> None:
    link = FakeLink(contacts=contacts)
    assert await told(link) is PhoneResult.AWAY
    assert link.sent == []


@pytest.mark.parametrize(
    ("action", "error", "result"),
    [
        ("MessageSend", ActionRefused("MessageSend", "Permission denied"), PhoneResult.DENIED),
        ("Getvar", ActionRefused("Getvar", "Permission denied"), PhoneResult.DENIED),
        ("MessageSend", ActionRefused("MessageSend", "failed to send"), PhoneResult.REFUSED),
        ("MessageSend", ActionTimeout("no answer"), PhoneResult.DOWN),
        ("Getvar", NotConnected("the link is down"), PhoneResult.DOWN),
    ],
)
async def test_errors_say_what_they_mean(
    action: str, error: Exception, result: PhoneResult
) -> None:
    assert await told(FakeLink(refuse={action: error})) is result


async def test_what_is_no_endpoint_or_number_never_reaches_asterisk() -> None:
    link = FakeLink()
    for endpoint, sender in (
        ("PJSIP/101)", "+12125550123"),
        ("SIP/101", "+12125550123"),
        ("PJSIP/101", "x@evil>"),
        ("PJSIP/101", ""),
    ):
        answer = await line(link).tell(endpoint, sender, "n", "b")
        assert answer.result is PhoneResult.REFUSED
    assert link.sent == []


@settings(max_examples=200, deadline=None)
@given(name=st.text(max_size=100))
async def test_no_name_breaks_out_of_its_quotes_or_its_line(name: str) -> None:
    link = FakeLink()
    assert await told(link, name=name) is PhoneResult.TOOK
    sender = link.sent[0]["From"]
    assert sender.endswith("<sip:+12125550123@127.0.0.1>")
    shown = sender.removesuffix("<sip:+12125550123@127.0.0.1>").strip()
    assert not set('\r\n\0\\<>;"') & set(shown[1:-1])


async def test_longest_body_fits_a_line_and_a_longer_one_is_refused() -> None:
    link = FakeLink()
    assert await told(link, "€" * (MAX_BODY // 3)) is PhoneResult.TOOK
    assert await told(link, "x" * 800) is PhoneResult.REFUSED


@pytest.mark.parametrize(
    ("host", "sip_host", "contact", "wanted"),
    [
        ("192.0.2.7", "", CONTACT, "192.0.2.7"),
        ("pbx.example.net", "", CONTACT, "pbx.example.net"),
        ("2001:db8::7", "", CONTACT, "[2001:db8::7]"),
        ("127.0.0.1", "sip.example.net:5080", CONTACT, "sip.example.net:5080"),
        ("localhost", "", CONTACT, "127.0.0.1"),
    ],
)
async def test_answer_finds_its_way_back(
    host: str, sip_host: str, contact: str, wanted: str
) -> None:
    link = FakeLink(contacts=contact)
    await line(link, host, sip_host).tell("PJSIP/101", "+12125550123", "Zoë", "b")
    assert link.sent[0]["From"] == f'"Zoë" <sip:+12125550123@{wanted}>'


async def test_asterisk_is_left_to_say_its_address_where_ours_cannot_be_told() -> None:
    link = FakeLink(contacts="PJSIP/101/sip:101@phone.example.net:5060")
    await line(link).tell("PJSIP/101", "+12125550123", "Zoë", "b")
    assert link.sent[0]["From"] == "+12125550123"

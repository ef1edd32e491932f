"""Receipts and replies out of deliver_sm: dialects, ids, numbers, the parts of long replies."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_gateway import encoding, receipt_text
from sms_gateway.pdu import Pdu, encode, parse
from sms_gateway.receipts import IdFormat, id_forms, read_deliver, stored_forms
from textback.model import Receipt, ReceiptState, Reply

AT = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
HANDSET, OURS = "12125550123", "12125550100"
DIALECTS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "data/receipts/dialects.toml").read_text(encoding="utf-8")
)["receipt"]


def deliver(text: bytes = b"", *, command: str = "deliver_sm", **fields: Any) -> Pdu:
    """A deliver_sm from the handset to us, through the octets and back."""
    values: dict[str, Any] = {
        "source_addr": HANDSET,
        "source_addr_ton": 1,
        "destination_addr": OURS,
        "dest_addr_ton": 1,
        **fields,
    }
    if text:
        values["short_message"] = text
    return parse(encode(command, 7, **values))


def receipt(pdu: Pdu, **settings_: Any) -> Receipt:
    found = read_deliver(pdu, route="smsc", at=AT, **settings_)
    assert isinstance(found, Receipt)
    return found


def reply(pdu: Pdu, **settings_: Any) -> Reply:
    found = read_deliver(pdu, route="smsc", at=AT, **settings_)
    assert isinstance(found, Reply)
    return found


def dialect_pdu(dialect: dict[str, Any], command: str = "deliver_sm") -> Pdu:
    text = bytes.fromhex(dialect["hex"]) if "hex" in dialect else dialect["text"].encode("latin-1")
    tlvs = [
        (int(tag, 16), bytes.fromhex(octets)) for tag, octets in dialect.get("tlvs", {}).items()
    ]
    if dialect.get("payload") or command == "data_sm":
        tlvs.append((0x0424, text))
        text = b""
    return deliver(
        text,
        command=command,
        esm_class=dialect.get("esm_class", 4),
        data_coding=dialect.get("data_coding", 0),
        tlvs=tlvs,
    )


@pytest.mark.parametrize("command", ["deliver_sm", "data_sm"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: str(dialect["name"]))
def test_each_dialect_is_read(dialect: dict[str, Any], command: str) -> None:
    found = read_deliver(
        dialect_pdu(dialect, command),
        route="smsc",
        at=AT,
        receipts_by_text=dialect.get("by_text", False),
    )
    assert dialect["known_from"]
    if dialect["state"] == "reply":
        assert isinstance(found, Reply)
        return
    assert isinstance(found, Receipt)
    done = dialect.get("done")
    assert (found.message_id, found.state, found.error) == (
        dialect["id"],
        ReceiptState(dialect["state"]),
        dialect["error"],
    )
    assert found.done == (datetime.fromisoformat(done) if done else None)
    assert (found.sender, found.recipient, found.at) == ("+12125550123", "+12125550100", AT)


def test_an_ordinary_text_is_a_reply_with_everything_in_its_place() -> None:
    found = reply(deliver(b"Yes please \x00 noon"))
    assert found.text == "Yes please @ noon"
    assert (found.sender, found.recipient) == ("+12125550123", "+12125550100")
    assert (found.reference, found.part, found.parts, found.route) == (None, 1, 1, "smsc")
    assert found.raw == b"Yes please \x00 noon"


def test_a_reply_is_read_in_the_alphabet_of_its_route() -> None:
    assert reply(deliver(b"a@b_c"), alphabet="latin1").text == "a@b_c"
    assert reply(deliver(b"a@b_c"), alphabet="gsm").text == "a¡b§c"


def test_a_reply_in_ucs2_is_read_whatever_the_route() -> None:
    pdu = deliver("Ja, ab 12 Uhr 😀".encode("utf-16-be"), data_coding=8)
    assert reply(pdu, alphabet="latin1").text == "Ja, ab 12 Uhr 😀"


def test_the_parts_of_a_long_reply_carry_their_place() -> None:
    text = "I would like to know what a new boiler costs. " * 6
    parts = encoding.split(text, reference=0xBEEF)
    found = [reply(deliver(part.data, esm_class=part.esm_class)) for part in parts]
    assert [(r.reference, r.part, r.parts) for r in found] == [
        (0xBEEF, number, len(parts)) for number in range(1, len(parts) + 1)
    ]
    assert "".join(r.text for r in found) == text


def test_the_parts_of_a_reply_may_have_an_eight_bit_reference() -> None:
    found = reply(deliver(b"\x05\x00\x03\x2a\x02\x01hello", esm_class=0x40))
    assert (found.reference, found.part, found.parts, found.text) == (42, 1, 2, "hello")


def test_the_parts_of_a_reply_may_be_told_by_sar_parameters() -> None:
    text = "a" * 200
    parts = encoding.split(text, mode="sar", reference=300)
    found = [reply(deliver(part.data, tlvs=part.tlvs)) for part in parts]
    assert [(r.reference, r.part, r.parts) for r in found] == [(300, 1, 2), (300, 2, 2)]


def test_a_sar_reference_of_more_octets_is_one_a_database_takes() -> None:
    tlvs = [(0x020C, b"\xff" * 6 + b"\x01\x02"), (0x020E, b"\x02"), (0x020F, b"\x01")]
    assert reply(deliver(b"hello", tlvs=tlvs)).reference == 0x0102


@pytest.mark.parametrize(("total", "number"), [(0, 0), (2, 3), (2, 0)])
def test_a_place_that_cannot_be_is_ignored(total: int, number: int) -> None:
    header = bytes((5, 0, 3, 42, total, number))
    tlvs = [(0x020C, b"\0\x01"), (0x020E, bytes((total,))), (0x020F, bytes((number,)))]
    for pdu in (deliver(header + b"hello", esm_class=0x40), deliver(b"hello", tlvs=tlvs)):
        found = reply(pdu)
        assert (found.reference, found.part, found.parts, found.text) == (None, 1, 1, "hello")


def test_a_receipt_with_a_user_data_header_is_read_behind_it() -> None:
    pdu = deliver(b"\x05\x00\x03\x2a\x02\x01id:42 stat:DELIVRD err:000", esm_class=0x44)
    assert receipt(pdu).message_id == "42"


def test_a_national_number_needs_the_country_and_is_kept_as_it_came_without() -> None:
    pdu = deliver(b"hi", source_addr="2125550123", source_addr_ton=2)
    assert reply(pdu, country="US").sender == "+12125550123"
    assert reply(pdu).sender == "2125550123"


@pytest.mark.parametrize(
    ("address", "ton", "shown"),
    [
        ("+12125550123", 1, "+12125550123"),
        ("0012125550123", 1, "+12125550123"),
        ("12125550123", 0, "+12125550123"),
        ("48484", 3, "48484"),
        ("MyBank", 5, "MyBank"),
        ("", 0, ""),
    ],
)
def test_an_address_becomes_e164_where_it_can_be(address: str, ton: int, shown: str) -> None:
    assert reply(deliver(b"hi", source_addr=address, source_addr_ton=ton)).sender == shown


# --- ids --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id_format", "submitted", "receipted"),
    [
        ("same", "0913121205", "913121205"),  # jasmin issue 729: the leading zero is lost
        ("same", "ABC-42", "abc-42"),
        ("hex_dec", "1D305B4C", "489708364"),
        ("hex_dec", "1d305b4c", "0489708364"),
        ("hex_dec", "000000010", "16"),
        ("dec_hex", "489708364", "1D305B4C"),
        ("auto", "1D305B4C", "0489708364"),
        ("auto", "489708364", "1d305b4c"),
        ("auto", "0A000000A3D323A1", "720575943127802785"),
        ("auto", "18446744073709551615", "FFFFFFFFFFFFFFFF"),
        ("auto", "0", "0"),
        (
            "auto",
            "CE5BC5A9-4F7D-4282-9244-2E1022A9335C",
            "ce5bc5a9-4f7d-4282-9244-2e1022a9335c",
        ),
    ],
)
def test_a_receipt_finds_the_id_that_was_submitted(
    id_format: IdFormat, submitted: str, receipted: str
) -> None:
    assert stored_forms(submitted) & id_forms(receipted, id_format)


@pytest.mark.parametrize(
    ("id_format", "submitted", "receipted"),
    [
        ("same", "1D305B4C", "489708364"),
        ("hex_dec", "22", "34x"),
        ("hex_dec", "34", "22"),  # decimal 22 is hexadecimal 16
        ("dec_hex", "16", "22"),
        ("auto", "42", "43"),
    ],
)
def test_a_receipt_does_not_find_another_id(
    id_format: IdFormat, submitted: str, receipted: str
) -> None:
    assert not stored_forms(submitted) & id_forms(receipted, id_format)


def test_an_id_is_kept_as_received_and_an_empty_one_has_no_forms() -> None:
    assert "00A1B2" in stored_forms("00A1B2")
    assert "00A1B2" in id_forms("00A1B2")
    assert stored_forms("") == id_forms("") == id_forms("  ") == frozenset()


@given(st.integers(0, 2**64 - 1), st.booleans(), st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_every_number_is_found_from_hexadecimal_to_decimal_and_back(
    number: int, upper: bool, zeros: int
) -> None:
    hexadecimal = f"{number:X}" if upper else f"{number:x}"
    hexadecimal = ("0" * zeros + hexadecimal)[-16:].rjust(len(hexadecimal), "0")
    assert stored_forms(hexadecimal) & id_forms(str(number), "hex_dec")
    assert stored_forms(str(number)) & id_forms(hexadecimal, "dec_hex")
    assert stored_forms(hexadecimal) & id_forms(str(number), "auto")


# --- states and dates -------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(ReceiptState))
def test_every_state_of_appendix_b_is_read_in_any_case(state: ReceiptState) -> None:
    assert receipt_text.read_state(state.value) is state
    assert receipt_text.read_state(state.value.lower()) is state
    assert receipt_text.read_state(state.name.capitalize()) is state


@pytest.mark.parametrize(
    ("stat", "state"),
    [
        ("DELETED", ReceiptState.DELETED),
        ("DELAYED", ReceiptState.ENROUTE),
        ("DELIVERY FAILED", ReceiptState.UNDELIVERABLE),
        ("DeliveryUncertain", ReceiptState.UNKNOWN),
        ("EN_ROUTE", ReceiptState.ENROUTE),
        ("5", ReceiptState.UNDELIVERABLE),
        ("005", ReceiptState.UNDELIVERABLE),
        ("77", ReceiptState.UNKNOWN),
        ("²", ReceiptState.UNKNOWN),
        ("", ReceiptState.UNKNOWN),
    ],
)
def test_words_that_look_alike_are_told_apart(stat: str, state: ReceiptState) -> None:
    assert receipt_text.read_state(stat) is state


@pytest.mark.parametrize(
    "date", ["", "261323", "2613231200", "26112312009", "²²²²²²²²²²", "20261323120000", "soon"]
)
def test_a_date_that_is_none_is_none(date: str) -> None:
    assert receipt_text.read_date(date) is None


# --- anything ---------------------------------------------------------------------------------


@given(
    st.binary(max_size=254),
    st.integers(0, 255),
    st.integers(0, 255),
    st.lists(
        st.tuples(
            st.sampled_from([0x1E, 0x427, 0x423, 0x20C, 0x20E, 0x20F, 0x424, 0x1400]),
            st.binary(max_size=20),
        ),
        max_size=4,
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    st.sampled_from(["gsm", "latin1", "ascii", "ucs2"]),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_nothing_a_carrier_sends_raises(
    text: bytes,
    esm_class: int,
    data_coding: int,
    tlvs: list[tuple[int, bytes]],
    address: str,
    alphabet: encoding.Alphabet,
    by_text: bool,
) -> None:
    pdu = Pdu(
        "deliver_sm",
        5,
        0,
        1,
        {
            "esm_class": esm_class,
            "data_coding": data_coding,
            "source_addr": address,
            "source_addr_ton": data_coding & 7,
            "destination_addr": OURS,
            "short_message": text,
        },
        tuple(tlvs),
    )
    found = read_deliver(
        pdu, route="smsc", at=AT, alphabet=alphabet, country="US", receipts_by_text=by_text
    )
    if isinstance(found, Reply):
        assert "\0" not in found.text
        assert 1 <= found.part <= found.parts
    else:
        assert (found.message_id != "") == bool(found.id_forms)


@given(st.text(st.sampled_from("idstaerxdonublv :=,;0123456789A\n"), max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_text_of_a_receipt_raises(text: str) -> None:
    found = receipt_text.read_text(text)
    assert " " not in found.message_id

"""PDUs: hex corpus, every cut, round trips, fuzz, and smpplib's octets where it is right."""

from __future__ import annotations

import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpplib import consts, smpp

from sms_gateway import pdu, tlv
from sms_gateway.pdu import FrameError, Framer, Pdu, PduError, encode, parse

CORPUS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "data/pdu/odd.toml").read_text(encoding="utf-8")
)["pdu"]
READABLE = [case for case in CORPUS if "error" not in case]
BAD = [case for case in CORPUS if "error" in case]

SUBMIT: dict[str, Any] = {
    "service_type": "CMT",
    "source_addr_ton": 1,
    "source_addr_npi": 1,
    "source_addr": "12125550100",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": "12125550123",
    "esm_class": 0x40,
    "protocol_id": 0,
    "priority_flag": 1,
    "schedule_delivery_time": "",
    "validity_period": "000000001500000R",
    "registered_delivery": 1,
    "replace_if_present_flag": 0,
    "data_coding": 8,
    "sm_default_msg_id": 0,
    "short_message": b"\x06\x08\x04\xbe\xef\x02\x01\x00H\x00i",
}


def name_of(case: dict[str, Any]) -> str:
    return str(case["name"])


def frame_of(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"].replace("\n", ""))


# --- the corpus -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", READABLE, ids=name_of)
def test_an_odd_pdu_is_read(case: dict[str, Any]) -> None:
    found = parse(frame_of(case))
    assert found.command == case["command"]
    assert found.command_id == case.get("command_id", found.command_id)
    assert found.status == case.get("status", 0)
    assert found.sequence == case.get("sequence", found.sequence)
    for field, value in case["fields"].items():
        expected = value.encode("latin-1") if field == "short_message" else value
        assert found.fields[field] == expected, field
    if not case["fields"]:
        assert found.fields == {}
    assert found.tlvs == tuple(
        (int(tag, 16), bytes.fromhex(value)) for tag, value in case.get("tlvs", {}).items()
    )
    assert found.damage.startswith(case.get("damage", "")) and bool(found.damage) == (
        "damage" in case
    )


@pytest.mark.parametrize("case", BAD, ids=name_of)
def test_a_bad_pdu_is_refused_and_says_whom_to_answer(case: dict[str, Any]) -> None:
    with pytest.raises(PduError) as caught:
        parse(frame_of(case))
    assert not isinstance(caught.value, FrameError)
    assert caught.value.status == case["error"]
    assert caught.value.command_id == case["command_id"]
    assert caught.value.sequence == case["sequence"]


@pytest.mark.parametrize("case", CORPUS, ids=name_of)
def test_a_pdu_cut_at_any_octet_is_read_or_refused(case: dict[str, Any]) -> None:
    whole = frame_of(case)
    for end in range(len(whole)):
        cut = whole[:end]
        with pytest.raises(FrameError):
            parse(cut)  # its command_length is not its length
        if end >= 16:
            shorter = struct.pack(">I", end) + cut[4:]
            try:
                found = parse(shorter)
            except PduError as error:
                assert not isinstance(error, FrameError)
                assert error.sequence == struct.unpack(">I", whole[12:16])[0]
            else:
                assert found.sequence == struct.unpack(">I", whole[12:16])[0]


def test_a_deliver_sm_cut_inside_its_mandatory_fields_is_never_half_read() -> None:
    whole = encode("deliver_sm", 9, **SUBMIT)
    for end in range(16, len(whole)):
        with pytest.raises(PduError):
            parse(struct.pack(">I", end) + whole[4:end])


# --- framing ----------------------------------------------------------------------------------


def frames_of(*chunks: bytes) -> list[bytes]:
    framer = Framer()
    return [frame for chunk in chunks for frame in framer.receive_data(chunk)]


def test_frames_come_whole_when_octets_come_one_by_one() -> None:
    frames = [encode("enquire_link", 1), encode("submit_sm", 2, **SUBMIT), encode("unbind", 3)]
    stream = b"".join(frames)
    assert frames_of(*(stream[at : at + 1] for at in range(len(stream)))) == frames
    assert frames_of(stream) == frames


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_frames_come_whole_however_the_stream_is_cut(data: st.DataObject) -> None:
    frames = [
        encode("submit_sm_resp", number, message_id=str(number) * (number % 30 + 1))
        for number in range(1, data.draw(st.integers(2, 12)))
    ]
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert frames_of(*chunks) == frames


@pytest.mark.parametrize("length", [0, 3, 15, 65537, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_length_that_cannot_be_ends_the_stream_at_its_fourth_octet(length: int) -> None:
    framer = Framer()
    with pytest.raises(FrameError) as caught:
        framer.receive_data(struct.pack(">I", length))
    assert caught.value.status == consts.SMPP_ESME_RINVCMDLEN
    with pytest.raises(FrameError):
        framer.receive_data(b"")


def test_a_bad_length_says_the_sequence_number_where_there_is_one() -> None:
    with pytest.raises(FrameError) as caught:
        Framer().receive_data(struct.pack(">IIII", 0x7FFFFFFF, 5, 0, 77))
    assert caught.value.sequence == 77


def test_frames_in_front_of_a_bad_length_are_not_lost() -> None:
    framer = Framer()
    good = encode("submit_sm_resp", 1, message_id="42")
    assert framer.receive_data(good + b"\xff\xff\xff\xff") == [good]
    assert framer.error is not None
    with pytest.raises(FrameError):
        framer.receive_data(good)


def test_the_largest_pdu_passes_and_the_framer_holds_no_more_than_one() -> None:
    payload = b"x" * (65536 - 16 - 17 - 4)
    frame = encode("submit_sm", 1, tlvs=[(tlv.Tag.MESSAGE_PAYLOAD, payload)])
    assert len(frame) == 65536
    framer = Framer()
    for at in range(0, len(frame), 1000):
        found = framer.receive_data(frame[at : at + 1000])
    assert found == [frame]
    assert parse(frame).tlv(tlv.Tag.MESSAGE_PAYLOAD) == payload
    with pytest.raises(PduError, match="too long"):
        encode("submit_sm", 1, tlvs=[(tlv.Tag.MESSAGE_PAYLOAD, payload + b"x")])


# --- fuzz -------------------------------------------------------------------------------------

COMMAND_ID = st.sampled_from([*pdu.COMMAND_IDS.values(), 3, 7, 8, 0x21, 0x80000003, 0x10200])


@given(st.lists(st.binary(max_size=200), max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_octets_make_the_framer_raise_anything_else(chunks: list[bytes]) -> None:
    framer = Framer()
    try:
        for chunk in chunks:
            for frame in framer.receive_data(chunk):
                parse(frame)
    except PduError:
        pass


@given(COMMAND_ID, st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_body_makes_parse_raise_anything_else(
    command_id: int, status: int, sequence: int, body: bytes
) -> None:
    frame = struct.pack(">IIII", 16 + len(body), command_id, status, sequence) + body
    try:
        found = parse(frame)
    except PduError as error:
        assert (error.command_id, error.sequence) == (command_id, sequence)
    else:
        assert (found.command_id, found.status, found.sequence) == (command_id, status, sequence)


@given(st.binary(max_size=120), st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_no_flipped_octet_makes_parse_raise_anything_else(tail: bytes, at: int, value: int) -> None:
    frame = bytearray(encode("deliver_sm", 9, tlvs=[(0x1E, b"42\0"), (0x1400, tail)], **SUBMIT))
    frame[4 + at % (len(frame) - 4)] = value
    try:
        assert isinstance(parse(bytes(frame)), Pdu)
    except PduError as error:
        assert error.sequence == struct.unpack(">I", frame[12:16])[0]


@given(st.binary(max_size=64), st.integers(0, 64))
@settings(max_examples=200, deadline=None)
def test_parameters_are_read_as_far_as_they_are_whole(data: bytes, start: int) -> None:
    found, end = tlv.read(data, min(start, len(data)))
    assert tlv.write(found) == data[min(start, len(data)) : end]


# --- round trips, and the same octets as smpplib ----------------------------------------------


PRINTABLE = st.sampled_from([chr(code) for code in range(256) if chr(code).isprintable()])


def value_of(field: pdu.Field) -> st.SearchStrategy[Any]:
    if field.kind is int:
        return st.integers(0, 256**field.limit - 1)
    if field.kind is bytes:
        return st.binary(max_size=field.limit)
    if field.name in ("schedule_delivery_time", "validity_period"):
        return st.sampled_from(["", "000000001500000R", "261123121500000+"])
    return st.text(PRINTABLE, max_size=field.limit)


FIELDS = {
    command: st.fixed_dictionaries({field.name: value_of(field) for field in layout})
    for command, layout in pdu.LAYOUTS.items()
}


TLVS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=4).filter(
    lambda tlvs: all(tag != tlv.Tag.MESSAGE_PAYLOAD for tag, _ in tlvs)
)


@pytest.mark.parametrize("command", sorted(pdu.LAYOUTS))
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_encoded_is_read_again(command: str, data: st.DataObject) -> None:
    fields, tlvs = data.draw(FIELDS[command]), data.draw(TLVS)
    sequence = data.draw(st.integers(1, pdu.MAX_SEQUENCE))
    found = parse(encode(command, sequence, tlvs=tlvs, **fields))
    assert found.command == command
    assert found.sequence == sequence
    assert found.fields == fields
    assert found.tlvs == tuple(tlvs)
    assert found.damage == ""
    assert found.is_response == (command.endswith("_resp") or command == "generic_nack")


class Client:
    """What smpplib wants of its client."""

    sequence = 0

    def next_sequence(self) -> int:
        return 0


def by_smpplib(command: str, sequence: int, status: int, fields: dict[str, Any]) -> bytes:
    made = smpp.make_pdu(command, client=Client())
    for name, value in fields.items():
        setattr(made, name, value)
    made.sequence, made.status = sequence, status
    octets: bytes = made.generate()
    return octets


@pytest.mark.parametrize("command", sorted(set(pdu.LAYOUTS) - {"outbind"}))
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_our_octets_are_those_of_smpplib(command: str, data: st.DataObject) -> None:
    fields = data.draw(FIELDS[command])
    sequence = data.draw(st.integers(1, pdu.MAX_SEQUENCE))
    assert encode(command, sequence, **fields) == by_smpplib(command, sequence, 0, fields)


@pytest.mark.parametrize("command", sorted(set(pdu.LAYOUTS) - {"outbind"}))
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_we_read_what_smpplib_reads(command: str, data: st.DataObject) -> None:
    fields = data.draw(FIELDS[command])
    frame = by_smpplib(command, 5, 0, fields)
    theirs = smpp.parse_pdu(frame, client=Client())
    ours = parse(frame)
    assert (ours.status, ours.sequence) == (theirs.status, theirs.sequence)
    for field in pdu.LAYOUTS[command]:
        value = getattr(theirs, field.name)
        expected = value.decode("latin-1") if field.kind is str else value
        if field.name == "short_message" and value is None:
            expected = b""  # smpplib has no empty message where the PDU ends with it
        assert ours.fields[field.name] == expected


@pytest.mark.parametrize(
    ("name", "value", "tag", "octets"),
    [
        ("user_message_reference", 77, 0x0204, b"\0\x4d"),
        ("sar_msg_ref_num", 0xBEEF, 0x020C, b"\xbe\xef"),
        ("sar_total_segments", 3, 0x020E, b"\3"),
        ("sar_segment_seqnum", 2, 0x020F, b"\2"),
        ("message_payload", b"hello", 0x0424, b"hello"),
    ],
)
def test_our_parameters_are_those_of_smpplib(
    name: str, value: Any, tag: int, octets: bytes
) -> None:
    fields = {key: "" if key == "short_message" else value for key, value in SUBMIT.items()}
    fields["short_message"] = b""
    ours = encode("submit_sm", 5, tlvs=[(tag, octets)], **fields)
    assert ours == by_smpplib("submit_sm", 5, 0, {**fields, name: value})


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("destination_addr", "1" * 21, 0x0B),  # smpplib: cut to 20, the wrong number is texted
        ("source_addr", "1" * 21, 0x0A),
        ("service_type", "toolong", 0x15),
        ("source_addr", "A\0B", 0x0A),  # smpplib: shifts every field behind it
        ("source_addr", b"A\0B", 0x0A),
        ("source_addr", "A\nB", 0x0A),
        ("source_addr", "Zürich €", 0x0A),
        ("short_message", b"x" * 255, 0x01),
        ("short_message", b"x" * 256, 0x01),
        ("short_message", "text", 0x01),
        ("validity_period", "000000001500R", 0x62),
        ("schedule_delivery_time", "2611231215", 0x61),
        ("source_addr", 12125550100, 0xC2),
        ("source_addr_ton", 256, 0xC2),
        ("source_addr_ton", -1, 0xC2),
        ("data_coding", "0", 0xC2),
        ("registered_delivery", b"\1", 0xC2),
        ("registerd_delivery", 1, 0xC2),  # smpplib: no receipt is asked for, nobody notices
        ("sequence_number", 5, 0xC2),
    ],
)
def test_a_field_that_would_go_wrong_is_refused(field: str, value: Any, status: int) -> None:
    with pytest.raises(PduError) as caught:
        encode("submit_sm", 5, **{**SUBMIT, field: value})
    assert caught.value.status == status
    assert (caught.value.sequence, caught.value.command_id) == (5, 4)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("command", "fields", "word"),
    [
        ("bind_transceiver", {"system_id": "x" * 16}, "system_id"),
        ("bind_transceiver", {"password": "123456789012"}, "password"),  # smpplib: cut to 8
        ("bind_transmitter", {"system_type": "x" * 13}, "system_type"),
        ("bind_receiver", {"address_range": "x" * 41}, "address_range"),
        ("bind_receiver", {"interface_version": 256}, "interface_version"),
        ("bind_receiver", {"interface_version": "3.4"}, "interface_version"),
        ("submit_sm_resp", {"message_id": "x" * 65}, "message_id"),
        ("enquire_link", {"system_id": "x"}, "system_id"),
        ("data_sm", {"short_message": b"x"}, "short_message"),
        ("cancel_sm", {}, "cancel_sm"),
        ("nonsense", {}, "nonsense"),
        ("unknown", {}, "unknown"),
    ],
)
def test_other_pdus_are_as_strict(command: str, fields: dict[str, Any], word: str) -> None:
    with pytest.raises(PduError, match=word):
        encode(command, 5, **fields)


def test_a_text_field_may_be_given_as_octets() -> None:
    # smpplib raises TypeError
    fields = {**SUBMIT, "source_addr": b"12125550100", "destination_addr": b"12125550123"}
    assert encode("submit_sm", 5, **fields) == encode("submit_sm", 5, **SUBMIT)
    assert encode("bind_receiver", 5, system_id=b"me") == encode("bind_receiver", 5, system_id="me")


def test_a_refused_password_is_not_repeated() -> None:
    with pytest.raises(PduError) as caught:
        encode("bind_transceiver", 1, password="hunter2hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_text_is_in_one_place_only() -> None:
    with pytest.raises(PduError, match="exclude each other"):
        encode("submit_sm", 1, short_message=b"a", tlvs=[(0x0424, b"b")])


@pytest.mark.parametrize(
    ("tag", "value"), [(0x10000, b""), (-1, b""), (0x1400, "text"), (0x1400, b"x" * 65536)]
)
def test_a_parameter_that_does_not_fit_is_refused(tag: int, value: Any) -> None:
    with pytest.raises(PduError) as caught:
        encode("submit_sm", 1, tlvs=[(tag, value)])
    assert caught.value.status == consts.SMPP_ESME_RINVOPTPARSTREAM


def test_vendor_parameters_are_sent() -> None:
    frame = encode("submit_sm", 1, tlvs=[(0x1400, b"1101234\0"), (0x1401, b"")], **SUBMIT)
    assert frame.endswith(b"\x14\x00\x00\x081101234\0\x14\x01\x00\x00")


# --- sequence numbers, versions, bodies -------------------------------------------------------


@pytest.mark.parametrize("sequence", [0, -1, 0x80000000, 0x100000000])
def test_a_request_has_a_sequence_number_of_31_bits(sequence: int) -> None:
    with pytest.raises(PduError, match="sequence"):
        encode("enquire_link", sequence)


@pytest.mark.parametrize("sequence", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_response_echoes_any_sequence_number(sequence: int) -> None:
    assert parse(encode("deliver_sm_resp", sequence)).sequence == sequence
    assert parse(encode("generic_nack", sequence, status=3)).sequence == sequence


def test_a_response_does_not_echo_33_bits() -> None:
    with pytest.raises(PduError, match="sequence"):
        encode("deliver_sm_resp", 1 << 32)


def test_interface_version_is_what_was_asked_for() -> None:
    frame = encode("bind_transceiver", 1, interface_version=0x50)
    assert parse(frame).number("interface_version") == 0x50


@pytest.mark.parametrize(
    "command", ["submit_sm_resp", "data_sm_resp", "bind_transceiver_resp", "bind_receiver_resp"]
)
def test_an_error_response_has_no_body_unless_it_was_given(command: str) -> None:
    assert len(encode(command, 5, status=8)) == 16
    assert len(encode(command, 5)) == 17
    found = parse(encode(command, 5, status=8, tlvs=[(0x001D, b"busy\0")]))
    assert tlv.text(found.tlv(0x001D)) == "busy"


def test_a_deliver_sm_resp_always_has_its_unused_message_id() -> None:
    # SMPP 3.4 section 4.6.2
    assert encode("deliver_sm_resp", 5, status=0x64)[16:] == b"\0"
    assert encode("deliver_sm_resp", 5)[16:] == b"\0"


def test_a_pdu_of_another_length_than_it_says_is_no_frame() -> None:
    frame = encode("enquire_link", 5)
    for wrong in (frame + b"x", frame[:15], b"", b"\0" * 16):
        with pytest.raises(FrameError):
            parse(wrong)


def test_absent_fields_read_as_nothing() -> None:
    found = parse(encode("submit_sm_resp", 5, status=8))
    assert found.text("message_id") == ""
    assert found.number("esm_class") == 0
    assert found.tlv(0x1E) is None


# --- values of parameters -------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number"), [(None, None), (b"", None), (b"\2", 2), (b"\0\2", 2), (b"x" * 9, None)]
)
def test_an_integer_parameter_may_have_any_sensible_length(
    value: bytes | None, number: int | None
) -> None:
    assert tlv.number(value) == number


@pytest.mark.parametrize(
    ("value", "text"), [(None, None), (b"", ""), (b"ab", "ab"), (b"ab\0", "ab"), (b"a\0b", "a")]
)
def test_a_text_parameter_may_lack_its_nul(value: bytes | None, text: str | None) -> None:
    assert tlv.text(value) == text

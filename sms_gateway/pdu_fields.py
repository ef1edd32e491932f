"""Mandatory fields of a PDU (SMPP 3.4 sections 3.1, 5.2), read from octets and put into them.

Reading raises ValueError or IndexError for a field that is not there whole, nothing else. Writing
refuses whatever would reach the SMSC as something else than was meant: a number cut short texts the
wrong person, a NUL inside an address shifts every field behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sms_gateway import tlv
from sms_gateway.framing import MIN_LENGTH, RINVMSGLEN, RINVPARLEN, PduError

Value = int | str | bytes

MAX_SHORT_MESSAGE = 254  #: section 5.2.22


class Field(NamedTuple):
    """A mandatory field: `limit` is octets without the NUL for text, octets of an int."""

    name: str
    kind: type[int] | type[str] | type[bytes]
    limit: int


#: The status an SMSC would give for each field, so that our own refusal reads the same.
_FIELD_STATUS = {
    "source_addr": 0x0A,
    "destination_addr": 0x0B,
    "message_id": 0x0C,
    "password": 0x0E,
    "system_id": 0x0F,
    "service_type": 0x15,
    "system_type": 0x53,
    "schedule_delivery_time": 0x61,
    "validity_period": 0x62,
    "short_message": RINVMSGLEN,
}


def read_sm(frame: bytes) -> tuple[dict[str, Value], int]:
    """submit_sm and deliver_sm (sections 4.4.1, 4.6.1), and where sm_length says they end."""
    index = frame.index
    a = index(0, 16)
    b = index(0, a + 3)
    c = index(0, b + 3)
    d = index(0, c + 4)
    e = index(0, d + 1)
    start = e + 6
    end = start + frame[e + 5]
    return {
        "service_type": frame[16:a].decode("latin-1"),
        "source_addr_ton": frame[a + 1],
        "source_addr_npi": frame[a + 2],
        "source_addr": frame[a + 3 : b].decode("latin-1"),
        "dest_addr_ton": frame[b + 1],
        "dest_addr_npi": frame[b + 2],
        "destination_addr": frame[b + 3 : c].decode("latin-1"),
        "esm_class": frame[c + 1],
        "protocol_id": frame[c + 2],
        "priority_flag": frame[c + 3],
        "schedule_delivery_time": frame[c + 4 : d].decode("latin-1"),
        "validity_period": frame[d + 1 : e].decode("latin-1"),
        "registered_delivery": frame[e + 1],
        "replace_if_present_flag": frame[e + 2],
        "data_coding": frame[e + 3],
        "sm_default_msg_id": frame[e + 4],
        "short_message": frame[start:end],
    }, end


def read(layout: tuple[Field, ...], frame: bytes) -> tuple[dict[str, Value], int]:
    """Any request by its table; a field that is not there whole raises."""
    fields: dict[str, Value] = {}
    at = MIN_LENGTH
    for name, kind, limit in layout:
        if kind is int:
            if at + limit > len(frame):
                raise IndexError
            fields[name] = int.from_bytes(frame[at : at + limit], "big")
            at += limit
        else:
            end = frame.index(0, at)
            fields[name] = frame[at:end].decode("latin-1")
            at = end + 1
    return fields, at


def read_response(layout: tuple[Field, ...], frame: bytes) -> tuple[dict[str, Value], int]:
    """A response by its table: all have no field, or one text.

    An error may come without a body, or with parameters in its place; the text may lack its NUL,
    with or without parameters behind it. The first NUL in the body is then part of a parameter, so
    the reading is taken in which the parameters come out even; failing that, the plain one.
    """
    if not layout or len(frame) == MIN_LENGTH:
        return {}, MIN_LENGTH
    name, _, limit = layout[0]
    nul = frame.find(0, MIN_LENGTH)
    if nul < 0:
        return {name: frame[MIN_LENGTH:].decode("latin-1")}, len(frame)
    end = nul + 1
    if tlv.read(frame, end)[1] != len(frame):
        for cut in range(min(nul, MIN_LENGTH + limit), MIN_LENGTH - 1, -1):
            found, stop = tlv.read(frame, cut)
            if found and stop == len(frame):
                nul = end = cut
                break
    return {name: frame[MIN_LENGTH:nul].decode("latin-1")}, end


def refusal(message: str, status: int = RINVPARLEN) -> PduError:
    return PduError(message, status=status)


def sm_body(command: str, fields: Mapping[str, Value], known: frozenset[str], tail: bytes) -> bytes:
    """The body of submit_sm and deliver_sm, which share their mandatory fields."""
    if not fields.keys() <= known:
        raise unknown(command, fields, known)
    get: Any = fields.get  # what is no int is refused by bytes() below
    message = get("short_message", b"")
    if not isinstance(message, bytes) or len(message) > MAX_SHORT_MESSAGE:
        raise _bad_message(message)
    if message and tail and _has_payload(tail):
        raise refusal("short_message and message_payload exclude each other (section 3.2.3)")
    try:
        return b"".join(
            (
                text("service_type", get("service_type", ""), 5),
                bytes((get("source_addr_ton", 0), get("source_addr_npi", 0))),
                text("source_addr", get("source_addr", ""), 20),
                bytes((get("dest_addr_ton", 0), get("dest_addr_npi", 0))),
                text("destination_addr", get("destination_addr", ""), 20),
                bytes((get("esm_class", 0), get("protocol_id", 0), get("priority_flag", 0))),
                _time("schedule_delivery_time", get("schedule_delivery_time", "")),
                _time("validity_period", get("validity_period", "")),
                bytes((get("registered_delivery", 0), get("replace_if_present_flag", 0))),
                bytes((get("data_coding", 0), get("sm_default_msg_id", 0), len(message))),
                message,
            )
        )
    except (TypeError, ValueError) as error:
        if isinstance(error, PduError):
            raise
        raise refusal(f"{command}: a number is missing or not 0 to 255") from error


def text(name: str, value: Value, limit: int) -> bytes:
    """A C-octet string (section 3.1) of at most `limit` octets, with its NUL."""
    if value == "":
        return b"\0"
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        raise refusal(f"{name} must be text, not {type(value).__name__}")
    if not value.isprintable():
        raise refusal(f"{name} has a control character", _FIELD_STATUS.get(name, RINVPARLEN))
    try:
        octets = value.encode("latin-1")
    except UnicodeEncodeError:
        raise refusal(
            f"{name} has a character that SMPP cannot carry", _FIELD_STATUS.get(name, RINVPARLEN)
        ) from None
    if len(octets) > limit:
        raise refusal(
            f"{name} has {len(octets)} characters, SMPP 3.4 allows {limit}",
            _FIELD_STATUS.get(name, RINVPARLEN),
        )
    return octets + b"\0"


def _time(name: str, value: Value) -> bytes:
    """A time (section 7.1.1): none, or exactly 16 characters."""
    if value == "":
        return b"\0"
    octets = text(name, value, 16)
    if len(octets) != 17:
        raise refusal(f"{name} must have 16 characters or none", _FIELD_STATUS[name])
    return octets


def _bad_message(message: Value) -> PduError:
    if isinstance(message, bytes):
        return refusal(
            f"short_message has {len(message)} octets, {MAX_SHORT_MESSAGE} fit", RINVMSGLEN
        )
    return refusal(f"short_message must be bytes, not {type(message).__name__}", RINVMSGLEN)


def _has_payload(tail: bytes) -> bool:
    return any(tag == tlv.Tag.MESSAGE_PAYLOAD for tag, _ in tlv.read(tail)[0])


def unknown(command: str, fields: Mapping[str, Value], known: frozenset[str]) -> PduError:
    names = ", ".join(sorted(fields.keys() - known))
    return refusal(f"{command} has no field {names}; it has {', '.join(sorted(known))}")

"""Optional parameters of SMPP 3.4 (section 5.3): tag, length, value; own code, because smpplib's
raises on unknown tags, on known tags in unexpected PDUs, and eats the last character of a string
that came without its NUL.

Reading is tolerant: a delivery receipt must not be lost over a parameter nobody needs. Writing is
strict. Values stay bytes; `number` and `text` read them whatever their length.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from struct import Struct

_HEADER = Struct(">HH")
MAX_VALUE = 0xFFFF

Tlvs = tuple[tuple[int, bytes], ...]


class Tag(IntEnum):
    """The tags we name ourselves (section 5.3.2); any other 16-bit tag passes as a number."""

    ADDITIONAL_STATUS_INFO_TEXT = 0x001D  #: error responses: why, in words
    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SOURCE_PORT = 0x020A
    DESTINATION_PORT = 0x020B
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    DELIVERY_FAILURE_REASON = 0x0425
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427


def read(data: bytes, start: int = 0) -> tuple[Tlvs, int]:
    """All whole parameters from `start`, and the offset where reading ended.

    The offset is `len(data)` when everything was whole; what lies behind it is a cut header or a
    value shorter than its own length field. Never raises.
    """
    found: list[tuple[int, bytes]] = []
    end = len(data)
    while start + 4 <= end:
        tag, length = _HEADER.unpack_from(data, start)
        if start + 4 + length > end:
            break
        start += 4
        found.append((tag, data[start : start + length]))
        start += length
    return tuple(found), start


def write(tlvs: Iterable[tuple[int, bytes]]) -> bytes:
    """The parameters as octets, in the given order; ValueError for a bad tag or value."""
    out = bytearray()
    for tag, value in tlvs:
        if not 0 <= tag <= 0xFFFF:
            raise ValueError(f"TLV tag {tag:#x} does not fit 16 bits")
        if not isinstance(value, bytes):
            raise TypeError(f"TLV {tag:#06x}: the value must be bytes, not {type(value).__name__}")
        if len(value) > MAX_VALUE:
            raise ValueError(f"TLV {tag:#06x}: {len(value)} octets, at most {MAX_VALUE} fit")
        out += _HEADER.pack(tag, len(value))
        out += value
    return bytes(out)


def number(value: bytes | None) -> int | None:
    """An integer parameter; SMSCs send 1-octet ones as 2 or 4 octets. None: absent or empty."""
    if not value or len(value) > 8:
        return None
    return int.from_bytes(value, "big")


def text(value: bytes | None) -> str | None:
    """A C-octet-string parameter with or without its NUL. None: absent."""
    if value is None:
        return None
    return value.partition(b"\0")[0].decode("latin-1")

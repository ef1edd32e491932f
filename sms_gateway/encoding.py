"""Text <-> short messages: the alphabet, the parts, and back; pure, and never raises on input.

A route's `alphabet` says what data_coding 0 means to its carrier: `gsm` (3GPP TS 23.038, the
standard), `latin1` or `ascii` (the carrier turns it into GSM itself), `ucs2`. On the air it is
always GSM or UCS-2, so for the middle two a text must be in both alphabets, and is counted in GSM
septets. All else goes as UCS-2 with data_coding 8, with surrogate pairs for what lies beyond it.

Sizes: a short message is 140 octets, that is 160 septets or 70 UCS-2 units. A 16-bit concatenation
header takes 7 octets and leaves 133: 152 septets or 66 units. The 153 and 67 one reads of belong to
the 8-bit header, whose 256 references collide; for `sar` and `payload` the SMSC writes the header,
and may choose the larger.

`split` and `measure` transliterate first; `encode_text` takes the text as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sms_gateway import gsm
from sms_gateway.decoding import Alphabet, Header, decode, read_header
from sms_gateway.graphemes import clusters
from sms_gateway.plain import STAND_INS
from sms_gateway.tlv import Tag, Tlvs

__all__ = [
    "Alphabet",
    "Encoded",
    "Header",
    "Mode",
    "Part",
    "TextSize",
    "TextTooLongError",
    "concatenation",
    "decode",
    "encode_text",
    "fits",
    "measure",
    "read_header",
    "split",
    "transliterate",
]

Mode = Literal["udh", "sar", "payload"]

DATA_CODING_DEFAULT = 0x00
DATA_CODING_UCS2 = 0x08
ESM_UDHI = 0x40  #: short_message begins with a user data header (SMPP 3.4 section 5.2.12)

MAX_PARTS = 255  #: the header counts parts in one octet
#: coding: (units in a single message, units in each of several)
_ROOM = {"gsm": (160, 152), "latin1": (160, 152), "ascii": (160, 152), "ucs2": (70, 66)}
_CODECS = {"latin1": "latin-1", "ascii": "ascii"}


class TextTooLongError(ValueError):
    """The text does not fit into 255 parts."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text in the alphabet it will be sent in."""

    coding: Alphabet
    data_coding: int
    data: bytes
    units: int  #: GSM septets, or UTF-16 units for ucs2: what counts against a message's room


@dataclass(frozen=True, slots=True)
class Part:
    """One submit_sm of a text; short_message is `data`, header included."""

    number: int  #: 1-based
    total: int
    data: bytes
    data_coding: int
    esm_class: int = 0
    tlvs: Tlvs = ()
    segments: int = 1  #: short messages on the air: more than 1 only for message_payload


@dataclass(frozen=True, slots=True)
class TextSize:
    """What a text costs."""

    parts: int  #: short messages on the air
    encoding: Alphabet
    units: int
    per_part: int  #: units that fit into each of so many parts
    offending: tuple[str, ...]  #: characters that force UCS-2, each once, in their order


def encode_text(text: str, *, alphabet: Alphabet = "gsm") -> Encoded:
    """`text` in the route's alphabet, or UCS-2 when one character of it is not there.

    A lone surrogate, which no alphabet has, becomes "?".
    """
    if alphabet != "ucs2":
        septets = gsm.encode(text)
        if septets is not None:
            data = septets if alphabet == "gsm" else _as(alphabet, text)
            if data is not None:
                return Encoded(alphabet, DATA_CODING_DEFAULT, data, len(septets))
    data = _utf16(text)
    return Encoded("ucs2", DATA_CODING_UCS2, data, len(data) // 2)


def split(
    text: str, *, alphabet: Alphabet = "gsm", mode: Mode = "udh", reference: int = 0
) -> list[Part]:
    """The parts of `transliterate(text)`, in order; one when it fits into one message.

    `reference` ties the parts together (its low 16 bits); the same for every attempt. No part ends
    within a character, an escape pair or a surrogate pair, nor within what the reader sees as one
    character (an emoji with its skin tone) unless that alone overflows a part. With `payload` the
    whole text is one part, which the SMSC cuts up. Raises TextTooLongError beyond 255 parts.
    """
    text = transliterate(text, alphabet=alphabet)
    whole = encode_text(text, alphabet=alphabet)
    single, several = _ROOM[whole.coding]
    if whole.units <= single:
        return [Part(1, 1, whole.data, whole.data_coding)]
    pieces = list(_pieces(text, whole.coding, several))
    total = len(pieces)
    if total > MAX_PARTS:
        raise TextTooLongError(
            f"the text needs {total} messages ({whole.units} characters as {whole.coding}); "
            f"a concatenated message has at most {MAX_PARTS}"
        )
    if mode == "payload":
        payload = (int(Tag.MESSAGE_PAYLOAD), whole.data)
        return [Part(1, 1, b"", whole.data_coding, 0, (payload,), total)]
    parts: list[Part] = []
    for number, piece in enumerate(pieces, 1):
        data = _as(whole.coding, piece)
        assert data is not None  # the whole text could be encoded so
        if mode == "sar":
            tlvs = _sar(reference & 0xFFFF, total, number)
            parts.append(Part(number, total, data, whole.data_coding, 0, tlvs))
        else:
            header = concatenation(reference & 0xFFFF, total, number)
            parts.append(Part(number, total, header + data, whole.data_coding, ESM_UDHI))
    return parts


def measure(text: str, alphabet: Alphabet = "gsm") -> TextSize:
    """What `split` would make of `text`; never raises, even beyond 255 parts."""
    text = transliterate(text, alphabet=alphabet)
    whole = encode_text(text, alphabet=alphabet)
    single, several = _ROOM[whole.coding]
    offending: tuple[str, ...] = ()
    if whole.coding == "ucs2" and alphabet != "ucs2":
        plain = unicodedata.normalize("NFC", text)
        offending = tuple(
            char for char in dict.fromkeys(plain) if not fits(char.translate(STAND_INS), alphabet)
        )
    if whole.units <= single:
        return TextSize(1, whole.coding, whole.units, single, offending)
    parts = sum(1 for _ in _pieces(text, whole.coding, several))
    return TextSize(parts, whole.coding, whole.units, several, offending)


def fits(text: str, alphabet: Alphabet = "gsm") -> bool:
    """Whether `text` can go with data_coding 0."""
    return encode_text(text, alphabet=alphabet).coding == alphabet


def transliterate(text: str, *, alphabet: Alphabet = "gsm") -> str:
    """`text` with plain characters for typographic ones, if that brings it into the alphabet.

    A text that must be UCS-2 anyway comes back as it was, to the last smart quote; so does one that
    fits already.
    """
    if alphabet == "ucs2" or fits(text, alphabet):
        return text
    plain = unicodedata.normalize("NFC", text).translate(STAND_INS)
    return plain if fits(plain, alphabet) else text


def concatenation(reference: int, total: int, number: int) -> bytes:
    """A part's user data header with a 16-bit reference (3GPP TS 23.040 section 9.2.3.24.8)."""
    return bytes((6, 8, 4, reference >> 8, reference & 0xFF, total, number))


def _sar(reference: int, total: int, number: int) -> Tlvs:
    return (
        (int(Tag.SAR_MSG_REF_NUM), reference.to_bytes(2, "big")),
        (int(Tag.SAR_TOTAL_SEGMENTS), bytes((total,))),
        (int(Tag.SAR_SEGMENT_SEQNUM), bytes((number,))),
    )


def _as(coding: Alphabet, text: str) -> bytes | None:
    """`text` in exactly this coding; None when it has a character that is not there."""
    if coding == "gsm":
        return gsm.encode(text)
    if coding == "ucs2":
        return _utf16(text)
    try:
        return text.encode(_CODECS[coding])
    except UnicodeEncodeError:
        return None


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "replace")


def _units(text: str, coding: Alphabet) -> int:
    if coding == "ucs2":
        return len(text) + sum(char > "\uffff" for char in text)
    return len(text) + sum(char in gsm.EXTENDED for char in text)


def _pieces(text: str, coding: Alphabet, room: int) -> Iterator[str]:
    """`text` cut into pieces of at most `room` units, between clusters where one fits a piece."""
    piece: list[str] = []
    used = 0
    for cluster in clusters(text):
        units = _units(cluster, coding)
        for atom in (cluster,) if units <= room else cluster:
            size = units if atom is cluster else _units(atom, coding)
            if used + size > room:
                yield "".join(piece)
                piece, used = [], 0
            piece.append(atom)
            used += size
    if piece:
        yield "".join(piece)

"""Short messages -> text: data_coding, user data headers; hostile input, never raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sms_gateway import gsm, gsm_national

Alphabet = Literal["gsm", "latin1", "ascii", "ucs2"]

#: SMPP 3.4 section 5.2.19; 2 and 4 are octets of no alphabet: what is ASCII in them is shown.
_CODECS = {
    0x01: "ascii",
    0x02: "ascii",
    0x03: "latin-1",
    0x04: "ascii",
    0x05: "shift_jis",  # JIS X 0208; carriers mean Shift-JIS
    0x06: "iso8859-5",
    0x07: "iso8859-8",
    0x0A: "iso2022_jp",
    0x0D: "iso2022_jp_ext",  # JIS X 0212
    0x0E: "euc_kr",  # KS C 5601
}

#: Where a coding has the languages of national tables, and the information elements that name them.
_LOCKING, _SINGLE = 8, 16
_SHIFTS = {0x25: _LOCKING, 0x24: _SINGLE}


def decode(data: bytes, data_coding: int, *, alphabet: Alphabet = "gsm") -> str:
    """`data`, without its user data header, as text; what cannot be read becomes U+FFFD.

    `alphabet` is what data_coding 0 means on the route; `data_coding` may have the national tables
    of the header above its 8 bits, as `coding` puts them there. NULs are left out: some carriers
    end a text with one, and no database takes them.
    """
    return _decode(data, data_coding, alphabet).replace("\0", "")


def coding(data_coding: int, header: Header | None) -> int:
    """All that tells how a part is read, in one number: data_coding, and above it the national
    locking and single shift tables that its header names (3GPP TS 23.040 section 9.2.3.24.15)."""
    found = data_coding & 0xFF
    for tag, value in header.elements if header is not None else ():
        if tag in _SHIFTS and len(value) == 1 and value[0] in gsm_national.LANGUAGES:
            found = found & ~(0xFF << _SHIFTS[tag]) | value[0] << _SHIFTS[tag]
    return found


def _decode(data: bytes, coding: int, alphabet: Alphabet) -> str:
    if coding > 0xFF:
        tables = (coding >> _LOCKING & 0xFF, coding >> _SINGLE & 0xFF)
        coding &= 0xFF
        if alphabet == "gsm" and _is_default(coding):
            return gsm_national.decode(data, *tables)
    if coding == 0:
        return _in_alphabet(data, alphabet)
    if coding == 8:
        return _utf16(data)
    if coding < 0x10:
        return data.decode(_CODECS.get(coding, "ascii"), "replace")
    # Above the table of SMPP the octet is a data coding scheme of 3GPP TS 23.038 section 4.
    group = coding >> 4
    if group == 0xE:  # message waiting, UCS-2
        return _utf16(data)
    if group in (0xC, 0xD):  # message waiting, default alphabet
        return _in_alphabet(data, alphabet)
    if group == 0xF:  # bit 2: octets
        return data.decode("ascii", "replace") if coding & 4 else _in_alphabet(data, alphabet)
    if group < 0x8 and not coding & 0x20:  # general and marked for deletion, uncompressed
        character_set = coding >> 2 & 3
        if character_set == 0:
            return _in_alphabet(data, alphabet)
        if character_set == 2:
            return _utf16(data)
    return data.decode("ascii", "replace")


def _is_default(coding: int) -> bool:
    """Whether octets are septets of the default alphabet, which national tables are parts of; some
    SMSCs call them ASCII then (data_coding 1)."""
    group = coding >> 4
    if group == 0:
        return coding in (0, 1)
    if group < 0x8:
        return not coding & 0x2C
    return group in (0xC, 0xD) or (group == 0xF and not coding & 4)


def _in_alphabet(data: bytes, alphabet: Alphabet) -> str:
    if alphabet == "gsm":
        return gsm.decode(data)
    if alphabet == "ucs2":
        return _utf16(data)
    return data.decode("latin-1" if alphabet == "latin1" else "ascii", "replace")


def _utf16(data: bytes) -> str:
    """UTF-16, big endian unless a byte order mark says otherwise; an odd last octet is U+FFFD."""
    if data.startswith(b"\xff\xfe"):
        return data[2:].decode("utf-16-le", "replace")
    return data.removeprefix(b"\xfe\xff").decode("utf-16-be", "replace")


@dataclass(frozen=True, slots=True)
class Header:
    """A user data header (3GPP TS 23.040 section 9.2.3.24), as far as anyone here asks."""

    reference: int | None = None  #: of a concatenated message; None: it is whole
    total: int = 1
    number: int = 1  #: 1-based
    ports: tuple[int, int] | None = None  #: (destination, source): for an application, not a reader
    elements: tuple[tuple[int, bytes], ...] = ()  #: all information elements


def read_header(data: bytes) -> tuple[Header | None, bytes]:
    """The header that short_message begins with when esm_class has 0x40, and what follows it.

    (None, data) when there is none that could be: an SMSC that sets the bit and sends no header
    still sends a text. A cut element ends the reading; a concatenation that cannot be (part 4 of 3)
    is ignored.
    """
    if not data or data[0] + 1 > len(data):
        return None, data
    end = data[0] + 1
    elements: list[tuple[int, bytes]] = []
    at = 1
    while at + 2 <= end:
        tag, length = data[at], data[at + 1]
        if at + 2 + length > end:
            break
        elements.append((tag, data[at + 2 : at + 2 + length]))
        at += 2 + length
    if data[0] and not elements:
        return None, data
    reference, total, number = None, 1, 1
    ports: tuple[int, int] | None = None
    for tag, value in elements:
        if (tag, len(value)) in ((0x00, 3), (0x08, 4)) and 1 <= value[-1] <= value[-2]:
            reference, total, number = int.from_bytes(value[:-2], "big"), value[-2], value[-1]
        elif tag == 0x04 and len(value) == 2:
            ports = (value[0], value[1])
        elif tag == 0x05 and len(value) == 4:
            ports = (int.from_bytes(value[:2], "big"), int.from_bytes(value[2:], "big"))
    return Header(reference, total, number, ports, tuple(elements)), data[end:]

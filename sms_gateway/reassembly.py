"""Segments of a concatenated message, put together as a handset does it; pure, bounded.

Octets are joined before they are decoded: senders who cut within a character are read rightly.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from sms_gateway.decoding import read_header
from sms_gateway.encoding import ESM_UDHI
from sms_gateway.pdu import Pdu
from sms_gateway.tlv import Tag, number

#: Unfinished messages kept; the oldest gives way.
MAX_UNFINISHED = 1000


@dataclass(slots=True)
class _Unfinished:
    total: int
    pieces: dict[int, bytes] = field(default_factory=dict)


class Reassembler:
    """Collects pieces by a key of (sender, destination, reference)."""

    def __init__(self) -> None:
        self._open: OrderedDict[Hashable, _Unfinished] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, key: Hashable, number: int, total: int, data: bytes) -> bytes | None:
        """Piece `number` (1-based) of `total`; the whole once all are there, else None.

        A piece that comes twice replaces itself; another `total` under the same key begins anew.
        """
        if total <= 1:
            return data
        if not 1 <= number <= total:
            return None
        found = self._open.get(key)
        if found is None or found.total != total:
            found = self._open[key] = _Unfinished(total)
            self._open.move_to_end(key)
        found.pieces[number] = data
        if len(found.pieces) == total:
            del self._open[key]
            return b"".join(found.pieces[n] for n in range(1, total + 1))
        if len(self._open) > MAX_UNFINISHED:
            self._open.popitem(last=False)
        return None


def place(submit: Pdu) -> tuple[int | None, int, int, bytes]:
    """(reference, part, total, text octets) of a submit_sm; reference None: it is whole.

    From the user data header, or the SAR parameters (SMPP 3.4 section 5.3.2.22).
    """
    short = submit.fields.get("short_message", b"")
    data = short if isinstance(short, bytes) and short else submit.tlv(Tag.MESSAGE_PAYLOAD) or b""
    if submit.number("esm_class") & ESM_UDHI:
        header, data = read_header(data)
        if header is not None and header.reference is not None:
            return header.reference, header.number, header.total, data
    reference = number(submit.tlv(Tag.SAR_MSG_REF_NUM))
    part = number(submit.tlv(Tag.SAR_SEGMENT_SEQNUM))
    total = number(submit.tlv(Tag.SAR_TOTAL_SEGMENTS))
    if reference is None or part is None or total is None or not 1 <= part <= total:
        return None, 1, 1, data
    return reference, part, total, data


def shown(submit: Pdu, which: Literal["source", "dest"]) -> str:
    """An address for people: with its plus when it is international."""
    name = "source_addr" if which == "source" else "destination_addr"
    plus = "+" if submit.number(f"{which}_addr_ton") == 1 else ""
    return plus + submit.text(name)

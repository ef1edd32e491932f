"""What comes from the carrier: receipts and replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ReceiptState(StrEnum):
    """message_state, SMPP 3.4 section 5.2.28, by the names of appendix B."""

    ENROUTE = "ENROUTE"
    DELIVERED = "DELIVRD"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    UNDELIVERABLE = "UNDELIV"
    ACCEPTED = "ACCEPTD"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTD"

    @property
    def final(self) -> bool:
        return self not in (ReceiptState.ENROUTE, ReceiptState.ACCEPTED, ReceiptState.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A delivery receipt (SMPP 3.4 appendix B), from TLVs or text."""

    route: str
    message_id: str  #: as received; "" when the carrier sent none
    #: Every form the id may have been stored under, by the route's id_format.
    id_forms: frozenset[str]
    state: ReceiptState
    error: str  #: `err:` or network_error_code, as received
    sender: str  #: source_addr: the handset, E.164 where it could be read
    recipient: str  #: destination_addr: our number
    done: datetime | None  #: `done date:`; carriers disagree on its zone, so informational
    at: datetime  #: when it reached us
    raw: bytes = field(repr=False, default=b"")
    #: Other routes of whose texts it may speak: accounts that share their message ids.
    shared: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A text from a handset to one of our numbers: one deliver_sm, not yet put together."""

    route: str
    sender: str  #: source_addr, E.164 where it could be read
    recipient: str  #: destination_addr: our number
    text: str
    at: datetime
    reference: int | None = None  #: concatenation reference, with `part` of `parts`
    part: int = 1
    parts: int = 1
    raw: bytes = field(repr=False, default=b"")
    octets: bytes = field(repr=False, default=b"")  #: `raw` behind the user data header
    #: How `octets` are read: data_coding, and above its 8 bits the national tables of the header
    #: (`sms_gateway.decoding.coding`). None: there is nothing but `text`.
    coding: int | None = None
    session: str = ""  #: names the connection it came on, "" where that is not known
    bound: datetime | None = None  #: when that connection was made
    #: Its like came before on the same connection, and was not answered for seconds.
    again: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """One deliver_sm of a text, for those who put it together."""

    route: str
    octets: bytes = field(repr=False)
    coding: int | None  #: as in `Reply`; None: `text` is all there is
    text: str = field(repr=False)

"""deliver_sm and data_sm from the SMSC -> Receipt or Reply, tolerant of carrier dialects.

What makes it a receipt (SMPP 3.4 sections 5.2.12 and 4.6, appendix B), in this order:

1. The parameters receipted_message_id and message_state together: only an SMSC sets them, so they
   count whatever esm_class says.
2. The message type in esm_class (bits 2 to 5): 0x04 is an SMSC delivery receipt and 0x20 an
   intermediate notification, which is believed to the letter: we do not ask for them, so who sends
   them means receipts. Both are receipts even when nothing in them can be read.
3. 0x08 (SME delivery acknowledgement) and 0x10 (manual acknowledgement) are a handset's word, but
   some SMSCs mark their receipts so: receipts when either parameter, or a text with both `id:` and
   `stat:`, says so.
4. Anything else is a reply, whatever its text says: everybody can text us "id:1 stat:DELIVRD".
   Only with `receipts_by_text` is such a text believed: for a carrier that sends receipts with
   esm_class 0 and without parameters, and at the price of that forgery.

Id and state are taken from the parameters, else from the text. The error is the text's, for it is
what the carrier's table lists, else network_error_code.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Literal

from sms_gateway import tlv
from sms_gateway.decoding import Alphabet, Header, coding, decode, read_header
from sms_gateway.pdu import Pdu
from sms_gateway.receipt_text import STATES, ReceiptText, read_state, read_text
from sms_gateway.tlv import Tag
from textback import phone
from textback.model import Receipt, ReceiptState, Reply

IdFormat = Literal["auto", "same", "hex_dec", "dec_hex"]

ESM_TYPE = 0x3C
ESM_RECEIPT = 0x04
ESM_SME_DELIVERY_ACK = 0x08
ESM_SME_MANUAL_ACK = 0x10
ESM_INTERMEDIATE = 0x20
ESM_UDHI = 0x40
_TON_INTERNATIONAL = 1

# Ids that are numbers have 64 bits at the most; longer ones are digests or UUIDs.
_DECIMAL = re.compile(r"[0-9]{1,20}", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,16}", re.ASCII)


def read_deliver(
    pdu: Pdu,
    *,
    route: str,
    at: datetime,
    id_format: IdFormat = "auto",
    alphabet: Alphabet = "gsm",
    country: str = "",
    receipts_by_text: bool = False,
) -> Receipt | Reply:
    """What a deliver_sm or data_sm brings; never raises on its content.

    `at` is when it reached us. `country` (ISO 3166) is where national numbers are at home; without
    it only international ones become E.164, and others stay as they came.
    """
    short = pdu.fields.get("short_message", b"")
    raw = short if isinstance(short, bytes) and short else pdu.tlv(Tag.MESSAGE_PAYLOAD) or b""
    header, body = read_header(raw) if pdu.number("esm_class") & ESM_UDHI else (None, raw)
    sender = _number(pdu.text("source_addr"), pdu.number("source_addr_ton"), country)
    recipient = _number(pdu.text("destination_addr"), pdu.number("dest_addr_ton"), country)
    told = _receipt_text(pdu, body, receipts_by_text)
    if told is None:
        reference, number, total = _place(pdu, header)
        how = coding(pdu.number("data_coding"), header)
        return Reply(
            route=route,
            sender=sender,
            recipient=recipient,
            text=decode(body, how, alphabet=alphabet),
            at=at,
            reference=reference,
            part=number,
            parts=total,
            raw=raw,
            octets=body,
            coding=how,
        )
    message_id = _id_parameter(pdu) or told.message_id
    return Receipt(
        route=route,
        message_id=message_id,
        id_forms=id_forms(message_id, id_format),
        state=_state(pdu, told),
        error=_error(pdu, told),
        sender=sender,
        recipient=recipient,
        done=told.done,
        at=at,
        raw=raw,
    )


def id_forms(message_id: str, id_format: IdFormat = "auto") -> frozenset[str]:
    """The ids submit_sm_resp may have given, for the id that its receipt gives.

    `same`: as it is, but for case and leading zeros, which gateways lose. `hex_dec`: submit_sm_resp
    has it in hexadecimal, the receipt in decimal; `dec_hex`: the other way round; `auto`: all of
    these. Turn only one side: what was stored needs `stored_forms`, for a conversion on both sides
    makes strangers meet.
    """
    forms = set(stored_forms(message_id))
    if not forms:
        return frozenset()
    digits = message_id.strip()
    if id_format in ("auto", "hex_dec") and _DECIMAL.fullmatch(digits):
        forms |= stored_forms(f"{int(digits):x}")
    if id_format in ("auto", "dec_hex") and _HEXADECIMAL.fullmatch(digits):
        forms |= stored_forms(str(int(digits, 16)))
    return frozenset(forms)


def stored_forms(message_id: str) -> frozenset[str]:
    """The forms to keep an id of submit_sm_resp under: as received, and in lower case without
    leading zeros, which is how `id_forms` will ask for it."""
    bare = message_id.strip()
    if not bare:
        return frozenset()
    lower = bare.lower()
    return frozenset({message_id, bare, lower, lower.lstrip("0") or "0"})


def _receipt_text(pdu: Pdu, body: bytes, by_text: bool) -> ReceiptText | None:
    """What the text of a receipt says; None when it is no receipt."""
    kind = pdu.number("esm_class") & ESM_TYPE
    has_id = _id_parameter(pdu) != ""
    has_state = pdu.tlv(Tag.MESSAGE_STATE) is not None
    certain = (has_id and has_state) or bool(kind & (ESM_RECEIPT | ESM_INTERMEDIATE))
    possible = kind in (ESM_SME_DELIVERY_ACK, ESM_SME_MANUAL_ACK)
    if not (certain or possible or by_text):
        return None
    told = _best_text(body, pdu.number("data_coding"))
    if certain or told.telling or (possible and (has_id or has_state)):
        return told
    return None


def _best_text(body: bytes, data_coding: int) -> ReceiptText:
    """Receipts are ASCII whatever the route's alphabet: read as GSM, an id would lose its "_".
    Only one that says UCS-2 and reads better so is that."""
    plain = read_text(body.decode("latin-1"))
    if data_coding & 0x0C == 0x08 and not plain.telling:
        wide = read_text(decode(body, 8))
        if wide.message_id or wide.stat:
            return wide
    return plain


def _id_parameter(pdu: Pdu) -> str:
    return (tlv.text(pdu.tlv(Tag.RECEIPTED_MESSAGE_ID)) or "").strip()


def _state(pdu: Pdu, told: ReceiptText) -> ReceiptState:
    state = tlv.number(pdu.tlv(Tag.MESSAGE_STATE))
    if state in STATES:
        return STATES[state]
    return read_state(told.stat)


def _error(pdu: Pdu, told: ReceiptText) -> str:
    """`err:`, unless it says nothing and network_error_code (section 5.3.2.31) does: then
    "type/code" of that, e.g. "3/33" for GSM error 33."""
    code = pdu.tlv(Tag.NETWORK_ERROR_CODE)
    if told.err.strip("0") or code is None or len(code) != 3 or code[1:] == b"\0\0":
        return told.err
    return f"{code[0]}/{int.from_bytes(code[1:], 'big')}"


def _place(pdu: Pdu, header: Header | None) -> tuple[int | None, int, int]:
    """Reference, number and total of a part: from its header, else from the SAR parameters."""
    if header is not None and header.reference is not None:
        return header.reference, header.number, header.total
    reference = tlv.number(pdu.tlv(Tag.SAR_MSG_REF_NUM))
    total = tlv.number(pdu.tlv(Tag.SAR_TOTAL_SEGMENTS))
    number = tlv.number(pdu.tlv(Tag.SAR_SEGMENT_SEQNUM))
    if reference is None or total is None or number is None or not 1 <= number <= total <= 255:
        return None, 1, 1
    # Two octets by section 5.3.2.22; of more, no database has so large a number.
    return reference & 0xFFFF, number, total


# Reading a number costs more than all the rest of a receipt, and a text's parts, receipt and
# replies have the same two.
@lru_cache(maxsize=4096)
def _number(address: str, ton: int, country: str) -> str:
    """An address as E.164; as it came where that cannot be (short code, alphanumeric sender)."""
    bare = address.strip()
    if ton == _TON_INTERNATIONAL and bare.isascii() and bare.isdigit():
        found = phone.to_e164("+" + bare.removeprefix("00"), country)
        if found is not None:
            return found
    return phone.to_e164(bare, country) or bare

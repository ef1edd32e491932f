"""Addresses and times as submit_sm wants them: type of number, numbering plan, validity; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sms_gateway.settings import RouteSettings, Validity

# SMPP 3.4 section 5.2.5
TON_UNKNOWN, TON_INTERNATIONAL, TON_NETWORK, TON_ALPHANUMERIC = 0, 1, 3, 5
# SMPP 3.4 section 5.2.6
NPI_UNKNOWN, NPI_E164 = 0, 1

#: Carriers' short codes have 3 to 8 digits, but a local number may have 7; up to 6 is safe to tell.
MAX_SHORT_CODE = 6
#: source_addr and destination_addr hold 20 characters and a NUL (SMPP 3.4 section 4.4.1).
MAX_ADDRESS = 20
#: A handset shows no more of an alphanumeric sender (3GPP TS 23.040 section 9.1.2.5).
MAX_ALPHANUMERIC = 11

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_INTERNATIONAL = re.compile(r"\+[0-9]+", re.ASCII)
_PRINTABLE = re.compile(r"[ -~]+", re.ASCII)

#: A validity below this is refused by some SMSCs, and a handset out of a lift needs it.
MIN_VALIDITY = 60
#: The relative format counts days in two digits; no text of ours is useful for longer.
MAX_VALIDITY = 99 * 86400


@dataclass(frozen=True, slots=True)
class Address:
    """An SMPP address: type of number, numbering plan indicator, digits or letters."""

    ton: int
    npi: int
    addr: str


def address(text: str, *, ton: int | None = None, npi: int | None = None) -> Address:
    """`text` as an SMPP address; `ton` and `npi` override what its form says.

    "+12125550100" is international (1/1) and goes without its plus; a short code is
    network-specific (3/0); other digits are unknown (0/1), since only the carrier knows its own
    dialling plan; anything else is an alphanumeric sender (5/0). Raises ValueError when it cannot
    be an address; the message is for the operator and does not repeat it.
    """
    if _INTERNATIONAL.fullmatch(text):
        found = Address(TON_INTERNATIONAL, NPI_E164, text[1:])
    elif _DIGITS.fullmatch(text):
        short = len(text) <= MAX_SHORT_CODE
        found = Address(*((TON_NETWORK, NPI_UNKNOWN) if short else (TON_UNKNOWN, NPI_E164)), text)
    elif not text:
        # Allowed: the SMSC fills in the account's default (SMPP 3.4 section 5.2.8).
        found = Address(TON_UNKNOWN, NPI_UNKNOWN, "")
    elif not _PRINTABLE.fullmatch(text):
        raise ValueError("a sender must be digits, or printable ASCII characters")
    elif len(text) > MAX_ALPHANUMERIC:
        raise ValueError(f"an alphanumeric sender has at most {MAX_ALPHANUMERIC} characters")
    else:
        found = Address(TON_ALPHANUMERIC, NPI_UNKNOWN, text)
    if len(found.addr) > MAX_ADDRESS:
        raise ValueError(f"an address has at most {MAX_ADDRESS} digits")
    return Address(found.ton if ton is None else ton, found.npi if npi is None else npi, found.addr)


def source(text: str, settings: RouteSettings) -> Address:
    """The sender of a message on this route; raises ValueError."""
    return address(text, ton=settings.source_ton, npi=settings.source_npi)


def destination(text: str, settings: RouteSettings) -> Address:
    """The handset a message goes to on this route; raises ValueError unless it is digits."""
    found = address(text, ton=settings.dest_ton, npi=settings.dest_npi)
    if not found.addr.isdigit():
        raise ValueError("a destination must be digits")
    return found


def validity_period(expires: datetime, now: datetime, form: Validity) -> str:
    """How long the SMSC should try, as validity_period (SMPP 3.4 section 7.1.1); "" for `none`.

    A missed-call text that arrives tomorrow is worse than none, so the carrier is told.
    """
    if form == "none":
        return ""
    if form == "absolute":
        until = max(expires, now + timedelta(seconds=MIN_VALIDITY))
        return until.astimezone(UTC).strftime("%y%m%d%H%M%S") + "000+"
    left = min(MAX_VALIDITY, max(MIN_VALIDITY, int((expires - now).total_seconds())))
    minutes, seconds = divmod(left, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"

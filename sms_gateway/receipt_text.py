"""The text of a delivery receipt (SMPP 3.4 appendix B), as carriers really write it.

The standard calls the format vendor specific, and vendors agree: keys in any order and case, any of
them missing, values of any length, a comma for a space, dates of 10, 12 or 14 digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from textback.model import ReceiptState

#: Our key: how carriers spell it. A key is at the start or behind a separator.
_KEYS = {
    "id": r"(?:message|msg)?[ _]?id",
    "sub": r"sub",
    "dlvrd": r"dlvrd",
    "submit": r"submit[ _]?date",
    "done": r"done[ _]?date",
    "stat": r"(?:message[ _]?)?stat(?:e|us)?",
    "err": r"err(?:or)?(?:[ _]?code)?",
    "text": r"te?xt",
}
_KEY = re.compile(
    r"(?:^|(?<=[\s,;|&]))(?:" + "|".join(f"(?P<{k}>{v})" for k, v in _KEYS.items()) + r")\s*[:=]",
    re.IGNORECASE,
)
#: Receipts have at most a message's 254 octets; a message_payload may have 64 KiB.
_MAX_LENGTH = 2048
_ABSOLUTE = re.compile(r"(\d{12})\d(\d\d)([+-])", re.ASCII)
_SEPARATORS = " \t\r\n,;|&\0\"'"


@dataclass(frozen=True, slots=True)
class ReceiptText:
    """What a receipt's text says; "" or None for what it does not."""

    message_id: str = ""
    stat: str = ""
    err: str = ""
    done: datetime | None = None

    @property
    def telling(self) -> bool:
        """Whether it says what a receipt is for: which message, and what became of it."""
        return bool(self.message_id and self.stat)


def read_text(text: str) -> ReceiptText:
    """Read a receipt's text; never raises.

    Of two equal keys the first counts: behind `text:` stands the beginning of the message, which
    may itself look like a receipt.
    """
    text = text[:_MAX_LENGTH]
    keys = list(_KEY.finditer(text))
    found: dict[str, str] = {}
    for at, key in enumerate(keys):
        end = keys[at + 1].start() if at + 1 < len(keys) else len(text)
        found.setdefault(key.lastgroup or "", text[key.end() : end].strip(_SEPARATORS))
    # One dialect leaves out the key and writes the bare word: "done date:2611231201 DELIVRD err:0".
    stat = found.get("stat") or found.get("done", "").partition(" ")[2]
    return ReceiptText(
        message_id=_first_word(found.get("id", "")),
        stat=stat,
        err=_first_word(found.get("err", "")),
        done=read_date(_first_word(found.get("done", ""))),
    )


def _first_word(value: str) -> str:
    return re.split(r"[\s,;|&\0]", value, maxsplit=1)[0]


def read_date(text: str) -> datetime | None:
    """`YYMMDDhhmm`, with seconds, or with the century: as if UTC, for carriers do not say. Or the
    absolute time of section 7.1.1, which does: quarters of an hour ahead of UTC or behind."""
    ahead = timedelta()
    if (absolute := _ABSOLUTE.fullmatch(text)) is not None:
        text, quarters, sign = absolute.groups()
        ahead = int(quarters) * timedelta(minutes=15 if sign == "+" else -15)
    if not (text.isascii() and text.isdigit()):
        return None
    pairs = [int(text[at : at + 2]) for at in range(0, len(text), 2)]
    if len(text) in (10, 12) and 1 <= pairs[1] <= 12:
        pairs.insert(0, 20)
    elif len(text) not in (12, 14):  # 12 again: a century instead of seconds
        return None
    century, year, month, day, hour, minute, second = [*pairs, 0][:7]
    try:
        return datetime(century * 100 + year, month, day, hour, minute, second, tzinfo=UTC) - ahead
    except (ValueError, OverflowError):
        return None


#: message_state, section 5.2.28. 0 and 9 (scheduled, skipped) are SMPP 5.0's.
STATES = {
    0: ReceiptState.ENROUTE,
    1: ReceiptState.ENROUTE,
    2: ReceiptState.DELIVERED,
    3: ReceiptState.EXPIRED,
    4: ReceiptState.DELETED,
    5: ReceiptState.UNDELIVERABLE,
    6: ReceiptState.ACCEPTED,
    7: ReceiptState.UNKNOWN,
    8: ReceiptState.REJECTED,
    9: ReceiptState.UNDELIVERABLE,
}

#: How the words begin, letters only; the first that fits counts.
_WORDS: tuple[tuple[str, ReceiptState], ...] = (
    ("UNDEL", ReceiptState.UNDELIVERABLE),
    ("UNDLV", ReceiptState.UNDELIVERABLE),
    ("NOTDEL", ReceiptState.UNDELIVERABLE),
    ("NONDEL", ReceiptState.UNDELIVERABLE),
    ("FAIL", ReceiptState.UNDELIVERABLE),
    ("DELIVERYFAIL", ReceiptState.UNDELIVERABLE),
    ("DELIVERYIMP", ReceiptState.UNDELIVERABLE),  # Parlay X: DeliveryImpossible
    ("DELIVERYUNC", ReceiptState.UNKNOWN),  # Parlay X: DeliveryUncertain
    ("DELAY", ReceiptState.ENROUTE),
    ("DELE", ReceiptState.DELETED),
    ("DELTD", ReceiptState.DELETED),
    ("DEL", ReceiptState.DELIVERED),
    ("DLV", ReceiptState.DELIVERED),
    ("EXP", ReceiptState.EXPIRED),
    ("REJ", ReceiptState.REJECTED),
    ("ACC", ReceiptState.ACCEPTED),
    ("ACK", ReceiptState.ACCEPTED),
    ("ENRO", ReceiptState.ENROUTE),
    ("BUFF", ReceiptState.ENROUTE),
    ("SCHED", ReceiptState.ENROUTE),
    ("PEND", ReceiptState.ENROUTE),
    ("SUBMI", ReceiptState.ENROUTE),
    ("QUEUE", ReceiptState.ENROUTE),
)


def read_state(stat: str) -> ReceiptState:
    """`stat:` as a state: `DELIVRD`, `Delivered`, `undeliverable`, `EXPIRD`, or message_state's
    number. UNKNOWN for anything else: it settles nothing, so nothing is settled on a guess."""
    word = "".join(char for char in stat.upper() if char.isalpha())
    if not word:
        digits = stat.strip()
        known = digits.isascii() and digits.isdigit() and len(digits) <= 3
        return STATES.get(int(digits), ReceiptState.UNKNOWN) if known else ReceiptState.UNKNOWN
    return next((state for start, state in _WORDS if word.startswith(start)), ReceiptState.UNKNOWN)

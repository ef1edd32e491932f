"""The table [[smsc]]: what carries the texts."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, SecretStr, field_validator

from textback import phone
from textback.config_values import DURATION, Country, Host, Line, Name, Port, Seconds, Table, key


class SmscConfig(Table):
    """A carrier account (SMPP 3.4). Repeat the table for several; the first is the primary. With
    mode = "shadow" there may be none."""

    name: Name = key("smsc", "How it is called in logs.", sample="smsc")
    host: Host = key(..., "The carrier's SMPP host.", sample="smpp.example.net")
    port: Port = key(2775, "Its port; 3550 is usual with TLS.", sample=2775)
    system_id: Annotated[Line, Field(min_length=1, max_length=15)] = key(
        ..., "The account's user name.", sample="acme"
    )
    password: SecretStr = key(
        SecretStr(""), "Its password, in the open.", sample="changeme", secret=True
    )
    password_file: Line = key("", "Or a file that holds the password.", allowed="a path")
    password_credential: Line = key(
        "", "Or the name of a systemd credential (LoadCredential=) that holds it."
    )
    system_type: Annotated[Line, Field(max_length=12)] = key(
        "", "Only when the carrier asks for one."
    )
    bind: Literal["transceiver", "transmitter+receiver"] = key(
        "transceiver", "One connection, or two where the carrier has no transceiver bind."
    )
    tls: bool = key(False, "Speak TLS to the carrier, and verify it.")
    tls_ca: Line = key("", "CA certificates to trust instead of the system's.", allowed="a path")
    tls_hostname: Line = key("", "The name in its certificate, where it is not `host`.")
    tls_cert: Line = key("", "Our certificate, where the carrier asks for one.", allowed="a path")
    tls_key: Line = key("", "The key of tls_cert.", allowed="a path")
    window: Annotated[int, Field(ge=1, le=1000)] = key(
        10, "Most unanswered submits. After a crash at most this many texts are uncertain."
    )
    rate: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] = key(
        10.0, "Segments a second the contract allows; 0 for no limit of ours."
    )
    enquire_link: Annotated[Seconds, Field(ge=1, le=3600)] = key(
        30.0, "Ask for a sign of life after this much silence.", allowed=DURATION
    )
    enquire_timeout: Annotated[Seconds, Field(ge=1, le=600)] = key(
        10.0,
        "Wait this long for that sign; when two are missing the link counts as dead.",
        allowed=DURATION,
    )
    response_timeout: Annotated[Seconds, Field(ge=1, le=600)] = key(
        30.0, "Wait this long for an answer before the link counts as dead.", allowed=DURATION
    )
    alphabet: Literal["gsm", "latin1", "ascii", "ucs2"] = key(
        "gsm", "What the carrier takes data_coding 0 to mean."
    )
    id_format: Literal["auto", "same", "hex_dec", "dec_hex"] = key(
        "auto",
        "How message ids in receipts differ from those in submit_sm_resp: hex_dec is hexadecimal "
        "there and decimal in receipts.",
    )
    long_messages: Literal["udh", "sar", "payload"] = key(
        "udh", "How texts above one segment are sent."
    )
    source_ton: Annotated[int, Field(ge=0, le=6)] | None = key(
        None, "source_addr_ton; unset: detected from the sender.", allowed="0 to 6"
    )
    source_npi: Annotated[int, Field(ge=0, le=18)] | None = key(
        None, "source_addr_npi; unset: detected.", allowed="0 to 18"
    )
    dest_ton: Annotated[int, Field(ge=0, le=6)] | None = key(
        None, "dest_addr_ton; unset: 1, international.", allowed="0 to 6"
    )
    dest_npi: Annotated[int, Field(ge=0, le=18)] | None = key(
        None, "dest_addr_npi; unset: 1, E.164.", allowed="0 to 18"
    )
    service_type: Annotated[Line, Field(max_length=5)] = key(
        "", "Only when the carrier asks for one."
    )
    on_uncertain: Literal["hold", "resend"] = key(
        "hold",
        "A text whose bytes went out and whose answer never came (crash, cut line): hold it for "
        "a late receipt or the operator, or send it again at the risk of a second text.",
    )
    receipts: bool = key(True, "Ask for delivery receipts.")
    receipts_by_text: bool = key(
        False,
        "Take a text with `id:` and `stat:` for a receipt though nothing marks it as one. Only for "
        "a carrier that sends its receipts so: anybody can write such a text.",
    )
    optout_status: tuple[Line, ...] = key(
        (),
        "Answers to a submit (command_status) that mean that the handset has opted out with the "
        "carrier: it is not texted any more, until it writes START.",
        allowed='a list of codes, decimal or hexadecimal: ["0x0000040c", "1036"]',
    )
    optout_receipt_codes: tuple[Line, ...] = key(
        (),
        "The same of error codes in receipts (`err:`); leading zeros do not count.",
        allowed='a list of codes: ["652"]',
    )
    validity: Literal["relative", "absolute", "none"] = key(
        "relative", "How limits.max_age is told to the carrier."
    )
    tlvs: dict[Annotated[str, Field(max_length=8)], Annotated[str, Field(max_length=2048)]] = key(
        {},
        "Vendor parameters sent with every submit.",
        allowed='{ "0x1400" = "text", "0x1401" = "hex:0a0b" }',
    )

    senders: tuple[Line, ...] = key(
        (),
        "The senders this account may use; empty: any. A text from another one goes by another "
        "[[smsc]].",
        allowed='numbers in full, short codes, letters: ["+12125550100", "ACME"]',
    )
    countries: tuple[Country, ...] = key(
        (),
        "Where the handsets are that this account may text, with those of `prefixes`; both empty: "
        "everywhere.",
        allowed='country codes, ISO 3166: ["US", "CA"]',
    )
    prefixes: tuple[Line, ...] = key(
        (),
        "How the numbers of handsets begin that this account may text, whatever `countries` says.",
        allowed='beginnings of numbers in full: ["+1212", "+44"]',
    )
    backup: bool = key(
        False,
        "Carry what the routes before it cannot while they are down: for every number, as far as "
        "senders and countries allow.",
    )
    failover_after: Annotated[Seconds, Field(ge=0.1, le=86_400)] = key(
        60.0,
        "Not bound for this long, or answering only errors: the next route that may carries what "
        "waits here. At once when the carrier refuses the login.",
        allowed=DURATION,
    )
    return_after: Annotated[Seconds, Field(ge=0.1, le=86_400)] = key(
        60.0,
        "Bound again for this long: it carries its texts again. Longer each time it falls again "
        "soon.",
        allowed=DURATION,
    )
    receipt_group: Line = key(
        "",
        "Accounts of one carrier with the same word here share their message ids: a receipt may "
        "come in on any of them. Those with the same host and system_id do anyway.",
        allowed="a word of yours",
    )

    _tlvs: tuple[tuple[int, bytes], ...] = PrivateAttr(())
    _optout_statuses: frozenset[int] = PrivateAttr(frozenset())

    def model_post_init(self, _context: object) -> None:
        self._tlvs = tuple(_tlv(tag, value) for tag, value in self.tlvs.items())
        self._optout_statuses = frozenset(_status(text) for text in self.optout_status)

    @property
    def tlv_bytes(self) -> tuple[tuple[int, bytes], ...]:
        """`tlvs` as they go on the wire: (tag, value)."""
        return self._tlvs

    @field_validator("prefixes")
    @classmethod
    def _prefixes_are_in_full(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        bare = tuple(re.sub(r"[ ().\-]", "", text).removesuffix("*") for text in value)
        for text, digits in zip(value, bare, strict=True):
            if not re.fullmatch(r"\+[1-9][0-9]{0,14}", digits, re.ASCII):
                shown = phone.printable(text)
                raise ValueError(f"{shown!r} is not how a number begins; write it in full: +1212")
        return bare

    @property
    def optout_statuses(self) -> frozenset[int]:
        """`optout_status` as numbers."""
        return self._optout_statuses

    @field_validator("optout_status")
    @classmethod
    def _optout_status_is_a_status(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            _status(text)
        return value

    @field_validator("optout_receipt_codes")
    @classmethod
    def _optout_codes_are_codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if not re.fullmatch(r"[0-9A-Za-z]{1,16}", text, re.ASCII) or not text.strip("0"):
                shown = phone.printable(text)
                raise ValueError(f'{shown!r} is no error code; write it as in err: "652"')
        return value

    @field_validator("tlvs")
    @classmethod
    def _tlvs_are_writable(cls, value: dict[str, str]) -> dict[str, str]:
        for tag, text in value.items():
            _tlv(tag, text)
        return value


def _status(text: str) -> int:
    """A command_status above 0, decimal or after 0x."""
    readable = re.fullmatch(r"0x[0-9a-fA-F]{1,8}|[0-9]{1,10}", text, re.ASCII)
    number = int(text, 16 if text.startswith("0x") else 10) if readable else 0
    if not 0 < number <= 0xFFFFFFFF:
        shown = phone.printable(text)
        raise ValueError(f'{shown!r} is no command_status; write it as in "0x0000040c" or "1036"')
    return number


def _tlv(tag: str, value: str) -> tuple[int, bytes]:
    """A vendor parameter: latin-1 text as it stands (no NUL is added), or octets after `hex:`."""
    readable = re.fullmatch(r"0x[0-9a-fA-F]{1,4}|[0-9]{1,5}", tag, re.ASCII)
    number = int(tag, 16 if tag.startswith("0x") else 10) if readable else 0
    if not 0 < number <= 0xFFFF:
        raise ValueError(
            f'{tag!r} is not a parameter tag; write it as "0x1400", "0x0001" to "0xffff"'
        )
    if not value.startswith("hex:"):
        try:
            return number, value.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError(f"{tag} has more than latin-1 characters; write hex:") from None
    try:
        return number, bytes.fromhex(value[4:])
    except ValueError as error:
        raise ValueError(
            f'{tag} is not hexadecimal; write pairs of hex digits: "hex:0a0b"'
        ) from error

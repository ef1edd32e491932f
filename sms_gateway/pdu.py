"""SMPP 3.4 PDUs: bytes <-> `Pdu`, own framing; the only file that imports smpplib.

smpplib gives what it gets right: command codes, the order, type and limit of every mandatory field,
and the octets of the rare PDUs. Around it stands our own code, because smpplib cuts long numbers
short, lets a NUL shift a PDU, ignores misspelt fields and the sequence number, and raises a zoo of
errors on odd input. The four PDUs of every text (submit_sm, deliver_sm and their responses) are
packed and read here directly; a test holds the octets against smpplib's.

Strict in what is sent, tolerant in what is read: text fields come back as latin-1 `str` of any
length without their NUL, octets as `bytes`. What was left out of a damaged PDU is said in
`Pdu.damage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smpplib import command_codes, consts, smpp

from sms_gateway import pdu_fields, tlv
from sms_gateway.framing import (
    HEADER,
    MAX_LENGTH,
    MIN_LENGTH,
    RINVCMDID,
    RINVCMDLEN,
    RINVMSGLEN,
    RINVOPTPARSTREAM,
    FrameError,
    Framer,
    PduError,
    bad_length,
)
from sms_gateway.pdu_fields import Field, Value, refusal

__all__ = [
    "COMMAND_IDS",
    "LAYOUTS",
    "MAX_LENGTH",
    "MAX_SEQUENCE",
    "MIN_LENGTH",
    "RESPONSE",
    "Field",
    "FrameError",
    "Framer",
    "Pdu",
    "PduError",
    "Value",
    "encode",
    "parse",
]

MAX_SEQUENCE = 0x7FFFFFFF  #: section 3.2: we never go above; some SMSCs do, and are answered
RESPONSE = 0x80000000  #: the bit that makes a command_id a response


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU as read. `fields` has every mandatory field that was there, by its 3.4 name."""

    command: str  #: "submit_sm_resp"...; "unknown" for one we do not read, `command_id` kept
    command_id: int
    status: int
    sequence: int
    fields: Mapping[str, Value]
    tlvs: tlv.Tlvs = ()
    damage: str = ""  #: what could not be read and was left out, else ""

    def tlv(self, tag: int) -> bytes | None:
        """The value of the first parameter with this tag."""
        for found, value in self.tlvs:
            if found == tag:
                return value
        return None

    @property
    def is_response(self) -> bool:
        return bool(self.command_id & RESPONSE)

    def text(self, name: str) -> str:
        """A text field; "" when it was absent (an error response has no body)."""
        value = self.fields.get(name, "")
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """An integer field; 0 when it was absent."""
        value = self.fields.get(name, 0)
        return value if isinstance(value, int) else 0


def _layouts() -> dict[str, tuple[Field, ...]]:
    """The mandatory fields of every command smpplib can build, from its own tables."""
    layouts: dict[str, tuple[Field, ...]] = {}
    for name in command_codes.commands:
        # Known codes that smpplib cannot build. query_sm it can, but nothing here asks or
        # answers it: left out, so that it is refused like its kin.
        if name.startswith(("cancel_", "replace_", "submit_multi", "query_", "outbind")):
            continue
        known = type(smpp.make_pdu(name, client=_NoClient()))  # type: ignore[no-untyped-call]
        fields = []
        for field in known.params_order:
            if field in consts.OPTIONAL_PARAMS or field == "sm_length":
                continue
            param = known.params[field]
            if param.type is int:
                fields.append(Field(field, int, param.size))
            elif param.type is str:
                fields.append(Field(field, str, param.max - 1))
            else:
                fields.append(Field(field, bytes, param.max))
        layouts[name] = tuple(fields)
    layouts["outbind"] = (Field("system_id", str, 15), Field("password", str, 8))
    return layouts


class _NoClient:
    """What smpplib asks of its client while it builds a PDU; our sequence is set afterwards."""

    sequence = 0

    def next_sequence(self) -> int:
        return 0


LAYOUTS: Mapping[str, tuple[Field, ...]] = _layouts()
COMMAND_IDS: Mapping[str, int] = {name: command_codes.commands[name] for name in LAYOUTS}
_NAMES = {command_id: name for name, command_id in COMMAND_IDS.items()}
_SM_NAMES = frozenset(field.name for field in LAYOUTS["submit_sm"])

_SM = frozenset({COMMAND_IDS["submit_sm"], COMMAND_IDS["deliver_sm"]})
_SUBMIT_SM_RESP = COMMAND_IDS["submit_sm_resp"]

#: Responses without a body when command_status is not 0 (section 4.4.2 and, by custom, binds).
_BODILESS_ON_ERROR = frozenset(
    {
        "submit_sm_resp",
        "data_sm_resp",
        "bind_transceiver_resp",
        "bind_transmitter_resp",
        "bind_receiver_resp",
    }
)

# --- reading ----------------------------------------------------------------------------------


def parse(frame: bytes) -> Pdu:
    """Read one whole frame. Raises FrameError when it is none, PduError when it is damaged so far
    that using it would be a guess; its sequence and command_id tell whom to answer."""
    if len(frame) < MIN_LENGTH or len(frame) > MAX_LENGTH:
        raise bad_length(len(frame), frame[:MIN_LENGTH])
    length, command_id, status, sequence = HEADER.unpack_from(frame)
    if length != len(frame):
        raise FrameError(
            f"command_length {length} in a frame of {len(frame)} octets",
            status=RINVCMDLEN,
            sequence=sequence,
            command_id=command_id,
        )
    command = _NAMES.get(command_id)
    if command is None:
        return Pdu("unknown", command_id, status, sequence, {})
    fields: dict[str, Value]
    try:
        if command_id == _SUBMIT_SM_RESP and frame.find(0, MIN_LENGTH) == length - 1:
            return Pdu(
                command,
                command_id,
                status,
                sequence,
                {"message_id": frame[MIN_LENGTH:-1].decode("latin-1")},
            )
        if command_id in _SM:
            fields, end = pdu_fields.read_sm(frame)
        elif command_id & RESPONSE:
            fields, end = pdu_fields.read_response(LAYOUTS[command], frame)
        else:
            fields, end = pdu_fields.read(LAYOUTS[command], frame)
    except (IndexError, ValueError) as error:
        raise PduError(
            f"{command} ends in the middle of a mandatory field",
            status=RINVCMDLEN,
            sequence=sequence,
            command_id=command_id,
        ) from error
    if end == length:
        return Pdu(command, command_id, status, sequence, fields)
    if end > length:
        raise PduError(
            f"{command}: sm_length is {end - length} octets more than there are",
            status=RINVMSGLEN,
            sequence=sequence,
            command_id=command_id,
        )
    return _with_tlvs(frame, command, fields, end)


def _with_tlvs(frame: bytes, command: str, fields: dict[str, Value], start: int) -> Pdu:
    """The PDU with its optional parameters.

    A parameter that is cut is left out and said so: its value would be a guess, and the whole ones
    before it may be a receipt. Only a cut message_payload spoils the PDU, for it is the text.
    """
    length, command_id, status, sequence = HEADER.unpack_from(frame)
    tlvs, end = tlv.read(frame, start)
    damage = ""
    if end != length:
        tag = frame[end : end + 2]
        damage = f"{length - end} octets of a cut parameter 0x{tag.hex()} left out"
        if tag == tlv.Tag.MESSAGE_PAYLOAD.to_bytes(2, "big"):
            raise PduError(
                f"{command}: message_payload is cut short",
                status=RINVOPTPARSTREAM,
                sequence=sequence,
                command_id=command_id,
            )
    return Pdu(command, command_id, status, sequence, fields, tlvs, damage)


# --- writing ----------------------------------------------------------------------------------


def encode(
    command: str,
    sequence: int,
    *,
    status: int = 0,
    tlvs: Iterable[tuple[int, bytes]] = (),
    **fields: Value,
) -> bytes:
    """The octets of a PDU; absent fields are 0 or empty. Text fields may be `str` or `bytes`.

    An error response without fields has no body. Raises PduError for what section 4 does not
    allow: an unknown command or field, a text too long or with control characters, a number out of
    range, a sequence outside 1..0x7fffffff (responses: any 32 bits, as they echo).
    """
    command_id = COMMAND_IDS.get(command, -1)
    try:
        if command_id < 0:
            raise refusal(f"{command!r} is not a PDU we send", RINVCMDID)
        echoes = command_id & RESPONSE
        if not (0 if echoes else 1) <= sequence <= (0xFFFFFFFF if echoes else MAX_SEQUENCE):
            raise refusal(f"sequence {sequence} is out of range")
        tail = _write_tlvs(tlvs) if tlvs else b""
        if command_id in _SM:
            body = pdu_fields.sm_body(command, fields, _SM_NAMES, tail)
        elif status and not fields and command in _BODILESS_ON_ERROR:
            body = b""
        else:
            body = _write(command, fields)
        length = MIN_LENGTH + len(body) + len(tail)
        if length > MAX_LENGTH:
            raise refusal(f"{length} octets are too long for a PDU")
        return HEADER.pack(length, command_id, status, sequence) + body + tail
    except PduError as error:
        error.sequence, error.command_id = sequence, command_id if command_id >= 0 else None
        raise


def _write_tlvs(tlvs: Iterable[tuple[int, bytes]]) -> bytes:
    try:
        return tlv.write(tlvs)
    except (TypeError, ValueError) as error:
        raise refusal(str(error), RINVOPTPARSTREAM) from error


def _write(command: str, fields: Mapping[str, Value]) -> bytes:
    """The body of any other PDU: checked here, put into octets by smpplib."""
    layout = LAYOUTS[command]
    names = frozenset(field.name for field in layout)
    if not fields.keys() <= names:
        raise pdu_fields.unknown(command, fields, names)
    texts = {
        name: pdu_fields.text(name, fields.get(name, ""), limit)
        for name, kind, limit in layout
        if kind is str
    }
    if command == "outbind" or len(layout) == 1:
        return b"".join(texts.values())  # smpplib cannot build outbind; one text needs no builder
    if not layout:
        return b""
    values: dict[str, Value] = {
        name: octets[:-1].decode("latin-1") for name, octets in texts.items()
    }
    for name, kind, limit in layout:
        if kind is int:
            value = fields.get(name, 0)
            if not isinstance(value, int) or not 0 <= value < 256**limit:
                raise refusal(f"{command}: {name} must be 0 to {256**limit - 1}, not {value!r}")
            values[name] = value
    built = smpp.make_pdu(command, client=_NoClient(), **values)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(built, name, value)  # the constructor overrides interface_version
    built.sequence = 0
    octets: bytes = built.generate()
    return octets[MIN_LENGTH:]

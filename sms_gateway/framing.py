"""The octet stream of SMPP 3.4 (section 3.2): its header, its errors, and cutting it into PDUs.

ValueError
+-- PduError      this PDU is bad, the stream is not: answer with `status` and go on.
    |             From `pdu.encode`: the caller asked for something that cannot be sent.
    +-- FrameError    the stream is lost: close the connection
"""

from __future__ import annotations

from struct import Struct

MIN_LENGTH = 16  #: a PDU is at least its header
MAX_LENGTH = 65536  #: room for a message_payload; anything above is a lost stream, not a PDU

RINVMSGLEN = 0x01
RINVCMDLEN = 0x02
RINVCMDID = 0x03
RINVOPTPARSTREAM = 0xC0
RINVPARLEN = 0xC2

HEADER = Struct(">IIII")  #: command_length, command_id, command_status, sequence_number
_LENGTH = Struct(">I")


class PduError(ValueError):
    """This PDU cannot be used; `status` is what its sender should be told."""

    def __init__(
        self, message: str, *, status: int, sequence: int = 0, command_id: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.sequence = sequence
        self.command_id = command_id


class FrameError(PduError):
    """The octets are no SMPP stream (any more): close the connection."""


class Framer:
    """Cuts a stream into PDUs; holds at most one unfinished one.

    A length that cannot be makes the stream unreadable from there on. The PDUs in front of it are
    still returned; `error` is then set, and every later call raises it. So after each call: handle
    the frames, then look at `error`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.error: FrameError | None = None

    def receive_data(self, data: bytes) -> list[bytes]:
        """Take octets as they came from the socket; give every whole frame, header included.

        Raises FrameError when the stream was, or is from its first octet on, unreadable.
        """
        if self.error is not None:
            raise self.error
        self._buffer += data
        buffer = self._buffer
        frames: list[bytes] = []
        start, end = 0, len(buffer)
        while end - start >= 4:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if not MIN_LENGTH <= length <= MAX_LENGTH:
                self.error = bad_length(length, bytes(buffer[start : start + MIN_LENGTH]))
                buffer.clear()
                if frames:
                    return frames
                raise self.error
            if end - start < length:
                break
            frames.append(bytes(buffer[start : start + length]))
            start += length
        del buffer[:start]
        return frames


def bad_length(length: int, head: bytes) -> FrameError:
    sequence = HEADER.unpack(head)[3] if len(head) == MIN_LENGTH else 0
    return FrameError(
        f"command_length {length} is not between {MIN_LENGTH} and {MAX_LENGTH}",
        status=RINVCMDLEN,
        sequence=sequence,
    )

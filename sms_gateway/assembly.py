"""One message on its way: its segments, the end each of them came to, and the answer for delivery.

Each segment is a submit_sm with its own sequence number and message_id, so each comes to its own
end: an id, a refusal, "not now", or silence. `Assembly` holds them together:

* a segment that was refused or put off dooms the message: its unwritten segments are not sent;
* the answer is given once no written segment is open, and names the parts that were accepted, so
  that another attempt leaves them out;
* silence outweighs the rest, for it is what a second attempt could double;
* an answer that comes after all is filled in, and the message is summed up anew.

Pure: no clock, no socket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sms_gateway import encoding
from sms_gateway.addresses import destination, source, validity_period
from sms_gateway.settings import RouteSettings
from textback.model import Accepted, Later, Message, PartId, Refused, Submission, Unsure

End = PartId | Refused | Later | Unsure


@dataclass(eq=False, slots=True)
class Segment:
    """One submit_sm of a message."""

    assembly: Assembly
    number: int  #: 1-based
    total: int
    fields: dict[str, Any]  #: as `pdu.encode("submit_sm", ...)` takes them
    tlvs: tuple[tuple[int, bytes], ...]
    weight: int  #: short messages on the air: above 1 only for message_payload


@dataclass(eq=False, slots=True)
class Assembly:
    """A message's segments and their ends; `settle` is called once, with the answer."""

    message: Message
    settle: Callable[[Submission], None]
    segments: list[Segment] = field(default_factory=list)
    settled: bool = False
    doomed: bool = False
    _ends: dict[int, End] = field(default_factory=dict)

    def end(self, segment: Segment, end: End, at: datetime) -> None:
        """`segment` came to its end at `at`."""
        self._ends[segment.number] = end
        if not isinstance(end, PartId):
            self.doomed = True
        if not self.settled and len(self._ends) == len(self.segments):
            self.settled = True
            self.settle(self.submission(at))

    def amend(self, segment: Segment, end: End, at: datetime) -> Submission:
        """The end of `segment` that came after its silence was reported; the new answer."""
        self._ends[segment.number] = end
        return self.submission(at)

    def submission(self, at: datetime) -> Submission:
        """The ends so far, in one answer."""
        ends = [self._ends[number] for number in sorted(self._ends)]
        parts = tuple(end for end in ends if isinstance(end, PartId))
        if len(parts) == len(self.segments):
            return Accepted(parts=parts, at=at)
        for end in ends:
            if isinstance(end, Unsure):
                return Unsure(detail=end.detail, parts=parts)
        for end in ends:
            if isinstance(end, Refused):
                return Refused(status=end.status, name=end.name, detail=end.detail, parts=parts)
        return _latest([end for end in ends if isinstance(end, Later)], parts)


def _latest(ends: list[Later], parts: tuple[PartId, ...]) -> Later:
    """The segments that were put off, as one: the longest wait, the carrier's own word first."""
    told = max(ends, key=lambda end: (end.status != 0, end.after))
    return Later(
        after=max(end.after for end in ends),
        detail=told.detail,
        status=told.status,
        name=told.name,
        counts=any(end.counts for end in ends),
        parts=parts,
    )


def assemble(
    message: Message, settings: RouteSettings, settle: Callable[[Submission], None], now: datetime
) -> Assembly:
    """`message` cut into the segments that are still to be sent on this route.

    Raises ValueError, with a sentence for the operator, when it can never be sent.
    """
    sender = source(message.sender, settings)
    handset = destination(message.to, settings)
    parts = encoding.split(
        message.text,
        alphabet=settings.alphabet,
        mode=settings.long_messages,
        reference=message.reference,
    )
    common: dict[str, Any] = {
        "service_type": settings.service_type,
        "source_addr_ton": sender.ton,
        "source_addr_npi": sender.npi,
        "source_addr": sender.addr,
        "dest_addr_ton": handset.ton,
        "dest_addr_npi": handset.npi,
        "destination_addr": handset.addr,
        "validity_period": validity_period(message.expires, now, settings.validity),
        "registered_delivery": int(settings.receipts and message.receipt),
    }
    assembly = Assembly(message, settle)
    assembly.segments = [
        Segment(
            assembly,
            part.number,
            part.total,
            {
                **common,
                "esm_class": part.esm_class,
                "data_coding": part.data_coding,
                "short_message": part.data,
            },
            (*part.tlvs, *settings.tlvs),
            part.segments,
        )
        for part in parts
        if part.number not in message.parts_done
    ]
    return assembly

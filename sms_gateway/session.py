"""One SMPP 3.4 connection as the client speaks it: window, sequence numbers, timers; sans-IO.

The session owns what both ends must agree on (is there a bind, which requests are open) and
nothing else: no socket, no clock (`now` is steady seconds), no encoding, no retry. The caller

1. calls `connection_made`, then `receive_data` with octets as they come, `tick` when
   `next_deadline` is reached, `submit`, `respond` and `unbind` as it likes;
2. after each of these sends `data_to_send`, then handles `events_received` in order;
3. on `Closing` closes the connection once everything is sent, and calls `connection_lost` when it
   is gone. Every submit has then had exactly one `Answered` or `Unanswered`.

The states and their table are in `session_states`. Rules that are not in the table:

* a response is matched by its sequence number alone; one that matches nothing is counted, never
  answered (section 3.2 has no answer to an answer);
* a submit that got no answer within `response_timeout` leaves the window, and is remembered: its
  answer may still come (`Answered.late`);
* the answer to a deliver_sm or data_sm is the caller's, by `respond`, once it is durable; every
  other request is answered here.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Generic

from sms_gateway import pdu
from sms_gateway.pdu import FrameError, Framer, Pdu, PduError
from sms_gateway.pulse import Pulse
from sms_gateway.session_states import (
    INTERFACE_VERSION,
    LEAVE_GRACE,
    MAX_REMEMBERED,
    MAX_SEQUENCE,
    RINVCMDID,
    ROK,
    TRANSITIONS,
    Answered,
    Bound,
    Closing,
    Ending,
    Event,
    Incoming,
    KeyT,
    Role,
    State,
    Step,
    Unanswered,
)
from sms_gateway.settings import RouteSettings


class Session(Generic[KeyT]):
    """See the module's docstring. `KeyT` is whatever the caller knows a submit by."""

    def __init__(self, settings: RouteSettings, role: Role, *, first_sequence: int = 1) -> None:
        self.state = State.OPEN
        self.role = role
        self.counters: Counter[str] = Counter()
        self.heard_at: float | None = None  #: last whole PDU
        self._settings = settings
        self._framer = Framer()
        self._sequence = first_sequence
        self._out: list[bytes] = []
        self._events: list[Event[KeyT]] = []
        self._open: dict[int, tuple[KeyT, float]] = {}  # in the order sent: oldest deadline first
        self._silent: dict[int, tuple[KeyT, float]] = {}
        self._deadline = float("inf")  # of BINDING, UNBINDING or LEAVING
        self._pulse = Pulse(idle=settings.enquire_link, timeout=settings.enquire_timeout)
        self._leave_sequence = 0  # of the SMSC's unbind, to be answered

    # --- what the caller does -----------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Submits written and not answered."""
        return len(self._open)

    @property
    def _live(self) -> bool:
        return self.state is not State.CLOSED

    @property
    def window(self) -> int:
        """How many submits may be written now; 0 unless bound."""
        if self.state is not State.BOUND or self.role == "receiver":
            return 0
        return max(0, self._settings.window - len(self._open))

    def connection_made(self, now: float) -> None:
        """Send our bind (section 4.1). Raises PduError when our name or password cannot be sent."""
        settings = self._settings
        self._send(
            f"bind_{self.role}",
            system_id=settings.system_id,
            password=settings.password,
            system_type=settings.system_type,
            interface_version=INTERFACE_VERSION,
            address_range=settings.address_range,
        )
        self._step(Step.BIND_SENT)
        self._deadline = now + settings.bind_timeout

    def submit(
        self, key: KeyT, now: float, tlvs: tuple[tuple[int, bytes], ...], fields: dict[str, Any]
    ) -> None:
        """Write one submit_sm (section 4.4.1); `window` must be above 0.

        Raises PduError, with nothing written, for what cannot be sent.
        """
        if self.window <= 0:
            raise RuntimeError(f"no window to submit in: {self.state}, {len(self._open)} open")
        sequence = self._next_sequence()
        self._out.append(pdu.encode("submit_sm", sequence, tlvs=tlvs, **fields))
        self._open[sequence] = (key, now)

    def respond(self, request: Pdu, status: int) -> None:
        """Answer a deliver_sm or data_sm, while there is a connection to answer on."""
        if self._live:
            self._answer(request.command, request.sequence, status)

    def unbind(self, now: float) -> None:
        """Take leave (section 4.2); let the window drain first, or its answers are lost."""
        if self.state is State.BOUND:
            self._send("unbind")
            self._step(Step.UNBIND_SENT)
            self._deadline = now + self._settings.bind_timeout
        elif self.state is not State.UNBINDING:
            self.close(Ending.STOPPED, "stopped")

    def close(self, ending: Ending, detail: str, status: int = 0) -> None:
        """End the session from any state; open submits become `Unanswered`."""
        if self.state is State.CLOSED:
            return
        self._step(Step.CLOSE)
        for key, _ in self._open.values():
            self._events.append(Unanswered(key, f"no answer, then: {detail}"))
        self._open.clear()
        self._events.append(Closing(ending, detail, status))

    def connection_lost(self, detail: str) -> None:
        """The connection is gone."""
        self.close(Ending.LOST, detail)

    def data_to_send(self) -> bytes:
        """Octets for the connection; taken once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def events_received(self) -> list[Event[KeyT]]:
        """What happened since the last call, in order; taken once."""
        events, self._events = self._events, []
        return events

    # --- timers -------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Steady seconds of the next `tick` that would do something."""
        if self.state is State.CLOSED:
            return None
        deadline = self._deadline
        if self._open:
            _, sent_at = next(iter(self._open.values()))
            deadline = min(deadline, sent_at + self._settings.response_timeout)
        if self.state is State.BOUND:
            deadline = min(deadline, self._pulse.due())
        return None if deadline == float("inf") else deadline

    def tick(self, now: float) -> None:
        """Do what is due at `now`."""
        self._expire_submits(now)
        if self.state is State.BOUND and now >= self._pulse.due():
            self._enquire(now)
        elif self.state is State.LEAVING and (not self._open or now >= self._deadline):
            self._finish_leaving()
        elif now >= self._deadline:
            if self.state is State.BINDING:
                self.close(Ending.TIMEOUT, "the SMSC did not answer our bind")
            elif self.state is State.UNBINDING:
                self.close(Ending.STOPPED, "the SMSC did not answer our unbind")

    def _expire_submits(self, now: float) -> None:
        timeout = self._settings.response_timeout
        while self._open:
            sequence, (key, sent_at) = next(iter(self._open.items()))
            if sent_at + timeout > now:
                break
            del self._open[sequence]
            self._silent[sequence] = (key, sent_at)
            if len(self._silent) > MAX_REMEMBERED:
                del self._silent[next(iter(self._silent))]
            self.counters["response_timeouts"] += 1
            self._events.append(Unanswered(key, f"no answer within {timeout:g} s"))

    def _enquire(self, now: float) -> None:
        alive = self._pulse.ask(now)
        self.counters["enquire_links_missed"] += self._pulse.missed > 0
        if alive:
            self._send("enquire_link")
            self.counters["enquire_links_sent"] += 1
        else:
            missed = self._pulse.missed
            self.close(Ending.DEAD, f"no sign of life, {missed} enquire_link unanswered")

    # --- what the SMSC sends ------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take octets from the connection, cut as the network pleased. Never raises."""
        if not self._live:
            return
        try:
            for frame in self._framer.receive_data(data):
                self._receive(frame, now)
                if not self._live:
                    return
            if self._framer.error is not None:
                raise self._framer.error
        except FrameError as error:
            self.counters["frame_errors"] += 1
            self._nack(error.sequence, error.status)
            self.close(Ending.BROKEN, f"the SMSC sent what is not SMPP: {error}")

    def _receive(self, frame: bytes, now: float) -> None:
        self.heard_at = now
        self._pulse.heard(now)
        try:
            found = pdu.parse(frame)
        except FrameError:
            raise
        except PduError as error:
            self._receive_bad(frame, error)
            return
        if found.is_response:
            self._receive_response(found)
        else:
            self._receive_request(found, now)
        if self.state is State.LEAVING and not self._open:
            self._finish_leaving()

    def _receive_bad(self, frame: bytes, error: PduError) -> None:
        """A PDU whose body cannot be read; its header can."""
        self.counters["bad_pdus"] += 1
        command_id = error.command_id or 0
        status = int.from_bytes(frame[8:12], "big")
        if command_id & pdu.RESPONSE:
            # The header says taken or refused; only the id is lost, and is then "".
            self._answered(error.sequence, status, "")
        else:
            name = {0x5: "deliver_sm", 0x103: "data_sm"}.get(command_id)
            if name:
                self._answer(name, error.sequence, error.status)
            else:
                self._nack(error.sequence, error.status)

    def _receive_response(self, found: Pdu) -> None:
        command = found.command
        if command == "submit_sm_resp":
            self._answered(found.sequence, found.status, found.text("message_id"))
        elif command == "enquire_link_resp":
            pass  # any PDU is a sign of life
        elif command == f"bind_{self.role}_resp":
            self._bind_answered(found.status, found.text("system_id"))
        elif command == "unbind_resp" and self.state is State.UNBINDING:
            self.close(Ending.STOPPED, "unbound")
        elif command == "generic_nack":
            self._nacked(found)
        else:
            self.counters["unmatched_responses"] += 1

    def _receive_request(self, found: Pdu, now: float) -> None:
        command = found.command
        if command in ("deliver_sm", "data_sm"):
            # Even before the bind is answered: a busy SMSC's threads race, and texts are not lost.
            self._events.append(Incoming(found))
        elif command == "enquire_link":
            self._answer("enquire_link", found.sequence, ROK)
        elif command == "unbind":
            self._unbound(found, now)
        elif command in ("alert_notification", "outbind"):
            self.counters[f"{command}s"] += 1  # sections 4.12 and 4.1.7: neither has an answer
        else:
            self.counters["unknown_requests"] += 1
            self._nack(found.sequence, RINVCMDID)

    def _bind_answered(self, status: int, smsc: str) -> None:
        if self.state is not State.BINDING:
            self.counters["unmatched_responses"] += 1
        elif status == ROK:
            self._step(Step.BIND_ACCEPTED)
            self._deadline = float("inf")
            self._events.append(Bound(smsc))
        else:
            self.close(Ending.REFUSED, f"bind answered with status {status:#010x}", status)

    def _answered(self, sequence: int, status: int, message_id: str) -> None:
        late = sequence in self._silent
        entry = self._open.pop(sequence, None) or self._silent.pop(sequence, None)
        if entry is None:
            self.counters["unmatched_responses"] += 1
            return
        key, sent_at = entry
        if late:
            self.counters["late_responses"] += 1
        self._events.append(Answered(key, status, message_id, sent_at, late))

    def _nacked(self, found: Pdu) -> None:
        """generic_nack (section 4.3): an answer like any, to whatever had that sequence."""
        self.counters["nacks_received"] += 1
        if self.state is State.BINDING:
            self._bind_answered(found.status or RINVCMDID, "")
        elif found.sequence in self._open or found.sequence in self._silent:
            self._answered(found.sequence, found.status or RINVCMDID, "")

    def _unbound(self, found: Pdu, now: float) -> None:
        self.counters["unbinds_received"] += 1
        if self.state is State.BOUND:
            self._step(Step.UNBIND_RECEIVED)
            self._leave_sequence = found.sequence
            self._deadline = now + LEAVE_GRACE
        elif self.state is not State.LEAVING:
            self._answer("unbind", found.sequence, ROK)
            mine = self.state is State.UNBINDING  # both said it at once
            self.close(Ending.STOPPED if mine else Ending.UNBOUND, "the SMSC unbound")

    def _finish_leaving(self) -> None:
        self._answer("unbind", self._leave_sequence, ROK)
        self.close(Ending.UNBOUND, "the SMSC unbound")

    # --- writing ------------------------------------------------------------------------------

    def _send(self, command: str, **fields: Any) -> None:
        self._out.append(pdu.encode(command, self._next_sequence(), **fields))

    def _answer(self, request: str, sequence: int, status: int) -> None:
        self._out.append(pdu.encode(f"{request}_resp", sequence, status=status))

    def _nack(self, sequence: int, status: int) -> None:
        self.counters["nacks_sent"] += 1
        self._out.append(pdu.encode("generic_nack", sequence, status=status))

    def _next_sequence(self) -> int:
        while True:
            sequence = self._sequence
            self._sequence = 1 if sequence >= MAX_SEQUENCE else sequence + 1
            if sequence not in self._open and sequence not in self._silent:
                return sequence

    def _step(self, step: Step) -> None:
        self.state = TRANSITIONS[self.state][step]

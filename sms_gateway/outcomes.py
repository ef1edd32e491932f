"""What a command_status means for what we do next: one table, one reason per code.

A submit_sm that was answered with an error was not taken (SMPP 3.4 section 4.4.2), so trying it
again never doubles a text; it only may be useless. Hence the kinds:

* REFUSED: the message, or how this route is configured, is at fault. Trying again changes nothing.
* LATER: may pass. The attempt counts, so that a message that never passes comes to an end.
* THROTTLE: we are too fast, or the SMSC is full. The link pauses; the message is not to blame, and
  the attempt does not count.
* REBIND: this connection is no good for it: bind again. Does not count.
* BIND_REFUSED: the account is: a person must act. Long delay, for carriers lock accounts that
  knock too often. Does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What to do next; the module says why."""

    OK = "ok"
    REFUSED = "refused"
    LATER = "later"
    THROTTLE = "throttle"
    REBIND = "rebind"
    BIND_REFUSED = "bind_refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command_status, judged."""

    kind: Kind
    name: str  #: as section 5.1.3 has it: "ESME_RINVDSTADR"
    comment: str  #: for the operator: what it means, and where to look

    @property
    def counts(self) -> bool:
        """Whether the attempt counts against the message."""
        return self.kind in (Kind.REFUSED, Kind.LATER)


OK, REFUSED, LATER = Kind.OK, Kind.REFUSED, Kind.LATER
THROTTLE, REBIND, BIND_REFUSED = Kind.THROTTLE, Kind.REBIND, Kind.BIND_REFUSED

# fmt: off
_ROWS: tuple[tuple[int, Kind, str, str], ...] = (
    # SMPP 3.4 section 5.1.3, table 5-2
    (0x00, OK, "ROK", "taken"),
    (0x01, REFUSED, "RINVMSGLEN", "message too long for this SMSC: try another `long_messages`"),
    (0x02, REFUSED, "RINVCMDLEN", "the SMSC cannot read our PDU: a TLV it does not like?"),
    (0x03, REFUSED, "RINVCMDID", "the SMSC does not know submit_sm on this bind"),
    # The SMSC lost our bind, or it is a receiver: the next bind mends it.
    (0x04, REBIND, "RINVBNDSTS", "not bound for that, in the SMSC's view"),
    # Our former connection still stands there: it times out after their enquire_link.
    (0x05, REBIND, "RALYBND", "an earlier bind still stands, or too many binds on the account"),
    (0x06, REFUSED, "RINVPRTFLG", "priority_flag"),
    (0x07, REFUSED, "RINVREGDLVFLG", "registered_delivery: try `receipts = false`"),
    # Jasmin and Kannel both try again; it is what an overloaded SMSC's database says.
    (0x08, LATER, "RSYSERR", "the SMSC has a fault of its own"),
    (0x0A, REFUSED, "RINVSRCADR", "not our sender at this carrier, or its TON/NPI differs"),
    (0x0B, REFUSED, "RINVDSTADR", "the carrier cannot text this number"),
    (0x0C, REFUSED, "RINVMSGID", "message_id; never an answer to submit_sm"),
    # A generic no: address not on their list, account stopped, or a wrong password in disguise.
    (0x0D, BIND_REFUSED, "RBINDFAIL", "check system_id, password, the carrier's list of hosts"),
    (0x0E, BIND_REFUSED, "RINVPASWD", "the password is wrong"),
    (0x0F, BIND_REFUSED, "RINVSYSID", "the system_id is unknown to the carrier"),
    (0x11, REFUSED, "RCANCELFAIL", "cancel_sm failed; never an answer to submit_sm"),
    (0x13, REFUSED, "RREPLACEFAIL", "replace_sm failed; never an answer to submit_sm"),
    # Vumi and Kannel treat it like RTHROTTLED: pausing one message fills the queue with the next.
    (0x14, THROTTLE, "RMSGQFUL", "the SMSC's queue is full"),
    (0x15, REFUSED, "RINVSERTYP", "service_type: ask the carrier for the right one"),
    (0x33, REFUSED, "RINVNUMDESTS", "number of destinations (submit_multi)"),
    (0x34, REFUSED, "RINVDLNAME", "distribution list (submit_multi)"),
    (0x40, REFUSED, "RINVDESTFLAG", "destination flag (submit_multi)"),
    (0x42, REFUSED, "RINVSUBREP", "replace_if_present_flag"),
    (0x43, REFUSED, "RINVESMCLASS", "esm_class: no headers here? Try another `long_messages`"),
    (0x44, REFUSED, "RCNTSUBDL", "distribution list (submit_multi)"),
    # The generic no of many SMSCs, for passing faults as well; the count bounds it.
    (0x45, LATER, "RSUBMITFAIL", "the SMSC could not take it and does not say why"),
    (0x48, REFUSED, "RINVSRCTON", "source_ton: ask the carrier for the right one"),
    (0x49, REFUSED, "RINVSRCNPI", "source_npi: ask the carrier for the right one"),
    (0x50, REFUSED, "RINVDSTTON", "dest_ton: ask the carrier for the right one"),
    (0x51, REFUSED, "RINVDSTNPI", "dest_npi: ask the carrier for the right one"),
    # Only a bind carries it.
    (0x53, BIND_REFUSED, "RINVSYSTYP", "system_type: ask the carrier for the right one"),
    (0x54, REFUSED, "RINVREPFLAG", "replace_if_present_flag"),
    (0x55, REFUSED, "RINVNUMMSGS", "number of messages"),
    (0x58, THROTTLE, "RTHROTTLED", "faster than the account allows: lower `rate`"),
    (0x61, REFUSED, "RINVSCHED", "schedule_delivery_time; we never set it"),
    (0x62, REFUSED, "RINVEXPIRY", "validity_period: try another `validity`"),
    (0x63, REFUSED, "RINVDFTMSGID", "predefined message; we never use one"),
    # The three of section 5.1.3 for data_sm and deliver_sm; a few SMSCs pass them on.
    (0x64, LATER, "RX_T_APPN", "the receiving application has a passing fault"),
    (0x65, REFUSED, "RX_P_APPN", "the receiving application refuses for good"),
    (0x66, REFUSED, "RX_R_APPN", "the receiving application rejects this message"),
    (0x67, REFUSED, "RQUERYFAIL", "query_sm failed; never an answer to submit_sm"),
    (0xC0, REFUSED, "RINVOPTPARSTREAM", "optional parameters: check `tlvs`"),
    (0xC1, REFUSED, "ROPTPARNOTALLWD", "an optional parameter is not allowed: check `tlvs`"),
    (0xC2, REFUSED, "RINVPARLEN", "length of a parameter"),
    (0xC3, REFUSED, "RMISSINGOPTPARAM", "an optional parameter is missing: set it in `tlvs`"),
    (0xC4, REFUSED, "RINVOPTPARAMVAL", "value of an optional parameter: check `tlvs`"),
    # Transaction mode only: the handset was tried and not reached.
    (0xFE, LATER, "RDELIVERYFAILURE", "not delivered"),
    (0xFF, LATER, "RUNKNOWNERR", "the SMSC does not know what is wrong"),
    # SMPP 5.0 section 4.7.6: reserved in 3.4, sent by gateways that speak both
    (0x100, REFUSED, "RSERTYPUNAUTH", "the account may not use this service_type"),
    # Where spam filters and missing campaign registrations show.
    (0x101, REFUSED, "RPROHIBITED", "the account may not do this: ask the carrier"),
    (0x102, LATER, "RSERTYPUNAVAIL", "this service_type is not available now"),
    (0x103, REFUSED, "RSERTYPDENIED", "this service_type is denied"),
    (0x104, REFUSED, "RINVDCS", "data_coding: the carrier takes no UCS-2?"),
    (0x105, REFUSED, "RINVSRCADDRSUBUNIT", "source_addr_subunit; check `tlvs`"),
    (0x106, REFUSED, "RINVDSTADDRSUBUNIT", "dest_addr_subunit; check `tlvs`"),
)
# fmt: on

STATUS: Mapping[int, Outcome] = {
    code: Outcome(kind, f"ESME_{name}", comment) for code, kind, name, comment in _ROWS
}

#: Section 5.1.3: 0x400 to 0x4FF are the vendor's own.
VENDOR = range(0x400, 0x500)


def judge(status: int) -> Outcome:
    """What an answer to submit_sm with this command_status means.

    A vendor's own code may be anything, no credit or a passing fault: LATER, since the count bounds
    it and the text was not taken. A code nobody defined is REFUSED, as Kannel does.
    """
    known = STATUS.get(status)
    if known is not None:
        return known
    if status in VENDOR:
        return Outcome(LATER, name(status), "the carrier's own code: see its documentation")
    return Outcome(REFUSED, name(status), "a code that SMPP 3.4 does not define")


def judge_bind(status: int) -> Outcome:
    """What an answer to a bind with this command_status means: OK, REBIND or BIND_REFUSED.

    What would pass for a message passes for a bind; a vendor's own code is taken for a passing
    fault, for the back-off grows anyway. What is wrong with a message is here wrong with the
    account or our settings.
    """
    found = judge(status)
    if found.kind in (OK, REBIND, BIND_REFUSED):
        return found
    kind = BIND_REFUSED if found.kind is REFUSED else REBIND
    return Outcome(kind, found.name, found.comment)


def name(status: int) -> str:
    """The name of a command_status; for those without one its number, as documents print it."""
    known = STATUS.get(status)
    if known is not None:
        return known.name
    return f"vendor error 0x{status:08X}" if status in VENDOR else f"error 0x{status:08X}"

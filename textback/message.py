"""What a message says about one call: which template it is, and what its variables stand for; pure.

Which template: the first of these that there is.

    the [[message]] the dialplan asked for      call.message
    for the second miss in the cooldown         message_again
    the first tag the caller's contact has      messages_by_tag
    outside the number's hours                  after_hours_message
    else                                        message
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from textback import phone
from textback.compose import Subject
from textback.config import Business, Config, NumberConfig
from textback.model import Call

#: Countries whose people read 3:45 PM; elsewhere it is 15:45.
_TWELVE_HOURS = frozenset({"US", "CA", "AU", "NZ", "PH", "PR", "IN", "PK", "EG", "SA", "MX"})
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def zone_of(number: NumberConfig, business: Business) -> ZoneInfo:
    """The time zone of a number's hours and of the times in its messages."""
    own = number.hours.timezone if number.hours is not None else ""
    return ZoneInfo(own or business.timezone)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A template, and why it is this one."""

    template: str
    name: str  #: the key it is from, or "[[message]] NAME"
    note: str = ""  #: what the dialplan asked for and there is not


def choose(
    number: NumberConfig, config: Config, call: Call, *, again: bool, tags: Sequence[str] = ()
) -> Chosen:
    """The template for a text about `call`; `again`: it is the second in the cooldown; `tags`: of
    the caller's contact.

    A name the configuration does not know is no reason to send nothing: the number's own message
    goes out, and the note says so.
    """
    note = ""
    if call.message:
        named = config.message_named(call.message)
        if named is not None:
            return Chosen(named.text, f"[[message]] {named.name}")
        note = f"there is no [[message]] named {phone.printable(call.message)!r}"
    if again and number.message_again:
        return Chosen(number.message_again, "message_again", note)
    for tag, name in number.messages_by_tag.items():
        tagged = config.message_named(name) if tag in tags else None
        if tagged is not None:
            return Chosen(tagged.text, f"[[message]] {tagged.name} for {tag}", note)
    if number.after_hours_message and not is_open(number, config.business, call.at.utc):
        return Chosen(number.after_hours_message, "after_hours_message", note)
    return Chosen(number.message, "message", note)


def is_open(number: NumberConfig, business: Business, at: datetime) -> bool:
    """Whether the number is in its hours at `at` (aware); one without hours always is."""
    return number.hours is None or number.hours.week.is_open(at, zone_of(number, business))


def subject_of(
    number: NumberConfig, business: Business, called: datetime, contact_name: str = ""
) -> Subject:
    """The values of a message's variables, for a call that came at `called` (aware).

    Day and month names are English and do not depend on the locale of the service.
    """
    local = called.astimezone(zone_of(number, business))
    if business.country in _TWELVE_HOURS:
        clock = f"{local.hour % 12 or 12}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"
    else:
        clock = f"{local.hour:02}:{local.minute:02}"
    month = _MONTHS[local.month - 1]
    us_order = business.country == "US"
    return Subject(
        contact_name=contact_name,
        contact_fallback=number.contact_fallback,
        business_name=business.name,
        number_label=number.label,
        number_phone=_for_people(number.did, business.country),
        number_did=number.did,
        call_time=clock,
        call_date=f"{month} {local.day}" if us_order else f"{local.day} {month}",
        call_day=_DAYS[local.weekday()],
    )


def _for_people(did: str, country: str) -> str:
    read = phone.read(did, country)
    return phone.national(read.e164) if read.e164 else did

"""What a message may say about one call: picks the template by the hours and fills its subject."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from textback import phone
from textback.compose import Subject
from textback.config import Business, NumberConfig

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


def template_for(number: NumberConfig, business: Business, at: datetime) -> str:
    """The number's message, or the one for after hours when it is closed at `at`."""
    if number.hours is None or not number.after_hours_message:
        return number.message
    is_open = number.hours.week.is_open(at, zone_of(number, business))
    return number.message if is_open else number.after_hours_message


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

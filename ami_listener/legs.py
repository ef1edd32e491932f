"""The phones dialled for a call: what each amounts to, and what an ended call waits to hear."""

from __future__ import annotations

from collections.abc import Mapping

from textback.model import Moment

from .callstate import CallState
from .outcome import LegResult, judge_leg
from .topology import Channel

#: Seconds a call whose caller is gone waits for the voicemail behind a Local channel to say
#: whether a message was left; that channel hangs up after the caller's.
VOICEMAIL_GRACE = 10.0
#: The same for the Hangup of a phone that says whether it declined.
LEG_GRACE = 2.0


def leg_over(call: CallState, leg: Channel, cause: int, now: Moment) -> None:
    """A channel dialled for `call` is gone, with this Q.850 cause: count what it amounted to."""
    call.legs.discard(leg.uniqueid)
    if leg.uniqueid in call.open_legs:  # its Hangup came before its DialEnd
        call.open_legs.discard(leg.uniqueid)
        call.last_leg = ""
    result = judge_leg(leg.status, rang=leg.rang, cause=cause, forwarded=leg.forwarded)
    if not leg.is_phone:
        # What a Local leg came to was told by the phones behind it. With none there, its own
        # status is all there is, and only a clear one says something.
        if leg.below or leg.status not in ("BUSY", "CHANUNAVAIL", "CONGESTION"):
            return
    elif result is LegResult.BUSY and leg.status not in ("BUSY", ""):
        call.note(now, f"{leg.endpoint}: declined")
    call.count(result)


def settle_legs(call: CallState, channels: Mapping[str, Channel]) -> None:
    """The call ends: count the phones whose Hangup is still on the way."""
    for uniqueid in call.legs & channels.keys():
        leg = channels[uniqueid]
        if leg.is_phone:
            # Without a DialEnd it is a phone behind a Local channel that Dial has given up.
            status = leg.status or "CANCEL"
            call.count(judge_leg(status, rang=leg.rang, cause=0, forwarded=leg.forwarded))


def owed(call: CallState, channels: Mapping[str, Channel], now: Moment) -> float:
    """Seconds an ended call waits for what its outcome still depends on; 0: it is settled."""
    facts = call.facts(now)
    if facts.tainted or facts.gap or facts.human or facts.message_left:
        return 0.0
    if facts.voicemail:
        runs = (channels.get(uniqueid) for uniqueid in call.voicemail_channels)
        return VOICEMAIL_GRACE if any(c is not None and c.voicemail for c in runs) else 0.0
    # NOANSWER may be a declined call: only the phone's own Hangup tells, and Asterisk sends it now
    # before the caller's, now after.
    legs = (channels.get(uniqueid) for uniqueid in call.legs)
    return LEG_GRACE if any(c is not None and c.status == "NOANSWER" for c in legs) else 0.0

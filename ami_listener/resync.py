"""After the link was lost: the channel list held against the book, gaps filled or owned up to.

A row only fills what no event since has told: rows and events travel on different paths. What the
gap may have hidden is not guessed at:

* a call that is no longer there ended unseen: unknown;
* a call born while we were away is in part unseen: unknown, even if nothing speaks against it, for
  its number and dialled number may have been rewritten by now;
* a call that is still there: unknown, unless its line is still in state Ring. A line that was ever
  Up does not go back, and nobody is answered without Up, so no answer was hidden. In any other
  state (menu, queue, voicemail) a person may have come and gone;
* a caller who is in a bridge with a real phone is answered, whatever else was missed.
"""

from __future__ import annotations

from collections.abc import Sequence

from textback.model import Moment

from .births import direction_of
from .callbook import CallBook
from .event_types import BridgeInfo, ChannelRow, ChannelState, Snapshot
from .rules_bridge import joined
from .rules_dial import rings
from .topology import MACHINERY, Channel, endpoint_of

#: Seconds without an event after which a channel that is not on the list is gone even though the
#: link was never lost. Shorter than this, it may have been born while the list was written.
SETTLED = 30.0


def resync(book: CallBook, rows: Sequence[ChannelRow], now: Moment) -> None:
    listed = {row.chan.uniqueid: row for row in rows if row.chan.uniqueid not in book.dead}
    _gone(book, listed, now)
    fresh = [row for row in listed.values() if row.chan.uniqueid not in book.topology.channels]
    for row in listed.values():
        _fill(book, row, now)
    for call in list(book.calls.values()):
        if call.suspect:  # nothing has ruled an answer out
            call.suspect = False
            call.gap = True
            call.note(now, "the AMI link was lost meanwhile: an answer may have been missed")
    for row in fresh:
        _born_unseen(book, row, now)
    for row in listed.values():
        channel = book.topology.channels.get(row.chan.uniqueid)
        if channel is not None and channel.state == ChannelState.RINGING:
            _ringing(book, channel, now)
    for uniqueid in list(book.calls):
        channel = book.topology.channels.get(uniqueid)
        if channel is not None:
            joined(book, channel, now)


def _gone(book: CallBook, listed: dict[str, ChannelRow], now: Moment) -> None:
    for channel in list(book.topology.channels.values()):
        if channel.uniqueid in listed:
            continue
        if channel.epoch < book.epoch or channel.touched < now.steady - SETTLED:
            book.counters["channels_vanished"] += 1
            book.vanish(channel.uniqueid, "no longer there when the AMI link was back", now)


def _fill(book: CallBook, row: ChannelRow, now: Moment) -> None:
    chan = row.chan
    channel = book.topology.channels.get(chan.uniqueid)
    if channel is None:
        channel = book.add(chan, now)
        stale = True
    else:
        stale = channel.epoch < book.epoch
    if stale:
        book.topology.rename(chan.uniqueid, chan.channel)
        book.seen(chan, now)
        if row.application in ("VoiceMail", "MinivmRecord"):
            channel.voicemail = channel.voicemail or row.data.partition(",")[0][:80] or "-"
        elif channel.voicemail:
            book.voicemail_over(channel, now)
    if channel.bridge_epoch < book.epoch:
        channel.bridge_epoch = book.epoch
        if row.bridge and row.bridge != channel.bridge:
            book.topology.enter(channel, BridgeInfo(row.bridge, "", ""), book.epoch)
        elif not row.bridge:
            book.topology.leave(channel)


def _born_unseen(book: CallBook, row: ChannelRow, now: Moment) -> None:
    chan = row.chan
    if chan.uniqueid in book.calls or chan.uniqueid not in book.topology.channels:
        return
    channel = book.topology.channels[chan.uniqueid]
    if chan.state == ChannelState.RING:
        direction = direction_of(chan, book.inbound)
    elif (
        chan.state == ChannelState.UP
        and chan.linkedid == chan.uniqueid  # a dialled leg has its caller's
        and chan.channel.partition("/")[0] not in MACHINERY
        and book.inbound.matches(chan.context, endpoint_of(chan.channel))
    ):
        direction = direction_of(_as_born(row), book.inbound)
    else:
        direction = None
    if direction is None or channel.dialled:
        return
    call = book.open_call(chan, direction, now.plus(-row.duration), gap=True)
    call.note(now, "began before the AMI link was up: seen only in part")
    book.counters["calls_seen_in_part"] += 1


def _as_born(row: ChannelRow) -> Snapshot:
    return row.chan._replace(state=int(ChannelState.RING))


def _ringing(book: CallBook, channel: Channel, now: Moment) -> None:
    """A phone that began to ring while we were away: its Linkedid says for whom."""
    if not channel.parent and channel.linkedid != channel.uniqueid:
        call = book.call_with_linkedid(channel.linkedid)
        if call is not None:
            channel.parent = call.key.uniqueid
            channel.dialled = True
            call.legs.add(channel.uniqueid)
            call.open_legs.add(channel.uniqueid)
            call.dials(now)
    rings(book, channel, now)

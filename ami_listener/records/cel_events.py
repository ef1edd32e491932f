"""The event log told again as AMI events, so that the one tracker judges both.

CEL knows bridges, transfers, parking and applications as AMI does. What it leaves out is put back:

    who dialled a phone    a channel that takes over its Linkedid was dialled by the member of that
                           group in which Dial or Queue runs, best by the dial string
    whether it rang        a phone that was there for a second did; one that was refused at once
                           (busy, declined, unreachable) did not
    how Dial ended         the caller gave up when Dial's end and the hangup are one, and the hangup
                           came from the caller's own channel; a Dial without a phone reached none
    how a queue ended      the same
    presentation, DID,     only where the dialplan notes them (conf/asterisk, textback-record)
    "no text"

Whether a message was left is in no CEL event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ami_listener import event_types as t
from ami_listener.records.rows import CelRow, note_of
from ami_listener.topology import MACHINERY, endpoint_of

#: Seconds a phone must have been there to have rung.
RANG = 1.0
#: Seconds between the end of an application and the hangup that ended it.
AT_ONCE = 0.5
#: Applications shown on a channel that was dialled or originated, not on one that called in.
_OUTGOING = frozenset({"AppDial", "AppDial2", "AppQueue"})
_DIALS = frozenset({"Dial", "RetryDial", "Queue", "FollowMe", "Page"})
#: Q.850 causes of a line the dialplan itself refused, by Busy() or Congestion().
_REFUSED = frozenset({17, 34})
_PARKING = {
    "ParkedCallTimeOut": t.ParkingStep.TIMED_OUT,
    "ParkedCallGiveUp": t.ParkingStep.GAVE_UP,
    "ParkedCallUnparked": t.ParkingStep.RETRIEVED,
    "UnParkedCall": t.ParkingStep.RETRIEVED,
}


@dataclass(slots=True)
class _Life:
    """What the whole log says of one channel."""

    born: CelRow | None = None
    over: CelRow | None = None
    answered: bool = False
    bridged: bool = False
    outgoing: str = ""  #: the application of a channel that was dialled or originated
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Channel:
    """A channel while the log is told."""

    row: CelRow  #: the last about it
    state: int
    app: str = ""
    data: str = ""
    began: int = 0  #: when its application began, by the number of the row
    legs: dict[str, None] = field(default_factory=dict)  #: dialled by it, alive
    dialled: bool = False  #: at least one since its application began
    forwards: str = ""  #: one of its phones has just sent the call on


def lives(rows: Sequence[CelRow]) -> dict[str, _Life]:
    found: dict[str, _Life] = {}
    for row in rows:
        life = found.setdefault(row.uniqueid, _Life())
        if row.kind == "CHAN_START":
            life.born = life.born or row
        else:
            if row.app in _OUTGOING and life.over is None:
                life.outgoing = life.outgoing or row.app
        if row.kind == "HANGUP":
            life.over = life.over or row
        life.answered = life.answered or row.kind == "ANSWER"
        life.bridged = life.bridged or row.kind == "BRIDGE_ENTER"
        if row.userfield:
            life.notes.update(note_of(row.userfield))
    return found


def tells_bridges(rows: Sequence[CelRow]) -> bool:
    """Whether the log can tell who spoke to whom: its `events` have BRIDGE_ENTER.

    Where no phone ever answered there is nothing to tell.
    """
    if any(row.kind == "BRIDGE_ENTER" for row in rows):
        return True
    return not any(row.kind == "ANSWER" and row.app in _OUTGOING for row in rows)


class Retelling:
    """Tells the rows of one Asterisk as AMI events, in their order."""

    def __init__(self, rows: Sequence[CelRow]) -> None:
        self._rows = rows
        self._lives = lives(rows)
        self._channels: dict[str, _Channel] = {}
        self._parents: dict[str, str] = {}
        #: Channels whose bridges cannot be told apart: the log lacks its `extra`.
        self.blind: set[str] = set()

    def __iter__(self) -> Iterator[tuple[CelRow, t.AmiEvent]]:
        for number, row in enumerate(self._rows):
            for event in self._tell(number, row):
                yield row, event

    # --- one row ---

    def _tell(self, number: int, row: CelRow) -> Iterator[t.AmiEvent]:
        if row.kind == "CHAN_START":
            yield from self._born(row)
            return
        channel = self._channels.get(row.uniqueid)
        if channel is None:  # born before the log begins
            channel = self._channels[row.uniqueid] = _Channel(row, int(t.ChannelState.UP))
        channel.row = row
        if row.kind == "ANSWER":
            channel.state = int(t.ChannelState.UP)
            yield t.NewState(row.at, self._chan(row.uniqueid))
        elif row.kind == "APP_START":
            yield from self._app_ends(row, channel)  # where the log has no APP_END
            channel.app, channel.data, channel.began = row.app, row.data, number
            channel.dialled = False
            yield from self._app_begins(row)
        elif row.kind == "APP_END":
            yield from self._app_ends(row, channel)
        elif row.kind in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
            yield from self._bridge(row)
        elif row.kind == "HANGUP":
            yield from self._hangup(row, channel)
        else:
            yield from self._passed_on(row, channel)

    def _born(self, row: CelRow) -> Iterator[t.AmiEvent]:
        life = self._lives[row.uniqueid]
        technology = row.channel.partition("/")[0]
        half = technology == "Local" and row.channel.endswith(";2")
        alone = row.linkedid == row.uniqueid and technology not in MACHINERY
        calls_in = half or (alone and not life.outgoing)
        state = t.ChannelState.RING if calls_in else t.ChannelState.DOWN
        self._channels[row.uniqueid] = _Channel(row, int(state))
        chan = self._chan(row.uniqueid)
        yield t.NewChannel(row.at, chan)
        if any(not text.isprintable() for text in (row.number, row.exten, row.channel)):
            reason = "control characters in its number"
            yield t.Tainted(row.at, "CHAN_START", (row.uniqueid,), reason)
        if calls_in and not half:
            if "pres" in life.notes:
                yield t.PresentationAnswer(row.at, row.uniqueid, life.notes["pres"])
            for note, variable in (("did", "FROM_DID"), ("textback", "TEXTBACK")):
                if note in life.notes:
                    yield t.VarSet(row.at, chan, variable, life.notes[note])
        elif not half and row.linkedid != row.uniqueid:
            yield from self._dialled(row, chan)

    def _dialled(self, row: CelRow, chan: t.Snapshot) -> Iterator[t.AmiEvent]:
        # AppDial2: by no application's own channel (Page, ARI, Originate).
        parent = self._dialler(row) if self._lives[row.uniqueid].outgoing != "AppDial2" else None
        if parent is None:
            yield t.DialBegin(row.at, None, chan, "")
        else:
            self._parents[row.uniqueid] = parent
            self._channels[parent].legs[row.uniqueid] = None
            self._channels[parent].dialled = True
            yield t.DialBegin(row.at, self._chan(parent), chan, "")
        life = self._lives[row.uniqueid]
        stayed = life.over is None or life.over.at - row.at >= RANG
        if (stayed or life.answered) and row.channel.partition("/")[0] not in MACHINERY:
            self._channels[row.uniqueid].state = int(t.ChannelState.RINGING)
            yield t.NewState(row.at, self._chan(row.uniqueid))

    def _dialler(self, row: CelRow) -> str | None:
        """Who dialled this channel, of the living with its Linkedid."""
        endpoint = endpoint_of(row.channel).partition("/")[2]
        best: tuple[bool, bool, int, str] | None = None
        for uniqueid, channel in self._channels.items():
            if uniqueid == row.uniqueid or channel.row.linkedid != row.linkedid:
                continue
            if channel.app not in _DIALS and uniqueid != row.linkedid:
                continue
            named = bool(endpoint) and endpoint in channel.data
            rank = (channel.app in _DIALS, named, channel.began, uniqueid)
            best = rank if best is None else max(best, rank)
        return best[3] if best is not None else None

    # --- applications ---

    def _app_begins(self, row: CelRow) -> Iterator[t.AmiEvent]:
        chan = self._chan(row.uniqueid)
        if row.app == "Queue":
            yield t.QueueCallerJoin(row.at, chan, row.data.partition(",")[0])
        name = "Dial" if row.app == "RetryDial" else row.app
        yield t.NewExten(row.at, chan, name, row.data)

    def _app_ends(self, row: CelRow, channel: _Channel) -> Iterator[t.AmiEvent]:
        app = channel.app
        if not app:
            return
        chan = self._chan(row.uniqueid)
        gave_up = self._gives_up(row.uniqueid, row.at)
        if app == "Queue":
            queue = channel.data.partition(",")[0]
            if gave_up:
                yield t.QueueCallerAbandon(row.at, chan, queue)
            yield t.QueueCallerLeave(row.at, chan, queue)
        for leg in list(channel.legs):
            if app in _DIALS and not self._lives[leg].answered:
                yield self._dial_end(row.at, row.uniqueid, leg, gave_up=gave_up)
        if app in ("Dial", "RetryDial"):
            status = "NOANSWER" if channel.dialled else "CHANUNAVAIL"
            yield t.VarSet(row.at, chan, "DIALSTATUS", status)
        channel.app = channel.data = ""
        channel.dialled = False

    def _gives_up(self, uniqueid: str, at: float) -> bool:
        """Whether what ends at that time ends because the caller hangs up."""
        over = self._lives[uniqueid].over
        if over is None or over.at - at > AT_ONCE:
            return False
        if cause_of(over) in _REFUSED:
            return False
        return over.extra.get("hangupsource", "") in ("", over.channel)

    def _dial_end(self, at: float, parent: str, leg: str, *, gave_up: bool) -> t.DialEnd:
        status = "CANCEL" if gave_up else "NOANSWER"
        return t.DialEnd(at, self._chan(parent), self._chan(leg), status, "")

    # --- who is with whom ---

    def _bridge(self, row: CelRow) -> Iterator[t.AmiEvent]:
        bridge = row.extra.get("bridge_id", "")
        if not bridge:
            self.blind.update((row.uniqueid, row.linkedid))
            return
        info = t.BridgeInfo(bridge, "", row.extra.get("bridge_technology", ""))
        kind = t.BridgeEnter if row.kind == "BRIDGE_ENTER" else t.BridgeLeave
        yield kind(row.at, info, self._chan(row.uniqueid))

    def _passed_on(self, row: CelRow, channel: _Channel) -> Iterator[t.AmiEvent]:
        chan, extra = self._chan(row.uniqueid), row.extra
        transferee = self._named(extra.get("transferee_channel_uniqueid", ""))
        if row.kind == "BLINDTRANSFER":
            yield t.BlindTransfer(row.at, True, chan, transferee, extra.get("extension", ""))
        elif row.kind == "ATTENDEDTRANSFER":
            second = self._named(extra.get("channel2_uniqueid", ""))
            by = (chan, second) if second is not None else (chan,)
            yield t.AttendedTransfer(row.at, True, by, transferee, "")
        elif row.kind == "PICKUP":
            picker = self._named(extra.get("pickup_channel_uniqueid", ""))
            if picker is not None:
                yield t.Pickup(row.at, picker, chan)
        elif row.kind == "PARK_START":
            lot = extra.get("parking_lot", "")
            yield t.ParkedCall(row.at, t.ParkingStep.PARKED, chan, lot)
        elif row.kind == "PARK_END":
            step = _PARKING.get(extra.get("reason", ""))
            if step is not None:
                yield t.ParkedCall(row.at, step, chan, "")
        elif row.kind == "FORWARD":
            channel.forwards = extra.get("forward", "") or "another number"

    # --- the end ---

    def _hangup(self, row: CelRow, channel: _Channel) -> Iterator[t.AmiEvent]:
        parent = self._channels.get(self._parents.get(row.uniqueid, ""))
        if parent is not None:
            parent.legs.pop(row.uniqueid, None)
            by = parent.row.uniqueid
            if parent.forwards and not row.channel.startswith("Local/"):
                chans = self._chan(by), self._chan(row.uniqueid)
                yield t.DialEnd(row.at, *chans, "CANCEL", parent.forwards)
                parent.forwards = ""
            elif parent.app in _DIALS:
                yield from self._leg_ends(row, by, queue=parent.app == "Queue")
        yield from self._app_ends(row, channel)
        yield t.Hangup(row.at, self._chan(row.uniqueid), cause_of(row))
        del self._channels[row.uniqueid]

    def _leg_ends(self, row: CelRow, parent: str, *, queue: bool) -> Iterator[t.AmiEvent]:
        """A phone hangs up while it is still dialled for."""
        life = self._lives[row.uniqueid]
        gave_up = self._gives_up(parent, row.at)
        chans = self._chan(parent), self._chan(row.uniqueid)
        if not life.answered:
            own = row.extra.get("hangupsource", "") == row.channel  # busy, declined
            if gave_up:
                yield self._dial_end(row.at, parent, row.uniqueid, gave_up=not own)
        elif not life.bridged and not queue:
            # Picked up in the moment in which the caller gave up; or the call was not accepted.
            yield t.DialEnd(row.at, *chans, "ANSWER" if gave_up else "CONTINUE", "")

    # --- channels ---

    def _chan(self, uniqueid: str) -> t.Snapshot:
        channel = self._channels[uniqueid]
        row = channel.row
        return t.Snapshot(
            uniqueid=row.uniqueid,
            linkedid=row.linkedid,
            channel=row.channel,
            state=channel.state,
            caller=row.number,
            caller_name=row.name,
            context=row.context,
            exten=row.exten,
        )

    def _named(self, uniqueid: str) -> t.Snapshot | None:
        return self._chan(uniqueid) if uniqueid in self._channels else None


def cause_of(row: CelRow) -> int:
    """The Q.850 cause of a HANGUP; 0 where it says none."""
    text = row.extra.get("hangupcause", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0

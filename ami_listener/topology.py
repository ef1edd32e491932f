"""Which channels exist, who dialled whom, and who can hear whom: the graph of one Asterisk.

Three relations make it. A *bridge* joins its members (a holding bridge joins nobody). The two
halves of a Local channel are a *pair*: what is bridged with one half hears what the other half is
bridged with. A dialled channel has a *parent*, the channel that dialled it; through pairs and
parents every leg leads back to the call it rings for.

Nothing here decides; nothing here raises. Every channel is freed by its Hangup or by `drop`, a
bridge with its last member.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .event_types import BridgeInfo, Snapshot

#: Channel technologies that are Asterisk's own machinery, never a person's phone.
MACHINERY = frozenset(
    {
        "Local",
        "CBAnn",  # conference announcer
        "CBRec",  # conference recorder
        "Announcer",
        "ParkingAnnouncer",
        "Recorder",
        "Snoop",
        "Surrogate",
        "AsyncGoto",
        "Message",
        "MulticastRTP",  # paging
        "UnicastRTP",  # ARI external media: a bot, a recorder
        "AudioSocket",
        "WebSocket",
        "Bridge",
    }
)
_MAX_DEPTH = 32  # Local chains longer than this are loops


@dataclass(slots=True, eq=False)
class Channel:
    """One channel of Asterisk, alive."""

    uniqueid: str
    name: str
    linkedid: str
    state: int
    epoch: int  #: last link epoch in which an event about it came
    touched: float  #: steady seconds of the last event about it
    bridge: str = ""
    bridge_epoch: int = -1  #: link epoch in which an event last told `bridge`; -1: never
    pair: str = ""  #: the other half, for a Local channel
    parent: str = ""  #: the channel that dialled it
    root: str = ""  #: the call it rang for when last asked: kept for when the chain is broken
    first: Snapshot | None = None  #: of its Newchannel, when that was seen
    dialled: bool = False  #: it was a Dest once: not a caller
    rang: bool = False
    status: str = ""  #: DialEnd
    forwarded: bool = False
    legs: bool = False  #: it has dialled since its last DIALSTATUS
    phoned: bool = False  #: it has dialled at some time
    below: bool = False  #: phones were dialled behind it (a Local ;1)
    voicemail: str = ""  #: the mailbox it is speaking to
    machine: bool = False  #: whatever answers there answers by itself

    @property
    def technology(self) -> str:
        return self.name.partition("/")[0]

    @property
    def is_local(self) -> bool:
        return self.name.startswith("Local/")

    @property
    def is_phone(self) -> bool:
        """A real channel, and no masquerade's leftover."""
        return self.technology not in MACHINERY and not self.name.endswith("<ZOMBIE>")

    @property
    def is_person(self) -> bool:
        """It can have a human at its end."""
        return self.is_phone and not self.machine

    @property
    def endpoint(self) -> str:
        return endpoint_of(self.name)

    @property
    def second_half(self) -> bool:
        return self.name.endswith(";2")


@dataclass(slots=True, eq=False)
class Bridge:
    id: str
    holding: bool = False
    members: set[str] = field(default_factory=set)


def endpoint_of(channel: str) -> str:
    """`PJSIP/trunk-00000001` -> `PJSIP/trunk`; endpoint names may hold `-` and `/`."""
    head, _, tail = channel.rpartition("-")
    return head if head and tail else channel


class Topology:
    """The graph. Uniqueid is the only key; names and Linkedids change during a call."""

    def __init__(self, not_human: Callable[[str], bool] = lambda name: False) -> None:
        """`not_human` knows by a channel's name whether it answers by itself."""
        self.not_human = not_human
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self._halves: dict[str, str] = {}  # name of a Local half -> Uniqueid, until it has a pair

    # --- channels ---

    def add(self, chan: Snapshot, epoch: int, steady: float) -> Channel:
        """The channel, made if need be, with what its snapshot says."""
        channel = self.channels.get(chan.uniqueid)
        if channel is None:
            channel = Channel(chan.uniqueid, chan.channel, chan.linkedid, chan.state, epoch, steady)
            channel.machine = self.not_human(channel.name)
            self.channels[chan.uniqueid] = channel
            if channel.is_local:
                self._match_halves(channel)
            return channel
        self.update(channel, chan, epoch, steady)
        return channel

    def update(self, channel: Channel, chan: Snapshot, epoch: int, steady: float) -> None:
        channel.linkedid = chan.linkedid
        channel.state = chan.state
        channel.epoch = epoch
        channel.touched = steady

    def drop(self, uniqueid: str) -> Channel | None:
        channel = self.channels.pop(uniqueid, None)
        if channel is None:
            return None
        self.leave(channel)
        other = self.channels.get(channel.pair)
        if other is not None and other.pair == uniqueid:
            other.pair = ""
        if self._halves.get(channel.name) == uniqueid:
            del self._halves[channel.name]
        return channel

    def rename(self, uniqueid: str, name: str) -> None:
        channel = self.channels.get(uniqueid)
        if channel is None or channel.name == name:
            return
        if self._halves.get(channel.name) == uniqueid:
            del self._halves[channel.name]
        channel.name = name
        channel.machine = self.not_human(name)

    def pair(self, one: Channel, two: Channel) -> None:
        """The two halves of one Local channel."""
        if one is two:
            return
        for half, other in ((one, two), (two, one)):
            before = self.channels.get(half.pair)
            if before is not None and before is not other:
                before.pair = ""
            half.pair = other.uniqueid
            if self._halves.get(half.name) == half.uniqueid:
                del self._halves[half.name]

    def _match_halves(self, channel: Channel) -> None:
        """LocalBridge only comes when ;1 is dialled; the names tell it at birth."""
        stem, mark, side = channel.name.rpartition(";")
        if not mark:
            return
        other = self._halves.get(f"{stem};{'2' if side == '1' else '1'}")
        if other is not None and other in self.channels:
            self.pair(channel, self.channels[other])
        else:
            self._halves[channel.name] = channel.uniqueid

    # --- bridges ---

    def enter(self, channel: Channel, info: BridgeInfo, epoch: int) -> None:
        self.leave(channel)
        bridge = self.bridges.get(info.id)
        if bridge is None:
            bridge = self.bridges[info.id] = Bridge(info.id)
        if info.technology:  # a row of the channel list does not know it
            bridge.holding = info.technology == "holding_bridge"
        bridge.members.add(channel.uniqueid)
        channel.bridge = info.id
        channel.bridge_epoch = epoch

    def leave(self, channel: Channel) -> None:
        bridge = self.bridges.get(channel.bridge)
        channel.bridge = ""
        if bridge is not None:
            bridge.members.discard(channel.uniqueid)
            if not bridge.members:
                del self.bridges[bridge.id]

    def merge(self, to: BridgeInfo, gone: str, epoch: int) -> None:
        bridge = self.bridges.get(gone)
        if bridge is None or gone == to.id:
            return
        for uniqueid in sorted(bridge.members):
            self.enter(self.channels[uniqueid], to, epoch)

    def destroy(self, bridge_id: str) -> None:
        bridge = self.bridges.pop(bridge_id, None)
        for uniqueid in bridge.members if bridge is not None else ():
            self.channels[uniqueid].bridge = ""

    def behind_machine(self, leg: Channel) -> None:
        """`leg` was dialled by what answers by itself (`Local/700@paging`): so does it."""
        leg.machine = True
        other = self.channels.get(leg.pair)
        if other is not None:
            other.machine = True

    # --- questions ---

    @property
    def unpaired(self) -> int:
        return len(self._halves)

    def together(self, start: Channel) -> list[Channel]:
        """Every channel that hears `start`, itself first; Local halves on the way included."""
        found = {start.uniqueid: start}
        todo = [start]
        while todo:
            channel = todo.pop()
            bridge = self.bridges.get(channel.bridge)
            near = set(bridge.members) if bridge is not None and not bridge.holding else set()
            if channel.pair:
                near.add(channel.pair)
            for uniqueid in near - found.keys():
                other = self.channels.get(uniqueid)
                if other is not None:
                    found[uniqueid] = other
                    todo.append(other)
        return list(found.values())

    def first_caller(self, channel: Channel) -> str:
        """The Uniqueid everything about `channel` belongs to, by parents and Local pairs.

        For a phone that rings: the channel of the call it rings for. For a channel nobody dialled:
        its own Uniqueid. Where the chain is broken (a Local half hung up before its phone), the
        answer of last time.
        """
        path = [channel]
        root = ""
        while not root:
            here = path[-1]
            above = here.parent or (here.pair if here.is_local and here.second_half else "")
            parent = self.channels.get(above)
            if parent is not None:
                if len(path) == _MAX_DEPTH:
                    return channel.root or channel.uniqueid  # a loop: only a forgery makes one
                path.append(parent)
            elif above or (here.is_local and here.second_half):
                root = here.root or above or here.uniqueid
            else:
                root = here.uniqueid
        for passed in path:
            passed.root = root
        return root

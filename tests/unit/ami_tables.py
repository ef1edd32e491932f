"""Call scenarios as text tables, one AMI event a line, fed to the tracker as real AMI bytes.

    at | event | channel | other | details

`at` is seconds since the table's start. `channel` and `other` are channel names; a Uniqueid is
given to each name when it first appears, and every line writes the whole snapshot, so what the
tracker sees has the shape Asterisk gives it. `details` are `key=value`; a bare word is the state,
the DialStatus, or what the event's main field is (see `_EVENTS`). Lines that begin with # are
comments. A `PJSIP/trunk-...` born in Ring is a caller from +12125550123 to +12125550100 in context
from-trunk.

Not events: `LinkLost`, `Row` (a line of CoreShowChannels), `Resync` (hands the rows over),
`Restarted`, `Wait` (only time passes).

A bug report becomes a test by translating its trace line by line; whole traces of a real Asterisk
are in `tests/data/ami`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ami_listener.events import ChannelRow, Splitter, Tainted, parse_event
from ami_listener.tracker import Inbound, Tracker
from textback.model import Call, Direction, Moment

EPOCH = 1_700_000_000.0
CALLER, DID = "+12125550123", "+12125550100"
STATES = {"Down": 0, "Dialing": 3, "Ring": 4, "Ringing": 5, "Up": 6, "Busy": 7}
INBOUND = Inbound(frozenset({"from-trunk"}))


@dataclass
class Chan:
    name: str
    uniqueid: str
    linkedid: str
    state: int = 0
    caller: str = "<unknown>"
    caller_name: str = "<unknown>"
    context: str = "from-internal"
    exten: str = ""

    def snapshot(self, prefix: str = "") -> list[tuple[str, str]]:
        fields = [
            ("Channel", self.name),
            ("ChannelState", str(self.state)),
            ("ChannelStateDesc", {v: k for k, v in STATES.items()}.get(self.state, "Unknown")),
            ("CallerIDNum", self.caller),
            ("CallerIDName", self.caller_name),
            ("ConnectedLineNum", "<unknown>"),
            ("ConnectedLineName", "<unknown>"),
            ("Language", "en"),
            ("AccountCode", ""),
            ("Context", self.context),
            ("Exten", self.exten),
            ("Priority", "1"),
            ("Uniqueid", self.uniqueid),
            ("Linkedid", self.linkedid),
        ]
        return [(prefix + key, value) for key, value in fields]


#: event -> (prefix of `channel`, prefix of `other`, header of a bare word)
_EVENTS = {
    "DialBegin": ("", "Dest", "DialString"),
    "DialState": ("", "Dest", "DialStatus"),
    "DialEnd": ("", "Dest", "DialStatus"),
    "LocalBridge": ("LocalOne", "LocalTwo", "LocalOptimization"),
    "Pickup": ("", "Target", ""),
    "BlindTransfer": ("Transferer", "Transferee", "Extension"),
    "AttendedTransfer": ("OrigTransferer", "SecondTransferer", "DestType"),
    "ParkedCall": ("Parkee", "", "ParkingSpace"),
    "ParkedCallTimeOut": ("Parkee", "", "ParkingSpace"),
    "ParkedCallGiveUp": ("Parkee", "", "ParkingSpace"),
    "UnParkedCall": ("Parkee", "Retriever", "ParkingSpace"),
    "Newexten": ("", "", "Application"),
    "QueueCallerJoin": ("", "", "Queue"),
    "QueueCallerLeave": ("", "", "Queue"),
    "QueueCallerAbandon": ("", "", "Queue"),
    "NewCallerid": ("", "", "CID-CallingPres"),
    "MessageWaiting": ("", "", "Mailbox"),
    "Hangup": ("", "", "Cause"),
    "BridgeEnter": ("", "", "BridgeUniqueid"),
    "BridgeLeave": ("", "", "BridgeUniqueid"),
}
#: details that change the channel itself
_FIELDS = {
    "from": "caller",
    "name": "caller_name",
    "to": "exten",
    "context": "context",
}


@dataclass
class Scenario:
    """Feeds tables to one tracker and keeps what it told."""

    ring_timeout: float | None = 15.0
    inbound: Inbound = INBOUND
    watch: Callable[[str], float | None] | None = None
    max_channels: int = 20_000
    not_human: tuple[str, ...] = ()
    chans: dict[str, Chan] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    tainted: list[Tainted] = field(default_factory=list)
    live: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tracker = Tracker(
            pbx="lab",
            boot="boot-1",
            inbound=self.inbound,
            watch=self.watch or (lambda did: self.ring_timeout),
            max_channels=self.max_channels,
            not_human=self.not_human,
        )
        self._splitter = Splitter()
        self._rows: list[ChannelRow] = []
        self._next_id = 1
        self.now = Moment.at(EPOCH)

    # --- lines ---

    def play(self, table: str) -> Scenario:
        for text in table.strip().splitlines():
            line = text.strip()
            if line and not line.startswith("#"):
                cells = [cell.strip() for cell in line.split("|")]
                self._line(*cells, *[""] * (5 - len(cells)))
        return self

    def _line(self, at: str, event: str, channel: str, other: str, details: str) -> None:
        self.advance(float(at))
        if event == "Wait":
            return
        if event == "LinkLost":
            self.tracker.link_lost(self.now)
        elif event == "Resync":
            rows, self._rows = self._rows, []
            self.calls += self.tracker.resync(rows, self.now)
        elif event == "Restarted":
            self.calls += self.tracker.restarted(other or "boot-2", self.now)
        else:
            self.feed(self._message(event, channel, other, details))

    def advance(self, at: float) -> None:
        """Let time pass to `at`, with every timer fired at its own moment."""
        to = EPOCH + at
        while (due := self.tracker.next_deadline()) is not None and due <= to:
            self.calls += self.tracker.expire(Moment.at(due))
        self.now = Moment.at(to)

    def feed(self, raw: bytes) -> None:
        for message in self._splitter.receive_data(raw):
            event = parse_event(message)
            if isinstance(event, ChannelRow):
                self._rows.append(event)
            elif event is not None:
                if isinstance(event, Tainted):
                    self.tainted.append(event)
                self.calls += self.tracker.feed(event, self.now)

    # --- a line -> bytes ---

    def chan(self, name: str, linked: str = "") -> Chan:
        if name not in self.chans:
            uniqueid = f"1700000000.{self._next_id}"
            self._next_id += 1
            self.chans[name] = Chan(name, uniqueid, linked or uniqueid)
        return self.chans[name]

    def _message(self, event: str, channel: str, other: str, details: str) -> bytes:
        bare, pairs = _split(details)
        prefix, other_prefix, main = _EVENTS.get(event, ("", "", ""))
        headers: list[tuple[str, str]] = []
        if event == "Row":
            event, actionid = "CoreShowChannel", [("ActionID", "textback-list-1")]
        else:
            actionid = [("Privilege", "call,all")]
        if channel:
            chan = self._update(event, channel, bare, pairs)
            headers += chan.snapshot(prefix)
        if other:
            headers += self.chan(other).snapshot(other_prefix)
        if event == "Rename":
            new_name = pairs.pop("to_name")
            headers = [
                ("Channel", channel),
                ("Newname", new_name),
                ("Uniqueid", self.chans[channel].uniqueid),
            ]
            self.chans[new_name] = self.chans.pop(channel)
            self.chans[new_name].name = new_name
        if bare and main:
            headers.append((main, bare))
        headers += self._extras(event, pairs)
        lines = [("Event", event), *actionid, *headers]
        return "".join(f"{key}: {value}\r\n" for key, value in lines).encode() + b"\r\n"

    def _update(self, event: str, name: str, bare: str, pairs: dict[str, str]) -> Chan:
        linked = pairs.pop("linked", "")
        chan = self.chan(name, self.chan(linked).linkedid if linked else "")
        if linked:
            chan.linkedid = self.chan(linked).linkedid
        fields = {_FIELDS[key]: pairs.pop(key) for key in list(pairs) if key in _FIELDS}
        if event in ("Newchannel", "Newstate", "CoreShowChannel"):
            chan.state = STATES[bare] if bare else chan.state
        if event == "Newchannel":
            self.live.add(chan.uniqueid)
            if bare == "Ring" and name.startswith("PJSIP/trunk") and not chan.exten:
                chan.caller, chan.exten, chan.context = CALLER, DID, "from-trunk"
        elif event == "Hangup":
            self.live.discard(chan.uniqueid)
        for attribute, value in fields.items():
            setattr(chan, attribute, value)
        return chan

    def _extras(self, event: str, pairs: dict[str, str]) -> list[tuple[str, str]]:
        extras: list[tuple[str, str]] = []
        if event in ("BridgeEnter", "BridgeLeave"):
            tech = pairs.pop("tech", "simple_bridge")
            kind = pairs.pop("type", "basic")
            extras += [("BridgeType", kind), ("BridgeTechnology", tech)]
        elif event == "BridgeMerge":
            extras += [("ToBridgeUniqueid", pairs.pop("to")), ("FromBridgeUniqueid", pairs["gone"])]
            extras += [("ToBridgeTechnology", pairs.pop("tech", "simple_bridge"))]
            pairs.pop("gone")
        elif event in ("BlindTransfer", "AttendedTransfer"):
            extras.append(("Result", pairs.pop("result", "Success")))
            transferee = pairs.pop("transferee", "")
            if transferee:
                extras += self.chan(transferee).snapshot("Transferee")
        elif event == "MessageWaiting":
            extras += [("New", pairs.pop("new", "1")), ("Old", "0"), ("Waiting", "1")]
        names = {"var": "Variable", "value": "Value", "data": "AppData", "bridge": "BridgeId"}
        names |= {"app": "Application", "forward": "Forward", "duration": "Duration"}
        if event == "CoreShowChannel":
            names["data"] = "ApplicationData"
        extras += [(names.get(key, key), value) for key, value in pairs.items()]
        return extras

    # --- what came of it ---

    @property
    def told(self) -> list[str]:
        """`seconds phase outcome` of every fact; other directions than inbound are named."""
        return [_fact(call) for call in self.calls]

    @property
    def ends(self) -> dict[str, Call]:
        """The ended calls by their channel."""
        return {call.channel: call for call in self.calls if call.final}

    @property
    def trail(self) -> list[str]:
        return [text for call in self.calls if call.final for _, text in call.trail]


def _fact(call: Call) -> str:
    seconds = round(call.at.steady - EPOCH, 3)
    text = f"{seconds:g} {call.phase.value}"
    if call.phase.value in ("ring_timeout", "voicemail", "ended"):
        text += f" {call.outcome.value}"
    if call.direction is not Direction.INBOUND:
        text += f" ({call.direction.value})"
    return text


def _split(details: str) -> tuple[str, dict[str, str]]:
    bare: list[str] = []
    pairs: dict[str, str] = {}
    for word in details.split():
        key, equals, value = word.partition("=")
        if equals:
            pairs[key] = value
        else:
            bare.append(word)
    return " ".join(bare), pairs


def play(table: str, *, ring_timeout: float | None = 15.0) -> list[str]:
    """What the tracker tells of a table; every call of it must have been freed if all hung up."""
    scenario = Scenario(ring_timeout=ring_timeout).play(table)
    assert not scenario.tainted, scenario.tainted
    if not scenario.live:
        scenario.advance(10_000.0)
        assert not any(scenario.tracker.sizes.values()), scenario.tracker.sizes
    return scenario.told

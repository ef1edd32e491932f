"""The messages of one Asterisk, in order, become facts about calls: the same live and in a replay.

Sans-IO: nothing is awaited, no clock is read. Whoever feeds it gives each message with its moment.
In a replay ring timers are fired between the messages, at the moment they were due. Live, the
messages that wait are taken first (`timers_between=False`): when this process was held up, an
answer given in time may lie in the socket behind a timer that is overdue, and the answer counts.

A resync is three messages: `CoreShowChannels` announced (rows follow, live events may come between
them), `CoreShowChannelsComplete`, and the answer to a Ping that was sent after it. Asterisk sends
the events it still held back before that answer, so a Hangup older than the list is never missed.
A list somebody else asked for (a trace made by hand) counts at its Complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from ami_listener.events import (
    USED,
    AmiEvent,
    ChannelRow,
    ChannelState,
    NewChannel,
    event_name,
    parse_event,
    unwanted,
)
from ami_listener.identity import boot_of
from ami_listener.placed import PlacedCalls
from ami_listener.topology import endpoint_of
from ami_listener.tracker import Inbound, Tracker
from ami_listener.wire import Headers, parse_headers
from textback.model import Call, Dialled, Moment

#: Our ActionIDs: the presentation question (with the Uniqueid), the channel list, the Ping after.
PRESENTATION_ID = "textback-pres-"
LIST_ID = "textback-list-"
SYNC_ID = "textback-sync-"
STREAM_IDS = (PRESENTATION_ID, LIST_ID, SYNC_ID)

_BANNER = b"Asterisk Call Manager/"
_COMPLETE = b"CoreShowChannelsComplete"
STREAM_EVENTS = USED | {b"CoreShowChannel", _COMPLETE}

#: Names of contexts kept for `doctor`; a dialplan has a few dozen.
MAX_CONTEXTS = 200
#: Rows of one list; a longer one is not used, and the calls stay as they are.
MAX_ROWS = 50_000


class Stream:
    """Feeds one tracker from one Asterisk's messages; see the module's text.

    Before the first `identify` a message makes the tracker with an unknown boot ("").
    """

    def __init__(
        self, make_tracker: Callable[[str], Tracker], *, timers_between: bool = True
    ) -> None:
        self._make_tracker = make_tracker
        self._timers_between = timers_between
        self._tracker: Tracker | None = None
        self._rows: dict[str, ChannelRow] | None = None  # uniqueid: row; None = no list under way
        self._list_id = ""
        self._list_done = False
        self.boot = ""
        self.placed = PlacedCalls()  #: calls that we had Asterisk place
        #: Births of channels that rang in from somewhere, by context.
        self.contexts: Counter[str] = Counter()
        #: The same by (context, endpoint): what an inbound rule is held against.
        self.births: Counter[tuple[str, str]] = Counter()
        self._counters = {
            "stream_events": 0,
            "stream_lists_dropped": 0,
            "stream_contexts_dropped": 0,
        }

    @property
    def counters(self) -> dict[str, int]:
        return {**self._counters, **(self._tracker.counters if self._tracker else {})}

    # --- what happens --------------------------------------------------------------------------

    def message(self, raw: bytes, now: Moment) -> list[Call]:
        """One whole message as the splitter gave it; facts in order."""
        calls = self.advance(now) if self._timers_between else []
        name = event_name(raw)
        if name is not None:
            return calls + self._event(name, raw, now)
        if raw.startswith(b"Response:"):
            return calls + self._response(raw, now)
        if raw.startswith(_BANNER):
            return calls + self.lost(now)
        # No event and no response: the rest of an event that a hostile value tore apart.
        torn = parse_event(raw)
        return calls + self._feed(torn, now) if torn is not None else calls

    def advance(self, now: Moment) -> list[Call]:
        """Fire the ring timers that are due at `now`, each at its own moment."""
        calls: list[Call] = []
        while (due := self.next_deadline()) is not None and due <= now.steady:
            at = Moment(now.utc + timedelta(seconds=due - now.steady), due)
            calls += self.tracker.expire(at)
        return calls

    def next_deadline(self) -> float | None:
        """Steady seconds of the next ring timer."""
        return self._tracker.next_deadline() if self._tracker is not None else None

    def identify(self, boot: str, now: Moment) -> list[Call]:
        """Asterisk's start is known: a tracker for it, or, if it is another start, void calls."""
        calls: list[Call] = []
        if self._tracker is None:
            self._tracker = self._make_tracker(boot)
        elif boot != self.boot:
            calls = self._tracker.restarted(boot, now)
        self.boot = boot
        return calls

    def place(self, call: Dialled) -> None:
        """Asterisk is about to be asked to place this call: its events are ours to know."""
        self.placed.begin(call)
        self.tracker.placed(call.id, call.number)

    def lost(self, now: Moment) -> list[Call]:
        """From here on events may be missing, until a list has been compared."""
        self._rows = None
        self.placed.lost()
        if self._tracker is not None:
            self._tracker.link_lost(now)
        return []

    def resync_blind(self, now: Moment) -> list[Call]:
        """The list is not to be had: everything from before is void."""
        self._rows = None
        return self.tracker.resync((), now)

    # --- what was seen -------------------------------------------------------------------------

    @property
    def tracker(self) -> Tracker:
        if self._tracker is None:
            self._tracker = self._make_tracker("")
        return self._tracker

    def unlisted(self, inbound: Inbound) -> dict[str, int]:
        """Births, by context, of channels that `inbound` does not take; busiest first."""
        found: Counter[str] = Counter()
        for (context, endpoint), births in self.births.items():
            if not inbound.matches(context, endpoint):
                found[context] += births
        return dict(found.most_common())

    # --- one message ---------------------------------------------------------------------------

    def _event(self, name: bytes, raw: bytes, now: Moment) -> list[Call]:
        if name == _COMPLETE:
            return self._list_complete(parse_headers(raw), now)
        event = parse_event(raw)
        if event is None:
            return []
        self._counters["stream_events"] += 1
        if self.placed.waiting:
            self.placed.heard(event)
        if isinstance(event, ChannelRow):
            self._row(event)
            return []
        if isinstance(event, NewChannel):
            self._birth(event)
        return self._feed(event, now)

    def _feed(self, event: AmiEvent, now: Moment) -> list[Call]:
        return self.tracker.feed(event, now, timers=self._timers_between)

    def _response(self, raw: bytes, now: Moment) -> list[Call]:
        headers = parse_headers(raw)
        action_id = headers.get("actionid", "")
        if action_id.startswith(PRESENTATION_ID):
            event = parse_event(raw)
            return self._feed(event, now) if event is not None else []
        if action_id.startswith(SYNC_ID):
            return self._apply(now) if self._list_done else []
        if headers.get("eventlist", "").lower() == "start" and (
            action_id.startswith(LIST_ID) or headers.get("message", "").startswith("Channels")
        ):
            self._begin(action_id)
        elif boot := boot_of(headers):
            return self.identify(boot, now)
        return []

    def _begin(self, action_id: str) -> None:
        self._rows = {}
        self._list_id = action_id
        self._list_done = False

    def _row(self, row: ChannelRow) -> None:
        if self._rows is None:
            self._begin(row.action_id)  # a trace that begins within a list
        if self._rows is not None and len(self._rows) < MAX_ROWS:
            self._rows[row.chan.uniqueid] = row

    def _birth(self, event: NewChannel) -> None:
        chan = event.chan
        if chan.state != ChannelState.RING or chan.channel.startswith("Local/"):
            return
        place = (chan.context, endpoint_of(chan.channel))
        if place not in self.births and len(self.births) >= MAX_CONTEXTS:
            self._counters["stream_contexts_dropped"] += 1
            return
        self.births[place] += 1
        self.contexts[chan.context] += 1

    def _list_complete(self, headers: Headers, now: Moment) -> list[Call]:
        if self._rows is None:
            self._begin(headers.get("actionid", ""))  # an empty list, its announcement not seen
        cut = headers.get("eventlist", "").lower() == "cancelled"
        if cut or self._rows is None or len(self._rows) >= MAX_ROWS:
            self._counters["stream_lists_dropped"] += 1
            self._rows = None
            return []
        self._list_done = True
        return [] if self._list_id.startswith(LIST_ID) else self._apply(now)

    def _apply(self, now: Moment) -> list[Call]:
        rows, self._rows, self._list_done = self._rows, None, False
        return self.tracker.resync(tuple(rows.values()), now) if rows is not None else []


def is_for_stream(name: bytes, raw: bytes) -> bool:
    """Whether this event is worth handing to a stream; one look at its bytes, no parsing."""
    return name in STREAM_EVENTS and not unwanted(name, raw)

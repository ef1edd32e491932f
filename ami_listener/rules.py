"""The table of rules: which event is read by which rule. An absent event changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textback.model import Moment

from . import event_types as t
from . import rules_apps as apps
from . import rules_bridge as bridge
from . import rules_dial as dial
from . import rules_hints as hints
from .callbook import CallBook

Rule = Callable[[CallBook, Any, Moment], None]

RULES: dict[type[t.CallEvent], Rule] = {
    # channels
    t.NewChannel: dial.new_channel,
    t.NewState: dial.new_state,
    t.NewCallerId: dial.new_caller_id,
    t.PresentationAnswer: dial.presentation_answer,
    t.Rename: dial.rename,
    t.Hangup: dial.hangup,
    # phones
    t.DialBegin: dial.dial_begin,
    t.DialState: dial.dial_state,
    t.DialEnd: dial.dial_end,
    t.Pickup: bridge.pickup,
    # who talks with whom
    t.BridgeEnter: bridge.bridge_enter,
    t.BridgeLeave: bridge.bridge_leave,
    t.BridgeMerge: bridge.bridge_merge,
    t.BridgeDestroy: bridge.bridge_destroy,
    t.LocalBridge: bridge.local_bridge,
    t.BlindTransfer: bridge.blind_transfer,
    t.AttendedTransfer: bridge.attended_transfer,
    t.ParkedCall: bridge.parked_call,
    # the dialplan
    t.QueueCallerJoin: apps.queue_join,
    t.QueueCallerLeave: apps.queue_leave,
    t.QueueCallerAbandon: apps.queue_abandon,
    t.VarSet: apps.var_set,
    t.UserEvent: hints.user_event,
    t.NewExten: apps.new_exten,
    t.MessageWaiting: apps.message_waiting,
}

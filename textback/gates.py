"""The gates between a call and a text, in the order in which they are asked; pure.

A gate answers with what it found and what it held that against, in words for `textback why`. It may
rely on every gate before it in `GATES`. Its docstring is its line in the documentation.
"""

from __future__ import annotations

from textback import gates_call as call
from textback import gates_caller as caller
from textback import gates_text as text
from textback.answer import Check
from textback.model import Reason

#: All gates, in the order in which they are asked.
GATES: tuple[tuple[str, Check], ...] = (
    ("seen_whole", call.seen_whole),
    ("trusted", call.trusted),
    ("direction", call.inbound),
    ("watched", call.watched),
    ("enabled", call.enabled),
    ("handled", call.not_handled),
    ("outcome", call.missed),
    ("waited", call.waited_enough),
    ("presentation", caller.shown),
    ("number", caller.present),
    ("verstat", caller.vouched),
    ("dialable", caller.dialable),
    ("short", caller.not_short),
    ("premium", caller.not_premium),
    ("own_number", caller.not_own),
    ("staff", caller.not_staff),
    ("blocked", caller.not_blocked),
    ("do_not_text", caller.may_be_texted),
    ("callers", caller.of_those_meant),
    ("opted_out", caller.not_opted_out),
    ("landline", caller.not_landline),
    ("country", caller.of_our_countries),
    ("cooldown", text.cooled_down),
    ("once_per", text.first_in_once_per),
    ("robot", text.no_robot),
    ("auto_limit", text.below_auto_limit),
    (
        "cap_minute",
        text.below_cap(Reason.CAP_MINUTE, "per_minute", lambda h: h.last_minute, "minute"),
    ),
    ("cap_hour", text.below_cap(Reason.CAP_HOUR, "per_hour", lambda h: h.last_hour, "hour")),
    ("cap_day", text.below_cap(Reason.CAP_DAY, "per_day", lambda h: h.last_day, "24 hours")),
    ("adjacent", text.few_adjacent),
    ("prefix", text.few_of_prefix),
    ("age", text.recent),
    ("quiet", text.not_quiet),
    ("template", text.fillable),
)

#: What a caller is asked who wants the text: pressed a key for it. Not whether the call was missed,
#: nor how it stands, nor the hour of the day, nor earlier texts. Staff may try it out. A landline
#: cannot read it, whoever asks.
OFFER_GATES = tuple(
    (name, check)
    for name, check in GATES
    if name
    not in {"seen_whole", "handled", "outcome", "waited", "staff", "callers", "cooldown"}
    | {"once_per", "quiet"}
)

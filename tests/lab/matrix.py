"""The call matrix: every way a call can go, in ONE table; dialplan, expectation, caller, phones.

Each row has its own DID, caller and phones, so that all of them can be placed side by side on one
Asterisk. In the dialplan `@a@ @b@ @c@` are the row's phones, `@out@` a number out the trunk and
`@name@` its name; steps are divided by ` | `. The expectation is what `textback why` must say:
OUTCOME and `send` or `skip REASON`. The caller is what the person outside does; `a= b= c= out=`
what the phones do. `early`: the text must be decided before the call has ended. All numbers are of
the ranges reserved for fiction. The second half of the rows is in `topologies`.
"""

from __future__ import annotations

from dataclasses import replace

from tests.lab.people import (
    click_to_call,
    colleague_picks_up,
    dials_colleague,
    dials_out,
    forwards_out,
    hangs_up,
    keys,
    once_up,
    speaks,
    transfers,
    waits,
)
from tests.lab.phones import answers, early_media, rejects, rings
from tests.lab.row import ANSWERED, OFF, Row, nobody, row
from tests.lab.topologies import FURTHER

ring_out = "Dial(PJSIP/@a@,22) | Hangup()"
ring_25 = "Dial(PJSIP/@a@,25) | Hangup()"
hunt = f"Dial(PJSIP/@b@,8) | {ring_out}"
group = "Dial(PJSIP/@a@&PJSIP/@b@&PJSIP/@c@,22) | Hangup()"
local_n = "Dial(Local/@a@@from-queue/n&Local/@b@@from-queue/n,22) | Hangup()"
local = "Dial(Local/@a@@from-queue&Local/@b@@from-queue,22) | Hangup()"
own_box = "Dial(Local/@a@@from-queue-vm/n,40) | Hangup()"
box = "Dial(PJSIP/@a@,6) | VoiceMail(@a@@default,s) | Hangup()"
box_greets = "Dial(PJSIP/@a@,6) | VoiceMail(@a@@default,u) | Hangup()"
queue_60 = "Answer() | Queue(@name@,,,,60) | Hangup()"
queue_9 = "Answer() | Queue(@name@,,,,9) | Hangup()"
two, one_local = "PJSIP/@a@ PJSIP/@b@", "Local/@a@@from-queue/n"
menu = 'Answer() | Read(key,beep,1,,1,8) | ExecIf($["${key}" = "1"]?Dial(PJSIP/@a@,22)) | Hangup()'
menu_only = "Answer() | Read(key,beep,1,,1,20) | Hangup()"
screened = "Dial(PJSIP/@a@,22,U(textback-screen)) | Hangup()"
at_end = {"text_at": "call_end"}

_ROWS = (
    # --- one phone
    row("ring_out", ring_out, "no_answer send", a=rings(), early=True),
    row("abandoned_2s", ring_out, "abandoned skip too_short", hangs_up(2), a=rings()),
    row("abandoned_8s", ring_out, "abandoned send", hangs_up(8), a=rings()),
    row("abandoned_14s", ring_out, "abandoned send", hangs_up(14), a=rings()),
    row("caller_holds_20s", ring_25, "no_answer send", hangs_up(20), a=rings(), early=True),
    row("ring_out_text_at_end", ring_out, "no_answer send", a=rings(), number=at_end),
    row("answered", ring_out, ANSWERED, a=answers(4)),
    row("answered_after_the_text", ring_25, "answered send", a=answers(18), early=True),
    row("answered_late_text_at_end", ring_25, ANSWERED, a=answers(17), number=at_end),
    row("busy", "Dial(PJSIP/@a@,22) | Busy(2)", "busy send", a=rejects(486)),
    row("declined", "Dial(PJSIP/@a@,22) | Hangup()", "busy send", a=rejects(603)),
    row(
        "not_registered",
        "Dial(PJSIP/@a@,22) | Congestion(2)",
        "unavailable send",
        unregistered=True,
    ),
    row(
        "early_media",
        "Progress() | Playback(demo-congrats,noanswer) | Hangup()",
        f"ivr_abandoned {OFF}",
        hangs_up(7),
    ),
    row(
        "early_media_then_ring_out",
        f"Progress() | Playback(beep,noanswer) | {ring_out}",
        "no_answer send",
        a=rings(),
        early=True,
    ),
    row("phone_with_early_media", ring_out, "no_answer send", a=early_media(), early=True),
    # --- several phones
    row(
        "group_none_answers",
        group,
        "no_answer send",
        a=rings(),
        b=rings(),
        c=rejects(486),
        early=True,
    ),
    row("group_one_answers", group, ANSWERED, a=rings(), b=answers(4), c=rings()),
    row(
        "hunt_none_answers",
        hunt,
        "no_answer send",
        a=rings(),
        b=rings(),
        early=True,
    ),
    row(
        "hunt_second_answers", f"Dial(PJSIP/@b@,6) | {ring_out}", ANSWERED, a=answers(4), b=rings()
    ),
    row("local_group_none_answers", local_n, "no_answer send", a=rings(), b=rings(), early=True),
    row("local_group_one_answers", local_n, ANSWERED, a=rings(), b=answers(4)),
    row(
        "local_optimized_away",
        local,
        ANSWERED,
        speaks(4, after=0.5),
        a=rings(),
        b=answers(3, talk=6),
    ),
    # --- voicemail
    row("voicemail_left", box, "voicemail_left send", speaks(4), a=rings(), early=True),
    row(
        "voicemail_no_message",
        box_greets,
        "voicemail_no_message send",
        once_up(2),
        a=rings(),
        early=True,
    ),
    row(
        "voicemail_behind_local_left",
        own_box,
        "voicemail_left send",
        speaks(4, after=5),
        a=rings(),
        early=True,
    ),
    row(
        "voicemail_behind_local_no_message",
        own_box,
        "voicemail_no_message send",
        once_up(2),
        a=rings(),
        early=True,
    ),
    row(
        "voicemail_left_is_off",
        box,
        f"voicemail_left {OFF}",
        speaks(4),
        a=rings(),
        number={"outcomes": ["no_answer", "voicemail_no_message"]},
    ),
    # --- queue
    row(
        "queue_abandoned",
        queue_60,
        "queue_abandoned send",
        hangs_up(12),
        a=rings(),
        b=rings(),
        queue=two,
    ),
    row("queue_times_out", queue_9, "no_answer send", a=rings(), queue=one_local),
    row("queue_answered", queue_60, ANSWERED, a=rings(), b=answers(3), queue=two),
    row("queue_local_member_answers", queue_60, ANSWERED, a=answers(3), queue=one_local),
    # --- menus
    row("ivr_then_ring_out", menu, "no_answer send", keys("1", waits), a=rings(), early=True),
    row("ivr_then_answered", menu, ANSWERED, keys("1", waits), a=answers(3)),
    row("ivr_abandoned", menu_only, f"ivr_abandoned {OFF}", hangs_up(7)),
    row(
        "ivr_abandoned_is_on",
        menu_only,
        "ivr_abandoned send",
        hangs_up(7),
        number={"outcomes": ["no_answer", "ivr_abandoned"]},
    ),
    # --- press 1 to take the call
    row("screening_not_accepted", screened, "no_answer send", a=answers(2, talk=12)),
    row("screening_accepted", screened, ANSWERED, a=answers(2, press="1")),
    # --- handed on
    row("pickup", ring_out, ANSWERED, a=rings(), b=rings(), also=colleague_picks_up),
    row(
        "blind_transfer_unanswered",
        ring_out,
        f"transfer_unanswered {OFF}",
        once_up(10),
        a=transfers("b"),
        b=rings(),
    ),
    row("blind_transfer_answered", ring_out, ANSWERED, a=transfers("b"), b=answers(2)),
    row("parked_giveup", ring_out, f"parked_giveup {OFF}", once_up(9), a=transfers("700")),
    row(
        "forward_302_unanswered",
        ring_out,
        "no_answer send",
        a=forwards_out(),
        out=rings(),
        early=True,
    ),
    row("forward_302_answered", ring_out, ANSWERED, a=forwards_out(), out=answers(4)),
    row(
        "dial_out_unanswered",
        "Dial(PJSIP/@out@@trunk,22) | Hangup()",
        "no_answer send",
        out=rings(),
        early=True,
    ),
    # --- not a caller
    row("outbound", ring_out, "abandoned skip outbound", nobody, out=rings(), also=dials_out),
    row("internal", ring_out, "abandoned skip internal", nobody, b=rings(), also=dials_colleague),
    row(
        "originate",
        ring_out,
        "abandoned skip originated",
        nobody,
        a=answers(1, talk=6),
        out=rings(),
        also=click_to_call,
    ),
    row("number_not_watched", ring_out, "no_answer skip not_watched", a=rings(), watched=False),
    # --- who calls
    row(
        "withheld",
        ring_out,
        "no_answer skip withheld",
        a=rings(),
        display="Anonymous",
        headers=(("P-Asserted-Identity", "<sip:@caller@@127.0.0.1>"), ("Privacy", "id")),
    ),
    row(
        "anonymous",
        ring_out,
        "no_answer skip withheld",
        a=rings(),
        display="Anonymous",
        caller_user="anonymous",
    ),
    row("staff_calls", ring_out, "no_answer skip staff", a=rings(), staff=True),
    row(
        "hostile_name",
        ring_out,
        "no_answer send",
        a=rings(),
        display="Zoë <script>{{7*7}}</script>%0D%0AEvent: Hangup ' OR 1=1 --",
        early=True,
    ),
    # Asterisk 22 unescapes %0D%0A in the user part and writes it raw into CallerIDNum.
    row(
        "hostile_number",
        ring_out,
        "unknown skip tainted",
        a=rings(),
        caller_user="1%0D%0AUniqueid%3A%201.1%0D%0ACallerIDNum%3A%20+16465550199",
    ),
    row(
        "hostile_number_forges_an_event",
        ring_out,
        "unknown skip tainted",
        a=rings(),
        caller_user="1%0D%0A%0D%0AEvent%3A%20Shutdown%0D%0AShutdown%3A%20Cleanly%0D%0A%0D%0A",
    ),
    # The trunk names its line, and the dialplan says the number (conf/asterisk, textback-did).
    row(
        "from_did",
        f"Gosub(textback-did,s,1(@did@)) | {ring_out}",
        "no_answer send",
        a=rings(),
        line="acmeline",
        early=True,
    ),
)


_ALL = (*_ROWS, *FURTHER)


def _numbered(index: int, made: Row) -> Row:
    numbered = replace(made, index=index)
    caller = numbered.number_outside
    headers = tuple((name, value.replace("@caller@", caller)) for name, value in made.headers)
    return replace(numbered, headers=headers)


ROWS = tuple(_numbered(index, made) for index, made in enumerate(_ALL))
BY_NAME = {made.name: made for made in ROWS}

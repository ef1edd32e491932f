"""The second half of the call matrix: calls handed on, queues that overflow, machines, two at once.

Written as the first half is, see `matrix`.
"""

from __future__ import annotations

from tests.lab.people import (
    agent_pauses,
    caller_calls_again,
    colleague_calls_first,
    colleague_dials,
    consults,
    faxes,
    forwards_out,
    forwards_to,
    hangs_up,
    keys_in,
    once_up,
    redirected,
    speaks,
    transfers,
)
from tests.lab.phones import answers, in_turn, picks_up_too_late, rejects, rings
from tests.lab.row import ANSWERED, OFF, row

ring_out = "Dial(PJSIP/@a@,22) | Hangup()"
ring_t = "Dial(PJSIP/@a@,22,t) | Hangup()"
chain = "Dial(Local/@a@@from-chain,22) | Hangup()"
marked = f"Set(__PICKUPMARK=@a@) | {ring_out}"
meeting = "Answer() | ConfBridge(@name@) | Hangup()"
told = "Answer() | Queue(@name@,,,queue-thankyou,60) | Hangup()"
overflow = "Answer() | Queue(@name@,,,,20) | Queue(@name@_2,,,,20) | Hangup()"
overflow_box = "Answer() | Queue(@name@,,,,40) | VoiceMail(@a@@default,s) | Hangup()"
fax_first = f"Answer() | Set(FAXOPT(faxdetect)=cng,10) | Wait(6) | {ring_out}"
in_use = 'ExecIf($["${DEVICE_STATE(PJSIP/@a@)}" = "INUSE"]?Busy(2))'
known = f"Set(GLOBAL(AT_@a@)=${{CHANNEL}}) | {ring_out}"
intercom = "Dial(Local/*80@a@@from-internal/n,22) | Hangup()"
one, two = "PJSIP/@a@", "PJSIP/@a@ PJSIP/@b@"
HANDED_ON = f"transfer_unanswered {OFF}"

FURTHER = (
    # --- attended transfer: REFER with Replaces
    row("attended_transfer", ring_out, ANSWERED, a=consults("b", "joins"), b=answers(2)),
    row("attended_transfer_returns", ring_out, ANSWERED, a=consults("b", "returns"), b=rings()),
    row(
        "attended_transfer_caller_hangs_up",
        ring_out,
        ANSWERED,
        once_up(6),
        a=consults("b", "waits"),
        b=rings(),
    ),
    row("blonde_transfer", ring_out, ANSWERED, a=consults("b", "lets go"), b=answers(6)),
    row(
        "blonde_transfer_unanswered",
        ring_out,
        HANDED_ON,
        once_up(14),
        a=consults("b", "lets go"),
        b=rings(),
    ),
    # --- the same by feature codes
    row("keyed_transfer", ring_t, ANSWERED, a=keys_in("*2", "b", then=8), b=answers(2, talk=8)),
    row("keyed_transfer_returns", ring_t, ANSWERED, a=keys_in("*2", "b", then=16), b=rings()),
    row(
        "keyed_blonde_transfer_unanswered",
        ring_t,
        HANDED_ON,
        once_up(11),  # before Asterisk calls the transferer back
        a=keys_in("*2", "b", then=5),
        b=rings(),
    ),
    # --- parked
    row(
        "parked_retrieved",
        ring_out,
        ANSWERED,
        a=transfers("780"),
        also=colleague_dials("781", after=9),
    ),
    row("parked_back_answered", ring_out, ANSWERED, a=in_turn(transfers("750"), answers(2))),
    row(
        "parked_back_unanswered",
        ring_out,
        f"parked_giveup {OFF}",
        once_up(16),
        a=in_turn(transfers("750"), rings()),
    ),
    # --- redirected from elsewhere
    row(
        "redirected_while_they_talk",
        ring_out,
        HANDED_ON,
        once_up(14),
        a=answers(2, talk=24),
        b=rings(),
        also=redirected("b", after=8),
    ),
    row(
        "channel_redirect",
        known,
        "no_answer send",
        a=rings(),
        b=rings(),
        also=colleague_dials("*9@a@", after=4, up=1),
        early=True,
    ),
    # --- taken by a colleague
    row("directed_pickup", marked, ANSWERED, a=rings(), also=colleague_dials("**@a@")),
    row("group_pickup", ring_out, ANSWERED, a=rings(), also=colleague_dials("*8")),
    # --- conference
    row("conference_alone", meeting, f"ivr_abandoned {OFF}", hangs_up(8)),
    row(
        "conference_with_a_person",
        meeting,
        ANSWERED,
        hangs_up(10),
        also=colleague_dials("*7@name@", after=3, up=6),
    ),
    # --- answered by a machine
    row(
        "page",
        "Answer() | Page(PJSIP/@a@&PJSIP/@b@,,10) | Hangup()",
        "abandoned send",
        hangs_up(10),
        a=answers(0.1, talk=20),
        b=answers(0.1, talk=20),
    ),
    row(
        "page_both_ways",
        "Answer() | Page(PJSIP/@a@&PJSIP/@b@,d,10) | Hangup()",
        ANSWERED,
        hangs_up(10),
        a=answers(0.1, talk=20),
        b=answers(0.1, talk=20),
    ),
    row(
        "door_speaker",
        ring_out,
        "abandoned send",
        hangs_up(9),
        a=answers(0.1, talk=20),
        not_human=("PJSIP/@a@",),
    ),
    row(
        "intercom_code",
        intercom,
        "no_answer send",
        a=answers(0.1, talk=21),
        not_human=("Local/*80@a@@*",),
        early=True,
    ),
    # --- forwarded
    row(
        "forward_chain",
        ring_out,
        ANSWERED,
        a=forwards_to("b"),
        b=forwards_out(),
        out=answers(4),
    ),
    row(
        "forward_by_dialplan_unanswered",
        "Dial(Local/@out@@from-internal,22) | Hangup()",
        "no_answer send",
        out=rings(),
        early=True,
    ),
    row("dial_out_answered", "Dial(PJSIP/@out@@trunk,22) | Hangup()", ANSWERED, out=answers(4)),
    row("local_chain", chain, ANSWERED, speaks(4, after=0.5), a=answers(3, talk=6)),
    # --- queues
    row(
        "agent_dump", told, "queue_abandoned send", hangs_up(14), a=answers(2, talk=0.5), queue=one
    ),
    row(
        "agent_dump_next_answers",
        told,
        ANSWERED,
        a=in_turn(answers(2, talk=0.5), rings()),
        b=in_turn(rings(), answers(2)),
        queue=two,
    ),
    row(
        "queue_join_empty",
        overflow,
        ANSWERED,
        b=answers(3),
        queue="-",
        queue_like="lab_strict",
        second_queue="PJSIP/@b@",
    ),
    row(
        "queue_leave_empty",
        overflow_box,
        "voicemail_left send",
        speaks(4, after=16),
        a=rings(),
        queue=one,
        queue_like="lab_strict",
        also=agent_pauses(5),
    ),
    row(
        "queue_announces",
        "Answer() | Queue(@name@,,,,60) | Hangup()",
        ANSWERED,
        a=rings(),
        b=in_turn(rings(), rings(), answers(2)),
        queue=two,
        queue_like="lab_talking",
    ),
    # --- fax
    row("fax", "Answer() | ReceiveFAX(/tmp/@name@.tif) | Hangup()", ANSWERED, faxes(8)),
    row("fax_tone", fax_first, ANSWERED, faxes(9), a=rings()),
    # --- two at once
    row(
        "call_waiting",
        ring_out,
        "no_answer send",
        a=in_turn(answers(0.1, talk=60), rings()),
        also=colleague_calls_first(28),
        waits_for_also=True,
        early=True,
    ),
    row(
        "phone_in_use",
        f"{in_use} | {ring_out}",
        "busy send",
        a=answers(0.1, talk=20),
        also=colleague_calls_first(8),
        waits_for_also=True,
    ),
    row(
        "caller_calls_twice",
        ring_out,
        "no_answer send",
        a=rings(),
        also=caller_calls_again,
        second="no_answer skip cooldown",
    ),
    row(
        "caller_calls_two_numbers",
        ring_out,
        "no_answer send",
        a=rings(),
        also=caller_calls_again,
        second="no_answer send",
        second_did=True,
    ),
    row(
        "picked_up_too_late",
        ring_out,
        "abandoned skip too_short",
        hangs_up(3),
        a=picks_up_too_late(),
    ),
    # --- how it is dialled, and how it is refused
    row(
        "dial_with_music",
        "Dial(PJSIP/@a@,22,mr) | Hangup()",
        "no_answer send",
        a=rings(),
        early=True,
    ),
    row("talk_limit", "Dial(PJSIP/@a@,22,L(4000)) | Hangup()", ANSWERED, a=answers(3, talk=20)),
    row(
        "follow_me",
        "FollowMe(@name@) | Hangup()",
        ANSWERED,
        a=rings(),
        b=answers(2, press="1111"),
        follow_me="@a@ @b@",
    ),
    row(
        "follow_me_not_accepted",
        "FollowMe(@name@) | Hangup()",
        "no_answer send",
        a=rings(),
        b=answers(2, talk=9),
        follow_me="@a@ @b@",
    ),
    row("busy_without_dialling", "Busy(3)", "busy send"),
    row("congestion_without_dialling", "Congestion(3)", "unavailable send"),
    row(
        "refused_by_480_408_500_503",
        "Dial(PJSIP/@a@,6) | Dial(PJSIP/@b@&PJSIP/@c@&PJSIP/@out@@trunk,6) | Hangup()",
        "unavailable send",
        a=rejects(480),
        b=rejects(408),
        c=rejects(500),
        out=rejects(503),
    ),
)

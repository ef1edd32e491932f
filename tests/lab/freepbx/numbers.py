"""The first half of FreePBX's call matrix: one number, one extension, and how numbers are spelt."""

from __future__ import annotations

from tests.lab.freepbx.factory import (
    GIVES_UP,
    GROUP,
    LEAVES_WORD,
    NOBODY,
    RINGS_ON,
    SIX,
    WITHHELD,
    A,
    row,
    short,
)
from tests.lab.freepbx.modules import Group, SetCallerId
from tests.lab.people import colleague_dials, hangs_up, once_up, transfers
from tests.lab.phones import answers, rejects, rings
from tests.lab.row import ANSWERED, OFF

NUMBERS = (
    # --- a number for one extension
    row("did_answered", A, ANSWERED, a=answers(4)),
    row("did_voicemail_left", A, "voicemail_left send", LEAVES_WORD, a=rings(), astdb=SIX),
    row(
        "did_voicemail_no_message",
        A,
        "voicemail_no_message send",
        once_up(2),
        a=rings(),
        astdb=SIX,
        early=True,
    ),
    row("did_rings_out", A, NOBODY, GIVES_UP, a=rings(), astdb=RINGS_ON, early=True),
    row("did_abandoned", A, "abandoned send", hangs_up(10), a=rings()),
    row("did_busy", A, "busy send", a=rejects(486), astdb=RINGS_ON),
    row("did_busy_voicemail", A, "voicemail_left send", LEAVES_WORD, a=rejects(486)),
    row("did_declined_voicemail", A, "voicemail_no_message send", once_up(2), a=rejects(603)),
    row("did_unreachable", A, "unavailable send", unregistered=True, astdb=RINGS_ON),
    row(
        "did_unreachable_voicemail",
        A,
        "voicemail_left send",
        LEAVES_WORD,
        unregistered=True,
    ),
    row("do_not_disturb", A, "busy send", astdb={"DND/@a@": "YES", **RINGS_ON}),
    row(
        "do_not_disturb_voicemail",
        A,
        "voicemail_no_message send",
        once_up(2),
        astdb={"DND/@a@": "YES"},
    ),
    row("picked_up", A, ANSWERED, a=rings(), also=colleague_dials("**@a@")),
    row(
        "transferred_unanswered",
        A,
        f"transfer_unanswered {OFF}",
        once_up(10),
        a=transfers("b"),
        b=rings(),
    ),
    row(
        "transferred_to_voicemail",
        A,
        f"transfer_unanswered {OFF}",
        LEAVES_WORD,
        a=transfers("b"),
        b=rings(),
        astdb=SIX,
    ),
    # --- how the trunk spells the number that is called
    row("number_with_plus", A, NOBODY, GIVES_UP, a=rings(), astdb=RINGS_ON, delivered="plus"),
    row("number_of_11_digits", A, NOBODY, GIVES_UP, a=rings(), astdb=RINGS_ON, delivered="bare"),
    row(
        "number_by_the_trunks_context",
        A,
        NOBODY,
        GIVES_UP,
        a=rings(),
        astdb=RINGS_ON,
        trunk="acme-line",
        early=True,
    ),
    row(
        "no_number_at_all",
        A,
        NOBODY,
        GIVES_UP,
        a=rings(),
        astdb=RINGS_ON,
        delivered="s",
        early=True,
    ),
    row(
        "extension_as_number",
        A,
        NOBODY,
        GIVES_UP,
        a=rings(),
        astdb=RINGS_ON,
        delivered="@a@",
        route="-",
        early=True,
    ),
    row("route_for_one_caller", A, NOBODY, GIVES_UP, a=rings(), astdb=RINGS_ON, by_caller=True),
    row("number_without_route", A, f"ivr_abandoned {OFF}", route="-"),
    row("trunk_of_nobody", A, "unavailable skip outbound", trunk="anonymous"),
    # --- how it spells the caller
    row("caller_with_plus", A, NOBODY, GIVES_UP, a=rings(), astdb=RINGS_ON, style="plus"),
    row("caller_of_11_digits", A, NOBODY, GIVES_UP, a=rings(), astdb=RINGS_ON, style="bare"),
    row(
        "caller_e164_made_10_digits",
        A,
        NOBODY,
        GIVES_UP,
        a=rings(),
        astdb=RINGS_ON,
        trunk="e164-us",
        delivered="plus",
        style="plus",
    ),
    row(
        "caller_e164_made_011",
        A,
        NOBODY,
        GIVES_UP,
        a=rings(),
        astdb=RINGS_ON,
        trunk="e164-us",
        delivered="plus",
        style="plus",
        country="GB",
    ),
    short("caller_011_gb", country="GB", style="011"),
    short("caller_00_gb", country="GB", style="00"),
    short("caller_00_de", country="DE", style="00"),
    short("caller_plus_de", country="DE", style="plus"),
    # A number of London on the same PBX, whose trunk writes numbers as one does there.
    row(
        "caller_of_a_british_number",
        A,
        "abandoned send",
        hangs_up(11),
        home="GB",
        country="GB",
        a=rings(),
    ),
    row(
        "withheld",
        A,
        "no_answer skip withheld",
        GIVES_UP,
        a=rings(),
        astdb=RINGS_ON,
        headers=WITHHELD,
    ),
    row(
        "withheld_do_not_disturb",
        A,
        "busy skip withheld",
        astdb={"DND/@a@": "YES", **RINGS_ON},
        headers=WITHHELD,
    ),
    row(
        "route_names_the_caller",
        GROUP,
        NOBODY,
        None,
        Group(members="@a@", prefix="GRP:"),
        a=rings(),
        astdb=RINGS_ON,
        prefix="SALES:",
        display="Bob",
        early=True,
    ),
    row(
        "route_changes_the_number",
        "app-setcid,@cid@,1",
        NOBODY,
        GIVES_UP,
        SetCallerId(number="9${CALLERID(num)}", name="SALES: ${CALLERID(name)}", then=A),
        a=rings(),
        astdb=RINGS_ON,
        early=True,
    ),
)

#: Of a business in Germany, and of one in Britain.
GERMANY = tuple(
    short(f"german_{name}", **{"home": "DE", "country": "DE", **spelling})
    for name, spelling in {
        "caller": {},
        "caller_with_plus": {"style": "plus", "delivered": "plus"},
        "caller_without_plus": {"style": "bare", "delivered": "bare"},
        "caller_0049": {"style": "00"},
        "caller_0044": {"style": "00", "country": "GB"},
        "caller_001": {"style": "00", "country": "US"},
        "caller_plus_1": {"style": "plus", "country": "US"},
        "caller_of_a_us_number": {"home": "US", "country": "US"},
    }.items()
)
BRITAIN = tuple(
    short(f"british_{name}", **{"home": "GB", "country": "GB", **spelling})
    for name, spelling in {
        "caller": {},
        "caller_with_plus": {"style": "plus", "delivered": "plus"},
        "caller_without_plus": {"style": "bare", "delivered": "bare"},
        "caller_0049": {"style": "00", "country": "DE"},
        "caller_001": {"style": "00", "country": "US"},
        "caller_of_a_german_number": {"home": "DE", "country": "DE"},
    }.items()
)

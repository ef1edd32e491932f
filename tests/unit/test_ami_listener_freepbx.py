"""What FreePBX's inbound route does to a withheld number, and how it is known all the same.

The route lets the phones see the number and keeps in a variable how it came; whoever asks Asterisk
after that is told "allowed". Real calls are in tests/data/ami/freepbx.
"""

from __future__ import annotations

import pytest

from tests.unit.ami_tables import Scenario


def presentation(kept: str, asked: str = "", variable: str = "__CALLINGNUMPRES_SV") -> str:
    scenario = Scenario().play(
        f"""
        0    | Newchannel | PJSIP/trunk-1 | | Ring
        0.01 | VarSet     | PJSIP/trunk-1 | | Variable={variable} Value={kept}
        """
    )
    if asked:
        uniqueid = scenario.chans["PJSIP/trunk-1"].uniqueid
        scenario.feed(
            f"Response: Success\r\nActionID: textback-pres-{uniqueid}\r\n"
            f"Variable: CALLERID(num-pres)\r\nValue: {asked}\r\n\r\n".encode()
        )
    scenario.play("1 | Hangup | PJSIP/trunk-1 | | 16")
    return scenario.calls[-1].presentation.value


@pytest.mark.parametrize("variable", ["__CALLINGNUMPRES_SV", "__CALLINGPRES_SV"])
def test_a_number_the_route_shows_to_the_phones_stays_withheld(variable: str) -> None:
    assert presentation("prohib_not_screened", "allowed_not_screened", variable) == "withheld"
    assert presentation("prohib_passed_screen", "", variable) == "withheld"
    assert presentation("unavailable", "allowed_not_screened", variable) == "withheld"


def test_a_number_that_came_to_be_shown_is_shown_though_nobody_could_be_asked() -> None:
    assert presentation("allowed_not_screened") == "allowed"
    assert presentation("") == "unknown"
    assert presentation("something-new") == "unknown"


def test_another_channels_variable_says_nothing_about_the_caller() -> None:
    scenario = Scenario().play(
        """
        0    | Newchannel | PJSIP/trunk-1 |             | Ring
        0.01 | Newchannel | PJSIP/101-1   |             | Down
        0.02 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 |
        0.03 | VarSet     | PJSIP/101-1   |             | Variable=CALLINGNUMPRES_SV Value=prohib
        9    | Hangup     | PJSIP/trunk-1 |             | 16
        """
    )
    assert scenario.calls[-1].presentation.value == "unknown"

"""What the doctor says of desk phones and of the right to write to them."""

from __future__ import annotations

from pathlib import Path

from ami_listener.permissions import NEEDED_ACTIONS
from tests.fakes.asterisk import FakeAsterisk, Fields, Session
from textback import doctor_links
from textback.config import PbxConfig
from textback.doctor import Check, Level

PHONE = {
    "PJSIP_ENDPOINT(101,aors)": "101",
    "PJSIP_ENDPOINT(101,message_context)": "textback-messages",
    "DIALPLAN_EXISTS(textback-messages,+12125550100,1)": "1",
    "PJSIP_DIAL_CONTACTS(101)": "PJSIP/101/sip:101@192.0.2.9",
}


async def examined(
    folder: Path, *, actions: tuple[str, ...] = (*NEEDED_ACTIONS, "MessageSend"), **changed: str
) -> list[Check]:
    """What is found of the phone PJSIP/101; `changed` by the first word of a function's name."""
    async with FakeAsterisk() as asterisk:

        def answer(session: Session, fields: Fields) -> None:
            session.reply(fields, *(f"{name}: Something (Priv: x)" for name in actions))

        asterisk.answers["ListCommands"] = answer
        for name, value in PHONE.items():
            asterisk.variables["", name] = value
        asterisk.variables |= {("", name): value for name, value in changed.items()}
        pbx = PbxConfig.model_validate({"port": asterisk.port, "secret": "secret"})
        checks = doctor_links.check_pbx(pbx, listen=0, seen=True, phones=["PJSIP/101"])
        return [check async for check in checks if "desk phone" in check.found]


async def test_phone_in_order_is_well(tmp_path: Path) -> None:
    (found,) = await examined(tmp_path)
    assert (found.level, found.found) == (
        Level.OK,
        "desk phone PJSIP/101 is registered, and can answer",
    )


async def test_missing_right_is_told_with_its_cure(tmp_path: Path) -> None:
    found = await examined(tmp_path, actions=NEEDED_ACTIONS)
    assert found[0].level is Level.WARN
    assert "MessageSend" in found[0].found
    assert "write = reporting,message" in found[0].fix


async def test_endpoint_that_is_not_there(tmp_path: Path) -> None:
    (found,) = await examined(tmp_path, **{"PJSIP_ENDPOINT(101,aors)": ""})
    assert "no such endpoint" in found.found


async def test_phone_that_cannot_answer(tmp_path: Path) -> None:
    (none,) = await examined(tmp_path, **{"PJSIP_ENDPOINT(101,message_context)": ""})
    assert "leads nowhere" in none.found
    (other,) = await examined(
        tmp_path,
        **{
            "PJSIP_ENDPOINT(101,message_context)": "elsewhere",
            "DIALPLAN_EXISTS(elsewhere,+12125550100,1)": "0",
        },
    )
    assert "(elsewhere) takes no telephone numbers" in other.found
    assert {none.level, other.level} == {Level.WARN}


async def test_phone_that_is_off(tmp_path: Path) -> None:
    (found,) = await examined(tmp_path, **{"PJSIP_DIAL_CONTACTS(101)": ""})
    assert found.level is Level.WARN
    assert "not registered" in found.found

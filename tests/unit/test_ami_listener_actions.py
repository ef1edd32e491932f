"""Actions: what may be sent, and when an answer is whole."""

from __future__ import annotations

import pytest
from panoramisk.message import Message

from ami_listener.actions import MAX_LINE, ActionRefused, AmiAction, check_fields, rows_of


def answered(action: AmiAction, *messages: dict[str, str]) -> list[Message]:
    for number, fields in enumerate(messages, start=1):
        assert action.add_message(Message(fields)) == (number == len(messages))
    result: list[Message] = action.future.result()
    return result


@pytest.mark.parametrize("value", ["x\r\nAction: Command", "x\ny", "x\r", "\0"])
async def test_a_value_with_a_line_break_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(ValueError, match="Variable contains a line break or NUL") as caught:
        AmiAction({"Action": "Getvar", "Variable": value})
    assert value not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Action: Command\r\nX", "A B", "Ä", "1A"])
def test_a_header_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not an AMI header name"):
        check_fields({name: "x"})


def test_a_line_asterisk_would_cut_is_refused() -> None:
    check_fields({"Secret": "x" * (MAX_LINE - 6)})
    with pytest.raises(ValueError, match="longer than"):
        check_fields({"Secret": "x" * MAX_LINE})


async def test_an_action_is_written_as_asterisk_reads_it() -> None:
    action = AmiAction({"Action": "Getvar", "ActionID": "1", "Variable": "CALLERID(num)"})
    assert str(action) == "Action: Getvar\r\nActionID: 1\r\nVariable: CALLERID(num)\r\n\r\n"


async def test_a_plain_answer_is_one_row_with_lower_case_keys() -> None:
    action = AmiAction({"Action": "Ping"})
    rows = rows_of(action, answered(action, {"Response": "Success", "Ping": "Pong"}))
    assert rows == [{"response": "Success", "ping": "Pong"}]


async def test_a_list_is_whole_at_its_complete_event_and_gives_its_rows() -> None:
    action = AmiAction({"Action": "CoreShowChannels"})
    responses = answered(
        action,
        {"Response": "Success", "EventList": "start", "Message": "Channels will follow"},
        {"Event": "CoreShowChannel", "Uniqueid": "1.1"},
        {"Event": "CoreShowChannel", "Uniqueid": "1.2"},
        {"Event": "CoreShowChannelsComplete", "EventList": "Complete", "ListItems": "2"},
    )
    assert [row["uniqueid"] for row in rows_of(action, responses)] == ["1.1", "1.2"]


async def test_an_empty_list_is_no_rows() -> None:
    action = AmiAction({"Action": "CoreShowChannels"})
    responses = answered(
        action,
        {"Response": "Success", "EventList": "start"},
        {"Event": "CoreShowChannelsComplete", "EventList": "Complete"},
    )
    assert rows_of(action, responses) == []


async def test_a_refused_list_action_ends_at_once() -> None:
    """panoramisk 1.4 waited for list rows after an error, for ever."""
    action = AmiAction({"Action": "CoreShowChannels"})
    responses = answered(action, {"Response": "Error", "Message": "Permission denied"})
    with pytest.raises(
        ActionRefused, match="refused CoreShowChannels: Permission denied"
    ) as caught:
        rows_of(action, responses)
    assert caught.value.denied


async def test_an_answer_worded_like_a_queued_action_is_just_an_answer() -> None:
    """panoramisk 1.4 raised KeyError for `successfully queued` without an `Async` header."""
    action = AmiAction({"Action": "Originate"})
    rows = rows_of(
        action,
        answered(action, {"Response": "Success", "Message": "Originate successfully queued"}),
    )
    assert rows[0]["message"] == "Originate successfully queued"


async def test_a_late_answer_to_a_forgotten_action_changes_nothing() -> None:
    action = AmiAction({"Action": "Ping"})
    action.future.cancel()
    assert action.add_message(Message({"Response": "Success"}))
    assert action.future.cancelled()

"""FastAGI bytes: heads as Asterisk writes them, heads a caller has forged, commands, replies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agi.protocol import (
    LINES,
    MAX_COMMAND,
    MAX_HEAD,
    AgiError,
    AgiReply,
    AgiRequest,
    HeadReader,
    ReplyReader,
    command,
    parse_head,
    presentation_of,
    quoted,
    set_variable,
)
from tests.fakes.agi import CALLER, DID, head, words
from textback.model import Presentation


def read(said: bytes) -> AgiRequest:
    request = HeadReader().feed(said)
    assert request is not None
    return request


# --- the head -------------------------------------------------------------------------------------


def test_a_head_tells_who_asks_for_what() -> None:
    request = read(head("message?name=closed&pbx=main", "one", "two"))

    assert request.script == "message"
    assert request.query == {"name": "closed", "pbx": "main"}
    assert request.args == ("one", "two")
    assert (request.caller, request.did) == (CALLER, DID)
    assert (request.channel, request.uniqueid) == ("PJSIP/trunk-00000001", "1700000000.1")
    assert request.presentation is Presentation.ALLOWED
    assert (request.context, request.caller_name) == ("from-trunk", "")


def test_the_url_comes_before_the_argument() -> None:
    assert read(head("message?name=closed", "open")).argument("name") == "closed"
    assert read(head("message", "open")).argument("name") == "open"
    assert read(head("message")).argument("name") == ""


@pytest.mark.parametrize(
    ("script", "name", "query"),
    [
        ("/Message/", "message", {}),
        ("message?NAME=a&name=b", "message", {"name": "a"}),
        ("message?name=%63losed%0D%0Ax", "message", {"name": "closedx"}),
        ("message?name=", "message", {"name": ""}),
        ("message?name=a;pbx=b", "message", {"name": "a", "pbx": "b"}),
        ("", "", {}),
        ("?x", "", {"x": ""}),
    ],
)
def test_a_url_is_read_as_people_write_it(script: str, name: str, query: dict[str, str]) -> None:
    request = read(head(script))

    assert (request.script, request.query) == (name, query)


def test_a_head_without_a_script_is_one_too() -> None:
    said = head().replace(b"agi_network_script: missed\n", b"")

    assert read(said).script == ""


def test_a_line_of_a_newer_asterisk_does_no_harm() -> None:
    said = head("missed", "x").replace(b"agi_enhanced", b"agi_tenantid: t\nagi_enhanced")

    assert read(said).args == ("x",)


def test_what_is_no_number_is_none() -> None:
    request = read(head(callerid="unknown", dnid="unknown", extension="s"))

    assert (request.caller, request.did) == ("", "s")


@given(st.lists(st.integers(1, len(head()) - 1), max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_head_is_the_same_however_the_network_cuts_it(cuts: list[int]) -> None:
    said = head("message?name=Caf%C3%A9", calleridname="Zoë")
    reader = HeadReader()
    found: list[AgiRequest] = []
    edges = sorted({0, *cuts, len(said)})
    for start, end in pairwise(edges):
        request = reader.feed(said[start:end])
        if request is not None:
            found.append(request)

    assert [r.query for r in found] == [{"name": "Café"}]
    assert found[0].caller_name == "Zoë"


def test_bytes_that_are_no_utf8_are_replaced_not_refused() -> None:
    said = head().replace(b"calleridname: unknown", b"calleridname: Zo\xeb")

    assert read(said).caller_name == "Zo\ufffd"


@pytest.mark.parametrize(
    ("code", "presentation"),
    [
        ("0", Presentation.ALLOWED),
        ("3", Presentation.ALLOWED),
        ("32", Presentation.WITHHELD),
        ("35", Presentation.WITHHELD),
        ("67", Presentation.WITHHELD),
        ("", Presentation.UNKNOWN),
        ("-1", Presentation.UNKNOWN),
        ("²", Presentation.UNKNOWN),
    ],
)
def test_callingpres_is_q931s_octet(code: str, presentation: Presentation) -> None:
    assert presentation_of(code) is presentation


# --- forged heads ---------------------------------------------------------------------------------


def _forgeries() -> Iterator[tuple[str, str]]:
    """(name of the line a caller writes, what stands in it), none of it longer than 80 bytes."""
    yield "callerid", "1\nagi_uniqueid: 1700000000.9"
    yield "callerid", "1\nagi_callerid: +16465550199"
    yield "callerid", "1\r\nagi_uniqueid: 1700000000.9"
    yield "callerid", "1\nagi_arg_1: closed"
    yield "callerid", "1\nagi_network_script: optout"
    yield "callerid", "1\nnonsense"
    yield "callerid", "1\n"
    yield "callerid", "1\n\nagi_x: 1"
    yield "calleridname", "Z\nagi_dnid: +12125550199"
    yield "calleridname", "Z\x00"
    yield "dnid", "1\nagi_context: from-internal"
    yield "extension", "1\nagi_extension: 2"
    yield "extension", "1\nagi_arg_1: closed"
    # as much of the rest of a head as 80 bytes hold
    yield "dnid", "\nagi_rdnis:\nagi_context:\nagi_extension:\nagi_priority:\nagi_enhanced:\n\n"


@pytest.mark.parametrize(("name", "value"), list(_forgeries()))
def test_a_head_with_a_line_of_its_callers_is_refused(name: str, value: str) -> None:
    assert len(value) <= 80
    with pytest.raises(AgiError):
        HeadReader().feed(head("missed", **{name: value}))


@given(
    st.sampled_from(["callerid", "calleridname", "dnid", "extension"]),
    st.text(alphabet="\r\n: 1agi_unqedcltxhrw", min_size=1, max_size=80),
)
@settings(max_examples=300, deadline=None)
def test_no_value_of_a_caller_changes_which_call_is_meant(name: str, value: str) -> None:
    reader = HeadReader()
    try:
        request = reader.feed(head("missed", **{name: value}))
    except AgiError:
        return
    assert request is not None
    assert (request.uniqueid, request.script) == ("1700000000.1", "missed")
    assert request.args == ()
    assert "\n" not in request.caller + request.did + request.caller_name


@pytest.mark.parametrize("name", [n for n in LINES if n != "agi_network_script"])
def test_a_head_that_lacks_a_line_is_refused(name: str) -> None:
    lines = head().decode().splitlines(keepends=True)
    less = "".join(line for line in lines if not line.startswith(f"{name}:"))

    with pytest.raises(AgiError):
        HeadReader().feed(less.encode())


def test_what_follows_a_head_before_it_was_answered_is_forged() -> None:
    with pytest.raises(AgiError, match="follows"):
        HeadReader().feed(head() + b"agi_x: 1\n")


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"\n\n", b"x", b"agi-", b"\x00" * 20],
)
def test_what_is_no_fastagi_is_seen_at_its_first_bytes(said: bytes) -> None:
    with pytest.raises(AgiError):
        HeadReader().feed(said)


def test_a_head_that_does_not_end_is_given_up() -> None:
    reader = HeadReader()
    with pytest.raises(AgiError, match="longer"):
        for _ in range(MAX_HEAD):
            assert reader.feed(b"agi_x: 12345678\n") is None


def test_a_head_of_many_lines_is_refused() -> None:
    with pytest.raises(AgiError, match="lines"):
        parse_head(b"\n".join(b"agi_x%d: 1" % number for number in range(500)))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_a_request_an_error_or_not_yet_whole(said: bytes) -> None:
    try:
        assert HeadReader().feed(said) is None
    except AgiError as error:
        assert str(error)


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "two words",
        'say "no"',
        "back\\slash",
        "\\",
        '\\"',
        '"',
        "${EXTEN}",
        "Zoë ☎",
        "\t",
    ],
)
def test_a_value_comes_through_asterisks_own_parser(value: str) -> None:
    line = set_variable("TEXTBACK_NAME", value).decode()

    assert words(line.removesuffix("\n")) == [
        *("SET", "VARIABLE", "TEXTBACK_NAME"),
        value.replace("\t", ""),
    ]


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_value_ends_its_command_or_begins_another(value: str) -> None:
    line = set_variable("TEXTBACK_NAME", value)

    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert b"\x00" not in line
    assert len(line) <= MAX_COMMAND + 1
    assert len(words(line.decode("utf-8", "replace").removesuffix("\n"))) == 4


def test_quotes_are_there_for_nothing_too() -> None:
    assert quoted("") == '""'


@pytest.mark.parametrize("name", ["CALLERID(num)", "", "a b", "X\nY", "${X}", "lower"])
def test_only_plain_variables_are_set(name: str) -> None:
    with pytest.raises(ValueError, match="variable"):
        set_variable(name, "1")


def test_a_command_asterisk_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        command("VERBOSE", "x" * 2_100)
    with pytest.raises(ValueError, match="no AGI command"):
        command("VERBOSE\nHANGUP", "x")


# --- replies --------------------------------------------------------------------------------------


def test_replies_come_in_order_however_they_are_cut() -> None:
    said = (
        b"200 result=1\n"
        b"510 Invalid or unknown command\n"
        b"511 Command Not Permitted on a dead channel or intercept routine\n"
        b"520-Invalid command syntax.  Proper usage follows:\n"
        b"Usage: SET VARIABLE <variablename> <value>\n"
        b"520 End of proper usage.\n"
        b"HANGUP\n"
        b"100 Trying...\n"
        b"200 result=1 (closed)\n"
    )
    for size in (1, 2, 7, len(said)):
        reader = ReplyReader()
        found: list[AgiReply] = []
        for start in range(0, len(said), size):
            found += reader.feed(said[start : start + size])
        assert [reply.code for reply in found] == [200, 510, 511, 520, 200]
        assert "Usage: SET VARIABLE" in found[3].text
        assert found[4].text == "result=1 (closed)"
        assert reader.hung_up
        assert [reply.ok for reply in found] == [True, False, False, False, True]


@pytest.mark.parametrize("said", [b"hello\n", b"2000 x\n", b"20 x\n", b"\n", b"agi_x: 1\n"])
def test_what_is_no_reply_is_refused(said: bytes) -> None:
    with pytest.raises(AgiError):
        ReplyReader().feed(said)


@pytest.mark.parametrize("said", [b"200 " + b"x" * 1000, b"520-a\n" + b"usage\n" * 200])
def test_a_reply_that_does_not_end_is_given_up(said: bytes) -> None:
    reader = ReplyReader()
    with pytest.raises(AgiError, match="longer"):
        for _ in range(200):
            reader.feed(said)
            said = said.removeprefix(b"520-a\n")

"""The log's promises: numbers masked, secrets and texts never, one line per fact, none forged."""

from __future__ import annotations

import io
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from textback import log

CALLER = "+12125550123"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    raised = logging.raiseExceptions
    # Another test of this process may have run a whole service, whose texts are remembered.
    log._CALL_OF_ROW.clear()
    yield io.StringIO()
    log._CALL_OF_ROW.clear()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raised
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_begins_with_the_call_it_belongs_to(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    structlog.get_logger().info(
        "verdict", verdict="skip", reason="cooldown", call="pbx:1700000000.12"
    )
    assert stream.getvalue().startswith('{"call": "pbx:1700000000.12", "event": "verdict", ')


def test_a_console_line_reads_like_a_mail_log(stream: io.StringIO) -> None:
    log.configure(style="console", stream=stream)
    structlog.get_logger().info(
        "verdict", verdict="skip", reason="cooldown", call="pbx:1700000000.12"
    )
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d\d\d info    pbx:1700000000\.12 verdict verdict=skip reason=cooldown\n",
        stream.getvalue(),
    )


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+12125550123", "+1212***0123"),
        ("12125550123", "1212***0123"),
        ("2125550123", "212***0123"),
        ("5550123", "***23"),
        ("(212) 555-0123", "212***0123"),
        ("+44 20 7946 0123", "+4420***0123"),
    ],
)
def test_a_masked_number_can_be_recognised_and_not_rung(number: str, masked: str) -> None:
    assert log.mask_number(number) == masked
    assert log.mask_text(f"caller {number} rang") == f"caller {masked} rang"


@pytest.mark.parametrize(
    "text",
    [
        "pbx:1700000000.12",
        "2026-11-23T12:00:00.123456Z",
        "2026-11-23 12:00:00",
        "192.168.100.200",
        "PJSIP/101-0000001a",
        "PJSIP/trunk-00000012",
        "0x1400000",
        "550e8400-e29b-41d4-a716-446655440000",
        "101@default",
        "port 2775",
    ],
)
def test_what_only_looks_like_a_number_is_left_alone(text: str) -> None:
    assert log.mask_text(text) == text


@pytest.mark.parametrize(
    "text",
    [f"PJSIP/{CALLER}-0000001a", f"<sip:{CALLER}@10.0.0.1>", "sip12125550123", "tel:2125550123;x"],
)
def test_a_number_inside_a_word_is_masked(text: str) -> None:
    masked = log.mask_text(text)
    assert "5550123" not in masked
    assert masked != text


def test_a_number_is_masked_wherever_it_stands_in_a_line(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    structlog.get_logger().info(
        "call_ended",
        call="pbx:1700000000.12",
        caller=CALLER,
        note=f"from {CALLER}",
        listed=[CALLER],
        inner={"number": CALLER},
    )
    assert "5550123" not in stream.getvalue()
    assert "1700000000.12" in stream.getvalue()


def test_numbers_are_written_in_full_when_the_operator_says_so(stream: io.StringIO) -> None:
    log.configure(mask=False, stream=stream)
    structlog.get_logger().info("call_ended", caller=CALLER)
    assert lines(stream)[0]["caller"] == CALLER


@pytest.mark.parametrize("mask", [True, False])
def test_neither_a_secret_nor_the_text_of_a_message_is_ever_written(
    stream: io.StringIO, mask: bool
) -> None:
    log.configure(mask=mask, stream=stream)
    structlog.get_logger().info(
        "sent", text="we missed your call", ami_secret="hunter2", password="hunter2", raw=b"abc"
    )
    line = lines(stream)[0]
    assert line["text"] == "<19 characters>"
    assert line["raw"] == "<3 characters>"
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("evil", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\u2028b", "a\u202eb", "a\x00b"])
def test_a_hostile_name_cannot_begin_a_line_of_its_own(
    stream: io.StringIO, style: str, evil: str
) -> None:
    log.configure(style=style, stream=stream)
    structlog.get_logger().info("call_started", name=evil, trail=[evil])
    written = stream.getvalue()
    assert len(written.splitlines()) == 1
    assert not set("\r\x1b\u2028\u202e\x00") & set(written)


def test_an_exception_keeps_its_lines_and_loses_its_numbers(stream: io.StringIO) -> None:
    log.configure(style="console", stream=stream)
    try:
        raise ValueError(f"cannot reach {CALLER}")
    except ValueError:
        structlog.get_logger().exception("submit_failed")
    written = stream.getvalue()
    assert "Traceback" in written
    assert "ValueError: cannot reach +1212***0123" in written
    assert len(written.splitlines()) > 3


def test_a_line_that_knows_only_the_text_begins_with_its_call(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    log.remember(7, "pbx:1700000000.12")
    structlog.get_logger().info("text_submitted", row=7, result="accepted")
    structlog.get_logger().info("text_submitted", row=8, result="accepted")
    assert [line.get("call") for line in lines(stream)] == ["pbx:1700000000.12", None]


def test_only_so_many_texts_are_remembered(stream: io.StringIO) -> None:
    for row in range(1, 6_000):
        log.remember(row, f"pbx:{row}")
    assert len(log._CALL_OF_ROW) == log._MOST_ROWS
    assert log._CALL_OF_ROW[5_999] == "pbx:5999"


def test_a_library_speaks_through_the_same_door(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    logging.getLogger("panoramisk.manager").warning("Connection lost")
    logging.getLogger("somebody").warning("cannot ring %s", CALLER)
    (line,) = lines(stream)
    assert line["event"] == "cannot ring +1212***0123"
    assert line["logger"] == "somebody"
    assert line["level"] == "warning"


def test_the_level_can_be_changed_while_running(stream: io.StringIO) -> None:
    log.configure(level="warning", stream=stream)
    logger = structlog.get_logger("x")
    logger.info("quiet")
    log.configure(level="debug", stream=stream)
    logger.debug("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_a_closed_stream_does_not_reach_the_caller(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    stream.close()
    structlog.get_logger().info("nobody_hears")


def test_the_journal_gets_a_priority_it_understands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO
) -> None:
    with (tmp_path / "journal").open("w+", encoding="utf-8") as out:
        stat = os.fstat(out.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{stat.st_dev}:{stat.st_ino}")
        log.configure(level="debug", stream=out)
        logger = structlog.get_logger()
        for level in ("debug", "info", "warning", "error"):
            getattr(logger, level)("fact")
        out.seek(0)
        assert [line[:3] for line in out.read().splitlines()] == ["<7>", "<6>", "<4>", "<3>"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.integers(min_value=2010000000, max_value=9899999999))
def test_no_ten_digit_number_survives_between_any_words(text: str, number: int) -> None:
    assert str(number) not in log.mask_text(f"{text} {number} {text}")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_an_escaped_text_is_one_line(text: str) -> None:
    assert len(log.escape(text).splitlines()) <= 1

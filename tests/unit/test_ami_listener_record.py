"""The record of raw AMI bytes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import structlog.testing

from ami_listener.record import SEPARATOR, Recorder
from ami_listener.wire import Splitter


def test_it_appends_and_sets_connections_apart(tmp_path: Path) -> None:
    path = tmp_path / "ami.trace"
    for connection in (b"one", b"two"):
        recorder = Recorder(path)
        recorder.begin()
        recorder.write(connection)
        recorder.close()
    assert path.read_bytes() == b"one" + SEPARATOR + b"two"


def test_a_cut_message_does_not_swallow_the_next_greeting(tmp_path: Path) -> None:
    path = tmp_path / "ami.trace"
    greeting = b"Asterisk Call Manager/11.0.0"
    recorder = Recorder(path)
    for said in (b"Event: Hangup\r\nUniq", b"Event: Newchannel\r\n\r\n"):
        recorder.begin()
        recorder.write(greeting + b"\r\n" + said)
    recorder.close()
    assert Splitter().receive_data(path.read_bytes()) == [
        greeting,
        b"Event: Hangup\r\nUniq",
        greeting,
        b"Event: Newchannel",
    ]


def test_only_its_owner_may_read_it_also_when_it_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "ami.trace"
    path.touch(mode=0o644)
    path.chmod(0o644)
    recorder = Recorder(path)
    recorder.begin()
    recorder.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_at_its_cap_it_becomes_file_1_and_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "ami.trace"
    recorder = Recorder(path, cap=10)
    recorder.begin()
    for data in (b"aaaaaa", b"bbbbbb", b"cccccc"):
        recorder.write(data)
    recorder.close()
    assert path.read_bytes() == b"cccccc"
    assert (tmp_path / "ami.trace.1").read_bytes() == b"bbbbbb"


def test_a_chunk_above_the_cap_is_kept_whole(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "ami.trace", cap=4)
    recorder.begin()
    recorder.write(b"x" * 100)
    recorder.close()
    assert (tmp_path / "ami.trace").stat().st_size == 100
    assert recorder.bytes_lost == 0


def test_a_full_disk_stops_the_recording_counts_and_never_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "ami.trace")
    recorder.begin()

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched, structlog.testing.capture_logs() as logs:
        patched.setattr(os, "write", full)
        recorder.write(b"12345")
        recorder.write(b"12345")
    assert recorder.bytes_lost == 10
    assert recorder.failed == "No space left on device"
    assert [entry["event"] for entry in logs] == ["ami_record_failed"]
    recorder.begin()  # the next connection tries again
    recorder.write(b"back")
    recorder.close()
    assert recorder.failed == ""
    assert (tmp_path / "ami.trace").read_bytes() == b"back"


@pytest.mark.parametrize("kind", ["directory", "symlink", "pipe", "missing"])
def test_what_is_no_plain_file_is_not_written_to_and_its_rights_stay(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "ami.trace"
    if kind == "directory":
        path.mkdir(mode=0o755)
    elif kind == "symlink":
        (tmp_path / "other").touch(mode=0o644)
        path.symlink_to(tmp_path / "other")
    elif kind == "pipe":
        os.mkfifo(path, 0o644)
    else:
        path = tmp_path / "none" / "ami.trace"
    before = path.stat().st_mode if kind != "missing" else 0
    recorder = Recorder(path)
    recorder.begin()
    recorder.write(b"12345")
    assert recorder.failed
    assert recorder.bytes_lost == 5
    assert before == (path.stat().st_mode if kind != "missing" else 0)


def test_a_pipe_with_a_reader_is_no_plain_file_either(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o644)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        recorder = Recorder(path)
        recorder.begin()
        assert recorder.failed == "not a plain file"
    finally:
        os.close(reader)
    assert path.stat().st_mode & 0o777 == 0o644

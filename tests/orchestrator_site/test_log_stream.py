"""A reader of the log that hangs costs lines, which are counted; it never stops who writes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from orchestrator_site import log_format
from orchestrator_site.log_format import KEPT_BYTES, LAST_SECONDS, LogStream
from tests.processes.harness import wait_until

LINE = "x" * 999 + "\n"
# Four times what is kept: a pipe and a socket hold some more.
MANY = 4 * KEPT_BYTES // len(LINE)


@dataclass
class Ends:
    """Both ends of an output; nobody reads from it unless the test does."""

    reader: int
    output: int
    is_read: bool = True

    def close_reader(self) -> None:
        if self.is_read:
            os.close(self.reader)
        self.is_read = False


@pytest.fixture(params=["pipe", "pipe of another user", "terminal", "socket"])
def ends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    if request.param == "socket":
        reader, output = socket.socketpair()
        ends = Ends(reader.detach(), output.detach())
    elif request.param == "terminal":
        ends = Ends(*pty.openpty())
        # As bytes come, without a carriage return before each line's end.
        tty.setraw(ends.output)
    else:
        ends = Ends(*os.pipe())
    if request.param == "pipe of another user":
        monkeypatch.setattr(log_format, "_opened_again", lambda _: None)
    yield ends
    ends.close_reader()
    os.close(ends.output)


@pytest.fixture
def stream(ends: Ends) -> Iterator[LogStream]:
    stream = LogStream(ends.output)
    yield stream
    ends.close_reader()
    wait_until(lambda: not stream._kept, what="the end of what nobody reads")


def read_until(reader: int, is_enough: Callable[[bytearray], bool]) -> bytes:
    """What comes until it is enough."""
    os.set_blocking(reader, False)
    read = bytearray()

    def read_on() -> bool:
        with suppress(BlockingIOError):
            while part := os.read(reader, 65536):
                read.extend(part)
        return is_enough(read)

    wait_until(read_on, what="what is written")
    return bytes(read)


def write_many(stream: LogStream) -> None:
    for _ in range(MANY):
        stream.write(LINE)


def test_a_reader_that_hangs_stops_nobody_and_is_told_how_many_lines_were_dropped(
    ends: Ends, stream: LogStream
) -> None:
    writes = threading.Thread(target=write_many, args=(stream,), daemon=True)
    writes.start()
    writes.join(60)
    assert not writes.is_alive()

    read = read_until(ends.reader, lambda read: b"lines_dropped" in read and read.endswith(b"\n"))

    *lines, last = read.decode().splitlines()
    told = json.loads(last)
    assert (told["event"], told["level"]) == ("log.lines_dropped", "error")
    assert set(lines) == {LINE.strip()}
    assert len(lines) + told["lines"] == MANY


def test_a_reader_that_is_late_gets_every_line_in_order(ends: Ends, stream: LogStream) -> None:
    for number in range(200):
        stream.write(f"{number:03}" + LINE)

    read = read_until(ends.reader, lambda read: read.count(b"\n") == 200)

    assert [int(line[:3]) for line in read.decode().splitlines()] == list(range(200))


def test_whoever_shares_the_pipe_finds_it_as_it_was(ends: Ends, stream: LogStream) -> None:
    stream.write(LINE)

    assert not fcntl.fcntl(ends.output, fcntl.F_GETFL) & os.O_NONBLOCK


def test_a_reader_that_is_gone_is_no_error(ends: Ends, stream: LogStream) -> None:
    stream = LogStream(ends.output)
    ends.close_reader()

    for _ in range(300):
        stream.write(LINE)

    assert not stream._kept


def test_a_process_that_ends_waits_only_a_moment(ends: Ends, stream: LogStream) -> None:
    for _ in range(300):
        stream.write(LINE)
    begun = monotonic()

    stream.finish()

    assert monotonic() - begun < LAST_SECONDS + 20


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_pipe_of_another_user_cannot_be_opened_again() -> None:
    becomes_another = (
        "import os\n"
        "from orchestrator_site.log_format import _opened_again\n"
        "opened = [_opened_again(2)]\n"
        "os.setuid(65534)\n"
        "print(*(one is None for one in [*opened, _opened_again(2)]))"
    )

    ended = subprocess.run([sys.executable, "-c", becomes_another], capture_output=True, text=True, check=True)

    assert ended.stdout.split() == ["False", "True"]


def test_a_disk_that_is_full_costs_no_line_that_can_be_kept(tmp_path: Path) -> None:
    output = os.open("/dev/full", os.O_WRONLY)
    stream = LogStream(output)

    stream.write(LINE)
    assert stream._kept

    with (tmp_path / "log").open("wb") as file:
        os.dup2(file.fileno(), output)
        wait_until(lambda: not stream._kept, what="the end of what was kept")
    assert (tmp_path / "log").read_text() == LINE
    os.close(output)

"""Child processes: where their output goes, that they end whole, and which port they may listen on."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.processes import answers_ok, die_with, kill_group, port_error, start_child

pytestmark = pytest.mark.processes


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def test_a_childs_output_goes_to_its_file_and_its_environment_is_added_to_ours(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['ADDED'], 'PATH' in os.environ); print('wrong', file=sys.stderr)"

    child = start_child([sys.executable, "-c", code], {"ADDED": "value"}, tmp_path / "output")

    assert child.wait(60) == 0
    assert sorted((tmp_path / "output").read_text().splitlines()) == ["value True", "wrong"]


def test_a_group_is_killed_with_everything_it_started() -> None:
    code = "import subprocess, time; subprocess.Popen(['sleep', '600']); print('started', flush=True); time.sleep(600)"
    reader, writer = os.pipe()
    child = start_child([sys.executable, "-c", code], {}, Path(f"/proc/self/fd/{writer}"))
    os.close(writer)
    with os.fdopen(reader) as output:
        assert output.readline() == "started\n"

        kill_group(child.pid)

        assert output.read() == ""  # the end: nobody holds the pipe any more
    assert child.wait(60) == -signal.SIGKILL


def test_a_group_that_has_ended_is_no_error() -> None:
    child = start_child([sys.executable, "-c", ""], {})
    assert child.wait(60) == 0

    kill_group(child.pid)


def test_a_process_whose_parent_died_before_it_could_ask_ends_at_once() -> None:
    child = os.fork()
    if child == 0:
        die_with(os.getppid() + 1)
        os._exit(0)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def test_a_port_that_is_taken_is_told_from_a_free_one(taken_port: int) -> None:
    assert isinstance(port_error("127.0.0.1", taken_port), OSError)
    assert isinstance(port_error("127.0.0.1", 99999), OverflowError)
    assert port_error("127.0.0.1", 0) is None


def test_nobody_answers_on_a_port_where_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert answers_ok(f"http://127.0.0.1:{port}/") is False

"""Programs that stand still are started again, but not because their watcher stood still himself."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kernel import process_group, processes
from kernel.process_group import (
    FIRST_BEAT_SECONDS,
    PATIENCE_SECONDS,
    RESTARTS_PER_MINUTE,
    WATCH_SECONDS,
    ProcessGroup,
    Program,
)
from kernel.processes import StopSign, kill_group
from tests.processes.harness import wait_until


class Clock:
    """A clock, and an event that never comes before all waiting is done; each wait takes as long as the test says."""

    def __init__(self, *waits: float) -> None:
        self.now = 1000.0
        self._waits = list(waits)

    def wait(self, seconds: float) -> bool:
        if not self._waits:
            return True
        self.now += self._waits.pop(0)
        return False


@pytest.mark.parametrize(
    ("waits", "is_replaced"),
    [
        ([WATCH_SECONDS] * int(FIRST_BEAT_SECONDS / WATCH_SECONDS + 2), True),
        ([WATCH_SECONDS, 2 * FIRST_BEAT_SECONDS, WATCH_SECONDS], False),
    ],
)
def test_a_program_that_says_nothing_is_replaced_unless_the_whole_machine_stood_still(
    monkeypatch: pytest.MonkeyPatch, waits: list[float], is_replaced: bool
) -> None:
    clock = Clock(*waits)
    monkeypatch.setattr(process_group, "monotonic", lambda: clock.now)
    silent = Program("silent", [sys.executable, "-c", "import time; time.sleep(60)"], must_beat=True)
    group = ProcessGroup([silent])
    monkeypatch.setattr(group, "stopping", clock)
    group.start()
    first = silent.process

    group.watch()

    assert (silent.process is not first) == is_replaced


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Program, Clock]]:
    """A program that loads for long, and has beaten once; the clock of its watcher stands."""
    clock = Clock()
    monkeypatch.setattr(process_group, "monotonic", lambda: clock.now)
    loads = "import time; from kernel.processes import beat_while_starting; beat_while_starting(); time.sleep(60)"
    program = Program("starting", [sys.executable, "-c", loads], must_beat=True)
    program.start()
    wait_for_beat(program)
    yield program, clock
    assert program.process is not None
    kill_group(program.process.pid)
    program.process.wait()


def wait_for_beat(program: Program) -> None:
    assert program.beats is not None
    assert select.select([program.beats], [], [], 60)[0]
    assert not program.is_stuck()


def test_what_stands_still_is_replaced_within_ten_seconds() -> None:
    # By a look that comes late. The rest is for another one to load.
    assert max(PATIENCE_SECONDS, FIRST_BEAT_SECONDS) + 2 * WATCH_SECONDS <= 8


def test_a_program_that_is_stopped_while_it_loads_is_stuck_as_soon_as_any_other(
    starting: tuple[Program, Clock],
) -> None:
    program, clock = starting
    assert program.process is not None
    os.kill(program.process.pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(program), what="a program that is stopped")
    assert not program.is_stuck()

    clock.now += PATIENCE_SECONDS + 1

    assert program.is_stuck()


def is_stopped(program: Program) -> bool:
    assert program.process is not None
    return Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_control_one_that_loads_for_long_is_not_stuck(starting: tuple[Program, Clock]) -> None:
    program, clock = starting
    clock.now += PATIENCE_SECONDS + 1

    wait_for_beat(program)


LOADING = "import time; from kernel.processes import beat, beat_while_starting; beat_while_starting()"
COMES_TO_WORK = f"{LOADING}; time.sleep(0.5); open('at work', 'x'); beat(); time.sleep(60)"
LOOKS = "from pathlib import Path; Path('found').write_text(str(Path('at work').exists()))"


def found_by_the_second(first: str, folder: Path, *, goes_first: bool = True) -> str:
    """What the second of two programs finds as soon as it runs: whether the first one is at work."""
    path = {"PYTHONPATH": str(Path.cwd())}
    group = ProcessGroup(
        [
            Program("second", [sys.executable, "-c", f"import os; os.chdir({str(folder)!r}); {LOOKS}"], path),
            Program(
                "first",
                [sys.executable, "-c", f"import os; os.chdir({str(folder)!r}); {first}"],
                path,
                goes_first=goes_first,
            ),
        ]
    )
    group.start()
    wait_until(lambda: group.programs[0].exit_code() is not None, what="the end of the second")
    group.end(0)
    return (folder / "found").read_text()


def test_a_program_that_goes_first_is_at_work_before_another_is_loaded(tmp_path: Path) -> None:
    assert found_by_the_second(COMES_TO_WORK, tmp_path) == "True"


def test_control_otherwise_both_are_loaded_at_once(tmp_path: Path) -> None:
    waits = f"{LOADING}\nimport pathlib\nwhile not pathlib.Path('found').exists(): time.sleep(0.01)"

    assert found_by_the_second(waits, tmp_path, goes_first=False) == "False"


@pytest.mark.parametrize("first", ["raise SystemExit", f"{LOADING}; time.sleep(60)"])
def test_one_that_ends_or_never_comes_to_its_work_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str
) -> None:
    monkeypatch.setattr(process_group, "HEAD_START_SECONDS", 0.2 if "sleep" in first else 60.0)

    assert found_by_the_second(first, tmp_path) == "False"


def test_a_program_that_has_come_to_its_work_beats_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(processes, "_watcher", str(writing))
    monkeypatch.setattr(processes, "_is_at_work", threading.Event())
    processes.beat_while_starting()
    (helper,) = (one for one in threading.enumerate() if one.name == "starting")

    processes.beat()

    helper.join(60)
    assert not helper.is_alive()
    os.close(writing)
    assert processes.AT_WORK in os.read(reading, 100)
    os.close(reading)


@pytest.mark.parametrize(
    ("command", "is_given_up"), [(("sleep", "600"), False), (("false",), True)], ids=["killed", "ending by itself"]
)
def test_only_a_program_that_ends_by_itself_again_and_again_is_given_up(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], is_given_up: bool
) -> None:
    """One that is killed leaves the others to serve, and may be luckier."""
    monkeypatch.setattr(process_group, "WATCH_SECONDS", 0.01)
    program = Program("unlucky", command)
    group = ProcessGroup([program])
    group.start()
    try:
        for _ in range(2 * RESTARTS_PER_MINUTE):
            process = program.process
            assert process is not None
            if not is_given_up:
                kill_group(process.pid)
            process.wait(30)
            if not group.goes_on():
                break

        assert (group.failed is program) is is_given_up
    finally:
        group.end()


def test_a_signal_that_comes_while_somebody_waits_is_heard() -> None:
    stop = StopSign()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    assert not stop.wait(0)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()

    assert stop.wait(60)

    signal.signal(signal.SIGUSR1, before)
    assert stop.is_set()
    # Said again and again, it fills no pipe.
    for _ in range(100_000):
        stop.set()
    assert stop.wait(0)


def test_whoever_nobody_of_ours_watches_tells_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setattr(processes, "_watcher", None)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        monkeypatch.setattr(processes, "_is_at_work", threading.Event())
        systemd.settimeout(60)

        processes.beat_while_starting()
        assert systemd.recv(100) == b"EXTEND_TIMEOUT_USEC=15000000"
        processes.beat()

        for helper in [one for one in threading.enumerate() if one.name == "starting"]:
            helper.join(60)
        systemd.setblocking(False)
        words = []
        with suppress(BlockingIOError):
            while True:
                words.append(systemd.recv(100))
        assert b"READY=1\nWATCHDOG=1" in words

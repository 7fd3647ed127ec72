"""Programs that stand still are started again, but not because their watcher stood still himself."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from kernel import process_group, processes
from kernel.process_group import FIRST_BEAT_SECONDS, WATCH_SECONDS, ProcessGroup, Program


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


def test_whoever_nobody_of_ours_watches_tells_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.delenv(processes.BEAT_PIPE, raising=False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        processes.beat()

        assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"

"""Child processes: they die with their parent, start in a group of their own, say that they go on, and end whole.

Nothing here but the standard library: the embedded PostgreSQL and bare launchers use it, too.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic

PR_SET_PDEATHSIG = 1
# In a program's environment: the number of the pipe that its beats go into.
BEAT_PIPE = "BEAT_PIPE"
# Where each of several processes keeps what it counts; prometheus-client knows the name.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# A program that has not come to its work by then will not, however slow the disk that it is loaded from; what systemd
# watches may have to wait for its database.
STARTING_SECONDS, SERVICE_STARTING_SECONDS, STARTING_BEAT_SECONDS = 60.0, 180.0, 0.5
# What a program says: that it is being loaded, and that it does its work.
STARTING, AT_WORK = b"s", b"."
# The same for systemd, which waits for the next word no longer than its WatchdogSec and TimeoutStartSec.
SYSTEMD_WORDS = {STARTING: b"EXTEND_TIMEOUT_USEC=15000000", AT_WORK: b"READY=1\nWATCHDOG=1"}
_is_at_work = threading.Event()
# Taken out, or what this program starts in turn would write into whatever file has that number there.
_watcher = os.environ.pop(BEAT_PIPE, None)


def die_with(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Ask Linux to send this process a signal when its parent dies; elsewhere orphans finish and are harmless.

    `parent` is the process that created this one: it may have died before this one came to ask, which kills it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def let_children_die_with_us() -> None:
    """Let every process that is forked below this one die with the one that forked it."""
    # The hook in the child asks who its parent was before the fork; each fork writes it anew.
    forking = [os.getpid()]
    os.register_at_fork(before=lambda: forking.__setitem__(0, os.getpid()), after_in_child=lambda: die_with(forking[0]))


def start_child(
    command: Sequence[str],
    environment: Mapping[str, str],
    output: Path | None = None,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; it dies with this process even if that is killed.

    Ctrl-C so reaches this process alone, which stops the others in order. `environment` is added to ours; both outputs
    go to the file `output`, or where ours go when it is None; `descriptors` are open files that it inherits.
    """
    file = None if output is None else output.open("wb")
    try:
        return subprocess.Popen(  # noqa: S603 (our own commands)
            command,
            env={**os.environ, **environment},
            # In a session of its own a child cannot read the terminal: it would fail instead of finding no input.
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            pass_fds=descriptors,
            # No thread of ours holds a lock that it takes.
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509
        )
    finally:
        if file is not None:
            file.close()


def beat_while_starting() -> None:
    """Beat from a thread until the program does so by itself: one that is stopped while it loads says nothing, either.

    Called before anything large is imported.
    """
    if _watcher is not None or "NOTIFY_SOCKET" in os.environ:
        threading.Thread(target=_beat_until_at_work, name="starting", daemon=True).start()


def _beat_until_at_work() -> None:
    ends = monotonic() + (SERVICE_STARTING_SECONDS if _watcher is None else STARTING_SECONDS)
    while monotonic() < ends:
        _tell_watcher(STARTING)
        if _is_at_work.wait(STARTING_BEAT_SECONDS):
            return


def beat() -> None:
    """Say that this process makes progress to whoever watches it: the program that started it, or systemd."""
    _is_at_work.set()
    _tell_watcher(AT_WORK)


def _tell_watcher(what: bytes) -> None:
    if _watcher is not None:
        # Full: the watcher stands still himself. Broken: he is gone.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(int(_watcher), what)
    elif address := os.environ.get("NOTIFY_SOCKET"):
        # An abstract address is written with an @.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as systemd:
            systemd.sendto(SYSTEMD_WORDS[what], address.replace("@", "\0", 1))


class StopSign:
    """Says once that it is time to stop; the handler of a signal may set it, whatever that interrupts.

    A `threading.Event` must not be set there: whoever waits for it holds its lock now and then, and the handler, which
    runs in between, would wait for that lock for ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._said = select.poll()
        self._said.register(self._reading, select.POLLIN)

    def set(self) -> None:
        """Say it."""
        self._is_set = True
        with suppress(BlockingIOError):
            os.write(self._writing, b".")

    def is_set(self) -> bool:
        """Whether it has been said."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Whether it has been said, or is within this time."""
        self._said.poll(seconds * 1000)
        return self._is_set

    def __del__(self) -> None:
        """Close the pipe."""
        os.close(self._reading)
        os.close(self._writing)


def kill_group(leader: int) -> None:
    """Kill a process group: a program with everything it started. One that has ended by itself is no error."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def port_error(host: str, port: int) -> OSError | OverflowError | None:
    """Why nobody can listen on a TCP port now; None when it is free."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: connections that linger from an earlier run are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            return error
    return None


def answers_ok(url: str) -> bool:
    """Whether a GET is answered with a success within three seconds."""
    try:
        with urllib.request.urlopen(url, timeout=3):  # noqa: S310 (our own address)
            return True
    except (urllib.error.URLError, OSError):
        return False

"""What every program here asks of the operating system about its children."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere orphans finish and are harmless.

    `parent` is the process that made this one: it may have died before this one came to ask.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def let_children_die_with_us() -> None:
    """Let every process that is forked below this one die with the one that forked it."""
    # The hook in the child asks who its parent was before the fork; each fork writes it anew.
    forking = [os.getpid()]
    os.register_at_fork(before=lambda: forking.__setitem__(0, os.getpid()), after_in_child=lambda: die_with(forking[0]))

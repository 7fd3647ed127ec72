"""Where the kernel cannot tie a child's life to its parent's (macOS): a tiny process that does.

On Linux the server asks the kernel for a signal at its parent's death, see `identity.py`.
"""

from __future__ import annotations

import os
import subprocess

# `read` returns at the end of file, which comes when the last writer of the pipe is gone, kill -9 included.
WAIT_THEN_STOP = 'read -r _; kill -INT "$1"'


class Guard:
    """Asks a process for a fast shutdown when the process that made the guard dies."""

    def __init__(self, pid: int) -> None:
        reader, self._writer = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - fixed script, a number as argument
                ["/bin/sh", "-c", WAIT_THEN_STOP, "sh", str(pid)], stdin=reader, cwd="/", start_new_session=True
            )
        finally:
            os.close(reader)

    def dismiss(self) -> None:
        """End the guard without a signal; the guarded process has ended, and its number may go to another."""
        self._process.kill()
        self._process.wait()
        os.close(self._writer)

"""Real servers of Debian for the example files: nginx and PgBouncer, as .ci/run unpacks them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded_postgres.identity import namespace
from tests.processes.harness import wait_until


def needs(program: str) -> pytest.MarkDecorator:
    """Leave a test out where nobody has installed the program; continuous integration has it."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def needs_disguise() -> pytest.MarkDecorator:
    """Leave a test out where root can look like nobody else, as in a container without user namespaces."""
    return pytest.mark.skipif(
        os.geteuid() == 0 and not namespace().can("true"), reason="needs user namespaces, or not to be root"
    )


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: Sequence[str], port: int, log: Path, *, refuses_root: bool = False) -> Iterator[None]:
    """Run a server until the end of the block, which begins once it listens."""
    program = Path(shutil.which(command[0]) or command[0])
    # Unpacked beside it, where it is not installed.
    libraries = ":".join(str(path) for path in program.parents[1].glob("lib/*-linux-gnu"))
    # Another user would not get to the database's socket: in a namespace root looks like one.
    disguise = ["unshare", "--user", "--map-user=65534"] if refuses_root and os.geteuid() == 0 else []
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*disguise, str(program), *command[1:]],
            stdout=output,
            stderr=output,
            env={**os.environ, "LD_LIBRARY_PATH": libraries},
        )
        try:
            wait_until(lambda: process.poll() is not None or is_open(port), what=f"port {port}")
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait(10)

"""The processes of the demo: the site and the two example engines."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from django.conf import settings

from kernel.processes import die_with

STOP_SECONDS = 15.0
TAIL_LINES = 15


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(slots=True)
class Child:
    """A process with its output in a file; it dies with this one, even if that is killed."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, command: list[str], *, log: Path, environment: dict[str, str] | None = None) -> Self:
        """Start a Python program in the project's folder."""
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 (our own command)
                [sys.executable, *command],
                cwd=settings.BASE_DIR,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demo alone, which then stops all in order.
                # No thread of ours holds a lock that it takes.
                preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509
            )
        return cls(name, process, log)

    def check(self) -> None:
        """Raise DemoError with the end of its output when it has ended."""
        code = self.process.poll()
        if code is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            output = "\n  ".join(lines) or "(no output)"
            raise DemoError(f"{self.name} ended with code {code}. The end of {self.log}:\n  {output}")

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_site(port: int, log: Path) -> Child:
    """Start `manage.py up`."""
    return Child.start("The site", ["manage.py", "up", "--port", str(port)], log=log)


def start_engine(engine: str, url: str, key: str, folder: Path) -> Child:
    """Start example engine a or b; the key goes through the environment, because process lists show arguments."""
    return Child.start(
        f"Engine {engine.upper()}",
        [f"examples/engine_{engine}.py", "--url", url, "--journal", str(_journal(engine, folder))],
        log=folder / f"engine_{engine}.log",
        environment={"ORCHESTRATOR_API_KEY": key},
    )


def forget_journals(folder: Path) -> None:
    """Remove the engines' journals; those of another database would tell them of a future they have not seen."""
    for engine in "ab":
        _journal(engine, folder).unlink(missing_ok=True)


def _journal(engine: str, folder: Path) -> Path:
    return folder / f"engine_{engine}.jsonl"


def wait_until_ready(site: Child, url: str, seconds: float) -> None:
    """Return once /readyz says yes; raise DemoError when the site ends or takes too long."""
    deadline = time.monotonic() + seconds
    while not _answers_ok(f"{url}/readyz"):
        site.check()
        if time.monotonic() > deadline:
            raise DemoError(f"The site is not ready after {seconds:.0f} s; see {site.log} and {url}/readyz.")
        time.sleep(0.2)


def _answers_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=3):  # noqa: S310 (our own address)
            return True
    except (urllib.error.URLError, OSError):
        return False

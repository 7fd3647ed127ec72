"""The processes of the demo: the site, the two example engines and the feeder."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from django.conf import settings

from kernel.process_group import ProcessGroup, Program
from kernel.processes import answers_ok, port_error

# `up` waits a minute for its programs, once it has made the database and migrated it, which busy cores make longer yet.
START_SECONDS = 240.0
TAIL_LINES = 15


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


def start_site(group: ProcessGroup, host: str, port: int, folder: Path) -> None:
    """Start `manage.py up` and wait until /readyz says yes; raise DemoError when the site ends or takes too long."""
    # Found out here, because the web server would say it in the log of a child that the user has not heard of yet.
    if (error := port_error(host, port)) is not None:
        raise DemoError(
            f"Cannot listen on {host}:{port} ({error}). Is a site or another demo running there? Stop it, or use"
            f" another port: --port {min(port + 10, 65535)}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--port", str(port)]
    site = Program("site", command, output=folder / "site.log")
    group.add(site)
    deadline = time.monotonic() + START_SECONDS
    while not answers_ok(f"http://{host}:{port}/readyz"):
        check(site)
        if time.monotonic() > deadline:
            raise DemoError(f"The site is not ready after {START_SECONDS:.0f} s; see {site.output}.")
        time.sleep(0.2)


def engine(letter: str, url: str, key: str, folder: Path, *, bars: Path) -> Program:
    """Example engine a or b; the key goes through the environment, because process lists show arguments."""
    script = str(settings.BASE_DIR / "examples" / f"engine_{letter}.py")
    return Program(
        f"engine {letter.upper()}",
        [sys.executable, script, "--url", url, "--journal", str(journal(letter, folder)), "--bars", str(bars)],
        {"ORCHESTRATOR_API_KEY": key},
        folder / f"engine_{letter}.log",
    )


def feeder(url: str, key: str, folder: Path) -> Program:
    """The example feeder, which quotes what both engines trade."""
    return Program(
        "feeder",
        [sys.executable, str(settings.BASE_DIR / "examples" / "feeder"), "--url", url],
        {"ORCHESTRATOR_API_KEY": key},
        folder / "feeder.log",
    )


def journal(letter: str, folder: Path) -> Path:
    """Where an example engine remembers what it has seen."""
    return folder / f"engine_{letter}.jsonl"


def check(program: Program) -> None:
    """Raise DemoError with the end of its output when a program has ended."""
    code = program.exit_code()
    if code is not None:
        assert program.output is not None
        lines = program.output.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        output = "\n  ".join(lines) or "(no output)"
        raise DemoError(f"The {program.name} exited with code {code}. The end of {program.output}:\n  {output}")

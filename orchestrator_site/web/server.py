"""The web server: alert processes that share the port, and page processes behind them.

`manage.py up` runs them beside the worker; `python -m orchestrator_site.web.server` runs them alone.
How many of these and their threads there are stands in the settings (docs/adr/0003-web-server.md). Any WSGI server runs
`wsgi.py` as well.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.utils.log import configure_logging

from kernel.process_group import ProcessGroup, Program
from kernel.processes import METRICS_FOLDER, beat_while_starting
from kernel.sql import NOTICE_LOST_HOSTS

BACKLOG = 4096
# Less than `up` leaves its programs to stop in.
STOP_SECONDS = 4.5
# A statement of a page that waits for a lock longer than this is better answered with an error. What an engine's call
# prepares (kernel/rows.py) looks rows up by their keys, so one plan serves all values: nothing is planned per use.
PAGE_LIMITS = "-c lock_timeout=900ms -c statement_timeout=60s"
PAGE_OPTIONS = {"PGOPTIONS": f"{PAGE_LIMITS} -c plan_cache_mode=force_generic_plan {NOTICE_LOST_HOSTS}"}


def main() -> None:
    """Serve until SIGTERM or SIGINT; a process that dies or stands still is started again."""
    beat_while_starting()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=settings.WEB_PROCESSES)
    options = parser.parse_args()
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    with web_programs(options.host, options.port, options.processes) as programs:
        group = ProcessGroup(programs)
        signal.signal(signal.SIGTERM, group.stop)
        signal.signal(signal.SIGINT, group.stop)
        group.start()
        group.watch(STOP_SECONDS)
    if group.failed is not None:
        sys.exit(1)


@contextmanager
def web_programs(host: str, port: int, page_processes: int) -> Iterator[list[Program]]:
    """Open the port, and tell which programs serve it: for a group that runs them within the block.

    Ends the process where it cannot listen there.
    """
    # Opened here, so that senders wait for the next process instead of being refused while one is started again.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        sys.exit(f"Cannot listen on {host}:{port}: {error}.")
    with (
        listener,
        folder_of_our_own(f"{host}-{listener.getsockname()[1]}") as folder,
        bound(folder / "pages", socket.SOCK_STREAM) as pages,
        bound(folder / "doors", socket.SOCK_DGRAM) as doors,
    ):
        pages.listen(BACKLOG)
        # Each alert process counts into a file of its own, which outlives it; a scrape adds them up.
        counted = folder / "metrics"
        shutil.rmtree(counted, ignore_errors=True)
        counted.mkdir()
        # Whoever starts this may stand in another folder, where `-m` would not find the package.
        shared = {METRICS_FOLDER: str(counted), "PYTHONPATH": str(settings.BASE_DIR)}
        module = [sys.executable, "-m", "orchestrator_site.web"]
        door = [*module, "alerts", str(listener.fileno()), str(doors.fileno()), pages.getsockname()]
        page = [*module, "pages", str(pages.fileno()), doors.getsockname()]
        of_door = (listener.fileno(), doors.fileno())
        # One socket for all of them: whoever is free takes the next connection, and one that stands still takes none.
        yield [
            *(
                Program(f"alerts-{n}", door, shared, must_beat=True, goes_first=True, descriptors=of_door)
                for n in range(1, settings.ALERT_PROCESSES + 1)
            ),
            *(
                Program(f"pages-{n}", page, PAGE_OPTIONS | shared, must_beat=True, descriptors=(pages.fileno(),))
                for n in range(1, page_processes + 1)
            ),
        ]


def bound(address: Path, kind: socket.SocketKind) -> socket.socket:
    """A socket that is bound there, in the place of one that a killed server has left."""
    address.unlink(missing_ok=True)
    one = socket.socket(socket.AF_UNIX, kind)
    one.bind(str(address))
    return one


@contextmanager
def folder_of_our_own(name: str) -> Iterator[Path]:
    """A folder for the time of the block that nobody else can look into; what a killed server has left is used again.

    Whoever has the port that `name` tells has the folder.
    """
    folder = Path(tempfile.gettempdir()) / f"orchestrator-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        sys.exit(f"{folder} is open to other users of this machine, or theirs; remove it.")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

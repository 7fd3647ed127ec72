"""The web server of `manage.py up`: alert processes that share the port, and page processes behind them.

How many of these and their threads there are stands in the settings (docs/adr/0003-web-server.md). Any WSGI server runs
`wsgi.py` as well.
"""

from __future__ import annotations

import argparse
import os
import resource
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

BACKLOG = 4096
# Less than `up` leaves its programs to stop in.
STOP_SECONDS = 4.5
# A statement of a page that waits for a lock longer than this is better answered with an error.
PAGE_OPTIONS = {"PGOPTIONS": "-c lock_timeout=900ms -c statement_timeout=60s"}


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
    # Opened here, so that senders wait for the next process instead of being refused while one is started again.
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        port = socket.create_server((options.host, options.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        sys.exit(f"Cannot listen on {options.host}:{options.port}: {error}.")
    # Every sender holds one; what the system allows at most is still a limit.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with port, folder_of_our_own(f"{options.host}-{port.getsockname()[1]}") as folder:
        address = folder / "pages"
        address.unlink(missing_ok=True)
        pages = socket.socket(socket.AF_UNIX)
        pages.bind(str(address))
        pages.listen(BACKLOG)
        # Each alert process counts into a file of its own, which outlives it; a scrape adds them up.
        counted = folder / "metrics"
        shutil.rmtree(counted, ignore_errors=True)
        counted.mkdir()
        shared = {METRICS_FOLDER: str(counted)}
        door = [sys.executable, "-m", "orchestrator_site.web", "alerts", str(port.fileno()), str(address)]
        page = [sys.executable, "-m", "orchestrator_site.web", "pages", str(pages.fileno())]
        # One socket for all of them: whoever is free takes the next connection, and one that stands still takes none.
        programs = [
            Program(f"alerts-{number}", door, shared, must_beat=True, goes_first=True, descriptors=(port.fileno(),))
            for number in range(1, settings.ALERT_PROCESSES + 1)
        ]
        programs += [
            Program(f"pages-{number}", page, PAGE_OPTIONS | shared, must_beat=True, descriptors=(pages.fileno(),))
            for number in range(1, options.processes + 1)
        ]
        group = ProcessGroup(programs)
        signal.signal(signal.SIGTERM, group.stop)
        signal.signal(signal.SIGINT, group.stop)
        group.start()
        group.watch(STOP_SECONDS)
    if group.failed is not None:
        sys.exit(1)


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

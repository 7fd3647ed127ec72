"""The web server of `manage.py up`: one alert process that owns the port, and page processes behind it.

How many of these and their threads there are stands in the settings (docs/adr/0003-web-server.md). Any WSGI server runs
`wsgi.py` as well.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import sys
import tempfile
from pathlib import Path

from django.conf import settings
from django.utils.log import configure_logging

from kernel.process_group import ProcessGroup, Program

BACKLOG = 4096
# Less than `up` leaves its programs to stop in.
STOP_SECONDS = 4.5
# A statement of a page that waits for a lock longer than this is better answered with an error.
PAGE_OPTIONS = {"PGOPTIONS": "-c lock_timeout=900ms -c statement_timeout=60s"}


def main() -> None:
    """Serve until SIGTERM or SIGINT; a process that dies or stands still is started again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    # Every sender holds one; what the system allows at most is still a limit.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:
        address = str(Path(folder) / "pages")
        # Opened here, so that senders wait for the next process instead of being refused while one is started again.
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        port = socket.create_server((options.host, options.port), family=family, backlog=BACKLOG)
        pages = socket.socket(socket.AF_UNIX)
        pages.bind(address)
        pages.listen(BACKLOG)
        door = [sys.executable, "-m", "orchestrator_site.web", "alerts", str(port.fileno()), address]
        page = [sys.executable, "-m", "orchestrator_site.web", "pages", str(pages.fileno())]
        programs = [Program("alerts", door, must_beat=True, descriptors=(port.fileno(),))]
        programs += [
            Program(f"pages-{number}", page, PAGE_OPTIONS, must_beat=True, descriptors=(pages.fileno(),))
            for number in range(1, options.processes + 1)
        ]
        group = ProcessGroup(programs)
        signal.signal(signal.SIGTERM, group.stop)
        signal.signal(signal.SIGINT, group.stop)
        group.start()
        group.watch(STOP_SECONDS)
    if group.failed is not None:
        sys.exit(1)


if __name__ == "__main__":
    main()

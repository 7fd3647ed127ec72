"""The web server of `manage.py up`: granian, with the site's own threads behind it.

How many there are stands in the settings (docs/adr/0003-web-server.md). Any WSGI server runs `wsgi.py` as well.
"""

from __future__ import annotations

import argparse
import os

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from kernel.processes import let_children_die_with_us

# At bar close hundreds of alerts arrive within a second or two, each on a connection of its own.
BACKLOG = 4096


def main() -> None:
    """Serve until SIGTERM or SIGINT; every process started here dies with the one that started it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    # An alert that waits for a locked table longer than this is better answered 503: it is sent again then.
    os.environ.setdefault("PGOPTIONS", "-c lock_timeout=900ms")
    let_children_die_with_us()
    Granian(
        "orchestrator_site.web.rsgi:application",
        address=options.host,
        port=options.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=options.processes,
        backlog=BACKLOG,
        backpressure=BACKLOG,
        respawn_failed_workers=True,
        respawn_interval=1.0,
        # Less than the 4.8 seconds that `up` leaves its programs to stop in.
        workers_kill_timeout=4,
        log_level=LogLevels.error,
    ).serve()


if __name__ == "__main__":
    main()

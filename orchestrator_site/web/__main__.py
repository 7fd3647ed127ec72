"""One process of the web server, as `server.py` starts it: `alerts PORT PAGES`, or `pages PAGES`.

PORT and the PAGES of a page process are numbers of sockets that it inherits, those of the alert process an address.
"""

from __future__ import annotations

import gc
import os
import resource
import socket
import sys

import django
from django.conf import settings

from kernel.processes import beat_while_starting


def main() -> None:
    """Serve until SIGTERM."""
    beat_while_starting()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    django.setup()
    kind, number, *address = sys.argv[1:]
    listener = socket.socket(fileno=int(number))
    if kind == "alerts":
        import uvloop

        from orchestrator_site.web.door import Door

        # Every sender holds a file; what the system allows at most is still a limit.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        keep_what_is_loaded()
        uvloop.run(Door(*address).run(listener))
        return
    from orchestrator_site.web.handling import PageProcess
    from orchestrator_site.wsgi import application

    keep_what_is_loaded()
    # What a call leaves behind goes by itself, but for rows that know each other.
    gc.set_threshold(10_000)
    PageProcess(application, listener, settings.WEB_THREADS).run()
    # Threads that wait for the next request never end by themselves.
    os._exit(0)


def keep_what_is_loaded() -> None:
    """Let no collection look at what stays for good: for alerts that was a seventh of their cost."""
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()

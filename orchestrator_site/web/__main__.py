"""One process of the web server, as `server.py` starts it: `alerts PORT DOORS pages`, or `pages PAGES doors`.

In capitals stand the numbers of sockets that it inherits, in small letters the addresses of those of the others.
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
    kind, *own, address = sys.argv[1:]
    listener, *returned = (socket.socket(fileno=int(number)) for number in own)
    if kind == "alerts":
        import uvloop

        from orchestrator_site.web.door import Door

        # Every sender holds a file; what the system allows at most is still a limit.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        keep_what_is_loaded()
        uvloop.run(Door(address).run(listener, *returned))
        return
    from orchestrator_site.web.page_process import PageProcess
    from orchestrator_site.wsgi import application

    keep_what_is_loaded()
    # What a call leaves behind goes by itself, but for rows that know each other.
    gc.set_threshold(10_000)
    PageProcess(application, listener, settings.WEB_THREADS, address).run()
    # Threads that wait for the next request never end by themselves.
    os._exit(0)


def keep_what_is_loaded() -> None:
    """Let no collection look at what stays for good: for alerts that was a seventh of their cost."""
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()

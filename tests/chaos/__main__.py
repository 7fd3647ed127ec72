"""`make chaos`: for minutes, kill or stop processes of `manage.py up` and let all around it hang, while alerts come.

Around it are its database, the line to it, a table, a disk and the reader of the log; sessions are dropped as well.
Exits 0 if decisions resumed within 30 s of each fault without help, alerts were taken again within 2 s of the end of
each hang and answered within a second as long as anybody was there to answer, and if in the end every invariant holds,
every alert that was answered 200 is stored and decided exactly once, and no process is left.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import sys

import django
from django.conf import settings


def main() -> int:
    """Run for the minutes asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long to inject faults (default 3)")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="seed of an earlier run, to draw the same faults"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    django.setup()
    logging.getLogger().setLevel(logging.WARNING)
    from django.db import connection

    from orchestrator_site.database_roles import become_owner
    from tests.chaos.faults import DROP_ALL, seeded
    from tests.chaos.run import Run
    from tests.database import rows

    become_owner()
    # Leave nothing mounted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    own = settings.DATABASES["default"]["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"chaos_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        return Run(options.minutes, seeded(options.seed)).run()
    finally:
        # Of whoever left while the line was cut, the server may not have heard yet.
        rows(DROP_ALL)
        connection.creation.destroy_test_db(own, verbosity=0)


if __name__ == "__main__":
    sys.exit(main())

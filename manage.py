#!/usr/bin/env python
"""Django's command-line entry point."""

import os
import sys

from kernel.processes import beat_while_starting

# SQLSTATE of a table and of a column that does not exist, and of a table that this role has no rights to yet.
UNDEFINED, NOT_GRANTED = {"42P01", "42703"}, "42501"


def main() -> None:
    """Run a management command."""
    beat_while_starting()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    # The messages say all there is to say; a traceback helps nobody who fixes a setting.
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        sys.exit(f"Cannot connect to the database; start it or fix DATABASE_URL. {error}")
    except ProgrammingError as error:
        state = getattr(error.__cause__, "sqlstate", None)
        if state == NOT_GRANTED:
            sys.exit(
                f"The database refuses it ({error}); run `manage.py migrate` (or `manage.py up`) first, which grants."
            )
        if state not in UNDEFINED:
            raise
        sys.exit("Database tables are missing or out of date; run `manage.py migrate` (or `manage.py up`) first.")


if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Django's command-line entry point."""

import os
import sys

# SQLSTATE of a table and of a column that does not exist.
UNDEFINED = {"42P01", "42703"}


def main() -> None:
    """Run a management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    # The messages say all there is to say; where it was raised helps nobody who mends a setting.
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        sys.exit(f"The database cannot be reached; start it or mend DATABASE_URL. {error}")
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) not in UNDEFINED:
            raise
        sys.exit("The database lacks tables of this version; run `manage.py migrate` first, or `manage.py up`.")


if __name__ == "__main__":
    main()

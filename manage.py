#!/usr/bin/env python
"""Django's command-line entry point."""

import os
import sys

UNDEFINED_TABLE = "42P01"


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
        if getattr(error.__cause__, "sqlstate", None) != UNDEFINED_TABLE:
            raise
        sys.exit("The database has no tables yet; run `manage.py migrate` first, or `manage.py up`, which does it.")


if __name__ == "__main__":
    main()

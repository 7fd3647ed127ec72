"""Django database backend of the embedded server: PostgreSQL, started when first needed.

A backend rather than a call in settings.py, so that importing the settings (a linter, `--help`)
starts nothing.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from psycopg.conninfo import conninfo_to_dict

from embedded_postgres.client import ensure_running

assert is_psycopg3, "psycopg 3 is required"


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL whose address is known once the embedded server runs."""

    def get_connection_params(self) -> dict[str, Any]:
        """Start the server if needed and return psycopg's connection parameters."""
        address = conninfo_to_dict(ensure_running(settings.EMBEDDED_POSTGRES_DIR))
        parameters = super().get_connection_params()
        # Who connects is the settings' to say.
        parameters.update({key: address[key] for key in ("host", "port") if key in address})
        return parameters

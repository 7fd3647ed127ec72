"""The PostgreSQL 18 of a checkout that has no DATABASE_URL; README.md says how it works.

Nothing happens on import, and Django is not needed.
"""

from embedded_postgres.client import ensure_running, release
from embedded_postgres.errors import EmbeddedPostgresError

__all__ = ["EmbeddedPostgresError", "ensure_running", "release"]

"""The PostgreSQL 18 of a checkout that has no DATABASE_URL; README.md says how it works.

Nothing happens on import, and Django is not needed.
"""

from embedded_postgres.client import ensure_running, release
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.place import APPLICATION, OWNER

__all__ = ["APPLICATION", "OWNER", "EmbeddedPostgresError", "ensure_running", "release"]

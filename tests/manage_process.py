"""Run `manage.py` as operators do: in a process with its own environment."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote

from django.conf import settings
from django.db import connection


def database_url() -> str:
    """Return the address of the test database."""
    connection.ensure_connection()
    info = connection.connection.info
    login = quote(info.user) + (f":{quote(info.password)}" if info.password else "")
    return f"postgresql://{login}@/{info.dbname}?host={quote(info.host)}&port={info.port}"


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` with these arguments and variables; return its exit code and output."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

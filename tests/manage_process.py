"""Run a `manage.py` command to its end, as operators do: in a process with its own environment."""

from __future__ import annotations

import os
import subprocess
import sys

from django.conf import settings


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` with these arguments and variables; return its exit code and output."""
    return run_python("manage.py", *arguments, **environment)


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in the project's folder; return its exit code and output."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

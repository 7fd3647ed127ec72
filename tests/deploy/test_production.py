"""The variables of the guide make a site that Django and this project have nothing to say against.

The database of tests is left out: it may lose commits, and a check says so.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from tests.manage_process import run_command
from tests.processes.harness import application_url

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
GUIDE = Path(settings.BASE_DIR) / "docs/deployment.md"


def variables() -> dict[str, str]:
    """What the guide writes into /etc/orchestrator, with the secrets that its commands make."""
    (block,) = re.findall(
        r"^ +```\n((?: +\w+=.*\n)*? +PRODUCTION=true\n(?: +\w+=.*\n)*) +```", GUIDE.read_text(), re.MULTILINE
    )
    found = dict(line.strip().split("=", 1) for line in block.splitlines())
    for name, value in found.items():
        if value.startswith("<"):
            command = shlex.split(value.strip("<>"))
            found[name] = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return found | {"DATABASE_URL": application_url()}


def test_the_guides_settings_pass_every_check_and_less_does_not() -> None:
    guide = variables()
    assert {"SECRET_KEY", "ASSIGNMENT_KEY", "ALLOWED_HOSTS", "TRUSTED_PROXIES"} <= guide.keys()

    done = run_command("check", "--deploy", "--fail-level", "WARNING", **guide)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("System check identified no issues")
    insecure = run_command("check", "--deploy", "--fail-level", "WARNING", **(guide | {"PRODUCTION": "false"}))
    assert insecure.returncode == 1
    assert "security.W" in insecure.stderr

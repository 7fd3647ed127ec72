"""The product's settings, and alert processes that wait for their database as long as it takes."""

from __future__ import annotations

from orchestrator_site.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.processes.patience.PatientConfig"]  # noqa: F405

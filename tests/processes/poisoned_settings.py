"""The product's settings, and a worker that dies of every signal with the symbol POISON."""

from __future__ import annotations

from orchestrator_site.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.processes.poison.PoisonConfig"]  # noqa: F405

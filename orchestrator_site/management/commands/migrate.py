"""`manage.py migrate`: Django's, as the owner of the tables where there is one beside the application."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connection, transaction

from orchestrator_site.database_roles import as_owner, grant_to_application


class Command(migrate.Command):
    """Migrate as the owner, then give the application's role what it needs."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Check and migrate as the owner: before the grants the application may not even read for a check."""
        with as_owner():
            done = super().execute(*args, **options)
            if settings.OWNER_DATABASE is not None:
                application = settings.DATABASES["default"]
                with transaction.atomic(), connection.cursor() as cursor:
                    grant_to_application(cursor, application["USER"], application.get("PASSWORD", ""))
        return done

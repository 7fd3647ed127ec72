"""Django application configuration."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _first_policy_version(sender: AppConfig, **kwargs: Any) -> None:
    # Django imports this module before models can be imported.
    from policies.services import ensure_first_version

    ensure_first_version()


class PoliciesConfig(AppConfig):
    """Register the app, its startup checks and the first policy version."""

    name = "policies"
    verbose_name = "Policies"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register checks; create version 1 from the environment once the tables exist (R12.1)."""
        from policies import checks  # noqa: F401 (registers itself)

        # Not a data migration, which runs once in the life of a database: `flush` empties the tables and sends this
        # signal too, so that an emptied database has a policy again. Without `sender` it would run once for every
        # installed app.
        post_migrate.connect(_first_policy_version, sender=self, dispatch_uid="policies.first_version")

"""Application configuration of the site itself, and which admin site Django builds."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin_apps
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate


class OrchestratorSiteConfig(AppConfig):
    """Sees to it that the four roles exist once every app has its tables and permissions."""

    name = "orchestrator_site"
    verbose_name = "Site"
    default = True

    def ready(self) -> None:
        """Register the checks, watch the accounts; create the roles after the last app has been migrated."""
        from orchestrator_site import checks  # noqa: F401 (registers itself)
        from orchestrator_site.account_audit import watch_accounts
        from orchestrator_site.console.settings_page import remember_time_zone
        from orchestrator_site.roles import ensure_roles

        watch_accounts()
        user_logged_in.connect(remember_time_zone)

        # Django sends post_migrate app by app in the order of INSTALLED_APPS; only after the last one all tables are
        # there.
        *_, last = apps.get_app_configs()
        post_migrate.connect(ensure_roles, sender=last, dispatch_uid="orchestrator_site.roles")


class OrchestratorAdminConfig(admin_apps.AdminConfig):
    """Django's admin on our own site object, which carries the pages beside the tables."""

    default_site = "orchestrator_site.console.site.OrchestratorAdminSite"
    default = False

"""Application configuration of the site itself, and which admin site Django builds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin_apps
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate, pre_migrate


class OrchestratorSiteConfig(AppConfig):
    """Sees to it that roles and the analysts' views exist once every app has its tables and permissions."""

    name = "orchestrator_site"
    verbose_name = "Site"
    default = True

    def ready(self) -> None:
        """Register the checks, watch the accounts; create roles and views after the last app has been migrated."""
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
        pre_migrate.connect(_drop_views, sender=last, dispatch_uid="orchestrator_site.analyst.drop")
        post_migrate.connect(_create_views, sender=last, dispatch_uid="orchestrator_site.analyst.create")


# What the views consist of is for migrations alone; other processes need not read it.
def _drop_views(plan: Sequence[Any] = (), **kwargs: Any) -> None:
    from orchestrator_site.analyst.schema import drop_views

    if plan:
        drop_views()


def _create_views(**kwargs: Any) -> None:
    from orchestrator_site.analyst.schema import create_views

    create_views()


class OrchestratorAdminConfig(admin_apps.AdminConfig):
    """Django's admin on our own site object, which carries the pages beside the tables."""

    default_site = "orchestrator_site.console.site.OrchestratorAdminSite"
    default = False

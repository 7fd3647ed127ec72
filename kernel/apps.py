"""Django application configuration."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """The ground floor has one table, the audit log."""

    name = "kernel"
    verbose_name = "Audit"
    default_auto_field = "django.db.models.BigAutoField"

"""Django application configuration."""

from django.apps import AppConfig


class OutcomesConfig(AppConfig):
    """Register the app with Django."""

    name = "outcomes"
    verbose_name = "Outcomes"
    default_auto_field = "django.db.models.BigAutoField"

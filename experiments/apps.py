"""Django application configuration."""

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Register the app with Django."""

    name = "experiments"
    verbose_name = "Experiments"
    default_auto_field = "django.db.models.BigAutoField"

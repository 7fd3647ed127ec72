"""Django application configuration."""

from django.apps import AppConfig


class SignalsAppConfig(AppConfig):
    """Register the app with Django."""

    name = "signals_app"
    verbose_name = "Signals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the check."""
        from signals_app import checks  # noqa: F401 (registers itself)

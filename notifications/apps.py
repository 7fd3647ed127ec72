"""Django application configuration."""

from __future__ import annotations

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Tells people outside what happened; the worker runs what waits for somebody outside in a process apart."""

    name = "notifications"
    verbose_name = "Notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what the worker does for this app, and the check of its variables."""
        import notifications.checks  # noqa: F401 (registers it)
        from experiments.worker.supervisor import run_apart
        from notifications.look import LOOK_IS_DUE, LOOK_SECONDS, look
        from notifications.outbox import DELIVERY_IS_DUE, DELIVERY_SECONDS, deliver
        from notifications.tracing import EXPORT_IS_DUE, EXPORT_SECONDS, export_traces, exporter_name

        run_apart(LOOK_IS_DUE, look, every=LOOK_SECONDS)
        run_apart(DELIVERY_IS_DUE, deliver, every=DELIVERY_SECONDS)
        if exporter_name() != "none":
            run_apart(EXPORT_IS_DUE, export_traces, every=EXPORT_SECONDS)

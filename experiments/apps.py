"""Django application configuration."""

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Register the app with Django."""

    name = "experiments"
    verbose_name = "Experiments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks and what falls due; write the worker's heartbeat when a drain has come through."""
        from django_q.signals import post_execute

        from experiments import checks  # noqa: F401 (registers itself)
        from experiments.worker.liveness import heartbeat
        from experiments.worker.queue import task_waits
        from experiments.worker.supervisor import LOOK_SECONDS, run_apart
        from experiments.worker.tasks import run_tasks, run_when_due
        from signals_app.watching.look import LOOK_IS_DUE, look_for_missing

        # Not by the app itself, which is below the worker.
        run_when_due(LOOK_IS_DUE, look_for_missing)
        run_apart(task_waits().as_string(), run_tasks, every=LOOK_SECONDS, is_limited=True)
        post_execute.connect(heartbeat.task_executed)

"""Django application configuration."""

from django.apps import AppConfig


class OutcomesConfig(AppConfig):
    """The app of what the engines did; it adds its guardrails and its schedule to the worker below it."""

    name = "outcomes"
    verbose_name = "Outcomes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what the worker runs and measures for this app: it may not import what is above it."""
        from experiments.worker.pipeline import register_guardrails
        from experiments.worker.schedules import run_every_minute
        from experiments.worker.tasks import run_when_due
        from outcomes.guardrails import MEASURES
        from outcomes.ramps import move_ramps
        from outcomes.tasks import (
            DAY_SECONDS,
            DAYS_ARE_DUE,
            WORK_IS_DUE,
            add_up_finished_months,
            judge_evaluations,
            rebuild_days,
            settle_due,
        )

        register_guardrails(MEASURES)
        run_when_due(WORK_IS_DUE, settle_due)
        run_when_due(DAYS_ARE_DUE, rebuild_days, longest=DAY_SECONDS)
        run_every_minute("add up months of the report", add_up_finished_months)
        run_every_minute("judge evaluations", judge_evaluations)
        run_every_minute("move ramps", move_ramps)

"""A web server that waits for its database however late that answers: on a busy machine each is late now and then.

For tests of something else than its limits.
"""

from __future__ import annotations

from django.apps import AppConfig

PATIENT = {"DJANGO_SETTINGS_MODULE": "tests.processes.patient_settings"}
# Of signals_app.webhook.writer.
LIMITS = ("ANSWER_SECONDS", "STATEMENT_SECONDS", "LOCK_SECONDS", "SERVER_SECONDS")
ALL_THE_TIME = 30.0


class PatientConfig(AppConfig):
    """Lets alert processes give their database all the time."""

    name = "tests.processes"
    label = "patience"

    def ready(self) -> None:
        """Replace the limits before anything reads them."""
        from signals_app.webhook import writer

        vars(writer).update(dict.fromkeys(LIMITS, ALL_THE_TIME))

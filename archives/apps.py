"""Django application configuration."""

from __future__ import annotations

from functools import partial

from django.apps import AppConfig


class ArchivesConfig(AppConfig):
    """Moves old rows into files, where retention is set; the worker does it in a process of its own."""

    name = "archives"
    verbose_name = "Archives"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, and what the worker does for this app."""
        from archives import checks  # noqa: F401 (registers itself)
        from archives.keeping import ARCHIVING_IS_DUE, ARCHIVING_SECONDS, TABLES_OF_ANALYSTS, archive_due, left_until
        from archives.partitions import keep_partitions
        from experiments.worker.schedules import run_every_minute
        from experiments.worker.supervisor import run_apart
        from outcomes.analyst_api.archived import tell_until

        # Apart: the libraries that write files would stay in the memory of a process that decides signals.
        run_apart(ARCHIVING_IS_DUE, archive_due, every=ARCHIVING_SECONDS)
        run_every_minute("make partitions ahead", keep_partitions)
        for table, kinds in TABLES_OF_ANALYSTS.items():
            tell_until(table, partial(left_until, kinds))

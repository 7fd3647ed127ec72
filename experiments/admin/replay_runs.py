"""Runs of the replay: read-only, with links to what differed."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from admin_kit.display import json_of, label, link
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from experiments.models import ReplayRun
from kernel.values import counted

HEAD = mark_safe("<tr><th>Experiment</th><th>Field</th><th>Stored</th><th>Recomputed</th></tr>")


@admin.register(ReplayRun)
class ReplayRunAdmin(AuditAdmin):
    """What was verified, what came of it, who ran it (R6)."""

    list_display = ("started_at", "result", "verified", "duration", "selected", "run_by")
    list_filter = (recent("started_at"),)
    csv_columns = ("id", "started_at", "seconds", "selection", "verified", "differences", "run_by")
    search_fields = ("run_by__exact",)
    search_help_text = "Exact name of who ran it"
    fields = (
        "started_at",
        "result",
        "verified",
        "differences",
        "duration",
        "run_by",
        json_of("selection"),
        "what_differed",
    )
    empty_hint = "A replay recomputes every decision from its stored inputs and lists each difference here."
    empty_commands = ("manage.py replay",)

    @admin.display(description="result")
    def result(self, run: ReplayRun) -> SafeString:
        """The verdict; differences stand out."""
        return label(counted(run.differences, "difference"), "danger") if run.differences else label("equal", "success")

    @admin.display(description="duration")
    def duration(self, run: ReplayRun) -> str:
        """The duration, and how many experiments were verified per second."""
        rate = f", {run.verified / run.seconds:.0f} per second" if run.seconds else ""
        return f"{run.seconds} s{rate}"

    @admin.display(description="selection")
    def selected(self, run: ReplayRun) -> str:
        """The filters of the run."""
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in run.selection.items()) or "everything"

    @admin.display(description="first differences")
    def what_differed(self, run: ReplayRun) -> SafeString | str:
        """The first differences, each with its experiment."""
        if not run.first_differences:
            return "none"
        cells = [
            (
                link("experiments_experiment", found["experiment_id"], found["experiment_id"][:8])
                if found["experiment_id"]
                else "table as a whole",
                found["field"],
                found["stored"],
                found["recomputed"],
            )
            for found in run.first_differences
        ]
        rows = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", cells)
        return format_html('<table class="to-table"><thead>{}</thead><tbody>{}</tbody></table>', HEAD, rows)

"""Archives and legal holds: read-only tables; holds are placed and lifted on the Retention page."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from admin_kit.display import label
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from archives.models import Archive, LegalHold


@admin.register(Archive)
class ArchiveAdmin(AuditAdmin):
    """What has left the database, and the files that hold it."""

    list_display = ("archived_at", "kind", "day", "items", "state")
    csv_columns = ("id", "archived_at", "kind", "day", "since", "until", "items", "removed_at", "given_up_at")
    list_filter = ("kind", recent("archived_at"))
    search_fields = ("files__path__exact",)
    search_help_text = "Path of a file, such as signals/2026-01-05-17.parquet"
    fields = ("archived_at", "kind", "day", "since", "until", "items", "state", "removed_at", "given_up_at", "in_files")
    empty_hint = "Nothing has left the database. Retention is set by KEEP_SIGNALS_DAYS and the settings beside it."
    empty_commands = ("manage.py archive --dry-run",)

    @admin.display(description="state")
    def state(self, archive: Archive) -> SafeString:
        """Where its rows are."""
        if archive.removed_at is not None:
            return label("in files", "success")
        if archive.given_up_at is not None:
            return label("in files and, in part, in the database", "warning")
        return label("being moved", "info")

    @admin.display(description="files")
    def in_files(self, archive: Archive) -> SafeString:
        """Each file with its rows and its hash."""
        files = archive.files.values_list("path", "rows", "size", "sha256")
        return format_html_join("", "<p>{}: {} rows, {} bytes, SHA-256 <code>{}</code></p>", files)


@admin.register(LegalHold)
class LegalHoldAdmin(AuditAdmin):
    """What must stay in the database, why, and who says so."""

    list_display = ("placed_at", "covers", "reason", "placed_by", "state")
    csv_columns = (
        "id", "symbol", "experiment_id", "starts_on", "ends_on", "reason", "placed_by", "placed_at", "lifted_by",
        "lifted_at", "lift_reason",
    )  # fmt: skip
    list_filter = (("lifted_at", admin.EmptyFieldListFilter), recent("placed_at"))
    search_fields = ("symbol__exact",)
    search_help_text = "Symbol"
    fields = (
        "covers", "symbol", "experiment_id", "starts_on", "ends_on", "reason", "placed_by", "placed_at", "state",
        "lifted_by", "lifted_at", "lift_reason",
    )  # fmt: skip
    empty_hint = "No legal hold has been placed. Place one on the Retention page; it keeps rows from being archived."

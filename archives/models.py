"""Tables of what has been archived, what may therefore be deleted, and what is on hold."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from archives.kinds import KIND_NAMES
from kernel.canonical import SHA256_HEX
from kernel.values import instant_text

LIFT_HOLDS = "archives.lift_legalhold"
PLACE_HOLDS = "archives.add_legalhold"


class Archive(models.Model):
    """One batch of rows that were written to files, read back and compared; the rows went, or were given up.

    While `keys` are there its rows may be deleted, row by row as they are in the files and in no other state.
    """

    kind = models.CharField(
        max_length=11, choices=[(name, name) for name in KIND_NAMES], help_text="What the rows are, or hang on."
    )
    day = models.DateField(help_text="The UTC day on which they came.")
    since = models.DateTimeField(help_text="When the first of them came, UTC.")
    until = models.DateTimeField(help_text="When the last of them came, UTC.")
    items = models.PositiveIntegerField(help_text="Number of signals, or of rows that belong to none.")
    keys = ArrayField(models.TextField(), help_text="Keys of what is still to be deleted.")
    archived_at = models.DateTimeField(help_text="By the database clock, UTC.")
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the last of the rows left the database, UTC. Blank while some are there."
    )
    given_up_at = models.DateTimeField(
        null=True, blank=True, help_text="When the rest stayed, because it had changed or is on hold, UTC."
    )

    class Meta:
        db_table = "archives"
        ordering = ("-id",)
        indexes = (
            models.Index(name="archives_unfinished", fields=("id",), condition=Q(removed_at=None, given_up_at=None)),
        )
        constraints = (
            models.CheckConstraint(name="archives_kind_known", condition=Q(kind__in=KIND_NAMES)),
            models.CheckConstraint(name="archives_hold_something", condition=Q(items__gte=1, until__gte=F("since"))),
            models.CheckConstraint(
                name="archives_end_once", condition=Q(removed_at__isnull=True) | Q(given_up_at__isnull=True)
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.day}"


class ArchiveFile(models.Model):
    """One Parquet file: the rows of one table that an archive holds. Never changed."""

    archive = models.ForeignKey(Archive, on_delete=models.PROTECT, related_name="files", help_text="Its archive.")
    table = models.CharField(max_length=63, db_column="table_name", help_text="Table of the rows.")
    path = models.CharField(max_length=200, unique=True, help_text="Within ARCHIVE_DIR.")
    rows = models.PositiveIntegerField(help_text="Number of rows.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64, help_text="SHA-256 of the file.")
    columns = models.JSONField(help_text="Names and PostgreSQL types of the columns, in the table's order.")

    class Meta:
        db_table = "archive_files"
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(name="archive_files_sha256_is_sha256", condition=Q(sha256__regex=SHA256_HEX)),
            models.UniqueConstraint(name="archive_files_once_per_table", fields=("archive", "table")),
        )

    def __str__(self) -> str:
        return self.path


class ArchivedRow(models.Model):
    """A row that may be deleted, because a file holds it as it is; gone once it is deleted."""

    digest = models.BinaryField(primary_key=True, help_text="SHA-256 of the row's text.")
    archive = models.ForeignKey(Archive, on_delete=models.PROTECT, related_name="+", help_text="Where it is kept.")

    class Meta:
        db_table = "archived_rows"
        default_permissions = ()


class UnfinishedWork(models.Model):
    """Work of the worker's that has begun and not succeeded: it runs, hangs or fails. Gone once it succeeds."""

    ARCHIVES, MONTHS = "archives", "months"
    what = models.CharField(max_length=8, primary_key=True, help_text="archives, or months: partitions made ahead.")
    since = models.DateTimeField(help_text="When the first attempt since the last success began, UTC.")
    error = models.TextField(blank=True, default="", help_text="Why the last attempt failed. Blank while it runs.")

    class Meta:
        db_table = "unfinished_work"
        default_permissions = ()
        constraints = (
            models.CheckConstraint(name="unfinished_work_known", condition=Q(what__in=("archives", "months"))),
        )

    def __str__(self) -> str:
        return self.what


class LegalHold(models.Model):
    """Keeps rows in the database whatever the retention says, until somebody lifts it. Never deleted."""

    symbol = models.CharField(max_length=64, blank=True, help_text="Signals of this symbol. Blank for any.")
    experiment_id = models.UUIDField(null=True, blank=True, help_text="One experiment alone. Blank for any.")
    starts_on = models.DateField(
        null=True, blank=True, help_text="What came on this UTC day or later. Blank for the beginning."
    )
    ends_on = models.DateField(null=True, blank=True, help_text="What came up to this UTC day. Blank for no end.")
    reason = models.TextField(help_text="Why, such as the matter's number.")
    placed_by = models.CharField(max_length=150, help_text="Who placed it.")
    placed_at = models.DateTimeField(help_text="By the database clock, UTC.")
    lifted_by = models.CharField(max_length=150, blank=True, default="", help_text="Who lifted it.")
    lifted_at = models.DateTimeField(null=True, blank=True, help_text="By the database clock, UTC. Blank in force.")
    lift_reason = models.TextField(blank=True, default="", help_text="Why it was lifted.")

    class Meta:
        db_table = "legal_holds"
        ordering = ("-id",)
        default_permissions = ("add", "view")
        permissions = (("lift_legalhold", "Can lift legal holds"),)
        constraints = (
            models.CheckConstraint(
                name="legal_holds_days_in_order",
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
            ),
            models.CheckConstraint(name="legal_holds_have_a_reason", condition=~Q(reason="") & ~Q(placed_by="")),
            models.CheckConstraint(
                name="legal_holds_lifted_by_somebody",
                condition=Q(lifted_at__isnull=True, lifted_by="", lift_reason="")
                | Q(lifted_at__isnull=False) & ~Q(lifted_by="") & ~Q(lift_reason=""),
            ),
        )

    def __str__(self) -> str:
        return f"hold {self.pk}: {self.covers}"

    @property
    def covers(self) -> str:
        """What it keeps, in words."""
        what = f"experiment {self.experiment_id}" if self.experiment_id else self.symbol or "everything"
        days = [f"from {self.starts_on}"] * (self.starts_on is not None) + [f"until {self.ends_on}"] * (
            self.ends_on is not None
        )
        return " ".join((what, *days))

    @property
    def state(self) -> str:
        """Whether it is in force, and if not since when."""
        return "in force" if self.lifted_at is None else f"lifted {instant_text(self.lifted_at)}"

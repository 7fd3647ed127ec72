"""What the report reads instead of a million rows: sums by day, kept right by marks on the days that have changed.

Whatever changes a day writes a mark in the same transaction (triggers in guards.sql). A marked day is read from the
rows, until the worker has made its cells anew and taken the mark away; so a report is right at every moment. What a
cell adds up is listed in `outcomes.performance.measures`; NULL stands for 0.
"""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from experiments.models import ExecutionMode
from kernel.canonical import SHA256_HEX
from kernel.fields import CanonicalJSONField
from outcomes.performance.measures import ANSWER_COUNTS, COUNTS, GROUP_SUMS, SUMS
from policies.models import EngineName
from signals_app.models import Direction


class ExactField(models.Field[Decimal | None, Decimal | None]):
    """A number of any size and scale: a sum of powers is rounded nowhere."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Without a type modifier, `numeric` keeps every digit."""
        return "numeric"


class ReportSlice(models.Model):
    """What experiments have in common, by what a report may be filtered by and their phase; see `LEVELS`."""

    slice_id = models.AutoField(primary_key=True)
    hash = models.UUIDField(unique=True, help_text="Of all that follows.")
    level = models.CharField(
        max_length=16, help_text="By what it tells experiments apart; the other columns are blank."
    )
    symbol = models.CharField(max_length=64, blank=True)
    timeframe = models.CharField(max_length=10, blank=True)
    direction = models.CharField(max_length=5, choices=Direction, blank=True)
    strategy = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=50, blank=True)
    execution_mode = models.CharField(max_length=16, choices=ExecutionMode, blank=True)
    policy_version = models.PositiveIntegerField(null=True)
    variant = models.CharField(max_length=1, choices=EngineName, blank=True)
    hour = models.SmallIntegerField(null=True, help_text="Of the signal, in New York.")
    provenance = models.CharField(
        max_length=20, blank=True, help_text="Of the shadow's exit price; blank while no shadow has ended."
    )
    strategy_version_a = models.CharField(
        max_length=100, blank=True, help_text="From engine A's answer; blank if it gave none."
    )
    rules_hash_a = models.CharField(max_length=64, blank=True)
    strategy_version_b = models.CharField(
        max_length=100, blank=True, help_text="From engine B's answer; blank if it gave none."
    )
    rules_hash_b = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "report_slices"

    def __str__(self) -> str:
        return f"{self.level} {self.slice_id}"


class Cell(models.Model):
    """Sums of one day, which begins at midnight in New York, of a slice, or of all together where it is blank."""

    slice = models.ForeignKey(
        ReportSlice, on_delete=models.CASCADE, null=True, db_index=False, related_name="%(class)ss"
    )
    day = models.DateField(db_index=True, help_text="In New York.")

    class Meta:
        abstract = True


class ClosedCell(Cell):
    """Closed trades, or pairs of them, by the exit."""

    kind = models.CharField(max_length=8, help_text="real, shadow, own_exit; paired, unpaired.")
    engine = models.CharField(max_length=1, blank=True, help_text="For a pair, the engine that traded for real.")
    currency = models.CharField(max_length=10)
    # The course of all slices together and of those by one filter: a part of the trades runs another one.
    peak = ExactField(null=True, help_text="Highest cumulative P&L, from 0.")
    trough = ExactField(null=True, help_text="Lowest cumulative P&L after a trade.")
    fall = ExactField(null=True, help_text="Largest fall from a peak.")

    class Meta(Cell.Meta):
        abstract = True


class ReportCell(ClosedCell):
    """The sums of a day."""

    ranked = ArrayField(
        ExactField(), null=True,
        help_text="Every P&L that counts, or difference of a pair, sorted; not in slices by a filter of few values.",
    )  # fmt: skip
    # After those that count, the ones of trades and pairs that do not.
    ranked_experiments = ArrayField(
        models.UUIDField(), null=True,
        help_text="Whose each of these is; of all slices together only.",
    )  # fmt: skip
    last_exit = models.DateTimeField(null=True, help_text="UTC.")
    # Out of the way of the sums: long values lie in a table of their own until somebody asks for them.
    # Of all slices together and of those by a filter with many values.
    slices = ArrayField(models.IntegerField(), null=True, help_text="Full slice of each counted trade, in order.")
    pnls = ArrayField(ExactField(), null=True, help_text="P&L of each counted trade, in the same order.")

    class Meta(Cell.Meta):
        db_table = "report_cells"
        constraints = (
            models.UniqueConstraint(
                name="report_cells_once", fields=("slice", "day", "kind", "engine", "currency"), nulls_distinct=False
            ),
        )
        # What the comparison adds up of many slices, so that it reads no more of them.
        indexes = (
            models.Index(
                name="report_cells_of_pairs", fields=("slice", "day"), condition=models.Q(kind="paired"),
                include=("kind", "engine", "currency", "total_a", "total_a_r", *GROUP_SUMS),
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.day} {self.kind} {self.engine}"


class ReportMonth(ClosedCell):
    """The sums of a whole month, under its first day: of all slices together and of those by one filter.

    The worker makes them once the month is over; what makes a day of it anew deletes them.
    """

    active_days = models.SmallIntegerField(help_text="Days with a trade that counts.")
    squared_days = ExactField(help_text="The squares of what each of these days brought, added up.")

    class Meta(Cell.Meta):
        db_table = "report_months"
        constraints = (
            models.UniqueConstraint(
                name="report_months_once", fields=("slice", "day", "kind", "engine", "currency"), nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.kind} {self.engine}"


for _table in (ReportCell, ReportMonth):
    for _name in COUNTS:
        _table.add_to_class(_name, models.IntegerField(null=True))
    for _name in SUMS:
        _table.add_to_class(_name, ExactField(null=True))


class AnswerCell(Cell):
    """Experiments by the day on which they were created, and what became of the engines' answers."""

    policy_version = models.PositiveIntegerField()

    class Meta(Cell.Meta):
        db_table = "report_answer_cells"
        constraints = (
            models.UniqueConstraint(
                name="report_answer_cells_once", fields=("slice", "day", "policy_version"), nulls_distinct=False
            ),
        )
        # What a report over years adds up, which else lies in a page for each day.
        indexes = (
            models.Index(
                name="report_answer_cells_of_all", fields=("day",), condition=models.Q(slice=None),
                include=("policy_version", *ANSWER_COUNTS),
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.day} {self.policy_version}"


for _name in ANSWER_COUNTS:
    AnswerCell.add_to_class(_name, models.IntegerField(null=True))


class GroupCell(models.Model):
    """Pairs of a day that have something in common, and trades whose quotes at the entry were about as wide."""

    day = models.DateField(db_index=True, help_text="In New York.")
    kind = models.CharField(max_length=8, help_text="paired; real, shadow.")
    engine = models.CharField(max_length=1, blank=True, help_text="Whose trades; blank for pairs.")
    currency = models.CharField(max_length=10)
    field = models.CharField(max_length=10, help_text="symbol, timeframe, direction, hour, provenance; spread.")
    value = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "report_group_cells"
        constraints = (
            models.UniqueConstraint(
                name="report_group_cells_once", fields=("day", "kind", "engine", "currency", "field", "value")
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.field} {self.value}"


for _name in GROUP_SUMS:
    GroupCell.add_to_class(_name, ExactField(null=True) if _name in SUMS else models.IntegerField(null=True))


class ReportMark(models.Model):
    """A day whose cells are out of date.

    Many stand for one day, so that no transaction waits for another that changes the same day.
    """

    day = models.DateField(help_text="In New York.")
    due_at = models.DateTimeField(help_text="The worker does not rebuild the cells before this time, UTC.")

    class Meta:
        db_table = "report_marks"
        indexes = (models.Index(name="report_marks_by_day", fields=("day", "due_at")),)

    def __str__(self) -> str:
        return str(self.day)


class KeptReport(models.Model):
    """A report as it was, to be cited by its hash."""

    report_hash = models.CharField(max_length=64, primary_key=True, help_text="SHA-256 of the report without as_of.")
    report = CanonicalJSONField(help_text="The report as it was shown.")
    as_of = models.DateTimeField(help_text="When it was first asked for and kept, UTC.")
    note = models.CharField(max_length=200, blank=True, help_text="What it is kept for.")
    kept_by = models.CharField(max_length=150, help_text="Who kept it.")

    class Meta:
        db_table = "kept_reports"
        ordering = ("-as_of",)
        constraints = (
            models.CheckConstraint(
                name="kept_reports_hash_is_sha256", condition=models.Q(report_hash__regex=SHA256_HEX)
            ),
        )

    def __str__(self) -> str:
        return self.report_hash


class ArchivedExperiment(models.Model):
    """What reports know of an experiment whose rows have gone into an archive; as it was, and never changed."""

    experiment_id = models.UUIDField(primary_key=True)
    created_at = models.DateTimeField(db_index=True, help_text="UTC.")
    policy_version = models.PositiveIntegerField()
    variant = models.CharField(max_length=1, choices=EngineName)
    split_percentage = models.DecimalField(max_digits=5, decimal_places=2)
    symbol = models.CharField(max_length=64)
    timeframe = models.CharField(max_length=10)
    direction = models.CharField(max_length=5, choices=Direction)
    strategy = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=50)
    execution_mode = models.CharField(max_length=16, choices=ExecutionMode)
    hour = models.SmallIntegerField(help_text="Of the signal, in New York.")
    provenance = models.CharField(max_length=20, blank=True)
    strategy_version_a = models.CharField(max_length=100, blank=True)
    rules_hash_a = models.CharField(max_length=64, blank=True)
    strategy_version_b = models.CharField(max_length=100, blank=True)
    rules_hash_b = models.CharField(max_length=64, blank=True)
    a_role = models.CharField(max_length=6, blank=True, null=True, help_text="NULL: A has not answered.")  # noqa: DJ001
    a_became = models.CharField(max_length=12, blank=True, null=True)  # noqa: DJ001
    b_role = models.CharField(max_length=6, blank=True, null=True, help_text="NULL: B has not answered.")  # noqa: DJ001
    b_became = models.CharField(max_length=12, blank=True, null=True)  # noqa: DJ001
    ends = models.DateTimeField(null=True, help_text="When nothing more could be reported, UTC.")

    class Meta:
        db_table = "archived_experiments"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.experiment_id)


class ArchivedResult(models.Model):
    """A closed trade or pair of an archived experiment, as results.sql and pairs.sql had it; never changed."""

    pk = models.CompositePrimaryKey("experiment_id", "kind", "trade_id")
    experiment_id = models.UUIDField()
    kind = models.CharField(max_length=8, help_text="real, shadow, own_exit; paired, unpaired, own_pair.")
    trade_id = models.UUIDField()
    engine = models.CharField(max_length=1, blank=True)
    currency = models.CharField(max_length=10)
    exit_time = models.DateTimeField(db_index=True, help_text="UTC.")
    pnl = ExactField(null=True)
    r = ExactField(null=True)
    risk_amount = ExactField(null=True)
    price_provenance = models.CharField(max_length=20, blank=True)
    unpriced = models.BooleanField()
    violating = models.BooleanField()
    left_out = models.BooleanField()
    amended = models.BooleanField()
    a_pnl = ExactField(null=True)
    a_r = ExactField(null=True)
    fees = ExactField(null=True)
    spread_level = models.SmallIntegerField(
        null=True, help_text="How wide the quotes were at the entry; see groups.sql."
    )

    class Meta:
        db_table = "archived_results"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.trade_id}"

"""Evaluations: what was fixed before the data existed, who approved it, what ran, and what its blocks came to."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from kernel.canonical import SHA256_HEX
from kernel.fields import CanonicalJSONField
from outcomes.core.evaluation import CHOICES, MAX_BLOCK_DAYS, MAX_NAME, EvaluationPlan
from outcomes.core.slices import MAX_SLICE, SLICE_FIELDS
from outcomes.core.trades import Digits
from policies.models import PolicyVersion

# Before it runs.
DRAFT, APPROVED = "DRAFT", "APPROVED"
AMOUNT: Digits = {"max_digits": 24, "decimal_places": 12}


def _one_of(name: str, help_text: str) -> models.CharField[str, str]:
    return models.CharField(max_length=12, choices=[(value, value) for value in CHOICES[name]], help_text=help_text)


class Evaluation(models.Model):
    """The question, fixed before its data exist; never changed, never deleted. Until it is approved it is a draft."""

    name = models.CharField(max_length=MAX_NAME, unique=True, help_text="Letters, digits, hyphens, underscores, dots.")
    note = models.TextField(help_text="The hypothesis: what is expected, and why.")
    clock = _one_of("clock", "WALL: signals as they arrive. EVENT: a replayed source's signals by their own time.")
    starts_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Signals from this time on take part, UTC. Blank for the start of the evaluation.",
    )
    metric = _one_of("metric", "R: return on the capital at risk. CURRENCY: the policy's.")
    estimand = _one_of("estimand", "SYNCHRONISED: at the real exit. OWN_EXIT: each side at its own.")
    prices = _one_of("prices", "NEUTRAL: only prices that neither engine could choose. ENGINES: all but model prices.")
    block_days = models.PositiveSmallIntegerField(help_text="Calendar days of a block, New York; 1 to 91.")
    max_hold_days = models.PositiveSmallIntegerField(
        help_text="Maximum holding period in calendar days; 0 for intraday."
    )
    worst_block = models.DecimalField(
        **AMOUNT, help_text="The worst block thought possible, in units of the metric: a promise."
    )
    margin = models.DecimalField(
        **AMOUNT, help_text="A difference per signal up to this counts as none; 0 to leave it out."
    )
    horizon_blocks = models.PositiveIntegerField(help_text="The evaluation ends after this many blocks.")
    max_signals = models.PositiveIntegerField(
        null=True, blank=True, help_text="Number of signals per block that count, the first to arrive. Blank for all."
    )
    busy_signals = models.PositiveIntegerField(
        null=True, blank=True, help_text="Signals that arrive in a busy block; needed without 60 earlier blocks."
    )
    reason = models.TextField(
        blank=True, default="", help_text="Why the worst block is smaller than limits and history require."
    )
    slices = ArrayField(
        models.CharField(max_length=MAX_SLICE),
        blank=True,
        default=list,
        help_text=f"Judged beside the whole, one a line, like symbol=SPY; of {', '.join(SLICE_FIELDS)}.",
    )
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of everything above.")
    created_by = models.CharField(max_length=150, help_text="Author; somebody else approves it.")
    author = models.CharField(max_length=160, help_text="The same by account, which stays whatever it is called.")
    created_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        db_table = "evaluations"
        ordering = ("-id",)
        permissions = (
            ("approve_evaluation", "Can approve another person's evaluation"),
            ("run_evaluation", "Can start and finish an evaluation"),
        )
        constraints = (
            *(
                models.CheckConstraint(name=f"evaluations_{name}_known", condition=Q(**{f"{name}__in": values}))
                for name, values in CHOICES.items()
            ),
            models.CheckConstraint(
                name="evaluations_blocks_outlast_the_holds",
                condition=Q(block_days__range=(1, MAX_BLOCK_DAYS), block_days__gte=2 * F("max_hold_days")),
            ),
            models.CheckConstraint(
                name="evaluations_amounts_possible",
                condition=Q(worst_block__gt=0, margin__gte=0, horizon_blocks__gte=1),
            ),
            models.CheckConstraint(
                name="evaluations_event_has_a_start", condition=Q(clock="WALL") | Q(starts_at__isnull=False)
            ),
            models.CheckConstraint(name="evaluations_have_an_author", condition=~Q(author="")),
            models.CheckConstraint(name="evaluations_have_a_note", condition=~Q(note="") & ~Q(name="")),
            models.CheckConstraint(
                name="evaluations_content_hash_is_sha256", condition=Q(content_hash__regex=SHA256_HEX)
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def plan(self) -> EvaluationPlan:
        """What is fixed, for the pure core."""
        columns = {name: getattr(self, name) for name in EvaluationPlan.__slots__}
        return EvaluationPlan(**columns | {"slices": tuple(self.slices)})

    @property
    def state(self) -> str:
        """DRAFT, APPROVED, or the state of its run."""
        if hasattr(self, "run"):
            return str(self.run.state)
        return APPROVED if hasattr(self, "approval") else DRAFT


class EvaluationApproval(models.Model):
    """Another person than the author has approved it; never changed, never deleted."""

    evaluation = models.OneToOneField(
        Evaluation, on_delete=models.PROTECT, primary_key=True, related_name="approval", help_text="What was approved."
    )
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the approved content.")
    approved_by = models.CharField(max_length=150, help_text="Never its author.")
    approver = models.CharField(max_length=160, help_text="The same by account, which stays whatever it is called.")
    approved_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        db_table = "evaluation_approvals"
        constraints = (models.CheckConstraint(name="evaluation_approvals_by_somebody", condition=~Q(approver="")),)

    def __str__(self) -> str:
        return f"{self.evaluation} approved by {self.approved_by}"


class RunState(models.TextChoices):
    """Whether signals still take part, and if not, why."""

    RUNNING = "RUNNING"
    ENDED_BY_CHANGE = "ENDED_BY_CHANGE"
    FINISHED = "FINISHED"


class EvaluationRun(models.Model):
    """One evaluation in force: the phase that it is pinned to, and how it ended. One runs at a time."""

    evaluation = models.OneToOneField(
        Evaluation,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="run",
        help_text="The evaluation that runs.",
    )
    attempt = models.PositiveIntegerField(unique=True, help_text="1 for the first evaluation that was ever started.")
    policy_version = models.ForeignKey(
        PolicyVersion,
        on_delete=models.PROTECT,
        db_column="policy_version",
        help_text="A later version ends the evaluation.",
    )
    rules_hash_a = models.CharField(
        max_length=64, blank=True, help_text="Engine A's rules at the start; others end it."
    )
    rules_hash_b = models.CharField(
        max_length=64, blank=True, help_text="Engine B's rules at the start; others end it."
    )
    history_blocks = models.PositiveIntegerField(
        help_text="Number of earlier blocks that the worst block was checked against."
    )
    least_worst_block = models.DecimalField(
        **AMOUNT, null=True, blank=True, help_text="Minimum by limits and history; blank if there was none."
    )
    started_by = models.CharField(max_length=150, help_text="Who started it.")
    started_at = models.DateTimeField(help_text="Database clock, UTC.")
    begins_at = models.DateTimeField(help_text="Signals that arrive after it take part, UTC.")
    starts_on = models.DateField(help_text="First day of the first block, New York.")
    state = models.CharField(
        max_length=15, choices=RunState, default=RunState.RUNNING, help_text="RUNNING until it ends."
    )
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it ended, UTC; blank while it runs.")
    ended_because = models.TextField(blank=True, default="", help_text="What changed, or who finished it and why.")
    concluded_at = models.DateTimeField(
        null=True, blank=True, help_text="When the last of its blocks was judged, UTC: nothing is added any more."
    )

    class Meta:
        db_table = "evaluation_runs"
        ordering = ("-attempt",)
        constraints = (
            models.UniqueConstraint(
                name="evaluation_runs_one_at_a_time", fields=("state",), condition=Q(state="RUNNING")
            ),
            models.CheckConstraint(
                name="evaluation_runs_ended_has_time_and_reason",
                condition=Q(state="RUNNING", ended_at__isnull=True, ended_because="", concluded_at__isnull=True)
                | Q(state__in=("ENDED_BY_CHANGE", "FINISHED"), ended_at__isnull=False) & ~Q(ended_because=""),
            ),
        )

    def __str__(self) -> str:
        return f"{self.evaluation}: {self.state}"


class EvaluationMark(models.Model):
    """A judged block, of a signal of which something was told since: the worker looks at it again."""

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.PROTECT, related_name="marks", help_text="Whose block it is."
    )
    number = models.PositiveIntegerField(help_text="Number of the block.")

    class Meta:
        db_table = "evaluation_marks"

    def __str__(self) -> str:
        return f"{self.evaluation} block {self.number}"


class EvaluationExits(models.Model):
    """The other kind of exit of a judged block's signals, as far as it is known; made anew whenever more is told."""

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.PROTECT, related_name="exits", help_text="Whose block it is."
    )
    number = models.PositiveIntegerField(help_text="Number of the block.")
    sums = CanonicalJSONField(
        help_text="Number of signals with both kinds of exit, their weights, and both weighted sums."
    )

    class Meta:
        db_table = "evaluation_exits"
        constraints = (models.UniqueConstraint(name="evaluation_exits_once", fields=("evaluation", "number")),)

    def __str__(self) -> str:
        return f"{self.evaluation} block {self.number}"


class EvaluationBlock(models.Model):
    """One judged block. Revision 1 is judged, later ones are shown beside it; never changed, never deleted."""

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.PROTECT, related_name="blocks", help_text="Whose block it is."
    )
    number = models.PositiveIntegerField(help_text="1 for the first block with a signal.")
    revision = models.PositiveSmallIntegerField(
        default=1, help_text="1 as first judged; rises when later facts are taken in."
    )
    first_day = models.DateField(help_text="New York.")
    last_day = models.DateField(help_text="New York; belongs to the block.")
    n = models.PositiveIntegerField(help_text="Signals that take part.")
    arrived = models.PositiveIntegerField(
        help_text="Signals that take part, and those left out by a halt or an engine's absence."
    )
    x_low = models.FloatField(
        help_text="Weighted sum of differences over the square root of arrived, missing values at A's worst."
    )
    x_high = models.FloatField(help_text="The same, with missing values at B's worst.")
    m = models.FloatField(help_text="Sum of weights over the square root of arrived.")
    opened_a = models.PositiveIntegerField(help_text="Signals that A answered with OPEN.")
    opened_b = models.PositiveIntegerField(help_text="Signals that B answered with OPEN.")
    missing_a = models.PositiveIntegerField(help_text="Signals without a value for A.")
    missing_b = models.PositiveIntegerField(help_text="Signals without a value for B.")
    counts = CanonicalJSONField(help_text="Standings of each engine, signals that were not compared, long holds.")
    experiment_ids = ArrayField(models.UUIDField(), help_text="Signals that take part, in the order of arrival.")
    signals = CanonicalJSONField(help_text="Weight, standings, values and difference of each signal.")
    assigned_a = models.PositiveIntegerField(
        default=0, help_text="Signals of variant A that arrived since the block before, compared or not."
    )
    assigned_b = models.PositiveIntegerField(default=0, help_text="Signals of variant B, likewise.")
    late = models.PositiveIntegerField(
        default=0, help_text="Of these, signals of earlier blocks that were already judged."
    )
    sums = CanonicalJSONField(
        help_text="What the block adds to the means by role and to those of pairs that both traded."
    )
    slices = CanonicalJSONField(help_text="The block of each declared slice; null where none of its signals took part.")
    records = CanonicalJSONField(
        help_text="Best value and largest risk of each engine up to this block; fill what later blocks lack."
    )
    judgement = CanonicalJSONField(
        null=True, blank=True, help_text="Evidence, interval and verdict after this block; blank of a later revision."
    )
    judged_at = models.DateTimeField(help_text="Facts up to this time count; database clock, UTC.")

    class Meta:
        db_table = "evaluation_blocks"
        ordering = ("evaluation", "number", "revision")
        indexes = (models.Index(name="evaluation_blocks_days", fields=("evaluation", "last_day")),)
        constraints = (
            # Whatever crashes and however many workers judge: a block is judged once.
            models.UniqueConstraint(name="evaluation_blocks_once", fields=("evaluation", "number", "revision")),
            models.CheckConstraint(
                name="evaluation_blocks_sums_possible",
                condition=Q(n__gte=1, m__gt=0, number__gte=1, x_low__lte=F("x_high"), last_day__gte=F("first_day"))
                & Q(arrived__gte=F("n")),
            ),
            models.CheckConstraint(
                name="evaluation_blocks_only_the_first_is_judged",
                condition=Q(revision=1, judgement__isnull=False) | Q(revision__gt=1, judgement__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.evaluation} block {self.number}.{self.revision}"

"""Tables for how one signal became one decision."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Left

from kernel.canonical import HASH_HEAD, SHA256_HEX
from kernel.fields import CanonicalJSONField
from kernel.values import counted
from policies.core.rules import REASONS
from policies.models import EngineName, PolicyVersion
from signals_app.models import Signal


class Experiment(models.Model):
    """The one experiment of a signal and its variant (R2.1, R2.4).

    The migrations add CHECKs that derive bucket and variant anew, a composite foreign key that ties the split to the
    pinned policy version, and a trigger that compares the hash with the signal's. The assignment hash needs the key,
    which the database does not know: replay verifies it.
    """

    experiment_id = models.UUIDField(primary_key=True, help_text="UUIDv5 of signal id and signal hash.")
    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, related_name="experiment")
    signal_hash = models.CharField(max_length=64, help_text="Hash of the signal.")
    variant = models.CharField(
        max_length=1, choices=EngineName, help_text="A if the bucket is below the split, otherwise B."
    )
    assignment_hash = models.CharField(
        max_length=64, help_text="SHA-256 of the signal id, the signal hash and the assignment key."
    )
    assignment_key_id = models.CharField(max_length=16, help_text="Identifies the assignment key without revealing it.")
    bucket = models.PositiveSmallIntegerField(help_text="0 to 9999, from the first 48 bits of the assignment hash.")
    split_percentage = models.DecimalField(
        max_digits=5, decimal_places=2, help_text="Split of the policy version that decided."
    )
    # There is such a version, since the key of version and split below says so.
    policy_version = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, db_column="policy_version", db_constraint=False,
        help_text="Policy version that decided.",
    )  # fmt: skip
    created_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        db_table = "experiments"
        ordering = ("-created_at",)
        indexes = (
            # All of a batch have one time, which is kept once; whoever needs an order within it sorts these few.
            models.Index(name="experiments_created", fields=("-created_at",)),
            # For whoever has the first digits of a hash from a page or a log.
            models.Index(Left("signal_hash", HASH_HEAD), name="experiments_signal_hash"),
            models.Index(Left("assignment_hash", HASH_HEAD), name="experiments_assignment_hash"),
        )
        constraints = (
            models.CheckConstraint(name="experiments_variant_known", condition=Q(variant__in=EngineName.values)),
            models.CheckConstraint(
                name="experiments_assignment_hash_is_sha256", condition=Q(assignment_hash__regex=SHA256_HEX)
            ),
            models.CheckConstraint(
                name="experiments_assignment_key_id_is_16_digits",
                condition=Q(assignment_key_id__regex="^[0-9a-f]{16}$"),
            ),
        )

    def __str__(self) -> str:
        return str(self.experiment_id)


class ExecutionMode(models.TextChoices):
    """What was decided for one experiment."""

    SHADOW_ONLY = "SHADOW_ONLY"
    ENGINE_A_PRIMARY = "ENGINE_A_PRIMARY"
    ENGINE_B_PRIMARY = "ENGINE_B_PRIMARY"
    SPLIT_CAPITAL = "SPLIT_CAPITAL"


# What a stored decision may give as its reason; policies/core/rules.py is where a rule names one.
REASON_CHOICES = [(reason, reason) for reason in REASONS]


class ShadowEngine(models.TextChoices):
    """Which engine must shadow."""

    A = "A"
    B = "B"
    BOTH = "BOTH"


class ExecutionDecision(models.Model):
    """Who trades one experiment for real, why, and from which inputs (R3.6)."""

    experiment = models.OneToOneField(Experiment, on_delete=models.PROTECT, primary_key=True, related_name="decision")
    execution_mode = models.CharField(
        max_length=16, choices=ExecutionMode, help_text="Mode in which the experiment is executed."
    )
    executed_engine = models.CharField(  # noqa: DJ001 (NULL is what the composite foreign key of real trades needs)
        max_length=1,
        choices=EngineName,
        null=True,
        blank=True,
        help_text="Engine that trades for real. Blank if neither does.",
    )
    shadow_engine = models.CharField(max_length=4, choices=ShadowEngine, help_text="Engine that must shadow the trade.")
    reason = models.CharField(max_length=24, choices=REASON_CHOICES, help_text="Rule that decided.")
    # That of the experiment, as a trigger sees.
    policy_version = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, db_column="policy_version", db_constraint=False,
        help_text="Policy version that decided.",
    )  # fmt: skip
    rules_version = models.PositiveSmallIntegerField(help_text="Version of the rules that were applied.")
    inputs = CanonicalJSONField(help_text="Everything the rules depend on.")
    decision_hash = models.CharField(
        max_length=64, help_text="SHA-256 of the inputs, the decision and the rules version."
    )
    decided_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        db_table = "execution_policy"
        verbose_name = "execution decision"
        ordering = ("-decided_at",)
        indexes = (
            models.Index(name="execution_policy_decided", fields=("-decided_at",)),
            # All decisions of one state and variant share their hash: it is looked for, and few to keep.
            models.Index(name="execution_policy_hash", fields=("decision_hash", "-decided_at")),
            # Whoever looks for a mode or a reason looks for a rare one. Few values, kept once each: 7 bytes a decision.
            models.Index(name="execution_policy_reason", fields=("reason", "execution_mode", "executed_engine")),
        )
        constraints = (
            models.CheckConstraint(name="execution_policy_reason_known", condition=Q(reason__in=REASONS)),
            # Every state of mode, executed and shadow engine that may exist, so that a row in which
            # both engines trade for real cannot be written (R3.5). A CHECK lets NULL pass, so each
            # line says whether there is an executed engine.
            models.CheckConstraint(
                name="execution_policy_roles_fit_the_mode",
                condition=Q(execution_mode="SHADOW_ONLY", executed_engine__isnull=True, shadow_engine="BOTH")
                | Q(executed_engine__isnull=False)
                & (
                    Q(execution_mode="ENGINE_A_PRIMARY", executed_engine="A", shadow_engine="B")
                    | Q(execution_mode="ENGINE_B_PRIMARY", executed_engine="B", shadow_engine="A")
                    | Q(execution_mode="SPLIT_CAPITAL", executed_engine="A", shadow_engine="B")
                    | Q(execution_mode="SPLIT_CAPITAL", executed_engine="B", shadow_engine="A")
                ),
            ),
            # What a real trade's composite foreign key points at.
            models.UniqueConstraint(
                name="execution_policy_experiment_and_executed", fields=("experiment", "executed_engine")
            ),
        )

    def __str__(self) -> str:
        return f"{self.execution_mode} ({self.reason})"


class SignalDistribution(models.Model):
    """One engine's copy of the work: what it was given, who holds the lease, whether it answered."""

    # Found by the unique key, which begins with it; a second index would be written twice for every signal.
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="distributions", db_index=False)
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    context_hash = models.CharField(max_length=64, help_text="Hash of the market context, the same for both engines.")
    distributed_at = models.DateTimeField(help_text="UTC.")
    lease_token = models.UUIDField(null=True, blank=True, help_text="Token of the claim that holds the lease.")
    lease_expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When others can claim the experiment again, UTC."
    )
    answered_at = models.DateTimeField(null=True, blank=True, help_text="When the engine recommended or declined, UTC.")

    class Meta:
        db_table = "signal_distributions"
        ordering = ("-distributed_at",)
        indexes = (
            models.Index(
                name="signal_distributions_open",
                fields=("engine", "distributed_at", "id"),
                condition=Q(answered_at__isnull=True),
            ),
            BrinIndex(name="signal_distributions_made", fields=("distributed_at",), autosummarize=True),
        )
        constraints = (
            models.UniqueConstraint(name="signal_distributions_one_per_engine", fields=("experiment", "engine")),
            models.CheckConstraint(name="signal_distributions_engine_known", condition=Q(engine__in=EngineName.values)),
        )

    def __str__(self) -> str:
        return f"{self.experiment_id} to {self.engine}"

    def is_leased_to_another(self, token: UUID, now: datetime) -> bool:
        """Whether another claim than this token's holds it at this moment."""
        return self.lease_expires_at is not None and self.lease_expires_at > now and self.lease_token != token


class WaitingSignal(models.Model):
    """The worker's queue: every signal that is to be tried and that no batch has; the database's triggers keep it."""

    pk = models.CompositePrimaryKey("is_retry", "due_at", "signal_id")
    is_retry = models.BooleanField(help_text="Whether it has failed before; it is then tried alone.")
    due_at = models.DateTimeField(
        help_text="Of a fresh signal its time of receipt, of a failed one the next attempt's."
    )
    # No foreign key: it would lock and look up the row that the trigger has in hand.
    signal_id = models.UUIDField()

    class Meta:
        db_table = "waiting_signals"


class WorkerBatch(models.Model):
    """Signals a worker has claimed but not finished; committed before the work starts.

    A row whose database session is gone names the signals that were claimed when a worker died, so
    that one that kills its worker is counted and found.
    """

    token = models.UUIDField(primary_key=True)
    signal_ids = ArrayField(models.UUIDField())
    backend_pid = models.IntegerField(help_text="Process id of the worker's database session.")
    backend_started_at = models.DateTimeField(help_text="Start of that session; process ids are reused.")
    started_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        db_table = "worker_batches"


class WorkerHeartbeat(models.Model):
    """The latest heartbeat of a worker cluster."""

    cluster = models.CharField(max_length=100, primary_key=True, help_text="Host and process id of the cluster.")
    heartbeat_at = models.DateTimeField(help_text="By the database clock, UTC.")

    class Meta:
        db_table = "worker_heartbeats"
        ordering = ("-heartbeat_at",)

    def __str__(self) -> str:
        return self.cluster


class DecisionTime(models.Model):
    """How many decisions took up to so long, and no more than the row before says; the worker counts them."""

    up_to_seconds = models.FloatField(primary_key=True, help_text="From an alert's arrival; infinite in the last row.")
    decisions = models.PositiveBigIntegerField()
    seconds = models.FloatField(help_text="Of all of these together.")
    counted_until = models.DateTimeField(help_text="Decisions up to here are counted. By the database clock, UTC.")

    class Meta:
        db_table = "decision_times"

    def __str__(self) -> str:
        return f"{self.decisions} within {self.up_to_seconds} s"


class ReplayRun(models.Model):
    """One replay run: what was verified, what differed, who ran it."""

    started_at = models.DateTimeField(help_text="By the database clock, UTC.")
    seconds = models.DecimalField(max_digits=12, decimal_places=3, help_text="Duration in seconds.")
    selection = models.JSONField(default=dict, help_text="Filters of the run. Empty for everything.")
    verified = models.PositiveBigIntegerField(help_text="Number of experiments verified.")
    differences = models.PositiveBigIntegerField(help_text="Number of stored values that do not match their inputs.")
    first_differences = models.JSONField(default=list, help_text="The first differences found.")
    run_by = models.CharField(max_length=150, help_text="User name, or the user of the command line.")

    class Meta:
        db_table = "replay_runs"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.verified} verified, {counted(self.differences, 'difference')}"

"""How shadow trades end: with the real trade, by a directive for each of its closing fills; and by their own rules."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from experiments.models import Experiment
from kernel.fields import CanonicalJSONField
from outcomes.core.trades import FEES, PNL, QUANTITY
from outcomes.models.fill import TradeFill
from outcomes.models.trade import PROVENANCE_CHOICES, ExitReason, RealTrade, ShadowTrade
from policies.models import EngineName


class DirectiveState(models.TextChoices):
    """The state of a shadow exit.

    PENDING: waits for quotes, or for the shadow. DONE: the shadow was closed at a price. UNPRICED: nobody quoted in
    time. NO_SHADOW: there is no shadow that could follow. ALREADY_CLOSED: nothing was left to close.
    """

    PENDING = "PENDING"
    DONE = "DONE"
    ALREADY_CLOSED = "ALREADY_CLOSED"
    NO_SHADOW = "NO_SHADOW"
    UNPRICED = "UNPRICED"


class ExitDirective(models.Model):
    """Written in the transaction of a closing fill of the real trade: same time, same conditions (R4.2)."""

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="exit_directives")
    real_trade = models.ForeignKey(RealTrade, on_delete=models.PROTECT, related_name="exit_directives")
    real_fill = models.OneToOneField(TradeFill, on_delete=models.PROTECT, related_name="exit_directive")
    number = models.PositiveSmallIntegerField(help_text="1 for the first closing fill of the real trade.")
    closed_quantity = models.DecimalField(
        **QUANTITY, help_text="Quantity closed, of the leg with the largest share closed."
    )
    open_quantity = models.DecimalField(
        **QUANTITY, help_text="Quantity of that leg that was open just before the fill."
    )
    is_last = models.BooleanField(help_text="Whether the shadow closes the rest of its position.")
    shadow_engine = models.CharField(
        max_length=1, choices=EngineName, help_text="The engine whose shadow trade must exit."
    )
    shadow_trade = models.ForeignKey(
        ShadowTrade, on_delete=models.PROTECT, null=True, blank=True, related_name="exit_directives"
    )
    closing_legs = CanonicalJSONField(
        null=True, blank=True, help_text="Instrument, side and quantity that the shadow closes; blank until it is open."
    )
    exit_time = models.DateTimeField(help_text="Equals the real fill's, UTC.")
    market_conditions = CanonicalJSONField(help_text="Market conditions of the real fill.")
    conditions_hash = models.CharField(max_length=64, help_text="SHA-256 of the market conditions.")
    quote_flags = CanonicalJSONField(
        default=dict, help_text="Quotes that cannot price the exit, and why: LOOKAHEAD, CROSSED and so on."
    )
    state = models.CharField(
        max_length=14, choices=DirectiveState, default=DirectiveState.PENDING, help_text="PENDING until settled."
    )
    issued_at = models.DateTimeField(help_text="Database clock, UTC.")
    due_at = models.DateTimeField(
        help_text="Priced from this time on, when neutral quotes have had time to arrive; UTC."
    )
    tried_at = models.DateTimeField(
        null=True, blank=True, help_text="When pricing found no quotes and began to wait for some, UTC."
    )
    expires_at = models.DateTimeField(help_text="A shadow trade not priced by then ends UNPRICED; UTC.")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it left PENDING, UTC.")
    request_hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of the shadow engine's normalised report; blank if settled without one.",
    )

    class Meta:
        db_table = "exit_directives"
        ordering = ("-id",)
        indexes = (
            BrinIndex(name="exit_directives_settled", fields=("settled_at",), autosummarize=True),
            models.Index(name="exit_directives_pending", fields=("shadow_engine", "id"), condition=Q(state="PENDING")),
        )
        constraints = (
            models.UniqueConstraint(name="exit_directives_number", fields=("experiment", "number")),
            models.CheckConstraint(name="exit_directives_state_known", condition=Q(state__in=DirectiveState.values)),
            models.CheckConstraint(
                name="exit_directives_share_possible",
                condition=Q(closed_quantity__gt=0, open_quantity__gte=F("closed_quantity")),
            ),
            models.CheckConstraint(
                name="exit_directives_settled_has_time",
                condition=Q(state="PENDING", settled_at__isnull=True)
                | (~Q(state="PENDING") & Q(settled_at__isnull=False)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.shadow_engine} {self.state}"

    @property
    def name(self) -> str:
        """What its engine calls it; the number of the row would tell it how many real trades others have closed."""
        return f"{self.experiment_id}.{self.number}"


class OwnExitState(models.TextChoices):
    """PENDING: neutral quotes still have time to arrive. DONE: priced. UNPRICED: nobody quoted it."""

    PENDING = "PENDING"
    DONE = "DONE"
    UNPRICED = "UNPRICED"


class OwnExit(models.Model):
    """When and at what quotes a shadow leaves by its own rules, beside the synchronised exit (R4.2)."""

    trade = models.OneToOneField(ShadowTrade, on_delete=models.PROTECT, primary_key=True, related_name="own_exit")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="own_exits")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    exit_time = models.DateTimeField(help_text="As reported, UTC.")
    exit_reason = models.CharField(max_length=13, choices=ExitReason, help_text="Why it leaves.")
    market_conditions = CanonicalJSONField(help_text="As reported: quotes, settlements, and anything else seen.")
    conditions_hash = models.CharField(max_length=64, help_text="SHA-256 of the market conditions.")
    claimed_provenance = models.CharField(
        max_length=19, choices=PROVENANCE_CHOICES, help_text="Where the engine says its prices come from."
    )
    legs = CanonicalJSONField(
        null=True, blank=True, help_text="Executions over the whole opened quantity, with the quotes they came from."
    )
    price_provenance = models.CharField(
        max_length=19, choices=PROVENANCE_CHOICES, blank=True, default="", help_text="Blank until it is priced."
    )
    fees = models.DecimalField(**FEES, null=True, blank=True, help_text="Scheduled fees of entry and exit.")
    pnl = models.DecimalField(**PNL, null=True, blank=True, help_text="Net of fees; blank unless priced.")
    violations = CanonicalJSONField(default=list, help_text="Rules that it breaks, by name.")
    state = models.CharField(
        max_length=8, choices=OwnExitState, default=OwnExitState.PENDING, help_text="PENDING until priced."
    )
    reported_at = models.DateTimeField(help_text="When it arrived: database clock, UTC.")
    due_at = models.DateTimeField(
        help_text="Priced from this time on, when neutral quotes have had time to arrive; UTC."
    )
    priced_at = models.DateTimeField(null=True, blank=True, help_text="When it left PENDING, UTC.")
    request_hash = models.CharField(max_length=64, help_text="SHA-256 of the normalised request.")

    class Meta:
        db_table = "own_exits"
        ordering = ("-reported_at",)
        indexes = (
            models.Index(name="own_exits_pending", fields=("due_at",), condition=Q(state="PENDING")),
            models.Index(name="own_exits_exit_time", fields=("exit_time", "pnl")),
        )
        constraints = (
            models.CheckConstraint(name="own_exits_state_known", condition=Q(state__in=OwnExitState.values)),
            models.CheckConstraint(
                name="own_exits_priced_has_pnl",
                condition=Q(state="DONE", pnl__isnull=False, legs__isnull=False, priced_at__isnull=False)
                | Q(state="PENDING", pnl__isnull=True, priced_at__isnull=True)
                | Q(state="UNPRICED", pnl__isnull=True, priced_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.engine} {self.state}"

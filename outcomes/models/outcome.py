"""The results of closed trades: real and shadow in separate tables (R5.2)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from experiments.models import Experiment
from outcomes.core.trades import FEES, NET_PRICE, PNL
from outcomes.models.trade import ExitReason, PriceProvenance, RealTrade, ShadowTrade
from policies.models import EngineName


class Outcome(models.Model):
    """The result of one closed trade (R5.1). Undefined P&L is NULL, never 0."""

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="%(class)ss")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    entry_price = models.DecimalField(**NET_PRICE, help_text="Price of the single leg, or net debit.")
    exit_price = models.DecimalField(
        **NET_PRICE,
        null=True,
        blank=True,
        help_text="Price of the single leg, or net debit; blank if UNPRICED.",
    )
    pnl = models.DecimalField(
        **PNL,
        null=True,
        blank=True,
        help_text="Net of fees, in account currency; blank if UNPRICED.",
    )
    fees = models.DecimalField(**FEES, help_text="Entry and exit fees, in account currency.")
    exit_reason = models.CharField(max_length=13, choices=ExitReason, help_text="Why the trade was closed.")
    price_provenance = models.CharField(
        max_length=19, choices=PriceProvenance, help_text="Where the exit price comes from."
    )
    exit_time = models.DateTimeField(help_text="UTC.")
    conditions_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="SHA-256 of the market conditions."
    )
    recorded_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        abstract = True
        ordering = ("-exit_time",)
        indexes = (models.Index(fields=("exit_time", "experiment"), name="%(class)s_exit_time"),)
        constraints = (
            models.CheckConstraint(name="%(class)s_engine_known", condition=Q(engine__in=EngineName.values)),
            models.CheckConstraint(name="%(class)s_reason_known", condition=Q(exit_reason__in=ExitReason.values)),
            models.CheckConstraint(
                name="%(class)s_provenance_known", condition=Q(price_provenance__in=PriceProvenance.values)
            ),
            models.CheckConstraint(
                name="%(class)s_unpriced_has_no_pnl",
                condition=Q(price_provenance="UNPRICED", pnl__isnull=True, exit_price__isnull=True)
                | (~Q(price_provenance="UNPRICED") & Q(pnl__isnull=False, exit_price__isnull=False)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.engine} {self.pnl if self.pnl is not None else 'UNPRICED'}"


class RealOutcome(Outcome):
    """Outcome of a real trade."""

    trade = models.OneToOneField(RealTrade, on_delete=models.PROTECT, primary_key=True, related_name="outcome")

    class Meta(Outcome.Meta):
        db_table = "real_outcomes"


class ShadowOutcome(Outcome):
    """Outcome of a shadow trade."""

    trade = models.OneToOneField(ShadowTrade, on_delete=models.PROTECT, primary_key=True, related_name="outcome")

    class Meta(Outcome.Meta):
        db_table = "shadow_outcomes"

"""The results of closed trades: real and shadow in separate tables (R5.2), every revision kept.

What counts is the last revision, unless it withdraws the result: `result_in_force`, in SQL the views
`latest_real_outcomes` and `latest_shadow_outcomes` of guards.sql.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from experiments.models import Experiment
from kernel.values import decimal_text
from outcomes.core.trades import FEES, NET_PRICE, PNL, RISK, Provenance
from outcomes.models.trade import PROVENANCE_CHOICES, ExitReason, RealTrade, ShadowTrade
from policies.models import EngineName


class Outcome(models.Model):
    """The result of one closed trade (R5.1), in its currency. Undefined P&L is NULL, never 0."""

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="%(class)ss")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    entry_price = models.DecimalField(**NET_PRICE, help_text="Price of the single leg, or net debit.")
    exit_price = models.DecimalField(
        **NET_PRICE,
        null=True,
        blank=True,
        help_text="Price of the single leg, or net debit; blank if UNPRICED.",
    )
    revision = models.PositiveSmallIntegerField(
        default=1, help_text="1 at first; rises whenever an accepted amendment changes the result."
    )
    withdrawn = models.BooleanField(
        default=False, help_text="The exit was busted: the trade is open again, and has no result for now."
    )
    gross_pnl = models.DecimalField(
        **PNL, null=True, blank=True, help_text="Before fees, over all fills; blank if UNPRICED."
    )
    pnl = models.DecimalField(
        **PNL,
        null=True,
        blank=True,
        help_text="Net of the fees paid; blank if UNPRICED.",
    )
    fees = models.DecimalField(
        **FEES, help_text="Fees of all fills: as reported, for a shadow as scheduled; negative for a rebate."
    )
    scheduled_fees = models.DecimalField(**FEES, help_text="Fees of all fills by the policy's fee schedule.")
    compared_pnl = models.DecimalField(
        **PNL,
        null=True,
        blank=True,
        help_text="P&L that is compared: fills up to a roll, net of scheduled fees; blank if not comparable.",
    )
    risk_amount = models.DecimalField(**RISK, help_text="Capital at risk of the opening fills; 1 R.")
    currency = models.CharField(max_length=10, help_text="Currency of all amounts.")
    exit_reason = models.CharField(max_length=13, choices=ExitReason, help_text="Why the trade was closed.")
    price_provenance = models.CharField(
        max_length=19, choices=PROVENANCE_CHOICES, help_text="Where the exit price comes from."
    )
    exit_time = models.DateTimeField(help_text="UTC.")
    conditions_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="SHA-256 of the market conditions."
    )
    recorded_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        abstract = True
        ordering = ("-exit_time",)
        indexes = (
            # The P&L too: of a day's rows few are among the best or the worst, and the index says which.
            models.Index(fields=("exit_time", "pnl"), name="%(class)s_exit_time"),
            BrinIndex(name="%(class)s_recorded", fields=("recorded_at",), autosummarize=True),
            # Few rows of many: what makes an earlier revision one of the past.
            models.Index(fields=("trade", "revision"), name="%(class)s_revised", condition=Q(revision__gt=1)),
        )
        constraints = (
            models.UniqueConstraint(fields=("trade", "revision"), name="%(class)s_one_per_revision"),
            models.CheckConstraint(name="%(class)s_revision_positive", condition=Q(revision__gte=1)),
            models.CheckConstraint(
                name="%(class)s_withdrawn_has_no_pnl",
                condition=Q(withdrawn=False) | Q(revision__gt=1, price_provenance="UNPRICED"),
            ),
            models.CheckConstraint(name="%(class)s_engine_known", condition=Q(engine__in=EngineName.values)),
            models.CheckConstraint(name="%(class)s_reason_known", condition=Q(exit_reason__in=ExitReason.values)),
            models.CheckConstraint(
                name="%(class)s_provenance_known",
                condition=Q(price_provenance__in=[value.value for value in Provenance]),
            ),
            models.CheckConstraint(
                name="%(class)s_pnl_is_gross_less_fees",
                condition=Q(pnl__isnull=True) | Q(pnl=F("gross_pnl") - F("fees")),
            ),
            models.CheckConstraint(
                name="%(class)s_unpriced_has_no_pnl",
                condition=Q(price_provenance="UNPRICED", pnl__isnull=True, gross_pnl__isnull=True)
                & Q(exit_price__isnull=True, compared_pnl__isnull=True)
                | ~Q(price_provenance="UNPRICED")
                & Q(pnl__isnull=False, gross_pnl__isnull=False)
                & Q(exit_price__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.engine} {'UNPRICED' if self.pnl is None else decimal_text(self.pnl)}"


class RealOutcome(Outcome):
    """Outcome of a real trade."""

    trade = models.ForeignKey(RealTrade, on_delete=models.PROTECT, related_name="outcomes")

    class Meta(Outcome.Meta):
        db_table = "real_outcomes"


class ShadowOutcome(Outcome):
    """Outcome of a shadow trade."""

    trade = models.ForeignKey(ShadowTrade, on_delete=models.PROTECT, related_name="outcomes")

    class Meta(Outcome.Meta):
        db_table = "shadow_outcomes"

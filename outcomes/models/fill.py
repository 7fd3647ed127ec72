"""Every execution of every trade, append-only: positions, P&L, fees and risk follow from these rows alone.

An accepted amendment adds a row of the same reference and the next revision. The last one is in force, unless it is
empty: then the fill was busted. In SQL that is the view `fills_in_force` of guards.sql.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from experiments.models import Experiment
from kernel.fields import CanonicalJSONField
from outcomes.core.trades import FEES
from outcomes.models.amendment import TradeAmendment
from outcomes.models.trade import PROVENANCE_CHOICES, ExitReason, RealTrade, ShadowTrade
from policies.models import EngineName

# References that the orchestrator gives: to the opening, and to the exit that closes all that is left.
ENTRY, EXIT = "entry", "exit"
# Shadows follow each closing fill of the real trade; theirs are named by its number.
SYNCHRONISED_REF = "directive-{number}"


class TradeFill(models.Model):
    """Executions that one report, or one exit directive, brought to a trade. Never changed, never deleted."""

    real_trade = models.ForeignKey(
        RealTrade,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fills",
        help_text="Blank for a shadow trade.",
    )
    shadow_trade = models.ForeignKey(
        ShadowTrade,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fills",
        help_text="Blank for a real trade.",
    )
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="fills")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    number = models.PositiveSmallIntegerField(help_text="1 for the entry; the order in which fills were stored.")
    fill_ref = models.CharField(
        max_length=64, help_text='The engine\'s own reference; "entry" and "exit" are reserved.'
    )
    revision = models.PositiveSmallIntegerField(
        default=1, help_text="1 as first reported; rises with every amendment and every exit after a bust."
    )
    amendment = models.OneToOneField(
        TradeAmendment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fill",
        help_text="The accepted amendment that it comes from.",
    )
    is_succession = models.BooleanField(
        default=False, help_text="Nothing was traded: a contract became another one, by a split or under a new name."
    )
    time = models.DateTimeField(help_text="As reported, UTC; a synchronised fill has the real fill's time.")
    legs = CanonicalJSONField(
        help_text="Instrument, effect (OPEN or CLOSE), side of the position, quantity, price; the quote it came from."
    )
    fees = models.DecimalField(**FEES, help_text="As reported, negative for a rebate.")
    scheduled_fees = models.DecimalField(**FEES, help_text="Fees by the fee schedule of the pinned policy version.")
    reason = models.CharField(max_length=13, choices=ExitReason, blank=True, default="", help_text="Why it closed.")
    price_provenance = models.CharField(max_length=19, choices=PROVENANCE_CHOICES, help_text="Where prices come from.")
    market_conditions = CanonicalJSONField(default=dict, help_text="As reported with the fill.")
    conditions_hash = models.CharField(max_length=64, help_text="SHA-256 of the market conditions.")
    reported_at = models.DateTimeField(help_text="When it arrived: database clock, UTC.")
    request_hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of the normalised request; blank if it follows a directive.",
    )

    class Meta:
        db_table = "trade_fills"
        ordering = ("id",)
        indexes = (
            # Few rows of many: what makes an earlier revision one of the past.
            models.Index(name="trade_fills_revised", fields=("fill_ref",), condition=Q(revision__gt=1)),
        )
        constraints = (
            # One pair for each kind: NULLs are distinct to PostgreSQL, so each constraint passes over the other's rows.
            models.UniqueConstraint(name="trade_fills_real_ref", fields=("real_trade", "fill_ref", "revision")),
            models.UniqueConstraint(name="trade_fills_shadow_ref", fields=("shadow_trade", "fill_ref", "revision")),
            # Their order decides averages and P&L; two fills stored at once must not share a place in it.
            models.UniqueConstraint(name="trade_fills_real_number", fields=("real_trade", "number", "revision")),
            models.UniqueConstraint(name="trade_fills_shadow_number", fields=("shadow_trade", "number", "revision")),
            models.CheckConstraint(
                name="trade_fills_of_one_trade",
                condition=Q(real_trade__isnull=False, shadow_trade__isnull=True)
                | Q(real_trade__isnull=True, shadow_trade__isnull=False),
            ),
            models.CheckConstraint(name="trade_fills_number_positive", condition=Q(number__gte=1, revision__gte=1)),
            # What nobody traded comes from an operator's decision alone.
            models.CheckConstraint(
                name="trade_fills_succession_is_an_amendment",
                condition=Q(is_succession=False) | Q(amendment__isnull=False),
            ),
            models.CheckConstraint(
                name="trade_fills_first_is_the_entry",
                condition=Q(number=1, fill_ref=ENTRY) | ~Q(number=1) & ~Q(fill_ref=ENTRY),
            ),
        )

    def __str__(self) -> str:
        return f"{self.fill_ref} of {self.real_trade_id or self.shadow_trade_id}"

    @property
    def trade(self) -> Any:
        """The real or the shadow trade."""
        return self.real_trade or self.shadow_trade

"""Real and shadow trades: two tables of one shape."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from experiments.models import Experiment
from kernel.fields import CanonicalJSONField
from outcomes.core.trades import MULTIPLIER, NET_PRICE, PRICE, QUANTITY, Leg, profit_and_loss
from outcomes.models.recommendation import Role
from policies.models import EngineName


class PriceProvenance(models.TextChoices):
    """Where a price comes from, most reliable first."""

    BROKER_FILL = "BROKER_FILL"
    SAME_SNAPSHOT_QUOTE = "SAME_SNAPSHOT_QUOTE"
    OWN_FEED_QUOTE = "OWN_FEED_QUOTE"
    TRADE_PRINT = "TRADE_PRINT"
    MODEL = "MODEL"
    SETTLEMENT = "SETTLEMENT"
    UNPRICED = "UNPRICED"


class ExitReason(models.TextChoices):
    """Why a trade was closed."""

    TAKE_PROFIT = "TAKE_PROFIT"
    STOP_LOSS = "STOP_LOSS"
    TRAILING_STOP = "TRAILING_STOP"
    TIME_LIMIT = "TIME_LIMIT"
    SIGNAL = "SIGNAL"
    EXPIRED = "EXPIRED"
    EXERCISED = "EXERCISED"
    ASSIGNED = "ASSIGNED"
    CASH_SETTLED = "CASH_SETTLED"
    ROLLED = "ROLLED"
    MANUAL = "MANUAL"
    FORCED = "FORCED"
    EMERGENCY = "EMERGENCY"
    LIQUIDATION = "LIQUIDATION"
    EXTERNAL = "EXTERNAL"
    RECONCILED = "RECONCILED"
    SYNCHRONISED = "SYNCHRONISED"
    OTHER = "OTHER"


class TradeStatus(models.TextChoices):
    """UNPRICED: closed with the real exit, but nobody priced it in time."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    UNPRICED = "UNPRICED"


class Trade(models.Model):
    """What real and shadow trades have in common. The entry never changes, and a closed trade is final.

    Prices are per unit of the instrument; for one leg the leg's price, for several the net debit
    (a credit is negative). P&L multiplies by ratio, quantity and multiplier.
    """

    kind: ClassVar[Role]

    trade_id = models.UUIDField(primary_key=True, help_text="UUIDv5 of experiment, engine and kind.")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="%(class)ss")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    legs = CanonicalJSONField(help_text="1 to 4 legs: instrument, side, ratio, entry price.")
    quantity = models.DecimalField(**QUANTITY, help_text="Contracts.")
    multiplier = models.DecimalField(**MULTIPLIER, help_text="Units per contract: 100 for US options.")
    entry_price = models.DecimalField(**NET_PRICE, help_text="Price of the single leg, or net debit.")
    entry_time = models.DateTimeField(help_text="As reported by the engine, UTC.")
    entry_fees = models.DecimalField(**PRICE, help_text="Fees in account currency.")
    entry_provenance = models.CharField(
        max_length=19, choices=PriceProvenance, help_text="Where the entry price comes from."
    )
    rules_hash = models.CharField(max_length=64, help_text="SHA-256 of the engine's registered rules at the opening.")
    request_hash = models.CharField(max_length=64, help_text="SHA-256 of the opening request.")
    opened_at = models.DateTimeField(help_text="When the opening was reported: database clock, UTC.")
    status = models.CharField(
        max_length=8,
        choices=TradeStatus,
        default=TradeStatus.OPEN,
        help_text="OPEN until closed; UNPRICED if nobody priced the exit.",
    )
    exit_price = models.DecimalField(
        **NET_PRICE, null=True, blank=True, help_text="Price of the single leg, or net debit."
    )
    exit_legs = CanonicalJSONField(
        null=True, blank=True, help_text="Exit price by instrument, with the quote that it comes from."
    )
    exit_time = models.DateTimeField(
        null=True, blank=True, help_text="UTC; a paired shadow trade has the real trade's."
    )
    exit_fees = models.DecimalField(**PRICE, null=True, blank=True, help_text="Fees in account currency.")
    exit_reason = models.CharField(
        max_length=13, choices=ExitReason, blank=True, default="", help_text="Why it was closed."
    )
    exit_provenance = models.CharField(
        max_length=19, choices=PriceProvenance, blank=True, default="", help_text="Where the exit price comes from."
    )
    market_conditions = CanonicalJSONField(null=True, blank=True, help_text="At the exit, as reported by the engine.")
    conditions_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="SHA-256 of the market conditions."
    )
    exit_request_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="SHA-256 of the exit request."
    )
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When the exit was stored: database clock, UTC.")

    class Meta:
        abstract = True
        ordering = ("-opened_at",)
        indexes: ClassVar[tuple[models.Index, ...]] = (
            # Few rows of many: the overview counts them every few seconds.
            models.Index(name="%(class)s_open", fields=("-opened_at",), condition=Q(status="OPEN")),
        )
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.CheckConstraint(name="%(class)s_engine_known", condition=Q(engine__in=EngineName.values)),
            models.CheckConstraint(name="%(class)s_status_known", condition=Q(status__in=TradeStatus.values)),
            models.CheckConstraint(name="%(class)s_quantity_positive", condition=Q(quantity__gt=0, multiplier__gt=0)),
            models.CheckConstraint(
                name="%(class)s_fees_not_negative",
                condition=Q(entry_fees__gte=0) & (Q(exit_fees__isnull=True) | Q(exit_fees__gte=0)),
            ),
            models.CheckConstraint(
                name="%(class)s_exit_complete",
                condition=Q(status="OPEN", exit_time__isnull=True, exit_price__isnull=True, exit_reason="")
                | Q(status="CLOSED", exit_time__isnull=False, exit_price__isnull=False)
                & ~Q(exit_reason="")
                & ~Q(exit_provenance="")
                | Q(status="UNPRICED", exit_time__isnull=False, exit_price__isnull=True),
            ),
            models.CheckConstraint(
                # A shadow that entered after the real exit cannot follow it: it ends UNPRICED.
                name="%(class)s_exit_not_before_entry",
                condition=Q(exit_time__isnull=True) | Q(exit_time__gte=F("entry_time")) | Q(status="UNPRICED"),
            ),
        )

    def __str__(self) -> str:
        return str(self.trade_id)

    @property
    def entered_legs(self) -> tuple[Leg, ...]:
        """The legs as entered, with exact prices."""
        return tuple(Leg.from_document(leg) for leg in self.legs)

    def pnl_at(self, exit_prices: Mapping[str, Decimal], exit_fees: Decimal) -> Decimal | None:
        """Net P&L in currency at these exit prices by instrument; None unless every leg has one (R5.1)."""
        legs = self.entered_legs
        if any(leg.instrument not in exit_prices for leg in legs):
            return None
        fees = self.entry_fees + exit_fees
        return profit_and_loss(legs, exit_prices, quantity=self.quantity, multiplier=self.multiplier, fees=fees)


class RealTrade(Trade):
    """The one real trade of an experiment; its foreign keys admit the executed engine only (R3.5)."""

    kind = Role.REAL

    class Meta(Trade.Meta):
        db_table = "real_trades"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *Trade.Meta.constraints,
            models.UniqueConstraint(name="real_trades_one_per_experiment", fields=("experiment",)),
        )


class ShadowTrade(Trade):
    """A simulated trade of one engine (R4.1, R4.4)."""

    kind = Role.SHADOW

    class Meta(Trade.Meta):
        db_table = "shadow_trades"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *Trade.Meta.constraints,
            models.UniqueConstraint(name="shadow_trades_one_per_engine", fields=("experiment", "engine")),
        )

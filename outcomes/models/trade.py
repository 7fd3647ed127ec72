"""Real and shadow trades: two tables of one shape. What was executed stands in their fills, see `fill`."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from experiments.models import Experiment
from kernel.fields import CanonicalJSONField
from outcomes.core.trades import FEES, MULTIPLIER, NET_PRICE, PRICE, QUANTITY, RISK, Provenance
from outcomes.models.recommendation import Role
from policies.models import EngineName

PROVENANCE_CHOICES = [(value.value, value.value) for value in Provenance]
# Every trade opens and closes once; a shadow waits as OPENING for the neutral feed to price its entry.
TRADE_STATUS_HELP = "OPENING until its entry is priced; UNPRICED if nobody priced an exit."


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
    """OPENING: a shadow whose entry is not priced yet. UNPRICED: ended with the real exit, but nobody priced it."""

    OPENING = "OPENING"
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    UNPRICED = "UNPRICED"


# Trades that can still move.
LIVE_STATUSES = (TradeStatus.OPENING, TradeStatus.OPEN)


class Trade(models.Model):
    """What real and shadow trades have in common: the opening as reported, and a summary of the fills.

    The opening never changes, and a closed trade is final. Prices are per unit of the instrument; for one leg the
    leg's price, for several the net debit (a credit is negative). Averages over several fills are rounded to twelve
    decimals; money is computed from the fills and is exact.
    """

    kind: ClassVar[Role]

    trade_id = models.UUIDField(primary_key=True, help_text="UUIDv5 of experiment, engine and kind.")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="%(class)ss")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="A or B.")
    legs = CanonicalJSONField(help_text="1 to 4 legs as reported: instrument, side, ratio, entry price.")
    quantity = models.DecimalField(**QUANTITY, help_text="Contracts of the first fill.")
    multiplier = models.DecimalField(**MULTIPLIER, help_text="Units per contract: 100 for US options.")
    currency = models.CharField(max_length=10, help_text="Currency of prices, fees and P&L.")
    declared_risk = models.DecimalField(
        **NET_PRICE, null=True, blank=True, help_text="Capital at risk as the engine sees it; only ever compared."
    )
    entry_quotes = CanonicalJSONField(default=dict, help_text="The engine's own quotes at the entry, as reported.")
    entry_time = models.DateTimeField(help_text="As reported by the engine, UTC.")
    entry_fees = models.DecimalField(**PRICE, help_text="Fees of the first fill, as reported; negative for a rebate.")
    claimed_provenance = models.CharField(
        max_length=19, choices=PROVENANCE_CHOICES, help_text="Where the engine says its prices come from."
    )
    request_hash = models.CharField(max_length=64, help_text="SHA-256 of the normalised opening request.")
    opened_at = models.DateTimeField(help_text="When the opening was reported: database clock, UTC.")
    entry_due_at = models.DateTimeField(
        null=True, blank=True, help_text="OPENING: from then on the engine's own quotes price the entry; UTC."
    )
    status = models.CharField(max_length=8, choices=TradeStatus, default=TradeStatus.OPEN, help_text=TRADE_STATUS_HELP)
    revision = models.PositiveSmallIntegerField(default=1, help_text="1 at first; rises with every accepted amendment.")
    flags = CanonicalJSONField(default=list, help_text="What is unusual about it without breaking a rule.")
    entry_price = models.DecimalField(
        **NET_PRICE, null=True, blank=True, help_text="Average price of the single leg, or net debit."
    )
    entry_provenance = models.CharField(
        max_length=19, choices=PROVENANCE_CHOICES, blank=True, default="", help_text="Where the entry price comes from."
    )
    risk_amount = models.DecimalField(
        **RISK, null=True, blank=True, help_text="Capital at risk, computed from the opening fills."
    )
    exit_price = models.DecimalField(
        **NET_PRICE, null=True, blank=True, help_text="Average price of the single leg, or net debit."
    )
    exit_time = models.DateTimeField(
        null=True, blank=True, help_text="Time of the last fill, UTC; a paired shadow has the real trade's."
    )
    exit_fees = models.DecimalField(
        **FEES,
        null=True,
        blank=True,
        help_text="Fees of all fills but the first: as reported, for a shadow as scheduled.",
    )
    exit_reason = models.CharField(
        max_length=13, choices=ExitReason, blank=True, default="", help_text="Why it was closed."
    )
    exit_provenance = models.CharField(
        max_length=19, choices=PROVENANCE_CHOICES, blank=True, default="", help_text="Where the exit price comes from."
    )
    conditions_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="SHA-256 of the market conditions of the last fill."
    )
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When the exit was stored: database clock, UTC.")

    class Meta:
        abstract = True
        ordering = ("-opened_at",)
        indexes: ClassVar[tuple[models.Index, ...]] = (
            # In the order in which an engine reads its own.
            models.Index(name="%(class)s_of_engine", fields=("engine", "opened_at", "trade_id")),
            BrinIndex(name="%(class)s_closed", fields=("closed_at",), autosummarize=True),
            # Few rows of many: the overview counts them every few seconds, and the feed asks what to quote.
            models.Index(name="%(class)s_open", fields=("-opened_at",), condition=Q(status__in=("OPENING", "OPEN"))),
        )
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.CheckConstraint(name="%(class)s_engine_known", condition=Q(engine__in=EngineName.values)),
            models.CheckConstraint(name="%(class)s_status_known", condition=Q(status__in=TradeStatus.values)),
            models.CheckConstraint(name="%(class)s_quantity_positive", condition=Q(quantity__gt=0, multiplier__gt=0)),
            models.CheckConstraint(
                name="%(class)s_opening_is_unpriced",
                condition=Q(status="OPENING", entry_price__isnull=True, entry_due_at__isnull=False)
                | ~Q(status="OPENING") & Q(entry_price__isnull=False),
            ),
            models.CheckConstraint(
                name="%(class)s_exit_complete",
                condition=Q(status__in=("OPENING", "OPEN"), exit_time__isnull=True, exit_price__isnull=True)
                & Q(exit_reason="")
                | Q(status="CLOSED", exit_time__isnull=False, exit_price__isnull=False)
                & ~Q(exit_reason="")
                & ~Q(exit_provenance="")
                # Its P&L is unknown and not nought: a price here would be one that nobody quoted.
                | Q(status="UNPRICED", exit_time__isnull=False, exit_price__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return str(self.trade_id)

    @property
    def is_live(self) -> bool:
        """Whether it is not closed yet."""
        return self.status in LIVE_STATUSES


class RealTrade(Trade):
    """The one real trade of an experiment; its foreign keys admit the executed engine only (R3.5)."""

    kind = Role.REAL

    prices_checked_at = models.DateTimeField(
        null=True, blank=True, help_text="When its prices were checked against the quotes around them, UTC."
    )

    class Meta(Trade.Meta):
        db_table = "real_trades"
        indexes: ClassVar[tuple[models.Index, ...]] = (
            *Trade.Meta.indexes,
            models.Index(
                name="real_trades_unchecked",
                fields=("closed_at",),
                condition=Q(prices_checked_at__isnull=True, closed_at__isnull=False),
            ),
        )
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *Trade.Meta.constraints,
            # Holds where code does not: of two inserts at once the second waits for the first, then fails.
            models.UniqueConstraint(name="real_trades_one_per_experiment", fields=("experiment",)),
        )


class ShadowTrade(Trade):
    """A simulated trade of one engine (R4.1, R4.4)."""

    kind = Role.SHADOW

    class Meta(Trade.Meta):
        db_table = "shadow_trades"
        indexes: ClassVar[tuple[models.Index, ...]] = (
            *Trade.Meta.indexes,
            # Those that may still leave by their own rules.
            models.Index(
                name="shadow_trades_synchronised", fields=("opened_at",), condition=Q(exit_reason="SYNCHRONISED")
            ),
        )
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *Trade.Meta.constraints,
            models.UniqueConstraint(name="shadow_trades_one_per_engine", fields=("experiment", "engine")),
            models.CheckConstraint(
                # A real engine's clock may be wrong; a shadow's report is refused where it could not have happened.
                name="shadow_trades_exit_not_before_entry",
                condition=Q(exit_time__isnull=True) | Q(exit_time__gte=F("entry_time")) | Q(status="UNPRICED"),
            ),
        )

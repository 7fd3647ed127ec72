"""What brokers correct and bust afterwards: proposed by the engine, decided by an operator, never undone."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from experiments.models import Experiment
from kernel.fields import CanonicalJSONField
from outcomes.models.trade import RealTrade, ShadowTrade
from policies.models import EngineName

DECIDE_AMENDMENTS = "outcomes.decide_tradeamendment"


class AmendmentKind(models.TextChoices):
    """CORRECT: the fill was another one, or its contract has a successor. BUST: the broker cancelled it."""

    CORRECT = "CORRECT"
    BUST = "BUST"


class AmendmentState(models.TextChoices):
    """PROPOSED: an operator has yet to decide."""

    PROPOSED = "PROPOSED"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"


class TradeAmendment(models.Model):
    """One correction of one fill. The proposal never changes; the decision is written once."""

    real_trade = models.ForeignKey(
        RealTrade,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="amendments",
        help_text="Blank for a shadow trade.",
    )
    shadow_trade = models.ForeignKey(
        ShadowTrade,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="amendments",
        help_text="Blank for a real trade.",
    )
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="amendments")
    engine = models.CharField(max_length=1, choices=EngineName, help_text="The engine that proposed it.")
    kind = models.CharField(max_length=7, choices=AmendmentKind, help_text="CORRECT or BUST.")
    fill_ref = models.CharField(max_length=64, help_text="The fill that it amends.")
    values = CanonicalJSONField(help_text="What the fill really was: legs, fees, or a contract's successor.")
    reason = models.TextField(help_text="Why, in the engine's words.")
    evidence = models.TextField(help_text="Where an operator can check it, such as the broker's notice.")
    request_hash = models.CharField(max_length=64, help_text="SHA-256 of the normalised request; identifies a repeat.")
    proposed_at = models.DateTimeField(help_text="Database clock, UTC.")
    state = models.CharField(
        max_length=8, choices=AmendmentState, default=AmendmentState.PROPOSED, help_text="PROPOSED until decided."
    )
    decided_by = models.CharField(max_length=150, blank=True, default="", help_text="The operator who decided.")
    decided_at = models.DateTimeField(null=True, blank=True, help_text="Database clock, UTC.")
    decision_reason = models.TextField(blank=True, default="", help_text="Why it was accepted or refused.")

    class Meta:
        db_table = "trade_amendments"
        ordering = ("-id",)
        permissions = (("decide_tradeamendment", "Can accept or refuse trade amendments"),)
        indexes = (
            # The few that wait: the overview counts them every few seconds.
            models.Index(name="trade_amendments_open", fields=("id",), condition=Q(state="PROPOSED")),
        )
        constraints = (
            models.CheckConstraint(
                name="trade_amendments_of_one_trade",
                condition=Q(real_trade__isnull=False, shadow_trade__isnull=True)
                | Q(real_trade__isnull=True, shadow_trade__isnull=False),
            ),
            models.CheckConstraint(name="trade_amendments_kind_known", condition=Q(kind__in=AmendmentKind.values)),
            models.CheckConstraint(
                name="trade_amendments_decided_by_somebody",
                condition=Q(state="PROPOSED", decided_at__isnull=True, decided_by="", decision_reason="")
                | Q(state__in=("ACCEPTED", "REFUSED"), decided_at__isnull=False)
                & ~Q(decided_by="")
                & ~Q(decision_reason=""),
            ),
            # Two open ones could each be right alone, and wrong together.
            models.UniqueConstraint(
                name="trade_amendments_real_one_open", fields=("real_trade", "fill_ref"), condition=Q(state="PROPOSED")
            ),
            models.UniqueConstraint(
                name="trade_amendments_shadow_one_open",
                fields=("shadow_trade", "fill_ref"),
                condition=Q(state="PROPOSED"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.fill_ref} of {self.real_trade_id or self.shadow_trade_id}"

    @property
    def link(self) -> tuple[str, int]:
        """Its page in the admin: model and id."""
        return "outcomes_tradeamendment", self.pk

    @property
    def trade(self) -> Any:
        """The real or the shadow trade."""
        return self.real_trade or self.shadow_trade

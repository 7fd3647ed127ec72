"""The directive to a shadow trade to exit with the real one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from experiments.models import Experiment
from kernel.fields import CanonicalJSONField
from outcomes.models.trade import RealTrade, ShadowTrade
from policies.models import EngineName


class DirectiveState(models.TextChoices):
    """The state of a shadow exit.

    PENDING: waits for the shadow engine's own quotes. PRICED: closed at a price. UNPRICED: nobody quoted in time.
    NO_SHADOW: the shadow engine opened nothing. ALREADY_CLOSED: the shadow had exited by itself, because no real
    trade was to be expected any more.
    """

    PENDING = "PENDING"
    PRICED = "PRICED"
    UNPRICED = "UNPRICED"
    NO_SHADOW = "NO_SHADOW"
    ALREADY_CLOSED = "ALREADY_CLOSED"


class ExitDirective(models.Model):
    """Written in the transaction of the real exit: same time, same conditions (R4.2)."""

    experiment = models.OneToOneField(Experiment, on_delete=models.PROTECT, related_name="exit_directive")
    real_trade = models.OneToOneField(RealTrade, on_delete=models.PROTECT, related_name="exit_directive")
    shadow_engine = models.CharField(
        max_length=1, choices=EngineName, help_text="The engine whose shadow trade must exit."
    )
    shadow_trade = models.OneToOneField(
        ShadowTrade, on_delete=models.PROTECT, null=True, blank=True, related_name="exit_directive"
    )
    exit_time = models.DateTimeField(help_text="Equals the real exit's, UTC.")
    market_conditions = CanonicalJSONField(help_text="Those of the real exit.")
    conditions_hash = models.CharField(max_length=64, help_text="SHA-256 of the market conditions.")
    quote_flags = CanonicalJSONField(
        default=dict, help_text="Quotes that cannot price the exit, and why: LOOKAHEAD, CROSSED and so on."
    )
    state = models.CharField(
        max_length=14, choices=DirectiveState, default=DirectiveState.PENDING, help_text="PENDING until settled."
    )
    issued_at = models.DateTimeField(help_text="Database clock, UTC.")
    expires_at = models.DateTimeField(help_text="A shadow trade not priced by then ends UNPRICED; UTC.")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it left PENDING, UTC.")
    request_hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of the shadow engine's report; blank if settled without one.",
    )

    class Meta:
        db_table = "exit_directives"
        ordering = ("-id",)
        indexes = (
            models.Index(name="exit_directives_pending", fields=("shadow_engine", "id"), condition=Q(state="PENDING")),
        )
        constraints = (
            models.CheckConstraint(name="exit_directives_state_known", condition=Q(state__in=DirectiveState.values)),
            models.CheckConstraint(
                name="exit_directives_settled_has_time",
                condition=Q(state="PENDING", settled_at__isnull=True)
                | (~Q(state="PENDING") & Q(settled_at__isnull=False)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.shadow_engine} {self.state}"

"""The quotes of the neutral feed, which prices the shadows of both engines."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from kernel.values import instant_text
from outcomes.core.quoting import MAX_LENGTH
from outcomes.core.trades import PRICE

MAX_SOURCE = 50


class Quote(models.Model):
    """What a feeder said stood at an instant; the first word of a feeder about an instrument and instant stands."""

    instrument = models.CharField(max_length=MAX_LENGTH, help_text="OCC symbols padded to 21 characters.")
    bid = models.DecimalField(**PRICE, help_text="Per unit; 0 if nobody bids.")
    ask = models.DecimalField(**PRICE, help_text="Per unit; 0 if nobody offers.")
    quote_time = models.DateTimeField(help_text="When the feeder last knew the quote to be good, UTC.")
    changed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the quote last changed, UTC; blank if the feeder did not say."
    )
    source = models.CharField(max_length=MAX_SOURCE, help_text="Name of the feeder's API key.")
    received_at = models.DateTimeField(help_text="Database clock, UTC.")

    class Meta:
        db_table = "quotes"
        ordering = ("-id",)
        constraints = (
            # The order of its columns serves the search for the quotes around a moment, too.
            models.UniqueConstraint(
                name="quotes_one_per_instrument_instant_and_source", fields=("instrument", "quote_time", "source")
            ),
            # A crossed quote would let a shadow buy below where it sells.
            models.CheckConstraint(
                name="quotes_not_negative_or_crossed",
                condition=Q(bid__gte=0, ask__gte=0) & (Q(ask=0) | Q(bid__lte=F("ask"))),
            ),
        )

    def __str__(self) -> str:
        return f"{self.instrument} {instant_text(self.quote_time)}"

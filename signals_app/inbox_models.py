"""Tables of the inbox: the words under which deliveries are found, and which were driven through again."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

# So many deliveries share one row of words: few enough to look through, and words that all have are kept once.
BLOCK = 64


class DeliveryWords(models.Model):
    """The words of deliveries whose ids lie in one block; the worker writes it when a block is full.

    Derived: it can be deleted at any time and is written again. Nothing of it is written while an alert waits.
    """

    block = models.BigIntegerField(primary_key=True, help_text="Ids of its deliveries, divided by 64.")
    words = SearchVectorField(help_text="Every word of their bodies, codes and details.")

    class Meta:
        db_table = "delivery_words"
        default_permissions = ()
        # Written by the worker a block at a time: what would wait in a list for others is put in place at once.
        indexes = (GinIndex(name="delivery_words_words", fields=("words",), fastupdate=False),)

    def __str__(self) -> str:
        return f"block {self.block}"


class Redrive(models.Model):
    """A rejected delivery that an operator had judged again; once for each, and never changed.

    Deliveries lie in partitions by month: their keys, and those that refer to them, hold the time as well.
    """

    delivery = models.OneToOneField(
        "signals_app.WebhookDelivery", on_delete=models.PROTECT, primary_key=True, related_name="redrive",
        db_constraint=False, help_text="The delivery that was rejected.",
    )  # fmt: skip
    delivery_received_at = models.DateTimeField(help_text="When that was received, UTC.")
    result = models.OneToOneField(
        "signals_app.WebhookDelivery", on_delete=models.PROTECT, related_name="redrive_of",
        db_constraint=False, help_text="The delivery that came of it.",
    )  # fmt: skip
    result_received_at = models.DateTimeField(help_text="When that was received, UTC.")
    reason = models.TextField(help_text="Why, in the operator's words.")
    made_by = models.CharField(max_length=150, help_text="User name.")
    made_at = models.DateTimeField(help_text="By the database clock, UTC.")

    class Meta:
        db_table = "redrives"
        default_permissions = ("view",)
        ordering = ("-made_at",)

    def __str__(self) -> str:
        return f"{self.delivery_id} as {self.result_id}"

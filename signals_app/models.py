"""Tables for what came in and what both engines saw."""

from __future__ import annotations

from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import Q

from kernel.fields import CanonicalJSONField
from kernel.hashing import SHA256_HEX


class WebhookSource(models.Model):
    """One sender of alerts, known by the secret token in its webhook URL."""

    name = models.CharField(max_length=100, help_text="Shown in lists, for people.")
    slug = models.SlugField(
        max_length=50,
        unique=True,
        help_text="Part of every signal's identity. Changing it would make old alerts look new.",
    )
    token_hash = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the URL token; the token itself is kept nowhere."
    )
    previous_token_hash = models.CharField(
        max_length=64,
        unique=True,
        null=True,
        blank=True,
        help_text="A second live token, so that a token can be rotated without losing an alert.",
    )
    body_secret_hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of a second secret expected inside the alert body; empty means none.",
    )
    allowed_addresses = models.JSONField(
        default=list,
        blank=True,
        help_text="List of IP addresses or networks that may send; empty means any.",
    )
    client_certificate_subject = models.CharField(
        max_length=300,
        blank=True,
        default="",
        help_text="Subject that the trusted proxy must report for the sender's TLS certificate; empty means none.",
    )
    max_age_seconds = models.PositiveIntegerField(
        default=300, help_text="Older alerts are recorded as stale and make no signal; 0 turns the check off."
    )
    rate_limit_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Alerts accepted per minute; empty means no limit."
    )
    is_active = models.BooleanField(default=True, help_text="An inactive source is answered like an unknown one.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="UTC.")

    class Meta:
        db_table = "webhook_sources"
        ordering = ("slug",)
        constraints = (
            models.CheckConstraint(
                name="webhook_sources_token_hash_is_sha256", condition=Q(token_hash__regex=SHA256_HEX)
            ),
            models.CheckConstraint(
                name="webhook_sources_previous_token_hash_is_sha256",
                condition=Q(previous_token_hash__isnull=True) | Q(previous_token_hash__regex=SHA256_HEX),
            ),
        )

    def __str__(self) -> str:
        return self.slug


class Direction(models.TextChoices):
    """Which way the alert sees the underlying going."""

    LONG = "LONG"
    SHORT = "SHORT"


class SignalStatus(models.TextChoices):
    """Where a signal stands on its way to a decision."""

    PENDING = "PENDING"
    PROCESSED = "PROCESSED"
    FAILED = "FAILED"


class Signal(models.Model):
    """A normalised trading opportunity; the identity columns never change (R1.1, R1.4)."""

    signal_id = models.UUIDField(
        primary_key=True, help_text="UUIDv5 of source, symbol, direction, timeframe, timestamp and strategy."
    )
    source = models.CharField(max_length=50, help_text="Slug of the webhook source.")
    exchange = models.CharField(max_length=50, blank=True, default="", help_text="As sent; empty when absent.")
    symbol = models.CharField(max_length=64, help_text="Upper case, without the exchange prefix.")
    direction = models.CharField(max_length=5, choices=Direction, help_text="LONG or SHORT on the underlying.")
    timeframe = models.CharField(max_length=10, help_text="Canonical: 5m, 1h, 1d, 1M (month).")
    timestamp = models.DateTimeField(help_text="When the alert fired, UTC.")
    strategy = models.CharField(max_length=200, blank=True, default="", help_text="As sent; empty when absent.")
    signal_hash = models.CharField(max_length=64, help_text="SHA-256 of the identity and the payload.")
    raw_payload = models.JSONField(help_text="The alert as understood JSON, secret members removed.")
    received_at = models.DateTimeField(help_text="When the alert arrived, UTC.")
    status = models.CharField(
        max_length=9, choices=SignalStatus, default=SignalStatus.PENDING, help_text="PENDING until decided."
    )
    processing_lock = models.UUIDField(
        null=True, blank=True, help_text="Claim token of the worker batch that processed it."
    )
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Failed attempts so far.")
    last_error = models.TextField(blank=True, default="", help_text="Why the last attempt failed.")
    next_attempt_at = models.DateTimeField(null=True, blank=True, help_text="Not tried again before, UTC.")
    processed_at = models.DateTimeField(null=True, blank=True, help_text="When the decision was committed, UTC.")
    discarded_at = models.DateTimeField(
        null=True, blank=True, help_text="When an operator gave up a failed signal for good, UTC."
    )
    discarded_by = models.CharField(max_length=150, blank=True, db_default="", help_text="Who gave it up.")
    discard_reason = models.TextField(blank=True, db_default="", help_text="Why it was given up.")

    class Meta:
        db_table = "signals"
        ordering = ("-received_at",)
        indexes = (
            models.Index(name="signals_pending", fields=("received_at",), condition=Q(status=SignalStatus.PENDING)),
            models.Index(name="signals_failed", fields=("next_attempt_at",), condition=Q(status=SignalStatus.FAILED)),
            models.Index(name="signals_received", fields=("-received_at",)),
            models.Index(name="signals_symbol_timestamp", fields=("symbol", "-timestamp")),
        )
        constraints = (
            models.CheckConstraint(name="signals_direction_known", condition=Q(direction__in=Direction.values)),
            models.CheckConstraint(name="signals_status_known", condition=Q(status__in=SignalStatus.values)),
            models.CheckConstraint(name="signals_signal_hash_is_sha256", condition=Q(signal_hash__regex=SHA256_HEX)),
            models.CheckConstraint(
                name="signals_processed_has_time",
                condition=Q(status=SignalStatus.PROCESSED, processed_at__isnull=False)
                | (~Q(status=SignalStatus.PROCESSED) & Q(processed_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="signals_discarded_is_failed_for_good",
                condition=Q(discarded_at__isnull=True) | Q(status=SignalStatus.FAILED, next_attempt_at__isnull=True),
            ),
            models.CheckConstraint(
                name="signals_discarded_has_name_and_reason",
                condition=Q(discarded_at__isnull=True, discarded_by="", discard_reason="")
                | (Q(discarded_at__isnull=False) & ~Q(discarded_by="") & ~Q(discard_reason="")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.symbol} {self.direction} {self.timeframe} {self.timestamp:%Y-%m-%dT%H:%M:%SZ}"


class DeliveryOutcome(models.TextChoices):
    """What became of one webhook request."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    RECORDED = "recorded"
    REJECTED = "rejected"


class WebhookDelivery(models.Model):
    """One request with a valid token, kept with its exact bytes; secrets are masked."""

    received_at = models.DateTimeField(help_text="UTC.")
    source = models.ForeignKey(WebhookSource, on_delete=models.PROTECT, related_name="deliveries")
    remote_address = models.GenericIPAddressField(null=True, help_text="Sender, as told by the trusted proxy.")
    content_type = models.CharField(max_length=200, blank=True, default="", help_text="As sent.")
    body = models.BinaryField(help_text="Exact bytes up to 64 KiB, secret values masked.")
    body_sha256 = models.CharField(max_length=64, help_text="SHA-256 of the bytes as they came.")
    outcome = models.CharField(max_length=9, choices=DeliveryOutcome, help_text="What became of it.")
    code = models.CharField(max_length=40, blank=True, default="", help_text="Error code or reason.")
    detail = models.TextField(blank=True, default="", help_text="The sentence the sender was answered.")
    signal_id = models.UUIDField(null=True, blank=True, help_text="The signal it made or met.")
    duration_ms = models.DecimalField(
        max_digits=9, decimal_places=2, help_text="From the first byte read to the row written, milliseconds."
    )

    class Meta:
        db_table = "webhook_deliveries"
        verbose_name_plural = "webhook deliveries"
        ordering = ("-id",)
        indexes = (
            models.Index(name="webhook_deliveries_received", fields=("-received_at",)),
            models.Index(name="webhook_deliveries_signal", fields=("signal_id",), condition=Q(signal_id__isnull=False)),
        )
        constraints = (
            models.CheckConstraint(
                name="webhook_deliveries_outcome_known", condition=Q(outcome__in=DeliveryOutcome.values)
            ),
        )

    def __str__(self) -> str:
        return f"{self.outcome} {self.code} {self.received_at:%Y-%m-%dT%H:%M:%SZ}"


class MarketData(models.Model):
    """One observation pushed by a feeder; nothing is ever fetched (R7.1)."""

    symbol = models.CharField(max_length=64, help_text="As signals write it.")
    as_of = models.DateTimeField(help_text="The instant the data describe, UTC.")
    received_at = models.DateTimeField(help_text="When it was pushed, UTC.")
    source = models.CharField(max_length=50, help_text="Name of the feeder's key.")
    data = CanonicalJSONField(help_text="As pushed, in canonical form.")

    class Meta:
        db_table = "market_data"
        verbose_name_plural = "market data"
        ordering = ("-as_of",)
        constraints = (
            models.UniqueConstraint(
                name="market_data_one_per_source_and_instant", fields=("symbol", "as_of", "source")
            ),
        )

    def __str__(self) -> str:
        return f"{self.symbol} {self.as_of:%Y-%m-%dT%H:%M:%SZ}"


class MarketContext(models.Model):
    """The frozen document both engines get, byte for byte the same (R1.2, R1.3, R9.3)."""

    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, primary_key=True, related_name="market_context")
    context = CanonicalJSONField(help_text="Canonical JSON (RFC 8785).")
    context_hash = models.CharField(max_length=64, help_text="SHA-256 of the context's canonical bytes.")
    created_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        db_table = "market_contexts"
        # Engines and operators look a context up by its hash; this kind keeps four bytes of each.
        indexes = (HashIndex(name="market_contexts_hash", fields=("context_hash",)),)

    def __str__(self) -> str:
        return self.context_hash

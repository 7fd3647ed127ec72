"""Tables for what came in and what both engines saw."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Left

from kernel.canonical import HASH_HEAD, SHA256_HEX
from kernel.fields import CanonicalJSONField
from kernel.values import instant_text
from signals_app.inbox_models import DeliveryWords, Redrive  # noqa: F401 (of this app)
from signals_app.watch_models import AlertArrival, AlertStream, AlertWatch, MissingAlert  # noqa: F401 (of this app)


class BareSell(models.TextChoices):
    """What a source means by a sell that nothing else in the alert explains."""

    ENTRY_SHORT = "entry_short", "Short entry"
    EXIT = "exit", "Exit of a long position"


class WebhookSource(models.Model):
    """A sender of alerts, identified by the secret token in its webhook URL."""

    name = models.CharField(max_length=100, help_text="Display name.")
    slug = models.SlugField(
        max_length=50,
        unique=True,
        help_text="Part of every signal's identity, so it can never be changed.",
    )
    token_hash = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the token in the webhook URL. The token itself is not stored."
    )
    previous_token_hash = models.CharField(
        max_length=64,
        unique=True,
        null=True,
        blank=True,
        help_text="The previous token stays valid until the next rotation, so that no alert is lost.",
    )
    body_secret_hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of the secret that the alert body must contain. Blank if none is required.",
    )
    allowed_addresses = models.JSONField(
        default=list,
        blank=True,
        help_text="IP addresses or networks that may send alerts. Empty for any.",
    )
    client_certificate_subject = models.CharField(
        max_length=300,
        blank=True,
        default="",
        help_text="Required subject of the sender's TLS certificate, as the proxy reports it. Blank for none.",
    )
    max_age_seconds = models.PositiveIntegerField(
        default=300, help_text="Older alerts are recorded as stale and create no signal. 0 disables the check."
    )
    bare_sell = models.CharField(
        max_length=11,
        choices=BareSell,
        default=BareSell.ENTRY_SHORT,
        help_text="Meaning of an alert that says only sell. Choose exit if this source never goes short.",
    )
    rate_limit_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Maximum number of alerts per minute. Blank for no limit."
    )
    replay = models.BooleanField(
        default=False,
        help_text="The feed of a demo, a backtest or a rehearsal: alerts are as old as they are, and the latest one is "
        "the source's clock. Not allowed in LIVE mode.",
    )
    is_active = models.BooleanField(
        default=True, help_text="Alerts of a disabled source get 401, like those with an unknown token."
    )
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
            models.CheckConstraint(name="webhook_sources_bare_sell_known", condition=Q(bare_sell__in=BareSell.values)),
            models.CheckConstraint(
                name="webhook_sources_replay_has_no_max_age", condition=Q(replay=False) | Q(max_age_seconds=0)
            ),
        )

    def __str__(self) -> str:
        return self.slug


class Direction(models.TextChoices):
    """The direction in which the alert expects the underlying to move."""

    LONG = "LONG"
    SHORT = "SHORT"


class SignalStatus(models.TextChoices):
    """Whether a signal has been decided; a failed one is retried until its attempts are used up."""

    PENDING = "PENDING"
    PROCESSED = "PROCESSED"
    FAILED = "FAILED"


class Signal(models.Model):
    """A normalised trading opportunity; what came in with it never changes (R1.1, R1.4)."""

    signal_id = models.UUIDField(
        primary_key=True,
        help_text="UUIDv5 of source, exchange, symbol, direction, timeframe, timestamp, strategy and order id.",
    )
    source = models.CharField(max_length=50, help_text="Slug of the webhook source.")
    exchange = models.CharField(
        max_length=50, blank=True, default="", help_text="As sent. Blank if the alert has none."
    )
    symbol = models.CharField(max_length=64, help_text="Upper case, without exchange prefix.")
    direction = models.CharField(max_length=5, choices=Direction, help_text="LONG or SHORT on the underlying.")
    timeframe = models.CharField(max_length=10, help_text="Normalised, such as 5m, 1h, 1d or 1M (month).")
    timestamp = models.DateTimeField(help_text="When the alert fired, UTC.")
    strategy = models.CharField(
        max_length=200, blank=True, default="", help_text="As sent. Blank if the alert has none."
    )
    order_id = models.CharField(
        max_length=200, blank=True, default="", help_text="Id of the strategy's order. Blank if the alert has none."
    )
    signal_hash = models.CharField(max_length=64, help_text="SHA-256 of the signal's identity and payload.")
    raw_payload = models.JSONField(help_text="The alert's JSON, without its secrets.")
    consumed_fields = ArrayField(
        models.TextField(),
        help_text="Payload fields that were read into the columns above. Engines receive the remaining ones.",
    )
    received_at = models.DateTimeField(help_text="When the alert arrived, UTC.")
    status = models.CharField(
        max_length=9,
        choices=SignalStatus,
        default=SignalStatus.PENDING,
        help_text="PENDING until the worker decides it.",
    )
    processing_lock = models.UUIDField(
        null=True, blank=True, help_text="Token of the worker batch that processed the signal."
    )
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Number of failed attempts.")
    last_error = models.TextField(blank=True, default="", help_text="Why the last attempt failed.")
    next_attempt_at = models.DateTimeField(
        null=True, blank=True, help_text="Earliest time of the next retry, UTC. Blank if none is scheduled."
    )
    processed_at = models.DateTimeField(null=True, blank=True, help_text="When the decision was committed, UTC.")
    replayed = models.BooleanField(
        default=False, db_default=False, help_text="Whether its source was a replay when the alert arrived."
    )
    discarded_at = models.DateTimeField(
        null=True, blank=True, help_text="When an operator discarded the failed signal, UTC."
    )
    # In the database, too: the webhook's statement does not name these two columns.
    discarded_by = models.CharField(max_length=150, blank=True, db_default="", help_text="Who discarded the signal.")
    discard_reason = models.TextField(blank=True, db_default="", help_text="Why it was discarded.")

    class Meta:
        db_table = "signals"
        ordering = ("-received_at",)
        indexes = (
            # No index may name the status: a decision changes no column that one does, so that it writes the row and no
            # index where the page has room. What waits is in the worker's queue; of what has failed, this holds all.
            models.Index(name="signals_tried", fields=("-received_at",), condition=Q(attempts__gt=0)),
            models.Index(name="signals_received", fields=("-received_at",)),
            # The list of signals by market date, which for a replay is not when they came.
            models.Index(name="signals_timestamp", fields=("-timestamp",)),
            models.Index(name="signals_symbol_timestamp", fields=("symbol", "-timestamp")),
            # Most alerts name none; those of a strategy name few, which PostgreSQL keeps once each.
            models.Index(name="signals_order", fields=("order_id",), condition=~Q(order_id="")),
            # What was decided at a time lies together, so that this says of a megabyte whether to look there.
            BrinIndex(name="signals_processed", fields=("processed_at",), autosummarize=True),
            # The clock of a replay source; live signals pay nothing for it.
            models.Index(name="signals_replay_clock", fields=("source", "timestamp"), condition=Q(replayed=True)),
        )
        constraints = (
            models.CheckConstraint(name="signals_direction_known", condition=Q(direction__in=Direction.values)),
            models.CheckConstraint(name="signals_status_known", condition=Q(status__in=SignalStatus.values)),
            models.CheckConstraint(
                name="signals_failed_was_tried", condition=~Q(status=SignalStatus.FAILED) | Q(attempts__gt=0)
            ),
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
        return f"{self.symbol} {self.direction} {self.timeframe} {instant_text(self.timestamp)}"


class DeliveryOutcome(models.TextChoices):
    """How one webhook request was handled."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    RECORDED = "recorded"
    REJECTED = "rejected"


class WebhookDelivery(models.Model):
    """A request with a valid token, byte for byte, with its secrets masked."""

    received_at = models.DateTimeField(help_text="UTC.")
    source = models.ForeignKey(WebhookSource, on_delete=models.PROTECT, related_name="deliveries")
    remote_address = models.GenericIPAddressField(
        null=True, help_text="IP address of the sender. Behind a trusted proxy, the address it reports."
    )
    content_type = models.CharField(max_length=200, blank=True, default="", help_text="As sent.")
    # Bytes, because jsonb drops the order of members, equal keys and white space.
    body = models.BinaryField(help_text="The first 64 KiB as received, with secrets masked.")
    body_sha256 = models.CharField(max_length=64, help_text="SHA-256 of the body as received.")
    outcome = models.CharField(max_length=9, choices=DeliveryOutcome, help_text="How the delivery was handled.")
    code = models.CharField(
        max_length=40, blank=True, default="", help_text="Error code of a rejected delivery, reason of a recorded one."
    )
    detail = models.TextField(
        blank=True, default="", help_text="Error message returned to the sender, or what made it an exit."
    )
    signal_id = models.UUIDField(
        null=True, blank=True, help_text="The signal that it created, duplicates or conflicts with."
    )
    alert_time = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Time of a recorded alert from a replay source, UTC: it moves the source's clock. Blank for others.",
    )
    duration_ms = models.DecimalField(
        max_digits=9, decimal_places=2, help_text="Time from receipt to storage, in milliseconds."
    )

    class Meta:
        db_table = "webhook_deliveries"
        verbose_name_plural = "webhook deliveries"
        permissions = (("redrive_webhookdelivery", "Can have rejected deliveries judged again"),)
        ordering = ("-id",)
        indexes = (
            models.Index(name="webhook_deliveries_received", fields=("-received_at",)),
            # The few that were not accepted; most are, and cost nothing here.
            models.Index(
                name="webhook_deliveries_outcome", fields=("outcome", "-id"), condition=~Q(outcome="accepted")
            ),
            models.Index(name="webhook_deliveries_code", fields=("code", "-id"), condition=~Q(code="")),
            models.Index(
                name="webhook_deliveries_clock",
                fields=("source", "alert_time"),
                condition=Q(alert_time__isnull=False),
            ),
            models.Index(name="webhook_deliveries_signal", fields=("signal_id",), condition=Q(signal_id__isnull=False)),
        )
        constraints = (
            models.CheckConstraint(
                name="webhook_deliveries_outcome_known", condition=Q(outcome__in=DeliveryOutcome.values)
            ),
        )

    def __str__(self) -> str:
        return f"{self.outcome} {self.code} {instant_text(self.received_at)}"

    @property
    def signal_link(self) -> tuple[str, object]:
        """Admin model and ID of its signal."""
        return "signals_app_signal", self.signal_id


class UnknownTokenAttempt(models.Model):
    """How often an address called the webhook with a token that no active source has, hour by hour."""

    address = models.GenericIPAddressField(
        null=True, help_text="IP address of the sender, the first of its /64 for IPv6. Blank if it is not known."
    )
    hour = models.DateTimeField(help_text="Beginning of the hour, UTC.")
    attempts = models.PositiveIntegerField(help_text="Number of requests in this hour.")
    last_at = models.DateTimeField(help_text="When the latest one arrived, UTC.")

    class Meta:
        db_table = "unknown_token_attempts"
        ordering = ("-hour",)
        constraints = (
            models.UniqueConstraint(
                name="unknown_token_attempts_one_per_hour", fields=("address", "hour"), nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return f"{self.address or 'unknown'} {instant_text(self.hour)}"


class MarketData(models.Model):
    """An observation that a feeder pushed; nothing is ever fetched (R7.1)."""

    symbol = models.CharField(max_length=64, help_text="Same notation as in signals.")
    exchange = models.CharField(
        max_length=50,
        blank=True,
        default="",
        help_text="As in the symbol that was pushed, without the mark of delayed data. Blank if it named none.",
    )
    as_of = models.DateTimeField(help_text="The time that the data describe, UTC.")
    received_at = models.DateTimeField(help_text="When the feeder pushed the data, UTC.")
    source = models.CharField(max_length=50, help_text="Name of the feeder's API key.")
    data = CanonicalJSONField(help_text="The data as pushed, as canonical JSON.")

    class Meta:
        db_table = "market_data"
        verbose_name_plural = "market data"
        ordering = ("-as_of",)
        constraints = (
            models.UniqueConstraint(
                name="market_data_one_per_source_and_instant", fields=("symbol", "as_of", "source", "exchange")
            ),
        )

    def __str__(self) -> str:
        return f"{self.symbol} {instant_text(self.as_of)}"


class MarketContext(models.Model):
    """The frozen document both engines get, byte for byte the same (R1.2, R1.3, R9.3)."""

    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, primary_key=True, related_name="market_context")
    context = CanonicalJSONField(help_text="Canonical JSON (RFC 8785).")
    context_hash = models.CharField(max_length=64, help_text="SHA-256 of the context.")
    created_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        db_table = "market_contexts"
        # Whoever looks a context up has its hash, or the first digits of it.
        indexes = (
            models.Index(Left("context_hash", HASH_HEAD), name="market_contexts_hash"),
            BrinIndex(name="market_contexts_created", fields=("created_at",), autosummarize=True),
        )

    def __str__(self) -> str:
        return self.context_hash

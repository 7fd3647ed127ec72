"""Tables of what sources should send: how each is watched, what it is expected to send, and what is missing."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from kernel.values import instant_text

MIN_GRACE_SECONDS, MAX_GRACE_SECONDS = 5, 3600
MAX_SILENCE_MINUTES = 30 * 24 * 60


def every_day() -> list[int]:
    """Monday to Sunday, as ISO numbers."""
    return list(range(1, 8))


class WatchMode(models.TextChoices):
    """By what a source is seen to have sent less than it should."""

    OFF = "off", "Off"
    EVERY_BAR = "every_bar", "Every bar"
    SEQUENCE = "sequence", "Sequence numbers"
    HABIT = "habit", "Unusual silence"


class AlertWatch(models.Model):
    """How a source is watched, and what is known of its habit. A source without a row, a replay, is not watched."""

    source = models.OneToOneField(
        "signals_app.WebhookSource", on_delete=models.CASCADE, primary_key=True, related_name="watch"
    )
    mode = models.CharField(
        max_length=9,
        choices=WatchMode,
        default=WatchMode.OFF,
        help_text="Every bar: an alert is expected at the close of each bar. Sequence numbers: every message has "
        "one, and none may be left out. Unusual silence: numbers are followed where messages have them. Unless "
        "off, an unusual silence is reported.",
    )
    grace_seconds = models.PositiveIntegerField(
        default=30, help_text="Seconds after its expected time at which an alert is due."
    )
    bar_clock = models.CharField(
        max_length=10,
        blank=True,
        default="",
        help_text="Expected timeframe. Blank to use each alert's own.",
    )
    max_silence_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text="Longest silence during market hours, in minutes. Blank to learn it."
    )
    timezone = models.CharField(max_length=64, default="UTC", help_text="IANA time zone of the market's hours.")
    days = ArrayField(
        models.PositiveSmallIntegerField(), default=every_day, help_text="Days on which a session begins; Monday is 1."
    )
    opens = models.TimeField(null=True, blank=True, help_text="Local time. Blank for midnight.")
    closes = models.TimeField(
        null=True, blank=True, help_text="Local time; may be on the next day. Blank for midnight."
    )
    holidays = ArrayField(
        models.CharField(max_length=16),
        default=list,
        blank=True,
        help_text="Market holidays and early closes.",
    )
    since = models.DateTimeField(help_text="Nothing before this time counts as missing, UTC.")
    known_until = models.DateTimeField(help_text="Alerts are read up to this time, UTC.")
    next_look_at = models.DateTimeField(help_text="When the worker looks again, UTC.")
    alerts = models.PositiveIntegerField(
        default=0, help_text="Number of alerts from which the usual silence was learned."
    )
    first_heard_at = models.DateTimeField(null=True, blank=True, help_text="First of these alerts, UTC.")
    last_heard_at = models.DateTimeField(null=True, blank=True, help_text="Latest alert, UTC.")
    silences = ArrayField(
        models.FloatField(),
        default=list,
        help_text="Latest silences of a minute or more during market hours, in seconds.",
    )

    class Meta:
        db_table = "alert_watches"
        verbose_name_plural = "alert watches"
        constraints = (
            models.CheckConstraint(name="alert_watches_mode_known", condition=Q(mode__in=WatchMode.values)),
            models.CheckConstraint(
                name="alert_watches_grace_within_limits",
                condition=Q(grace_seconds__gte=MIN_GRACE_SECONDS, grace_seconds__lte=MAX_GRACE_SECONDS),
            ),
            models.CheckConstraint(
                name="alert_watches_silence_within_limits",
                condition=Q(max_silence_minutes__isnull=True)
                | Q(max_silence_minutes__gte=1, max_silence_minutes__lte=MAX_SILENCE_MINUTES),
            ),
            models.CheckConstraint(
                name="alert_watches_days_known", condition=Q(days__contained_by=every_day(), days__len__gte=1)
            ),
            models.CheckConstraint(
                name="alert_watches_opens_and_closes",
                condition=Q(opens__isnull=True, closes__isnull=True) | Q(opens__isnull=False, closes__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.source_id} {self.mode}"


class AlertStream(models.Model):
    """Alerts of a source that have one clock or one count, and how far they are accounted for."""

    source = models.ForeignKey("signals_app.WebhookSource", on_delete=models.CASCADE, related_name="+")
    exchange = models.CharField(max_length=50, blank=True, help_text="As sent. Blank if its alerts have none.")
    symbol = models.CharField(max_length=64, help_text="Upper case, without exchange prefix.")
    timeframe = models.CharField(
        max_length=10, blank=True, help_text="Timeframe of the bars for which alerts are expected."
    )
    strategy = models.CharField(max_length=200, blank=True, help_text="Blank where every strategy's alert counts.")
    last_heard_at = models.DateTimeField(help_text="Latest alert, UTC.")
    accounted_until = models.DateTimeField(
        null=True, help_text="Close of the latest bar that was accounted for, UTC. Blank if bars have no clock."
    )
    series = models.PositiveIntegerField(default=0, help_text="Number of times the sender has restarted its count.")
    sequence = models.BigIntegerField(null=True, help_text="Latest number. Blank if its alerts have none.")
    sequence_fired_at = models.DateTimeField(null=True, help_text="When the alert with this number fired, UTC.")

    class Meta:
        db_table = "alert_streams"
        ordering = ("source", "symbol", "timeframe", "strategy", "exchange")
        constraints = (
            models.UniqueConstraint(
                name="alert_streams_once", fields=("source", "exchange", "symbol", "timeframe", "strategy")
            ),
        )

    def __str__(self) -> str:
        return " ".join(filter(None, (self.symbol, self.timeframe, self.strategy)))


class AlertArrival(models.Model):
    """A delivery of a watched source as far as it tells whether another is missing; kept until it is accounted for."""

    # The database's key holds the time as well, see Redrive; so does that of a missing alert.
    delivery = models.OneToOneField(
        "signals_app.WebhookDelivery", on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    source = models.ForeignKey("signals_app.WebhookSource", on_delete=models.CASCADE, related_name="+")
    stream = models.ForeignKey(AlertStream, on_delete=models.CASCADE, null=True, related_name="+")
    received_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True)
    bar_at = models.DateTimeField(null=True)
    sequence = models.BigIntegerField(null=True)
    used = models.BooleanField()

    class Meta:
        db_table = "alert_arrivals"
        indexes = (models.Index(name="alert_arrivals_of_source", fields=("source", "received_at")),)

    def __str__(self) -> str:
        return f"{self.delivery_id}"


class MissingKind(models.TextChoices):
    """What was expected: the alert of a bar, the alert with a number, or any at all."""

    BAR = "bar", "Bar"
    SEQUENCE = "sequence", "Sequence number"
    SILENCE = "silence", "Silence"


class MissingAlert(models.Model):
    """An alert that was due and had not come; what was expected never changes."""

    kind = models.CharField(max_length=8, choices=MissingKind, help_text="What was expected.")
    source = models.CharField(max_length=50, help_text="Slug of the webhook source.")
    exchange = models.CharField(max_length=50, blank=True, help_text="As in earlier alerts. Blank if they have none.")
    symbol = models.CharField(max_length=64, blank=True, help_text="Blank for a silence of the whole source.")
    timeframe = models.CharField(max_length=10, blank=True, help_text="Blank if the alerts have none.")
    strategy = models.CharField(max_length=200, blank=True, help_text="Blank where every strategy's alert counts.")
    expected_at = models.DateTimeField(
        null=True, help_text="Close of the bar, or end of the longest usual silence, UTC. Blank for a number."
    )
    series = models.PositiveIntegerField(null=True, help_text="Number of times the sender had restarted its count.")
    sequence = models.BigIntegerField(null=True, help_text="The sequence number that was skipped.")
    due_at = models.DateTimeField(help_text="Latest time at which the alert should have arrived, UTC.")
    noticed_at = models.DateTimeField(db_default=Now(), help_text="When the worker reported it missing, UTC.")
    resolved_at = models.DateTimeField(
        null=True, help_text="When the alert arrived after all, or the silence ended, UTC. Blank until then."
    )
    delivery = models.ForeignKey(
        "signals_app.WebhookDelivery",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        help_text="The alert that arrived late.",
    )
    delivery_received_at = models.DateTimeField(null=True, help_text="When that alert was received, UTC.")

    class Meta:
        db_table = "missing_alerts"
        ordering = ("-id",)
        indexes = (
            models.Index(name="missing_alerts_noticed", fields=("-noticed_at",)),
            models.Index(
                name="missing_alerts_open", fields=("source", "symbol"), condition=Q(resolved_at__isnull=True)
            ),
        )
        constraints = (
            models.CheckConstraint(name="missing_alerts_kind_known", condition=Q(kind__in=MissingKind.values)),
            models.UniqueConstraint(
                name="missing_alerts_named_once",
                fields=(
                    "source",
                    "symbol",
                    "kind",
                    "expected_at",
                    "sequence",
                    "series",
                    "timeframe",
                    "exchange",
                    "strategy",
                ),
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                name="missing_alerts_one_silence",
                fields=("source",),
                condition=Q(kind="silence", resolved_at__isnull=True),
            ),
            models.CheckConstraint(
                name="missing_alerts_says_what_was_expected",
                condition=Q(kind="bar", expected_at__isnull=False, sequence__isnull=True, series__isnull=True)
                | Q(kind="sequence", expected_at__isnull=True, sequence__isnull=False, series__isnull=False)
                | Q(kind="silence", expected_at__isnull=False, sequence__isnull=True, series__isnull=True, symbol=""),
            ),
            models.CheckConstraint(
                name="missing_alerts_delivery_has_its_time",
                condition=Q(delivery__isnull=True, delivery_received_at__isnull=True)
                | Q(delivery__isnull=False, delivery_received_at__isnull=False),
            ),
            models.CheckConstraint(
                name="missing_alerts_named_when_due", condition=Q(noticed_at__gte=models.F("due_at"))
            ),
        )

    def __str__(self) -> str:
        expected = f"number {self.sequence}" if self.expected_at is None else instant_text(self.expected_at)
        return " ".join(filter(None, (self.symbol or self.source, self.timeframe, expected)))

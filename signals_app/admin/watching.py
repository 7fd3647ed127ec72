"""What is missing, what is expected, and the form that says how a source is watched."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from admin_kit.display import badge, label, link, link_to
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from kernel.actors import actor_of
from kernel.values import instant_text
from signals_app.alerts.missing import longest_silence
from signals_app.watch_models import (
    MAX_GRACE_SECONDS,
    MAX_SILENCE_MINUTES,
    MIN_GRACE_SECONDS,
    AlertStream,
    AlertWatch,
    MissingAlert,
    MissingKind,
    WatchMode,
)
from signals_app.watching.look import habit_of
from signals_app.watching.watches import DAY_NAMES, WatchSettings, settings_of, stop_expecting

KIND_COLOURS = {"bar": "info", "sequence": "info", "silence": "warning"}
HOLIDAYS_HINT = (
    "Days on which no session begins, one per line: 2026-12-25. With a time, its session closes early: "
    "2026-11-27 13:00."
)


class ArrivedFilter(admin.SimpleListFilter):
    """Alerts that have not come yet, or those that came late."""

    title = "arrival"
    parameter_name = "arrival"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both kinds."""
        return [("none", "Still missing"), ("alert", "Single alerts still missing"), ("late", "Arrived late")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[MissingAlert]) -> QuerySet[MissingAlert]:
        """Narrow to the chosen kind; an unknown one narrows nothing."""
        if self.value() == "alert":
            queryset = queryset.exclude(kind=MissingKind.SILENCE)
        if self.value() in {"none", "alert", "late"}:
            return queryset.filter(resolved_at__isnull=self.value() != "late")
        return queryset


@admin.register(MissingAlert)
class MissingAlertAdmin(AuditAdmin):
    """Alerts that were due and had not come."""

    list_display = (
        "noticed_at",
        badge("kind", KIND_COLOURS),
        "source",
        "full_symbol",
        "timeframe",
        "strategy",
        "expected",
        "due_at",
        "arrival",
    )
    list_filter = ("kind", ArrivedFilter, recent("noticed_at"))
    search_fields = ("source__exact", "symbol__exact")
    search_help_text = "Source or symbol, exact match"
    fields = (
        badge("kind", KIND_COLOURS),
        "source",
        "exchange",
        "symbol",
        "timeframe",
        "strategy",
        "expected_at",
        "sequence",
        "series",
        "due_at",
        "noticed_at",
        "resolved_at",
        link_to("delivery_id", "signals_app_webhookdelivery"),
    )
    csv_columns = (
        "id", "kind", "source", "exchange", "symbol", "timeframe", "strategy", "expected_at", "sequence", "due_at",
        "noticed_at", "resolved_at", "delivery_id",
    )  # fmt: skip
    empty_hint = "Alerts that a watched source should have sent and did not. Choose Watch on a source's page."
    empty_commands = ("manage.py source watch tv every_bar",)

    @admin.display(description="symbol")
    def full_symbol(self, row: MissingAlert) -> str:
        """The symbol with its exchange."""
        return f"{row.exchange}:{row.symbol}" if row.exchange else row.symbol

    @admin.display(description="expected")
    def expected(self, row: MissingAlert) -> str:
        """The close of the bar, the number, or the time by which any alert should have come."""
        return f"number {row.sequence}" if row.expected_at is None else instant_text(row.expected_at)

    @admin.display(description="arrival")
    def arrival(self, row: MissingAlert) -> SafeString:
        """Whether it came after all."""
        if row.resolved_at is None:
            return label("missing", "danger")
        return label(f"late, {instant_text(row.resolved_at)}", "success")


@admin.register(AlertStream)
class AlertStreamAdmin(AuditAdmin):
    """What watched sources are expected to send, as learned from their alerts."""

    list_display = (
        "symbol",
        "exchange",
        "timeframe",
        "strategy",
        "source_link",
        "last_heard_at",
        "accounted_until",
        "sequence",
    )
    ordering = ("symbol", "timeframe", "pk")
    list_select_related = ("source",)
    search_fields = ("symbol__exact",)
    search_help_text = "Symbol, exact match"
    actions = ("stop",)
    fields = (
        "source",
        "exchange",
        "symbol",
        "timeframe",
        "strategy",
        "last_heard_at",
        "accounted_until",
        "sequence",
        "sequence_fired_at",
        "series",
    )
    empty_hint = "Symbols and timeframes are learned from the alerts of the sources that are watched for missing ones."
    empty_commands = ("manage.py source watch tv every_bar",)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Whether the user has `signals_app.change_webhooksource`."""
        return request.user.has_perm("signals_app.change_webhooksource")

    @admin.display(description="source")
    def source_link(self, stream: AlertStream) -> SafeString:
        """A link to the source."""
        return link("signals_app_webhooksource", stream.source_id, stream.source.slug)

    @admin.action(description="Stop expecting alerts until the next one", permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[AlertStream]) -> None:
        """Expect nothing more of the selected ones, such as a symbol that was taken out of the alert."""
        count = stop_expecting(queryset.select_related("source"), actor=actor_of(request))
        messages.success(request, f"No longer expected: {count} stream{pluralize(count)}.")


def watching_of(watch: AlertWatch | None) -> str:
    """How a source is watched, as a sentence."""
    if watch is None or watch.mode == WatchMode.OFF:
        return "Off"
    sentences = []
    if watch.mode == WatchMode.EVERY_BAR:
        bars = f"Every {watch.bar_clock} bar" if watch.bar_clock else "Every bar of each symbol and timeframe"
        sentences.append(f"{bars}, due {watch.grace_seconds} s after its close.")
    if watch.mode == WatchMode.SEQUENCE:
        sentences.append(f"Every sequence number, due {watch.grace_seconds} s after a higher one.")
    if watch.mode == WatchMode.HABIT:
        sentences.append(
            f"Every sequence number where messages have one, due {watch.grace_seconds} s after a higher one."
        )
    sentences.append(_silence(watch))
    hours = "all day" if watch.opens is None else f"{watch.opens:%H:%M} to {watch.closes:%H:%M}"
    named = ", ".join(DAY_NAMES[day - 1][:3] for day in watch.days)
    days = "every day" if len(watch.days) == len(DAY_NAMES) else named
    sentences.append(f"Market hours: {hours}, {days}, {watch.timezone}.")
    return " ".join(sentences)


def _silence(watch: AlertWatch) -> str:
    if watch.max_silence_minutes is not None:
        return f"Alarm after {watch.max_silence_minutes} min of silence."
    learned = longest_silence(habit_of(watch))
    if learned is None:
        return f"Still learning its usual silences ({watch.alerts} alerts)."
    return f"Alarm after {learned.total_seconds() / 60:.0f} min of silence, as learned."


class WatchForm(forms.Form):
    """How a source is watched for missing alerts."""

    mode = forms.ChoiceField(
        choices=WatchMode,
        label="Watch for",
        widget=UnfoldAdminSelectWidget,
        help_text="Every bar: for alerts that fire once per bar close. Sequence numbers: every message has one in "
        '"sequence". Unusual silence: for all others; numbers are followed where messages have them. Each also '
        "reports an unusual silence.",
    )
    grace_seconds = forms.IntegerField(
        min_value=MIN_GRACE_SECONDS,
        max_value=MAX_GRACE_SECONDS,
        initial=30,
        label="Grace (seconds)",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How many seconds an alert may take after the close of its bar, or after a higher number. "
        "TradingView retries for 15 s.",
    )
    bar_clock = forms.CharField(
        max_length=10,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Timeframe of the bars that alerts are expected for, such as 5m, 1h or 1d. Leave blank to learn it "
        "from each alert.",
    )
    max_silence_minutes = forms.IntegerField(
        min_value=1,
        max_value=MAX_SILENCE_MINUTES,
        required=False,
        label="Longest silence (minutes)",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="During market hours. Leave blank to learn it: three times the 95th percentile of past silences, and "
        "where the market is open all week, none in which earlier weeks were silent as well.",
    )
    timezone = forms.CharField(
        max_length=64,
        initial="UTC",
        label="Time zone",
        widget=UnfoldAdminTextInputWidget,
        help_text="IANA time zone of the market hours, such as America/New_York.",
    )
    days = forms.TypedMultipleChoiceField(
        choices=[(day, name) for day, name in enumerate(DAY_NAMES, start=1)],
        coerce=int,
        initial=list(range(1, 8)),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Days on which a session begins. Futures begin on Sunday evening.",
    )
    opens = forms.TimeField(
        required=False,
        input_formats=["%H:%M", "%H:%M:%S"],
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "09:30"}),
        help_text="Local time. Leave both blank if the market is open all day.",
    )
    closes = forms.TimeField(
        required=False,
        input_formats=["%H:%M", "%H:%M:%S"],
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "16:00"}),
        help_text="Local time; at or before the opening time, it is on the next day.",
    )
    holidays = forms.CharField(
        required=False,
        max_length=10_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=HOLIDAYS_HINT,
    )

    def settings(self) -> WatchSettings:
        """The validated settings as `set_watch` takes them."""
        entered = self.cleaned_data
        lines = (line.strip() for line in entered["holidays"].splitlines())
        return WatchSettings(**entered | {"holidays": tuple(filter(None, lines)), "days": tuple(entered["days"])})


def initial_of(watch: AlertWatch | None) -> dict[str, Any]:
    """What the form shows first: the settings as stored, or those of a source that is not watched."""
    settings = settings_of(watch) if watch else WatchSettings()
    return {
        "mode": settings.mode,
        "grace_seconds": settings.grace_seconds,
        "bar_clock": settings.bar_clock,
        "max_silence_minutes": settings.max_silence_minutes,
        "timezone": settings.timezone,
        "days": list(settings.days),
        "opens": f"{settings.opens:%H:%M}" if settings.opens else None,
        "closes": f"{settings.closes:%H:%M}" if settings.closes else None,
        "holidays": "\n".join(settings.holidays),
    }

"""Signals: the queue that the worker empties; failed ones can be retried or discarded.

The page belongs to this app and not to that of the model: it shows the experiment of each signal, and its actions are
writes of the queue, which `signals_app` knows nothing of.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from admin_kit.display import STATUS_COLOURS, beside_replayed, full_hash, hash_of, json_of, label, link
from admin_kit.filters import recent
from admin_kit.form_fields import reason_field
from admin_kit.options import AuditAdmin
from experiments.services import discard_failed, requeue_failed
from kernel.actors import actor_of
from signals_app.models import Direction, Signal, SignalStatus
from signals_app.selectors import deliveries_of

# What finds the signals of a status, which no index holds; decided ones are nearly all.
FOUND_BY: dict[str, Q] = {
    SignalStatus.PENDING: Q(pk__in=RawSQL("SELECT signal_id FROM pending_signals", ())),
    SignalStatus.FAILED: Q(attempts__gt=0),
}


class DiscardForm(forms.Form):
    """Why failed signals are discarded."""

    reason = reason_field("Kept with your name on each signal and in the audit log.")


class StatusFilter(admin.ChoicesFieldListFilter):
    """Signals of one status, looked up where there are few of them."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Signal]) -> QuerySet[Signal]:
        """Narrow to the chosen status."""
        found = cast("QuerySet[Signal]", super().queryset(request, queryset))
        for chosen in self.lookup_val or ():
            found = found.filter(FOUND_BY.get(chosen, Q()))
        return found


class DiscardedFilter(admin.SimpleListFilter):
    """Failed signals that an operator discarded, or those that still need attention."""

    title = "failure"
    parameter_name = "failure"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both kinds of failed signals."""
        return [("open", "Open"), ("discarded", "Discarded")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Signal]) -> QuerySet[Signal]:
        """Narrow to the chosen kind; an unknown one narrows nothing."""
        if self.value() == "open":
            return _open_failures(queryset)
        if self.value() == "discarded":
            return queryset.filter(FOUND_BY[SignalStatus.FAILED], discarded_at__isnull=False)
        return queryset


@admin.register(Signal)
class SignalAdmin(AuditAdmin):
    """What came in; nothing of it can be edited (R1.4)."""

    list_display = (
        "received_at",
        "symbol",
        "coloured_direction",
        "timeframe",
        "timestamp",
        "source",
        "strategy",
        "coloured_status",
        "attempts",
        hash_of("signal_hash"),
        "experiment_link",
    )
    list_filter = (("status", StatusFilter), DiscardedFilter, "direction", recent("received_at"))
    search_fields = ("signal_id__exact", "signal_hash__exact", "symbol__exact")
    search_help_text = "Exact signal id, hash or symbol"
    actions = ("retry", "discard")
    fields = (
        full_hash("signal_id"),
        "experiment_link",
        "context_link",
        "symbol",
        "exchange",
        "coloured_direction",
        "timeframe",
        "timestamp",
        "strategy",
        "order_id",
        "source",
        "replayed",
        full_hash("signal_hash"),
        "received_at",
        "coloured_status",
        "processed_at",
        "processing_lock",
        "attempts",
        "next_attempt_at",
        "last_error",
        "discarded_at",
        "discarded_by",
        "discard_reason",
        "deliveries",
        json_of("raw_payload", title="payload (parsed)"),
    )
    empty_hint = "A signal is an alert that was understood. Send one to a webhook source, or run the demo."
    empty_commands = ("manage.py demo", "manage.py up")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Signal]:
        """Fetch a page's experiments after it: a join would be walked along on the way to a late page."""
        queryset: QuerySet[Signal] = super().get_queryset(request)
        return queryset.prefetch_related("experiment")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Retrying or discarding needs `signals_app.change_signal`, although signals cannot be edited."""
        return request.user.has_perm("signals_app.change_signal")

    @admin.display(description="as sent")
    def deliveries(self, signal: Signal) -> SafeString | None:
        """Links to the alert as it was sent, and to what was sent again or contradicts it; None for an archived one."""
        linked = (
            (link("signals_app_webhookdelivery", one.pk, f"delivery {one.pk}"), one.outcome)
            for one in deliveries_of(signal)
        )
        return format_html_join(", ", "{} ({})", linked) or None

    @admin.action(description="Retry selected failed signals", permissions=["requeue"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Signal]) -> HttpResponse | None:
        """Ask once, then schedule the failed ones of the selection for retry from the first attempt."""
        failed = _open_failures(queryset)
        if "confirmed" in request.POST:
            count = requeue_failed(actor_of(request), _ids(failed))
            messages.success(request, f"Scheduled for retry: {count} signal{pluralize(count)}.")
            return None
        if not failed.exists():
            messages.warning(request, "None of the selected signals has failed.")
            return None
        fate = "will be retried from the first attempt."
        return self._ask(request, failed, {"title": "Retry", "chosen": "retry", "fate": fate})

    @admin.action(description="Discard selected failed signals", permissions=["requeue"])
    def discard(self, request: HttpRequest, queryset: QuerySet[Signal]) -> HttpResponse | None:
        """Ask for the reason, then discard the failed ones of the selection for good."""
        failed = _open_failures(queryset)
        confirmed = "confirmed" in request.POST
        form = DiscardForm(request.POST if confirmed else None)
        if confirmed and form.is_valid():
            count = discard_failed(actor_of(request), _ids(failed), reason=form.cleaned_data["reason"])
            messages.success(request, f"Discarded: {count} signal{pluralize(count)}.")
            return None
        if not failed.exists():
            messages.warning(request, "None of the selected signals has failed.")
            return None
        fate = "will never be decided. This cannot be undone."
        ask = {"title": "Discard", "chosen": "discard", "fate": fate, "form": form, "danger": True}
        return self._ask(request, failed, ask)

    def _ask(self, request: HttpRequest, failed: QuerySet[Signal], ask: dict[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "signals": failed[: self.list_per_page],
            "count": failed.count(),
            "selected": request.POST.getlist("_selected_action"),
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, "experiments/failed_signals.html", context | ask)

    @admin.display(description="status")
    def coloured_status(self, signal: Signal) -> SafeString:
        """The status, whether a failed signal was discarded, and whether its source replayed the alert."""
        if signal.discarded_at is not None:
            shown = label(f"{signal.status}, discarded")
        else:
            shown = label(signal.status, STATUS_COLOURS[signal.status])
        return beside_replayed(shown) if signal.replayed else shown

    @admin.display(description="direction")
    def coloured_direction(self, signal: Signal) -> SafeString:
        """The direction with an arrow."""
        arrow, css = ("▲", "to-gain") if signal.direction == Direction.LONG else ("▼", "to-loss")
        return format_html('<span class="{}">{} {}</span>', css, arrow, signal.direction)

    @admin.display(description="experiment")
    def experiment_link(self, signal: Signal) -> SafeString | None:
        """A link to the signal's experiment; None while it has none."""
        experiment = getattr(signal, "experiment", None)
        return link("experiments_experiment", experiment.pk, str(experiment.pk)[:8]) if experiment else None

    @admin.display(description="market context")
    def context_link(self, signal: Signal) -> SafeString | None:
        """A link to what both engines saw; None while there is nothing."""
        context = getattr(signal, "market_context", None)
        return link("signals_app_marketcontext", signal.pk, context.context_hash[:12]) if context else None


def _open_failures(queryset: QuerySet[Signal]) -> QuerySet[Signal]:
    """Failed signals that nobody has discarded."""
    return queryset.filter(FOUND_BY[SignalStatus.FAILED], status=SignalStatus.FAILED, discarded_at__isnull=True)


def _ids(queryset: QuerySet[Signal]) -> list[UUID]:
    return list(queryset.values_list("signal_id", flat=True))

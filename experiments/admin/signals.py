"""Signals: the queue that the worker empties; failed ones can be tried again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit_admin.actors import actor_of
from audit_admin.display import badge, full_hash, hash_of, json_of, link
from audit_admin.filters import recent
from audit_admin.options import AuditAdmin
from experiments.services import requeue_failed
from signals_app.models import Direction, Signal, SignalStatus


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
        badge("status"),
        "attempts",
        hash_of("signal_hash"),
        "experiment_link",
    )
    list_filter = ("status", "direction", recent("received_at"))
    search_fields = ("signal_id__exact", "signal_hash__exact", "symbol__exact")
    search_help_text = "Signal id, hash or symbol, exactly"
    actions = ("try_again",)
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
        "source",
        full_hash("signal_hash"),
        "received_at",
        badge("status"),
        "processed_at",
        "processing_lock",
        "attempts",
        "next_attempt_at",
        "last_error",
        json_of("raw_payload"),
    )
    empty_hint = "A signal is an alert that was understood. Send one to a webhook source, or run the demo."
    empty_commands = ("manage.py demo", "manage.py up")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Signal]:
        """Fetch a page's experiments after it: a join would be walked along on the way to a late page."""
        queryset: QuerySet[Signal] = super().get_queryset(request)
        return queryset.prefetch_related("experiment")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Trying a signal again needs `signals_app.change_signal`, although nobody edits signals."""
        return request.user.has_perm("signals_app.change_signal")

    @admin.action(description="Try again (failed signals)", permissions=["requeue"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Signal]) -> HttpResponse | None:
        """Ask once, then let the worker try the failed ones of the selection from the first attempt."""
        failed = queryset.filter(status=SignalStatus.FAILED)
        if "confirmed" in request.POST:
            count = requeue_failed(actor_of(request), list(failed.values_list("signal_id", flat=True)))
            messages.success(request, f"{count} signals wait for the worker again.")
            return None
        if not failed.exists():
            messages.warning(request, "None of the selected signals has failed; there is nothing to try again.")
            return None
        return TemplateResponse(request, "to/try_again.html", self._confirmation(request, failed))

    def _confirmation(self, request: HttpRequest, failed: QuerySet[Signal]) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": "Try again",
            "opts": self.opts,
            "signals": failed[: self.list_per_page],
            "count": failed.count(),
            "selected": request.POST.getlist("_selected_action"),
            "select_across": request.POST.get("select_across", "0"),
        }

    @admin.display(description="direction")
    def coloured_direction(self, signal: Signal) -> SafeString:
        """Return the direction with an arrow."""
        arrow, css = ("▲", "to-gain") if signal.direction == Direction.LONG else ("▼", "to-loss")
        return format_html('<span class="{}">{} {}</span>', css, arrow, signal.direction)

    @admin.display(description="experiment")
    def experiment_link(self, signal: Signal) -> SafeString | None:
        """Return a link to the signal's experiment; None while it has none."""
        experiment = getattr(signal, "experiment", None)
        return link("experiments_experiment", experiment.pk, str(experiment.pk)[:8]) if experiment else None

    @admin.display(description="market context")
    def context_link(self, signal: Signal) -> SafeString | None:
        """Return a link to what both engines saw; None while there is nothing."""
        context = getattr(signal, "market_context", None)
        return link("signals_app_marketcontext", signal.pk, context.context_hash[:12]) if context else None

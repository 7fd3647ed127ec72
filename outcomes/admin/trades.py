"""Real and shadow trades with their outcomes, in separate tables (R5.2)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from admin_kit.display import amount, badge, full_hash, hash_of, link_to, number
from admin_kit.filters import recent
from admin_kit.options import render_page
from kernel.values import uuid_from
from outcomes.admin.of_experiment import OfExperimentAdmin
from outcomes.admin.trade_page import trade_page
from outcomes.core.trades import TradeFlag
from outcomes.fill_rows import in_r
from outcomes.models import (
    LIVE_STATUSES,
    Outcome,
    RealOutcome,
    RealTrade,
    ShadowOutcome,
    ShadowTrade,
    Trade,
)
from signals_app.models import Signal

EMPTY_HINT = "Engines report trades once their recommendation has been answered with their role."
OUTCOME_HINT = "Recorded in the transaction that closes a trade."
EMPTY_COMMANDS = ("manage.py demo",)


class OpenFilter(admin.SimpleListFilter):
    """Trades that can still move, whether their entry is priced or not."""

    title = "open"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The one choice."""
        return [("yes", "Open")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to open trades; an unknown choice narrows nothing."""
        return queryset.filter(status__in=LIVE_STATUSES) if self.value() == "yes" else queryset


class TradeAdmin(OfExperimentAdmin):
    """What the pages of real and shadow trades have in common."""

    list_display = (
        "opened_at",
        hash_of("trade_id"),
        "experiment_link",
        "engine",
        badge("status"),
        amount("quantity"),
        amount("entry_price"),
        "entry_time",
        amount("exit_price"),
        "exit_time",
        badge("exit_reason", {}),
        "flag_badges",
    )
    list_filter = (OpenFilter, "engine", "status", "exit_reason", recent("opened_at"))
    # By an indexed column: the trades themselves have no index by time.
    ordering = ("-experiment__created_at",)
    search_fields = ("trade_id__exact", "experiment_id__exact")
    search_help_text = "Trade ID or experiment ID"
    empty_hint = EMPTY_HINT
    empty_commands = EMPTY_COMMANDS

    @admin.display(description="flags")
    def flag_badges(self, trade: Trade) -> SafeString:
        """Each flag, with its meaning as a tooltip."""
        pairs = ((TradeFlag(code).words, code) for code in trade.flags)
        return format_html_join(" ", '<span class="to-badge to-badge-warning" title="{}">{}</span>', pairs)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the trade with its fills, the quotes behind them, and what was found out about it."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        trade_id = uuid_from(object_id)
        trade = self.model.objects.filter(pk=trade_id).first()
        if trade is None:
            raise Http404
        signal = Signal.objects.filter(experiment=trade.experiment_id).first()
        about = f"{signal.symbol} {signal.direction} {signal.timeframe}" if signal else "signal deleted"
        return render_page(
            request,
            "outcomes/trade.html",
            f"{trade.kind.label} trade of engine {trade.engine}: {about}",
            opts=self.opts,
            trade=trade,
            page=trade_page(trade),
        )


@admin.register(RealTrade)
class RealTradeAdmin(TradeAdmin):
    """At most one per experiment."""


@admin.register(ShadowTrade)
class ShadowTradeAdmin(TradeAdmin):
    """Simulated, one per experiment and engine."""


class OutcomeAdmin(OfExperimentAdmin):
    """What the pages of real and shadow outcomes have in common."""

    list_display = (
        "exit_time",
        "experiment_link",
        "engine",
        amount("entry_price"),
        amount("exit_price"),
        amount("fees"),
        amount("pnl", title="P&L", signed=True),
        "r",
        "currency",
        badge("exit_reason", {}),
        badge("price_provenance", {}),
        "revision",
    )
    list_filter = ("engine", "exit_reason", "price_provenance", "withdrawn", recent("exit_time"))
    search_fields = ("trade_id__exact", "experiment_id__exact")
    search_help_text = "Trade ID or experiment ID"
    empty_hint = OUTCOME_HINT
    empty_commands = EMPTY_COMMANDS

    @number
    @admin.display(description="R")
    def r(self, outcome: Outcome) -> str | None:
        """P&L in units of the capital at risk."""
        return in_r(outcome.pnl, outcome.risk_amount)


OUTCOME_FIELDS = (
    link_to("experiment_id", "experiments_experiment"),
    "engine",
    amount("entry_price"),
    amount("exit_price"),
    amount("gross_pnl", title="P&L before fees", signed=True),
    amount("fees"),
    amount("scheduled_fees"),
    amount("pnl", title="P&L", signed=True),
    amount("compared_pnl", title="P&L compared", signed=True),
    amount("risk_amount", title="capital at risk"),
    "r",
    "currency",
    badge("exit_reason", {}),
    badge("price_provenance", {}),
    "revision",
    "withdrawn",
    "exit_time",
    full_hash("conditions_hash"),
    "recorded_at",
)


@admin.register(RealOutcome)
class RealOutcomeAdmin(OutcomeAdmin):
    """Results of real trades."""

    fields = (link_to("trade_id", "outcomes_realtrade"), *OUTCOME_FIELDS)


@admin.register(ShadowOutcome)
class ShadowOutcomeAdmin(OutcomeAdmin):
    """Results of shadow trades."""

    fields = (link_to("trade_id", "outcomes_shadowtrade"), *OUTCOME_FIELDS)

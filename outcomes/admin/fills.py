"""What trades are made of, and what ends them: fills, quotes, exit directives and own exits."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from admin_kit.display import amount, badge, full_hash, json_of, link, link_to
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from outcomes.admin.of_experiment import OfExperimentAdmin
from outcomes.core.books import LegFill
from outcomes.core.quoting import canonical_instrument, parse_option
from outcomes.models import ExitDirective, OwnExit, Quote, TradeFill

EMPTY_COMMANDS = ("manage.py demo",)


@admin.register(ExitDirective)
class ExitDirectiveAdmin(OfExperimentAdmin):
    """The directive to a shadow trade to exit with the real one (R4.2)."""

    list_display = (
        "exit_time",
        "number",
        "experiment_link",
        "shadow_engine",
        badge("state"),
        "issued_at",
        "expires_at",
        "settled_at",
    )
    list_filter = ("state", "shadow_engine", recent("issued_at"))
    ordering = ("-id",)
    search_fields = ("experiment_id__exact", "conditions_hash__exact")
    search_help_text = "Experiment ID or conditions hash"
    fields = (
        link_to("experiment_id", "experiments_experiment"),
        link_to("real_trade_id", "outcomes_realtrade"),
        "shadow_engine",
        link_to("shadow_trade_id", "outcomes_shadowtrade"),
        "number",
        link_to("real_fill_id", "outcomes_tradefill"),
        badge("state"),
        "is_last",
        amount("closed_quantity"),
        amount("open_quantity"),
        json_of("closing_legs"),
        "exit_time",
        full_hash("conditions_hash"),
        json_of("market_conditions"),
        json_of("quote_flags"),
        "issued_at",
        "expires_at",
        "settled_at",
        full_hash("request_hash"),
    )
    empty_hint = "Created with every closing fill of a real trade, in the same transaction."
    empty_commands = EMPTY_COMMANDS


@admin.register(OwnExit)
class OwnExitAdmin(OfExperimentAdmin):
    """When shadows leave by their own rules, beside the exit that counts."""

    list_display = (
        "reported_at",
        link_to("trade_id", "outcomes_shadowtrade", short=True),
        "experiment_link",
        "engine",
        badge("state"),
        "exit_time",
        badge("exit_reason", {}),
        amount("pnl", title="P&L", signed=True),
        badge("price_provenance", {}),
    )
    list_filter = ("engine", "state", "exit_reason", recent("reported_at"))
    # By an indexed column, as the trades.
    ordering = ("-experiment__created_at",)
    search_fields = ("trade_id__exact", "experiment_id__exact")
    search_help_text = "Trade ID or experiment ID"
    fields = (
        link_to("trade_id", "outcomes_shadowtrade"),
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        badge("state"),
        "exit_time",
        badge("exit_reason", {}),
        json_of("legs"),
        badge("claimed_provenance", {}),
        badge("price_provenance", {}),
        amount("fees"),
        amount("pnl", title="P&L", signed=True),
        json_of("violations"),
        json_of("market_conditions"),
        full_hash("conditions_hash"),
        "reported_at",
        "due_at",
        "priced_at",
        full_hash("request_hash"),
    )
    empty_hint = (
        "An engine may report when its shadow leaves by its own rules; what counts stays the real trade's exit."
    )
    empty_commands = EMPTY_COMMANDS


@admin.register(TradeFill)
class TradeFillAdmin(OfExperimentAdmin):
    """Every execution of every trade, as stored: nothing else decides P&L, fees and risk."""

    list_display = (
        "time",
        "engine",
        "trade_link",
        "number",
        "fill_ref",
        "revision",
        "executions",
        amount("fees"),
        badge("price_provenance", {}),
        "experiment_link",
    )
    list_filter = ("engine", "price_provenance", "reason", recent("reported_at"))
    ordering = ("-id",)
    search_fields = ("experiment_id__exact", "real_trade_id__exact", "shadow_trade_id__exact")
    search_help_text = "Experiment ID or trade ID"
    fields = (
        "trade_link",
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        "number",
        "fill_ref",
        "revision",
        link_to("amendment_id", "outcomes_tradeamendment"),
        "is_succession",
        "time",
        "executions",
        json_of("legs"),
        badge("reason", {}),
        badge("price_provenance", {}),
        amount("fees"),
        amount("scheduled_fees"),
        json_of("market_conditions"),
        full_hash("conditions_hash"),
        "reported_at",
        full_hash("request_hash"),
    )
    empty_hint = "Stored with every opening, partial exit, roll, settlement and exit of a trade."
    empty_commands = EMPTY_COMMANDS

    @admin.display(description="trade")
    def trade_link(self, fill: TradeFill) -> SafeString:
        """The page of the real or the shadow trade."""
        if fill.real_trade_id is not None:
            return link("outcomes_realtrade", fill.real_trade_id, f"real {str(fill.real_trade_id)[:8]}")
        return link("outcomes_shadowtrade", fill.shadow_trade_id, f"shadow {str(fill.shadow_trade_id)[:8]}")

    @admin.display(description="executions")
    def executions(self, fill: TradeFill) -> SafeString:
        """What was bought and sold, a line each."""
        rows = ((LegFill.from_document(document),) for document in fill.legs)
        return format_html_join("", '<div class="to-wraps">{}</div>', rows)


@admin.register(Quote)
class QuoteAdmin(AuditAdmin):
    """What the neutral feeds said: it prices the shadows of both engines."""

    list_display = (
        "quote_time",
        "instrument",
        amount("bid"),
        amount("ask"),
        "source",
        "changed_at",
        "received_at",
    )
    # By an indexed column; a feed's quotes arrive in the order of their times.
    ordering = ("-id",)
    fields = ("instrument", amount("bid"), amount("ask"), "quote_time", "changed_at", "source", "received_at")
    search_fields = ("instrument__exact",)
    search_help_text = "Instrument, exact; OCC symbols in any spelling"
    empty_hint = "Quotes come from a feeder with an API key of its own, which asks what to quote and posts it."
    empty_commands = EMPTY_COMMANDS

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search an instrument in the one spelling in which it is stored."""
        # A browser shows the spaces of a padded symbol as one.
        joined = "".join(search_term.split())
        term = canonical_instrument(joined) if parse_option(joined) else search_term
        return super().get_search_results(request, queryset, term)

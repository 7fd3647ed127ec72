"""Real and shadow trades with their outcomes, in separate tables (R5.2), and the exits that follow a real one."""

from __future__ import annotations

from django.contrib import admin

from admin_kit.display import amount, badge, full_hash, hash_of, json_of, link_to
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from outcomes.models import ExitDirective, RealOutcome, RealTrade, ShadowOutcome, ShadowTrade

EMPTY_HINT = "Engines report trades once their recommendation has been answered with their role."
OUTCOME_HINT = "Recorded in the transaction that closes a trade."
EMPTY_COMMANDS = ("manage.py demo",)


class TradeAdmin(AuditAdmin):
    """What the pages of real and shadow trades have in common."""

    list_display = (
        "opened_at",
        hash_of("trade_id"),
        link_to("experiment_id", "experiments_experiment", short=True),
        "engine",
        badge("status"),
        amount("quantity"),
        amount("entry_price"),
        "entry_time",
        amount("exit_price"),
        "exit_time",
        badge("exit_reason", {}),
    )
    list_filter = ("engine", "status", "exit_reason", recent("opened_at"))
    # By an indexed column: the trades themselves have no index by time.
    ordering = ("-experiment__created_at",)
    search_fields = ("trade_id__exact", "experiment_id__exact")
    search_help_text = "Trade ID or experiment ID"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    full_hash("trade_id"),
                    link_to("experiment_id", "experiments_experiment"),
                    "engine",
                    badge("status"),
                    json_of("flags"),
                    "opened_at",
                )
            },
        ),
        (
            "Entry",
            {
                "fields": (
                    "entry_time",
                    amount("entry_price"),
                    amount("quantity"),
                    amount("multiplier"),
                    "currency",
                    amount("entry_fees"),
                    badge("claimed_provenance", {}),
                    badge("entry_provenance", {}),
                    amount("risk_amount"),
                    amount("declared_risk"),
                    json_of("legs"),
                    json_of("entry_quotes"),
                    full_hash("request_hash"),
                )
            },
        ),
        (
            "Exit",
            {
                "fields": (
                    "exit_time",
                    amount("exit_price"),
                    amount("exit_fees"),
                    badge("exit_reason", {}),
                    badge("exit_provenance", {}),
                    full_hash("conditions_hash"),
                    "closed_at",
                )
            },
        ),
    )
    empty_hint = EMPTY_HINT
    empty_commands = EMPTY_COMMANDS


@admin.register(RealTrade)
class RealTradeAdmin(TradeAdmin):
    """At most one per experiment."""


@admin.register(ShadowTrade)
class ShadowTradeAdmin(TradeAdmin):
    """Simulated, one per experiment and engine."""


class OutcomeAdmin(AuditAdmin):
    """What the pages of real and shadow outcomes have in common."""

    list_display = (
        "exit_time",
        link_to("experiment_id", "experiments_experiment", short=True),
        "engine",
        amount("entry_price"),
        amount("exit_price"),
        amount("fees"),
        amount("pnl", title="P&L", signed=True),
        badge("exit_reason", {}),
        badge("price_provenance", {}),
    )
    list_filter = ("engine", "exit_reason", "price_provenance", recent("exit_time"))
    search_fields = ("trade_id__exact", "experiment_id__exact")
    search_help_text = "Trade ID or experiment ID"
    empty_hint = OUTCOME_HINT
    empty_commands = EMPTY_COMMANDS


OUTCOME_FIELDS = (
    link_to("experiment_id", "experiments_experiment"),
    "engine",
    amount("entry_price"),
    amount("exit_price"),
    amount("fees"),
    amount("pnl", title="P&L", signed=True),
    badge("exit_reason", {}),
    badge("price_provenance", {}),
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


@admin.register(ExitDirective)
class ExitDirectiveAdmin(AuditAdmin):
    """The directive to a shadow trade to exit with the real one (R4.2)."""

    list_display = (
        "exit_time",
        link_to("experiment_id", "experiments_experiment", short=True),
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
        badge("state"),
        "exit_time",
        full_hash("conditions_hash"),
        json_of("market_conditions"),
        json_of("quote_flags"),
        "issued_at",
        "expires_at",
        "settled_at",
        full_hash("request_hash"),
    )
    empty_hint = "Created with every real exit, in the same transaction."
    empty_commands = EMPTY_COMMANDS

"""Recommendations, shadow exits, and what was refused or broke a rule of the comparison."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from admin_kit.display import badge, full_hash, json_of, link_to, pretty_json
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from outcomes.models import ExitDirective, Incident, Recommendation, Violation

ROLE_COLOURS = {"REAL": "info", "SHADOW": ""}
ACTION_COLOURS = {"OPEN": "success", "DECLINE": "warning"}
EMPTY_COMMANDS = ("manage.py demo",)


@admin.register(Recommendation)
class RecommendationAdmin(AuditAdmin):
    """One answer per engine and experiment, kept byte for byte (R7.5)."""

    list_display = (
        "recommended_at",
        link_to("experiment_id", "experiments_experiment", short=True),
        "engine",
        badge("action", ACTION_COLOURS),
        badge("role", ROLE_COLOURS),
        badge("role_reason", {}),
        "strategy_version",
        "permit_expires_at",
    )
    list_filter = ("engine", "action", "role", recent("recommended_at"))
    search_fields = ("experiment_id__exact",)
    search_help_text = "Experiment id"
    fields = (
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        badge("action", ACTION_COLOURS),
        badge("role", ROLE_COLOURS),
        badge("role_reason", {}),
        "permit_expires_at",
        "recommended_at",
        "strategy_version",
        full_hash("rules_hash"),
        full_hash("context_hash"),
        full_hash("request_hash"),
        "as_sent",
        "indented",
    )
    empty_hint = "An engine recommends before it knows its role; the answer to its recommendation reveals it."
    empty_commands = EMPTY_COMMANDS

    @admin.display(description="recommendation, as sent")
    def as_sent(self, recommendation: Recommendation) -> SafeString:
        """Return the very characters the engine sent."""
        return format_html('<pre class="to-json">{}</pre>', recommendation.recommendation)

    @admin.display(description="recommendation, for reading")
    def indented(self, recommendation: Recommendation) -> SafeString:
        """Return the same with line breaks."""
        return pretty_json(json.loads(recommendation.recommendation))


@admin.register(ExitDirective)
class ExitDirectiveAdmin(AuditAdmin):
    """The order to a shadow to leave when the real trade has left (R4.2)."""

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
    search_help_text = "Experiment id or conditions hash"
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
    empty_hint = "A real exit writes one for its shadow, in the same transaction."
    empty_commands = EMPTY_COMMANDS


@admin.register(Incident)
class IncidentAdmin(AuditAdmin):
    """Reports that were refused and kept."""

    list_display = (
        "occurred_at",
        link_to("experiment_id", "experiments_experiment", short=True),
        "engine",
        badge("kind", {"double_execution_prevented": "danger"}),
        "detail",
    )
    list_filter = ("kind", "engine", recent("occurred_at"))
    search_fields = ("experiment_id__exact",)
    search_help_text = "Experiment id"
    fields = (
        "occurred_at",
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        badge("kind", {"double_execution_prevented": "danger"}),
        "detail",
        json_of("report"),
    )
    empty_hint = "Good: no engine has reported a trade that it was not allowed to make."


@admin.register(Violation)
class ViolationAdmin(AuditAdmin):
    """Pairs that broke a rule of the comparison and are left out of it (R4.5)."""

    list_display = (
        "found_at",
        link_to("experiment_id", "experiments_experiment", short=True),
        "engine",
        badge("name", {}),
        "detail",
    )
    list_filter = ("name", "engine", recent("found_at"))
    search_fields = ("experiment_id__exact",)
    search_help_text = "Experiment id"
    fields = (
        "found_at",
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        badge("name", {}),
        "detail",
    )
    empty_hint = "Good: every pair of real and shadow trade kept to the rules of the comparison."

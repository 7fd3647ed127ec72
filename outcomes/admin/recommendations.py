"""Recommendations, permits, and the reports and pairs that broke a rule."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from admin_kit.display import badge, full_hash, json_of, link_to, pretty_json
from admin_kit.filters import recent
from outcomes.admin.of_experiment import OfExperimentAdmin
from outcomes.core.trades import PairRule
from outcomes.models import Permit, Recommendation, Violation

ROLE_COLOURS = {"REAL": "info", "SHADOW": ""}
ACTION_COLOURS = {"OPEN": "success", "DECLINE": "neutral"}
EMPTY_COMMANDS = ("manage.py demo",)


@admin.register(Recommendation)
class RecommendationAdmin(OfExperimentAdmin):
    """One answer per engine and experiment, kept byte for byte (R7.5)."""

    list_display = (
        "recommended_at",
        "experiment_link",
        "engine",
        badge("action", ACTION_COLOURS),
        badge("role", ROLE_COLOURS),
        badge("role_reason", {}),
        "strategy_version",
        "permit_expires_at",
    )
    list_filter = ("engine", "action", "role", recent("recommended_at"))
    search_fields = ("experiment_id__exact",)
    search_help_text = "Experiment ID"
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
        full_hash("registered_rules_hash"),
        full_hash("context_hash"),
        full_hash("request_hash"),
        json_of("plan"),
        "as_sent",
        "indented",
    )
    empty_hint = "Engines recommend before they know their role; the answer reveals it."
    empty_commands = EMPTY_COMMANDS

    @admin.display(description="recommendation as sent")
    def as_sent(self, recommendation: Recommendation) -> SafeString:
        """The very characters that the engine sent."""
        return format_html('<pre class="to-json">{}</pre>', recommendation.recommendation)

    @admin.display(description="recommendation, formatted")
    def indented(self, recommendation: Recommendation) -> SafeString:
        """The same, indented."""
        # Beside the characters as sent, because indenting loses their spelling of numbers.
        return pretty_json(json.loads(recommendation.recommendation))


@admin.register(Permit)
class PermitAdmin(OfExperimentAdmin):
    """One for each engine that was told to trade for real; confirmed right before its order."""

    list_display = (
        "revealed_at",
        "experiment_link",
        "engine",
        "confirmed_at",
        "expires_at",
    )
    list_filter = ("engine", ("confirmed_at", admin.EmptyFieldListFilter), recent("revealed_at"))
    search_fields = ("experiment_id__exact",)
    search_help_text = "Experiment ID"
    fields = (
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        "revealed_at",
        "confirmed_at",
        "expires_at",
    )
    empty_hint = "An engine gets a permit with the role REAL, and confirms it before its order goes out."


@admin.register(Violation)
class ViolationAdmin(OfExperimentAdmin):
    """Pairs that broke a rule of the comparison and are excluded from it (R4.5)."""

    list_display = (
        "found_at",
        "experiment_link",
        "engine",
        badge("name", {}),
        "detail",
    )
    list_filter = ("name", "engine", recent("found_at"))
    search_fields = ("experiment_id__exact",)
    search_help_text = "Experiment ID"
    fields = (
        "found_at",
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        badge("name", {}),
        "meaning",
        "detail",
    )
    empty_hint = "Every pair has followed the rules of the comparison."

    @admin.display(description="meaning")
    def meaning(self, violation: Violation) -> str:
        """The broken rule in words."""
        return PairRule(violation.name).words

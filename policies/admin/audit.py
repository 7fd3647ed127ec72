"""The audit log, read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from kernel.models import AuditEntry

# What entries are about: the first part of their action.
ABOUT = {
    "policy": "Policy versions",
    "draft": "Drafts",
    "halt": "Kill switch",
    "guardrail": "Guardrails",
    "engine": "Engines",
    "api_key": "API keys",
    "source": "Webhook sources",
    "signals": "Failed signals",
    "replay": "Replay",
}


class AboutFilter(admin.SimpleListFilter):
    """Entries about one kind of object."""

    title = "about"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds."""
        return list(ABOUT.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to the chosen kind; an unknown one narrows nothing."""
        chosen = self.value()
        # With the dot: "policy" must not find what another kind of the same beginning did.
        return queryset.filter(action__startswith=f"{chosen}.") if chosen in ABOUT else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(AuditAdmin):
    """Who changed what, when, why and from which address."""

    list_display = ("at", "actor", "action", "subject", "reason", "address")
    fields = list_display
    list_filter = (AboutFilter, recent("at"))
    search_fields = ("actor__exact", "action__exact", "subject__exact")
    search_help_text = "Actor, action or subject, exact match"
    empty_hint = "Changes to policies, kill switch, engines, API keys and webhook sources are listed here."

"""The audit log, read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from kernel.models import AuditEntry
from policies.admin.versions import changes_table
from policies.core.settings import Change

# What entries are about: the first part of their action.
ABOUT = {
    "policy": "Policy versions",
    "draft": "Drafts",
    "halt": "Kill switch",
    "guardrail": "Guardrails",
    "engine": "Engines",
    "user": "Users and log-ins",
    "group": "Groups",
    "api_key": "API keys",
    "database_role": "Roles of the database",
    "source": "Webhook sources",
    "signals": "Failed signals",
    "replay": "Replay",
    "proof": "Proofs",
    "evaluation": "Evaluations",
    "ramp": "Ramps",
    "amendment": "Amendments",
    "incident": "Incidents",
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

    list_display = ("at", "actor", "action", "subject", "before_and_after", "reason", "address")
    fields = (*list_display, "account_id")
    csv_columns = ("at", "actor", "account_id", "action", "subject", "changes", "reason", "address")
    list_filter = (AboutFilter, recent("at"))
    search_fields = ("actor__exact", "action__exact", "subject__exact")
    search_help_text = "Actor, action or subject, exact match"
    empty_hint = "Whatever anybody changes, and every log-in, is listed here."

    @admin.display(description="before and after")
    def before_and_after(self, entry: AuditEntry) -> SafeString | None:
        """What was changed, each value with the one before."""
        return changes_table([Change(name, *pair) for name, pair in entry.changes.items()]) if entry.changes else None

"""Filters by recent periods instead of by dates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

PERIODS = {
    "15m": ("Last 15 minutes", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}


class RecentFilter(admin.SimpleListFilter):
    """Rows of the last minutes, hours or days, by the database clock."""

    field = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The periods on offer."""
        return [(key, title) for key, (title, _) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to the chosen period; an unknown one narrows nothing."""
        chosen = PERIODS.get(self.value() or "")
        return queryset.filter(**{f"{self.field}__gte": Now() - chosen[1]}) if chosen else queryset


def recent(field: str) -> type[RecentFilter]:
    """The filter of periods for one time column."""
    # A class for each column: `list_filter` takes classes, with no room for a column's name.
    title = field.removesuffix("_at").replace("_", " ")
    return type("Recent", (RecentFilter,), {"field": field, "title": title, "parameter_name": f"{field}_within"})

"""Filters of lists: by periods and moments, by text, by one choice of several."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from unfold.contrib.filters.admin import TextFilter

from admin_kit.search import search_exactly
from kernel.values import parse_instant

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


class MomentFilter(TextFilter):
    """Rows from a moment on, or before one; a text that is no moment is ignored with a message."""

    lookup = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to what the moment bounds."""
        text = (self.value() or "").strip()
        if not text:
            return queryset
        try:
            return queryset.filter(**{self.lookup: parse_instant(text)})
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error


def moments(field: str) -> tuple[type[MomentFilter], type[MomentFilter]]:
    """The filters for one time column's own period: from a moment on, and before one."""
    name = field.removesuffix("_at").replace("_", " ")
    titles = {f"{field}__gte": f"{name} since, such as 2026-03-16T14:30:00Z", f"{field}__lt": f"{name} before"}
    since, until = (
        type("Moment", (MomentFilter,), {"lookup": lookup, "title": title, "parameter_name": lookup})
        for lookup, title in titles.items()
    )
    return since, until


class EqualFilter(TextFilter):
    """Rows in which a column equals a text; a text that the column cannot hold finds nothing."""

    lookup = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to the rows that equal it."""
        text = (self.value() or "").strip()
        return search_exactly(queryset, (self.lookup,), text) if text else queryset


def equals(path: str, title: str) -> type[EqualFilter]:
    """The filter for one column by its exact text, upper-case for a symbol."""
    return type("Equal", (EqualFilter,), {"lookup": path, "title": title, "parameter_name": path})


class ChoiceFilter(admin.SimpleListFilter):
    """Rows of one of several kinds."""

    kinds: Mapping[str, tuple[str, Q]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds on offer."""
        return [(key, title) for key, (title, _) in self.kinds.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to the chosen kind; an unknown one narrows nothing."""
        chosen = self.kinds.get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset


def one_of(name: str, title: str, kinds: Mapping[str, tuple[str, Q]]) -> type[ChoiceFilter]:
    """The filter that offers these kinds, each with its title and condition."""
    return type("Choice", (ChoiceFilter,), {"parameter_name": name, "title": title, "kinds": kinds})

"""Filters of lists: by periods, moments and days, by text, by one choice of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import INPUT_CLASSES

from admin_kit.search import search_exactly
from kernel.values import parse_instant

PERIODS = {
    "15m": ("Last 15 minutes", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
_FIELD = " ".join(INPUT_CLASSES)


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


class TypedFilter(admin.SimpleListFilter):
    """Rows that fit what is typed."""

    template = "admin_kit/typed_filter.html"
    input_type = "text"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[()]:
        """Nothing to choose from."""
        return ()

    def has_output(self) -> bool:
        """It is shown nevertheless."""
        return True

    def choices(self, changelist: Any) -> Iterator[Any]:
        """What the template shows as a field."""
        facts = {"name": self.parameter_name, "type": self.input_type, "value": self.value() or ""}
        yield facts | {"classes": _FIELD}


class MomentFilter(TypedFilter):
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


class DayFilter(TypedFilter):
    """Rows from a day of the zone on, or up to one with all of it; what is no day is ignored with a message."""

    # Picked from the browser's own calendar.
    input_type = "date"
    field, zone, is_last = "", ZoneInfo("UTC"), False

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to what the day bounds."""
        text = (self.value() or "").strip()
        if not text:
            return queryset
        try:
            day = date.fromisoformat(text)
            first, last = (None, day) if self.is_last else (day, None)
            return queryset.filter(within_days(self.field, self.zone, first, last))
        # The first and the last years of all have no place in every zone.
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error


class DayPeriodFilter(admin.SimpleListFilter):
    """Rows of days that the zone's calendar names, such as last month; an unknown one narrows nothing."""

    field, zone = "", ZoneInfo("UTC")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The periods on offer."""
        return [(key, title) for key, (title, *_) in self._periods().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to the chosen period."""
        chosen = self._periods().get(self.value() or "")
        return queryset.filter(within_days(self.field, self.zone, *chosen[1:])) if chosen else queryset

    def _periods(self) -> dict[str, tuple[str, date, date]]:
        today = timezone.now().astimezone(self.zone).date()
        day, month = timedelta(days=1), today.replace(day=1)
        monday = today - today.weekday() * day
        return {
            "today": ("Today", today, today),
            "yesterday": ("Yesterday", today - day, today - day),
            "this-week": ("This week", monday, today),
            "last-week": ("Last week", monday - 7 * day, monday - day),
            "this-month": ("This month", month, today),
            "last-month": ("Last month", (month - day).replace(day=1), month - day),
            "this-year": ("This year", today.replace(month=1, day=1), today),
        }


def days(field: str, name: str, zone: ZoneInfo) -> tuple[type[Any], type[Any], type[Any]]:
    """The filters of a time column by days of a zone: a period by its name, the first day and the last."""
    shared: dict[str, Any] = {"field": field, "zone": zone}
    parameter = name.replace(" ", "_")

    def bound(word: str, *, is_last: bool) -> type[DayFilter]:
        facts = {"title": f"{name} {word}", "parameter_name": f"{parameter}_{word}", "is_last": is_last}
        return type("Day", (DayFilter,), shared | facts)

    period = type("DayPeriod", (DayPeriodFilter,), shared | {"title": name, "parameter_name": parameter})
    return period, bound("from", is_last=False), bound("to", is_last=True)


def within_days(field: str, zone: ZoneInfo, first: date | None, last: date | None) -> Q:
    """Whether a moment is within these days, each with all its hours."""
    condition = Q()
    if first is not None:
        condition &= Q((f"{field}__gte", datetime.combine(first, time(), zone).astimezone(UTC)))
    if last is not None:
        condition &= Q((f"{field}__lt", datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)))
    return condition


class EqualFilter(TypedFilter):
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

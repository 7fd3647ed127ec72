"""Analyst calls: outcomes, pairs, deliveries and the audit log, row by row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.fields import InstantField, PeriodSerializer, TextField
from kernel.models import AuditEntry
from kernel.values import MOMENT_PATTERN, UUID_PATTERN, decimal_text, epoch_microseconds, from_epoch_microseconds
from outcomes.analyst_api.columns import OUTCOMES, PAIRS, Column
from outcomes.analyst_api.files import Part, file_answer
from outcomes.analyst_api.paging import BY_NUMBER, cursor_of, next_page, page_size_of
from outcomes.analyst_api.tables import TableView, columns_page, describes, file_of, json_row
from outcomes.performance.api import PerformanceFilterSerializer
from outcomes.performance.listing import ORDERS, Listing, Place
from outcomes.performance.report import one_snapshot
from outcomes.performance.scope import PerformanceFilters, Scope
from policies.models import EngineName
from signals_app.models import DeliveryOutcome, WebhookDelivery

# A body may have 64 KiB, an audit entry has some hundred bytes.
DELIVERIES_AT_ONCE, ENTRIES_AT_ONCE = 1_000, 20_000
# A place in any order.
PLACE = re.compile(rf"^({MOMENT_PATTERN})_(-?\d{{1,60}}(?:\.\d{{1,30}})?)_({UUID_PATTERN})$", re.ASCII)


class ListingFilterSerializer(PerformanceFilterSerializer):
    """The filters of the report, and which rows in which order."""

    engine = serializers.ChoiceField(
        EngineName.choices, required=False, help_text="Whose trades; of pairs, the engine that traded for real."
    )
    order = serializers.ChoiceField(
        list(ORDERS), required=False,
        help_text="newest (default) or oldest exit first; best or worst P&L first, without rows that have none. "
        "Files are oldest first.",
    )  # fmt: skip

    def filters(self) -> PerformanceFilters:
        """The filters of the report."""
        own = ("kind", "engine", "order")
        return PerformanceFilters(**{name: value for name, value in self.validated_data.items() if name not in own})


class OutcomeFilterSerializer(ListingFilterSerializer):
    """Of outcomes."""

    kind = serializers.ChoiceField(
        ["real", "shadow", "own_exit"], required=False,
        help_text="Default: real. Each kind is a list of its own: nothing is to be added up over them.",
    )  # fmt: skip


class PairFilterSerializer(ListingFilterSerializer):
    """Of pairs."""

    kind = serializers.ChoiceField(
        ["paired", "unpaired"], required=False, help_text="Default: paired, one of both real. unpaired: two shadows."
    )


class _ListingView(TableView):
    """Closed trades or pairs, read by the sums of the report."""

    name: str
    columns: tuple[Column, ...]
    default_kind: str
    cursor = PLACE

    def answer(self, request: Request) -> Any:
        """A page, or the file."""
        asked = self.asked(request)
        values = asked.validated_data

        def listing() -> Listing:
            return Listing(Scope.of(asked.filters()), values.get("kind", self.default_kind), values.get("engine"))

        if form := self.file_format(request):

            def parts() -> Iterable[Part]:
                return listing().parts()

            return file_answer(form, self.name, self.columns, parts)
        order, size = values.get("order", "newest"), page_size_of(request)
        after = _place(request)
        with one_snapshot():
            found = listing().page(order, size + 1, after)
        rows = found[:size]
        link = next_page(request, _cursor(rows[-1])) if len(found) > size else None
        written = [json_row(self.columns, _computed(row)) for row in rows]
        return Response({"next": link, "results": written})


def _computed(row: dict[str, Any]) -> dict[str, Any]:
    """With what the files compute in SQL."""
    parts = {
        f"b_{name}": None if row[f"a_{name}"] is None or row[name] is None else row[f"a_{name}"] - row[name]
        for name in ("pnl", "r")
    }
    return row | parts | {"trade_id": row["id"]}


def _cursor(row: dict[str, Any]) -> str:
    # Without a P&L it is in no order of P&L; any number may stand there.
    return f"{epoch_microseconds(row['exit_time'])}_{decimal_text(row['p'] or Decimal(0))}_{row['id']}"


def _place(request: Request) -> Place | None:
    found = cursor_of(request, PLACE)
    if found is None:
        return None
    moment, pnl, identity = found.groups()
    return Place(from_epoch_microseconds(moment), UUID(identity), Decimal(pnl))


class OutcomesView(_ListingView):
    """Closed trades, row by row."""

    name, columns, default_kind = "outcomes", OUTCOMES, "real"
    filters = OutcomeFilterSerializer

    @describes("outcomes", OutcomeFilterSerializer, cursor=PLACE, goes_back=False)
    def get(self, request: Request) -> Any:
        """One kind of closed trades that match the filters, in one currency: a page, or all of them as a file."""
        return self.answer(request)


class PairsView(_ListingView):
    """Pairs of closed trades on the same signal, A minus B, row by row."""

    name, columns, default_kind = "pairs", PAIRS, "paired"
    filters = PairFilterSerializer

    @describes("pairs", PairFilterSerializer, cursor=PLACE, goes_back=False)
    def get(self, request: Request) -> Any:
        """Pairs that match the filters, in one currency: a page, or all of them as a file."""
        return self.answer(request)


class DeliveryFilterSerializer(PeriodSerializer):
    """Of deliveries."""

    source = serializers.SlugField(required=False, max_length=50)  # type: ignore[assignment]  # DRF takes declared fields off the class
    outcome = serializers.ChoiceField(DeliveryOutcome.choices, required=False)
    code = serializers.SlugField(required=False, max_length=40)
    signal_id = serializers.UUIDField(required=False)
    since = InstantField(required=False, help_text="Received at or after this time, RFC 3339 with zone.")
    until = InstantField(required=False, help_text="Received before this time, RFC 3339 with zone.")


class DeliveriesView(TableView):
    """Requests of senders of alerts, newest first."""

    filters, cursor = DeliveryFilterSerializer, BY_NUMBER

    @describes("deliveries", DeliveryFilterSerializer, cursor=BY_NUMBER)
    def get(self, request: Request) -> Any:
        """What senders sent, with secrets masked, and how it was handled: a page, or all of it as a file."""
        conditions = {"source": "source__slug", "since": "received_at__gte", "until": "received_at__lt"}
        values = self.asked(request).validated_data
        rows = WebhookDelivery.objects.filter(**{conditions.get(name, name): one for name, one in values.items()})
        if form := self.file_format(request):
            return file_of(form, "deliveries", rows, ("received_at", "id"), DELIVERIES_AT_ONCE)
        return columns_page(request, "deliveries", rows, ("received_at", "id"), self.cursor)


class AuditFilterSerializer(PeriodSerializer):
    """Of the audit log."""

    actor = TextField(required=False, max_length=150, help_text="Exactly as written.")
    action = TextField(required=False, max_length=40, help_text="Exactly, such as policy.activated.")
    subject = TextField(required=False, max_length=100, help_text="Exactly, such as policy version 7.")
    since = InstantField(required=False, help_text="Done at or after this time, RFC 3339 with zone.")
    until = InstantField(required=False, help_text="Done before this time, RFC 3339 with zone.")


class AuditView(TableView):
    """The audit log, newest first."""

    filters, cursor = AuditFilterSerializer, BY_NUMBER

    @describes("audit", AuditFilterSerializer, cursor=BY_NUMBER)
    def get(self, request: Request) -> Any:
        """Who changed what, when, why and from where: a page, or all of it as a file."""
        conditions = {"since": "at__gte", "until": "at__lt"}
        values = self.asked(request).validated_data
        rows = AuditEntry.objects.filter(**{conditions.get(name, name): one for name, one in values.items()})
        if form := self.file_format(request):
            return file_of(form, "audit", rows, ("at", "id"), ENTRIES_AT_ONCE)
        return columns_page(request, "audit", rows, ("at", "id"), self.cursor)

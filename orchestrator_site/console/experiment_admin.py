"""Experiments: the list, and the page that answers "why did it execute?" (R5.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from admin_kit.display import REPLAYED, label, link, number, signed_amount
from admin_kit.filters import days, equals, moments, one_of, recent
from admin_kit.options import AuditAdmin, BrowseList, render_page
from experiments.models import ExecutionMode
from experiments.services import replay_experiment
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import day_text, uuid_from
from orchestrator_site.console.experiment_page import experiment_page, neighbours, rows_left
from orchestrator_site.console.signal_rows import Listed, ListedTrade, read_beside
from orchestrator_site.console.trade_words import traded
from orchestrator_site.finding import facets_of, symbol_and_day
from outcomes.models import (
    LIVE_STATUSES,
    Outcome,
    RealOutcome,
    RealTrade,
    Role,
    ShadowOutcome,
    ShadowTrade,
    Trade,
)
from outcomes.performance.listing import NEW_YORK
from outcomes.selectors import experiment_story, missing_rows
from signals_app.selectors import deliveries_of

SEE_DELIVERIES = "signals_app.view_webhookdelivery"
_MARKET_DATES = days("signal__timestamp", "market date", NEW_YORK)
# What narrows the list to signals that an index has by the time they fired.
_BY_MARKET_DATE = {each.parameter_name for each in _MARKET_DATES}
_BY_SYMBOL = {"signal__symbol", SEARCH_VAR}
_TRADES: tuple[type[Trade], ...] = (RealTrade, ShadowTrade)
_OUTCOMES: tuple[type[Outcome], ...] = (RealOutcome, ShadowOutcome)


def _any_of(models: Iterable[type[Trade | Outcome]], **condition: Any) -> Q:
    """Whether an experiment has a row in one of the tables."""
    rows = (model._default_manager.filter(experiment=OuterRef("pk"), **condition) for model in models)  # noqa: SLF001
    return reduce(or_, (Q(Exists(found)) for found in rows))


_LIVE = _any_of(_TRADES, status__in=LIVE_STATUSES)
# The same the other way round: from the few trades that are open, instead of asking every experiment for one.
_OF_LIVE_TRADES = RealTrade.objects.filter(status__in=LIVE_STATUSES).values("experiment_id").union(
    ShadowTrade.objects.filter(status__in=LIVE_STATUSES).values("experiment_id")
)  # fmt: skip
# What the columns read, and no document of it.
_COLUMNS = (
    "signal", "variant", "policy_version", "created_at",
    "decision__execution_mode", "decision__executed_engine", "decision__shadow_engine", "decision__reason",
)  # fmt: skip
STATES = {
    "open": ("Open", Q(pk__in=_OF_LIVE_TRADES)),
    "closed": ("Closed", _any_of(_TRADES) & ~_LIVE),
    "none": ("No trade", ~_any_of(_TRADES)),
}
RESULTS = {
    "both": ("Of both engines", reduce(and_, (_any_of([model]) for model in _OUTCOMES))),
    "some": ("Of one at least", _any_of(_OUTCOMES)),
}
TRADED = {
    "A": ("Engine A", Q(decision__executed_engine="A")),
    "B": ("Engine B", Q(decision__executed_engine="B")),
    # The same as no executed engine, which would also ask for what has no decision, row by row.
    "none": ("Neither", Q(decision__execution_mode=ExecutionMode.SHADOW_ONLY)),
}


def _earned(trade: ListedTrade) -> SafeString | None:
    """What a trade came to, with its currency; None while it has no outcome, or one without a price."""
    if trade.pnl is None:
        return None
    return format_html('{} <small class="to-muted">{}</small>', signed_amount(trade.pnl), trade.currency)


def _of_signal(
    title: str, read: Callable[[Any], object], *, ordering: str | None = None
) -> Callable[[Any, Listed], object]:
    """A column of what came with the alert; None for a signal that was deleted."""

    @admin.display(description=title, ordering=ordering)
    def column(_: Any, row: Listed) -> object:
        return None if row.beside.signal is None else read(row.beside.signal) or None

    return column


class SignalList(BrowseList):
    """The page's rows with what stands beside each."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        read_beside(self.result_list)


class ExperimentAdmin(AuditAdmin):
    """One row per signal that was decided."""

    column_choices = (
        "created_at", "fired", "market_date", "signal_text", "strategy", "order", "source", "roles", "execution_mode",
        "pnl_real", "pnl_shadow", "state", "outcome", "reason", "variant", "policy", "experiment",
    )  # fmt: skip
    list_display = (
        "created_at",
        "market_date",
        "signal_text",
        "roles",
        "pnl_real",
        "pnl_shadow",
        "state",
        "reason",
        "policy",
    )
    list_display_links = ("created_at", "experiment")
    list_filter_submit = True
    list_select_related = ("decision",)
    list_filter = (
        equals("signal__symbol", "symbol"), *_MARKET_DATES, one_of("state", "state", STATES),
        one_of("result", "outcome", RESULTS), one_of("traded", "engine trading for real", TRADED),
        equals("policy_version", "policy version"), "decision__reason", "decision__execution_mode",
        equals("signal__timeframe", "timeframe"), "variant", recent("created_at"), *moments("created_at"),
    )  # fmt: skip
    search_fields = ("experiment_id__exact", "signal_id__exact", "signal__symbol__exact", "policy_version_id__exact")
    row_names = ("signal", "signals")
    search_help_text = "MSFT, MSFT 2003-08-19, an ID or v7"
    empty_hint = (
        "Each signal stands here once the worker has decided it. Send an alert to a webhook source, or run the demo."
    )
    empty_commands = ("manage.py demo", "manage.py worker")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Fetch what the columns read; what stands beside it, `SignalList` does."""
        return super().get_queryset(request).only(*_COLUMNS)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BrowseList]:
        """The list with its rows' trades and results."""
        return SignalList

    def get_ordering(self, request: HttpRequest) -> Any:
        """By market date where that, or a symbol, narrows the list; it is what the rows are looked up by."""
        return ("-signal__timestamp",) if self._is_by_market_date(request) else super().get_ordering(request)

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        """Both times, unless one narrows the list: sorted by the other, all rows without would be passed over."""
        sortable = {"market_date", "fired"}
        if not self._is_by_market_date(request):
            sortable |= {"created_at"}
            if any(name.startswith("created_at") and value for name, value in request.GET.items()):
                sortable = {"created_at"}
        return [column for column in self.get_list_display(request) if column in sortable]

    @staticmethod
    def _is_by_market_date(request: HttpRequest) -> bool:
        narrowed = {name for name, value in request.GET.items() if value}
        by_time = any(name.startswith("created_at") for name in narrowed)
        return not narrowed.isdisjoint(_BY_MARKET_DATE) or (not by_time and not narrowed.isdisjoint(_BY_SYMBOL))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; a search for a symbol and a day becomes the facets that it names."""
        named = symbol_and_day(request.GET.get("q", ""))
        if named is None:
            return super().changelist_view(request, extra_context)
        query = request.GET.copy()
        for gone in ("q", "p", "market_date"):
            query.pop(gone, None)
        for name, value in facets_of(named).items():
            query[name] = value
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")

    def get_urls(self) -> list[URLPattern]:
        """The URLs of the table, and that of replaying one experiment."""
        view = self.admin_site.admin_view(self.verify)
        return [path("<uuid:experiment_id>/verify/", view, name="experiments_experiment_verify"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the whole story of one experiment."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        experiment_id = uuid_from(object_id)
        if experiment_id is None:
            raise Http404
        return self._page(request, experiment_id, {})

    def verify(self, request: HttpRequest, experiment_id: UUID) -> HttpResponse:
        """Compute everything again from what is stored and show what differs (R6)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        # A replay leaves a record with a name on it: a link that a browser follows ahead of its user must not start
        # one.
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:experiments_experiment_change", args=(experiment_id,)))
        differences = replay_experiment(actor_of(request), experiment_id)
        return self._page(request, experiment_id, {"verified": True, "differences": differences})

    def _page(self, request: HttpRequest, experiment_id: UUID, extra: dict[str, Any]) -> HttpResponse:
        try:
            story = experiment_story(experiment_id)
        except DomainError as error:
            if error.code == "not_found":
                raise Http404 from None
            return render_page(
                request,
                "console/incomplete_experiment.html",
                "Incomplete experiment",
                subtitle=str(experiment_id),
                opts=self.opts,
                missing=missing_rows(experiment_id),
                left=rows_left(experiment_id),
            )
        return render_page(
            request,
            "console/experiment.html",
            f"{story.signal.symbol} {story.signal.direction} {story.signal.timeframe}",
            subtitle=str(experiment_id),
            opts=self.opts,
            page=experiment_page(story),
            experiment=story,
            neighbours=neighbours(story),
            deliveries=deliveries_of(story.signal) if request.user.has_perm(SEE_DELIVERIES) else (),
            **extra,
        )

    @admin.display(description="experiment")
    def experiment(self, row: Listed) -> SafeString:
        """The first digits of the ID."""
        return format_html('<code class="to-code" title="{}">{}</code>', row.pk, str(row.pk)[:8])

    fired = _of_signal("fired", lambda signal: signal.timestamp, ordering="signal__timestamp")
    # Years ago for that of a replay.
    market_date = _of_signal(
        "market date",
        lambda signal: day_text(signal.timestamp.astimezone(NEW_YORK).date()),
        ordering="signal__timestamp",
    )
    strategy = _of_signal("strategy", lambda signal: signal.strategy)
    order = _of_signal("order ID", lambda signal: signal.order_id)
    source = _of_signal("source", lambda signal: signal.source)

    @admin.display(description="signal")
    def signal_text(self, row: Listed) -> SafeString:
        """Symbol, direction with an arrow, and timeframe."""
        signal = row.beside.signal
        if signal is None:
            return label("deleted", "danger")
        up = signal.direction == "LONG"
        return format_html(
            '{} <span class="{}">{} {}</span> {}{}',
            signal.symbol,
            "to-gain" if up else "to-loss",
            "▲" if up else "▼",
            signal.direction,
            signal.timeframe,
            format_html(" {}", REPLAYED) if signal.replayed else "",
        )

    @admin.display(description="mode")
    def execution_mode(self, row: Listed) -> SafeString:
        """The decided mode, none of which is out of the ordinary."""
        if not hasattr(row, "decision"):
            return label("deleted", "danger")
        mode = row.decision.execution_mode
        return label(mode, "" if mode == "SHADOW_ONLY" else "info")

    @admin.display(description="real / shadow")
    def roles(self, row: Listed) -> SafeString | str:
        """The engine that trades for real, and the one that shadows."""
        if not hasattr(row, "decision"):
            return label("deleted", "danger")
        return f"{row.decision.executed_engine or 'none'} / {row.decision.shadow_engine}"

    @admin.display(description="reason")
    def reason(self, row: Listed) -> str:
        """The rule that gave the roles; whether an engine then trades is its own affair."""
        return row.decision.reason

    @admin.display(description="policy")
    def policy(self, row: Listed) -> SafeString:
        """A link to the pinned version."""
        return link("policies_policyversion", row.policy_version_id, f"v{row.policy_version_id}")

    @admin.display(description="variant")
    def variant(self, row: Listed) -> str:
        """The engine that the signal's hash draws."""
        return row.variant

    @admin.display(description="outcome")
    def outcome(self, row: Listed) -> str:
        """The engines whose result is in."""
        return " and ".join(sorted(trade.engine for trade in row.beside.trades if trade.has_result)) or "none"

    @admin.display(description="state")
    def state(self, row: Listed) -> SafeString | str:
        """Whether any trade is still open; which kind there is none of, and why."""
        trades = row.beside.trades
        is_open = any(trade.is_live for trade in trades)
        lacking = traded({trade.engine: trade.role.value for trade in trades}, row.beside.actions)
        if not lacking:
            return "open" if is_open else "closed"
        return format_html('<span class="to-wraps">{}{}</span>', "open, " if is_open else "", lacking)

    @number
    @admin.display(description="P&L real")
    def pnl_real(self, row: Listed) -> SafeString | None:
        """The real outcome; None while there is none, or without a price."""
        return next((_earned(trade) for trade in row.beside.trades if trade.role is Role.REAL), None)

    @number
    @admin.display(description="P&L shadow")
    def pnl_shadow(self, row: Listed) -> SafeString | str | None:
        """The shadow outcome; where both engines shadowed, each by itself: they are never added together."""
        shadows = (trade for trade in row.beside.trades if trade.role is Role.SHADOW)
        earned = {trade.engine: amount for trade in shadows if (amount := _earned(trade))}
        if len(earned) < 2:
            return next(iter(earned.values()), None)
        return format_html_join(" ", "{}: {}", sorted(earned.items()))

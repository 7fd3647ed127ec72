"""What `/` and Ctrl-K find: pages, things to do, and whatever an ID, a hash, a symbol or an order names.

IDs and hashes are found by eight or more of their first digits; every look-up uses an index and takes few rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from admin_kit.filters import within_days
from admin_kit.search import digits_of
from kernel.values import day_text, instant_text
from orchestrator_site.console.unfold_settings import NAVIGATION
from orchestrator_site.finding import MOST, experiments_named, facets_of, symbol_and_day
from orchestrator_site.roles import HALT_TRADING
from outcomes.models import Evaluation
from outcomes.performance.listing import NEW_YORK
from policies.models import EngineName, PolicyVersion
from signals_app.models import Signal, WebhookDelivery, WebhookSource

_NUMBER = re.compile(r"([v#]?)([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Found:
    """One line of what was found."""

    title: str
    description: str
    link: str
    icon: str


# Title, other words that find it, icon, permission, view and query.
ACTIONS = (
    ("Halt all real trading", "kill switch stop resume", "front_hand", HALT_TRADING, "kill_switch", ""),
    ("Check an alert", "test message template tradingview", "fact_check", "signals_app.view_signal", "check_alert", ""),
    ("Show what was in force at a time", "as of history", "schedule", "policies.view_policyversion", "as_of", ""),
    ("Compare the engines", "report performance p&l", "compare_arrows", "outcomes.view_report", "report", ""),
    ("Read the verdict", "evaluation result which is better", "balance", "outcomes.view_evaluation",
     "outcomes_evaluation_latest", ""),
    ("New evaluation", "verdict start test", "add", "outcomes.add_evaluation", "outcomes_evaluation_write", ""),
    ("New policy version", "change policy split draft mode", "edit_note", "policies.add_policydraft",
     "policies_policyversion_new_version", ""),
    ("Compare policy versions", "diff", "difference", "policies.view_policyversion",
     "policies_policyversion_compare", ""),
    ("Rotate an engine's key", "api key replace revoke", "key", "policies.change_apikey",
     "policies_apikey_changelist", ""),
    ("Create an API key", "new engine feeder analyst", "key", "policies.add_apikey", "policies_apikey_new_key", ""),
    ("New webhook source", "tradingview token url", "link", "signals_app.add_webhooksource",
     "signals_app_webhooksource_new_source", ""),
    ("Rotate a source's token", "webhook url secret", "autorenew", "signals_app.change_webhooksource",
     "signals_app_webhooksource_changelist", ""),
    ("Disable or enable an engine", "switch off", "power_settings_new", "policies.change_engine", "engines", ""),
    ("Retry or discard failed signals", "queue error", "error", "signals_app.change_signal",
     "signals_app_signal_changelist", "status__exact=FAILED&failure=open"),
    ("Re-evaluate rejected alerts", "judge again re-drive redrive replay inbox", "replay",
     "signals_app.redrive_webhookdelivery", "inbox_redrive", ""),
    ("The worst trades", "loss pnl rows", "trending_down", "outcomes.view_report", "rows", "order=worst"),
    *((f"The worst trades of {engine}", "loss pnl rows engine", "trending_down", "outcomes.view_report", "rows",
       f"engine={engine}&order=worst") for engine in EngineName.values),
)  # fmt: skip


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """List what `?s=` finds, what names it first; nothing while nothing is typed."""
    text = request.GET.get("s", "").replace("\x00", "").strip()[:100]
    if not text:
        return HttpResponse()
    results = [*_pages(request, text.lower()), *_things(request, text)]
    return TemplateResponse(request, "unfold/helpers/command_results.html", {"results": results})


def _pages(request: HttpRequest, text: str) -> Iterator[Found]:
    """Actions and pages whose words contain every word typed."""
    words = text.split()
    may = request.user.has_perm
    for title, others, icon, permission, view, query in ACTIONS:
        said = f"{title} {others}".lower()
        if may(permission) and all(word in said for word in words):
            address = reverse(f"admin:{view}")
            yield Found(title, "Action", f"{address}?{query}" if query else address, icon)
    for group in NAVIGATION:
        for item in group["items"]:
            is_open = "needs" not in item or may(item["needs"])
            if is_open and all(word in item["title"].lower() for word in words):
                yield Found(item["title"], group.get("title", "Page"), str(item["link"]), item["icon"])


def _things(request: HttpRequest, text: str) -> Iterator[Found]:
    """Rows that the text names, of tables that the user may see."""
    may = request.user.has_perm
    if (number := _NUMBER.fullmatch(text.lower())) is not None:
        for model, permission, icon in (
            (PolicyVersion, "policies.view_policyversion", "rule"),
            (Evaluation, "outcomes.view_evaluation", "balance"),
            (WebhookDelivery, "signals_app.view_webhookdelivery", "inbox"),
        ):
            # Only versions of the policy are called v7.
            if may(permission) and (number[1] != "v" or model is PolicyVersion):
                yield from _rows(model.objects.filter(pk=int(number[2])), icon)
    if may("policies.view_policyversion") and (digits := digits_of(text)):
        yield from _rows(PolicyVersion.objects.filter(content_hash__startswith=digits), "rule")
    if may("experiments.view_experiment"):
        yield from _signals(text)
    if may("signals_app.view_webhooksource"):
        yield from _rows(WebhookSource.objects.filter(slug__startswith=text.lower()), "link")


def _rows(rows: QuerySet[Any], icon: str) -> Iterator[Found]:
    for row in rows[:MOST]:
        options = row._meta  # noqa: SLF001 (Django's public model API)
        address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=(row.pk,))
        yield Found(f"{options.verbose_name} {row.pk}".capitalize(), str(row), address, icon)


def _signals(text: str) -> Iterator[Found]:
    """Signals by an ID or hash of theirs, of their decision or of their trades, by their symbol or by their order."""
    for row, _ in experiments_named(text):
        address = reverse("admin:experiments_experiment_change", args=(row.pk,))
        yield Found(str(row.signal), f"Why, experiment {row.pk}", address, "podcasts")
    yield from _signals_of_day(text)
    symbol = Signal.objects.filter(symbol=text.upper()).order_by("-timestamp").first()
    if symbol is not None:
        listed = reverse("admin:experiments_experiment_changelist")
        query = urlencode({"signal__symbol": symbol.symbol})
        latest = f"Signals, the latest fired {instant_text(symbol.timestamp)}"
        yield Found(symbol.symbol, latest, f"{listed}?{query}", "podcasts")


def _signals_of_day(text: str) -> Iterator[Found]:
    """The signals of a symbol that fired on a day of New York, such as "MSFT 2003-09-23"; the list of them first."""
    named = symbol_and_day(text)
    if named is None or not named[0]:
        return
    symbol, day = named
    fired = Signal.objects.filter(within_days("timestamp", NEW_YORK, day, day), symbol=symbol).order_by("-timestamp")
    found = list(fired.select_related("experiment", "experiment__decision")[:MOST])
    if not found:
        return
    listed = reverse("admin:experiments_experiment_changelist")
    yield Found(
        f"{symbol} {day_text(day)}", "Signals of that day", f"{listed}?{urlencode(facets_of(named))}", "podcasts"
    )
    for signal in found:
        story = getattr(signal, "experiment", None)
        view, key, said = (
            ("experiments_experiment", story.pk, "Why") if story else ("signals_app_signal", signal.pk, "Signal")
        )
        address = reverse(f"admin:{view}_change", args=(key,))
        yield Found(str(signal), f"{said}, fired {instant_text(signal.timestamp)}", address, "podcasts")

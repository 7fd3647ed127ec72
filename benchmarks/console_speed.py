"""`python -m benchmarks.console_speed`: every page of the console over what `benchmarks.growth` has filled.

Adds the words of its deliveries, a million log-ins and a draft, once, which takes two minutes. Each page is asked for
as a whole answer, lists narrowed and sorted as people do it, around a signal from the middle.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django

from benchmarks import database
from benchmarks.report import machine, say

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- console -->", "<!-- end of console -->"
BOUND = 0.15
# Title, view, its arguments, query.
Page = tuple[str, str, tuple[Any, ...], dict[str, str]]

LOG_INS = """
INSERT INTO audit_log (at, actor, action, subject, reason, changes, address)
SELECT now() - (1000000 - n) * interval '30 seconds', 'user' || n %% 50,
       CASE WHEN n %% 1000 = 0 THEN 'policy.activated' ELSE 'user.logged_in' END, 'user ' || n %% 50, '', '{}', '::1'
  FROM generate_series(1, 1000000) AS n
"""
LOG_INS_MADE = 900_000


def fill() -> None:
    """Add what the benchmark of growth has no need of, unless it is there."""
    from django.db import connection

    from kernel.actors import SYSTEM
    from kernel.models import AuditEntry
    from policies.core.settings import changed_settings
    from policies.drafts import start_draft
    from policies.models import PolicyDraft
    from policies.selectors import policy_in_force
    from signals_app.inbox.searching import index_words

    if not PolicyDraft.objects.exists():
        content = changed_settings(policy_in_force().content, ["split_percentage=30"])
        start_draft(SYSTEM, content=content, note="To be looked at.")
    if AuditEntry.objects.count() > LOG_INS_MADE:
        return
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        say("a million log-ins, and the words of deliveries")
        cursor.execute(LOG_INS, ())
        while index_words():
            pass
        cursor.execute("VACUUM ANALYZE")


def pages() -> list[Page]:
    """Every page of the console."""
    from django.contrib import admin

    from experiments.models import Experiment
    from orchestrator_site.console.experiment_admin import ExperimentAdmin
    from outcomes.performance.listing import NEW_YORK, ORDERS
    from policies.models import PolicyDraft
    from policies.selectors import policy_in_force
    from signals_app.models import WebhookDelivery

    newest = Experiment.objects.order_by("-created_at")[0]
    middle = Experiment.objects.order_by("-created_at")[Experiment.objects.count() // 2]
    symbol, moment = middle.signal.symbol, middle.created_at
    day = middle.signal.timestamp.astimezone(NEW_YORK).date()
    old = WebhookDelivery.objects.filter(id__gt=500_000).order_by("id")[0].pk
    signals, inbox, audit = "experiments_experiment_changelist", "inbox", "kernel_auditentry_changelist"
    policies = "policies_policyversion_changelist"
    policy, draft = policy_in_force(), PolicyDraft.objects.latest("pk").pk
    lists = [model._meta for model in admin.site._registry]  # noqa: SLF001 (all that is registered)
    records: list[Page] = [
        (f"Records: {meta.verbose_name_plural}", f"{meta.app_label}_{meta.model_name}_changelist", (), {})
        for meta in lists
    ]
    facets = {
        "signal__symbol": symbol,
        "traded": "A",
        "result": "both",
        "decision__reason__exact": middle.decision.reason,
    }
    rows_of = {
        "of all": {},
        "of a symbol": {"symbol": symbol},
        "of a symbol and a direction": {"symbol": symbol, "direction": middle.signal.direction},
    }
    every = ",".join(ExperimentAdmin.column_choices)
    months = {"market_date_from": f"{day - timedelta(days=60)}", "market_date_to": f"{day}"}
    return [
        ("Now", "index", (), {}),
        *((f"Now, its {part}", "index", (), {"part": part}) for part in ("inbox", "state", "activity", "decisions")),
        ("Signals", signals, (), {}),
        ("Signals, every column", signals, (), {"columns": every}),
        ("Signals, page 20", signals, (), {"p": "20"}),
        ("Signals, oldest first", signals, (), {"o": "0"}),
        ("Signals by market date", signals, (), {"o": "-1"}),
        ("Signals of one market date", signals, (), {"market_date_from": f"{day}", "market_date_to": f"{day}"}),
        ("Signals of two months", signals, (), months),
        ("Signals of two months, one symbol", signals, (), months | {"signal__symbol": symbol}),
        ("Signals of two months, oldest first", signals, (), months | {"o": "1"}),
        ("Signals of one symbol", signals, (), {"signal__symbol": symbol}),
        ("Signals of two days before a moment", signals, (),
         {"created_at__gte": f"{moment - timedelta(days=2):%FT%TZ}", "created_at__lt": f"{moment:%FT%TZ}"}),
        ("Signals without a trade", signals, (), {"state": "none"}),
        ("Signals with an open trade", signals, (), {"state": "open"}),
        ("Signals with both results", signals, (), {"result": "both"}),
        ("Signals that nobody trades", signals, (), {"traded": "none"}),
        ("Signals by four facets", signals, (), facets),
        ("Signals of one policy version", signals, (), {"policy_version": f"v{policy.version}"}),
        ("Signals, ?q= a symbol", signals, (), {"q": symbol}),
        ("Signals, ?q= the digits of an ID", signals, (), {"q": str(middle.pk)[:8]}),
        ("Signals, ?q= a version", signals, (), {"q": f"v{policy.version}"}),
        ("Why", "experiments_experiment_change", (middle.pk,), {}),
        ("Why, the newest", "experiments_experiment_change", (newest.pk,), {}),
        ("Inbox", inbox, (), {}),
        ("Inbox, a page from the middle", inbox, (), {"before": str(old)}),
        ("Inbox, a word that many hold", inbox, (), {"q": "spy"}),
        ("Inbox, a word that one holds", inbox, (), {"q": "o250000"}),
        ("Inbox, two words, before a time", inbox, (), {"q": f"{symbol.lower()} buy", "until": f"{moment:%FT%R}"}),
        ("Inbox, rejected", inbox, (), {"outcome": "rejected"}),
        ("Inbox, one code", inbox, (), {"code": "direction_missing"}),
        ("Inbox, rejected with a word", inbox, (), {"outcome": "rejected", "q": "o250090"}),
        ("Inbox, the last 24 hours", inbox, (), {"within": "24h"}),
        ("Re-evaluate, what would come of it", "inbox_redrive", (), {"code": "direction_missing"}),
        ("Check an alert", "check_alert", (), {}),
        ("Check an alert that came", "check_alert", (), {"delivery": str(old)}),
        ("Search, an action", "search", (), {"s": "halt"}),
        ("Search, a symbol", "search", (), {"s": symbol}),
        ("Search, an ID's digits", "search", (), {"s": str(middle.pk)[:8]}),
        ("Search, a hash's digits", "search", (), {"s": middle.signal_hash[:10]}),
        ("Search, an order", "search", (), {"s": "o250000"}),
        ("Engines", "engines", (), {}),
        ("Engines, its engine A over time", "engines", (), {"part": "A"}),
        ("Compare", "report", (), {}),
        ("Rows", "rows", (), {}),
        *(
            (f"Rows, {kind} {of}, {order} first", "rows", (), {"kind": kind, "order": order} | narrowed)
            for kind in ("real", "paired")
            for order in ORDERS
            for of, narrowed in rows_of.items()
        ),
        ("Policy", policies, (), {}),
        ("Policy version", "policies_policyversion_change", (policy.version,), {}),
        ("Policy version, its decisions", "version_decisions", (policy.version,), {}),
        ("Policy draft", "policies_policydraft_change", (draft,), {}),
        ("Policy draft, its preview of other decisions", "draft_preview", (draft,), {"last": "500"}),
        ("As of", "as_of", (), {"at": f"{moment:%FT%R}"}),
        ("Risk", "risk", (), {}),
        ("Audit log", audit, (), {}),
        ("Audit log about policies", audit, (), {"about": "policy"}),
        ("Audit log of one person", audit, (), {"q": "user7"}),
        ("Settings", "settings", (), {}),
        *(page for page in records if page[1] not in {signals, audit, policies}),
    ]  # fmt: skip


def measure(only: str) -> list[str]:
    """The lines of the table: the median of five answers after the first, what is sent, and whether it is in bounds."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    user, _ = User.objects.get_or_create(username="page-speed", defaults={"is_superuser": True, "is_staff": True})
    client = Client(SERVER_NAME="localhost", headers={"Accept-Encoding": "gzip"})
    client.force_login(user)
    lines = []
    for title, view, arguments, query in pages():
        if only not in title:
            continue
        times = []
        for _ in range(6):
            begun = time.perf_counter()
            answer = client.get(f"{reverse(f'admin:{view}', args=arguments)}?{urlencode(query)}")
            times.append(time.perf_counter() - begun)
            assert answer.status_code == 200, (title, answer.status_code)
        taken = statistics.median(times[1:])
        verdict = "met" if taken <= BOUND else "missed"
        line = f"| {title} | {taken:.3f} s | {len(answer.content) / 1000:.0f} kB | {verdict} |"
        say(line)
        lines.append(line)
    return lines


def main() -> None:
    """Measure, print the table and keep it if told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="pages whose titles hold this text")
    parser.add_argument("--keep", action="store_true", help="write the table into RESULTS.md")
    options = parser.parse_args()
    django.setup()
    fill()
    lines = measure(options.only)
    from experiments.models import Experiment
    from outcomes.models import RealTrade
    from signals_app.models import WebhookDelivery

    pairs, deliveries = RealTrade.objects.count(), WebhookDelivery.objects.count()
    counts = f"{Experiment.objects.count():,} signals, {pairs:,} pairs, {deliveries:,} deliveries"
    with database.connect(os.environ["DATABASE_URL"]) as peer:
        where = machine(peer)
    # More than the cores: something else ran meanwhile, and every time is too long.
    head = [f"{counts}; {where}, load average {os.getloadavg()[0]:.1f}. Bound: {BOUND} s a page.", ""]
    text = "\n".join([*head, "| page | time | sent | |", "|---|--:|--:|---|", *lines])
    print(text)
    if options.keep:
        before, _, rest = RESULTS.read_text().partition(BEGIN)
        RESULTS.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()

"""How long the analysts' pages take over what `benchmarks.report_speed` has filled, each as a whole answer."""

from __future__ import annotations

import statistics
import time
from urllib.parse import urlencode

from benchmarks.report import say

BOUND = 0.3
# In the middle of all, by time and by P&L: a page that far down has to be as near as the first.
DEEP = {"after": "2023-01-05T00:00:00Z", "id": "7f000000-0000-4000-8000-000000000000"}
DEEP_BY_PNL = DEEP | {"pnl": "19.01"}
# One filter, as a click on a slice sets it, and two, which leave a quarter and a sixteenth of the trades.
FILTERED = {
    "of one symbol": {"symbol": "SPY"},
    "of one direction": {"direction": "LONG"},
    "of one hour": {"hour": "10"},
    "of one direction and timeframe": {"direction": "LONG", "timeframe": "5m"},
    "of one symbol and direction": {"symbol": "SPY", "direction": "LONG"},
}
EXPORT = {"since": "2025-07-29T00:00:00Z"}


def page_lines() -> list[str]:
    """The lines of the table: each page, the median of five answers after the first, and whether that is in bounds."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    from outcomes.models import Evaluation

    pages: list[tuple[str, str, dict[str, str]]] = [
        ("Now", "index", {}),
        ("Signals", "experiments_experiment_changelist", {}),
        ("Signals of one symbol", "experiments_experiment_changelist", {"signal__symbol": "SPY"}),
        ("Compare", "report", {}),
        ("Compare, its best and worst trades", "report", {"part": "trades"}),
        ("Compare, its slices", "report", {"part": "slices"}),
        *(
            page
            for name, query in FILTERED.items()
            for page in (
                (f"Compare {name}", "report", query),
                (f"Compare {name}, its figures", "report", query | {"part": "figures"}),
                (f"Compare {name}, its slices", "report", query | {"part": "slices"}),
                (f"Compare {name}, its best and worst trades", "report", query | {"part": "trades"}),
            )
        ),
        ("Engines", "engines", {}),
        ("Rows, newest", "rows", {}),
        ("Rows, a page from the middle", "rows", {"kind": "shadow"} | DEEP),
        ("Rows, lowest P&L", "rows", {"kind": "shadow", "order": "worst"}),
        ("Rows, a page from the middle by P&L", "rows", {"kind": "shadow", "order": "best"} | DEEP_BY_PNL),
        ("Rows, best pairs", "rows", {"kind": "paired", "order": "best"}),
    ]
    if Evaluation.objects.exists():
        pages += [("Verdict", "outcomes_evaluation_latest", {}), ("Evaluations", "outcomes_evaluation_changelist", {})]
    user, _ = User.objects.get_or_create(username="page-speed", defaults={"is_superuser": True, "is_staff": True})
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    lines = []
    for title, view, query in pages:
        say(f"page {title}")
        times = []
        for _ in range(6):
            begun = time.perf_counter()
            answer = client.get(f"{reverse(f'admin:{view}')}?{urlencode(query)}", follow=True)
            times.append(time.perf_counter() - begun)
            assert answer.status_code == 200, (title, answer.status_code)
        taken = statistics.median(times[1:])
        lines.append(f"| page {title} | {taken:.3f} s | at most {BOUND} s | {'met' if taken <= BOUND else 'missed'} |")
    for form in ("csv", "parquet"):
        say(f"file {form}")
        begun = time.perf_counter()
        answer = client.get(f"{reverse('admin:rows_export', args=(form,))}?{urlencode(EXPORT)}")
        size = sum(len(part) for part in answer)
        taken = time.perf_counter() - begun
        lines.append(f"| all rows since {EXPORT['since'][:10]} as {form}, {size / 1e6:.0f} MB | {taken:.1f} s | | |")
    return lines

"""What the first page draws: the last hour's requests and decisions, what is at stake, and what today has brought."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from kernel.sql import load

LAST_HOUR = load(__file__, "activity.sql")
EXPOSURE = load(__file__, "exposure.sql")
# Confirmed or not, it lets an engine trade for real until then; one that was used is in the open trades.
PERMITS = """
SELECT count(*) FROM permits p WHERE expires_at > now()
   AND NOT EXISTS (SELECT FROM real_trades t WHERE t.experiment_id = p.experiment_id)
"""


@dataclass(frozen=True, slots=True)
class Stake:
    """One engine in one currency; amounts are None where there is nothing to add up."""

    engine: str
    currency: str
    open_trades: int
    at_risk: Decimal | None
    real_today: Decimal | None
    shadow_today: Decimal | None


@dataclass(frozen=True, slots=True)
class Chart:
    """Data and options for Unfold's chart component, and the same in words."""

    data: str
    options: str
    summary: str


@dataclass(frozen=True, slots=True)
class Activity:
    """The last hour in two charts; None where nothing came or was decided."""

    requests: Chart | None
    latency: Chart | None


def stakes() -> tuple[list[Stake], int]:
    """What each engine has at stake and has made today, and the permits that may still become a real trade."""
    with connection.cursor() as cursor:
        cursor.execute(EXPOSURE)
        rows = [Stake(*row) for row in cursor.fetchall()]
        cursor.execute(PERMITS)
        return rows, cursor.fetchone()[0]


def last_hour() -> Activity:
    """Requests by outcome, and the time from arrival to decision, minute by minute."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_HOUR)
        minutes, accepted, kept, refused, half, most = zip(*cursor.fetchall(), strict=True)
    return Activity(
        requests=_requests(minutes, accepted, kept, refused) if any((*accepted, *kept, *refused)) else None,
        latency=_latency(minutes, half, most) if any(value is not None for value in half) else None,
    )


def _requests(minutes: tuple[str, ...], *counts: tuple[int, ...]) -> Chart:
    names = ("signals", "duplicates and exits", "rejected or conflicting")
    colours = ("var(--chart-1)", "var(--color-base-400)", "var(--to-loss)")
    bars = [
        {"label": name, "data": data, "backgroundColor": colour, "stack": "all"}
        for name, data, colour in zip(names, counts, colours, strict=True)
    ]
    totals = ", ".join(f"{sum(data)} {name}" for name, data in zip(names, counts, strict=True))
    return _chart(minutes, bars, _axis("requests a minute", stacked=True), f"The last hour: {totals}.")


def _latency(minutes: tuple[str, ...], half: tuple[float | None, ...], most: tuple[float | None, ...]) -> Chart:
    lines: list[dict[str, Any]] = [
        {"label": "half within", "data": half, "borderColor": "var(--chart-1)", "backgroundColor": "var(--chart-1)"},
        {
            "label": "95 % within",
            "data": most,
            "borderDash": [5, 4],
            "borderColor": "var(--chart-2)",
            "backgroundColor": "var(--chart-2)",
        },
    ]
    lines = [line | {"spanGaps": True, "pointRadius": 2} for line in lines]
    worst = max(value for value in most if value is not None)
    summary = f"From arrival to decision; the slowest minute had 95 % within {worst:,.0f} ms."
    return _chart(minutes, lines, _axis("milliseconds", type="logarithmic"), summary)


def _axis(title: str, **more: Any) -> dict[str, Any]:
    return {"title": {"display": True, "text": title}, "ticks": {"display": True, "maxTicksLimit": 6}, **more}


def _chart(minutes: tuple[str, ...], datasets: list[dict[str, Any]], axis: dict[str, Any], summary: str) -> Chart:
    options = {
        "animation": False,
        "maintainAspectRatio": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {"legend": {"display": True, "position": "bottom"}},
        "scales": {
            "x": {"stacked": axis.get("stacked", False), "ticks": {"maxTicksLimit": 7, "maxRotation": 0}},
            "y": {"beginAtZero": "type" not in axis, **axis},
        },
    }
    return Chart(json.dumps({"labels": minutes, "datasets": datasets}), json.dumps(options), summary)

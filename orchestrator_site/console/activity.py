"""What the first page draws: the last hour's requests and decisions, what is at stake, and what today has brought."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from admin_kit.charts import Chart, Series, is_wide
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


def stakes() -> tuple[list[Stake], int]:
    """What each engine has at stake and has made today, and the permits that may still become a real trade."""
    with connection.cursor() as cursor:
        cursor.execute(EXPOSURE)
        rows = [Stake(*row) for row in cursor.fetchall()]
        cursor.execute(PERMITS)
        return rows, cursor.fetchone()[0]


def last_hour() -> list[Chart]:
    """Requests by outcome, and the time from arrival to decision, minute by minute; none of what did not happen."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_HOUR)
        minutes, accepted, kept, refused, half, most = zip(*cursor.fetchall(), strict=True)
    charts = []
    if any((*accepted, *kept, *refused)):
        requests = {"signals": accepted, "duplicates and exits": kept, "rejected or conflicting": refused}
        looks = ("a", "other", "limit")
        charts.append(
            Chart(
                "requests",
                "Webhook requests, last hour",
                f"The last hour: {', '.join(f'{sum(counts):,} {name}' for name, counts in requests.items())}.",
                minutes,
                [
                    Series(name, counts, look, "bar")
                    for (name, counts), look in zip(requests.items(), looks, strict=True)
                ],
                "Minute, UTC",
                "Requests",
                stacked=True,
                low=True,
            )
        )
    if any(value is not None for value in most):
        worst = max(value for value in most if value is not None)
        charts.append(
            Chart(
                "latency",
                "Decision latency, last hour",
                f"From arrival to decision; the slowest minute had 95% within {worst:,.0f} ms.",
                minutes,
                [Series("median", half, "a", "points"), Series("95th percentile", most, "b", "points")],
                "Minute, UTC",
                "Milliseconds",
                log=is_wide(value for value in (*half, *most) if value is not None),
                low=True,
            )
        )
    return charts

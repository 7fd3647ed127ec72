"""Guardrails: facts of the past that take real trading away, and never give it.

Off unless the policy version sets a limit. They are read at decision time, from stored rows and the
database clock, and what tripped is stored with the decision; replay uses the stored value. A trip
holds until an operator releases it, and what happened before the release counts no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from django.db import connection, transaction

from kernel.events import GUARDRAIL_TRIPPED
from policies.core.rules import Trip
from policies.core.settings import GUARDRAILS, PolicySettings
from policies.selectors import instant_of_change

# The share of failed signals says nothing about a handful of them. Those an operator has discarded count as
# failed all the same: they tell how the machinery does, and whoever wants trading to go on releases the guardrail.
MIN_SIGNALS = 20

SINCE_RELEASE = "coalesce((SELECT max(released_at) FROM guardrail_trips WHERE name = '{name}'), '-infinity')"
# The statement that measures each guardrail; `{since}` is when it was last released. Apps above add those that
# measure their own tables, see `register_measures`.
MEASURES: dict[str, str] = {
    "max_failed_signal_percentage": f"""
        SELECT CASE WHEN count(*) >= {MIN_SIGNALS}
                    THEN round(100.0 * count(*) FILTER (WHERE status = 'FAILED') / count(*), 2) ELSE 0 END
          FROM signals WHERE received_at > now() - interval '1 hour' AND received_at > {{since}}""",  # noqa: S608
    # The worse of the two engines: how often it came back after a gap; a stretch that begins while the one
    # before still lasts tells of another version, other rules or another time to live, and of no gap.
    "max_engine_flaps": """
        SELECT coalesce(max(n), 0) FROM (
            SELECT count(*) AS n FROM engine_availability AS s
             WHERE first_heartbeat_at > now() - interval '1 hour' AND first_heartbeat_at > {since}
               AND NOT EXISTS (SELECT FROM engine_availability AS b WHERE b.engine = s.engine
                                  AND b.first_heartbeat_at < s.first_heartbeat_at
                                  AND b.available_until > s.first_heartbeat_at)
               AND EXISTS (SELECT FROM engine_availability AS b WHERE b.engine = s.engine
                              AND b.first_heartbeat_at < s.first_heartbeat_at)
             GROUP BY engine) AS per_engine""",
}
OPEN_TRIP = 'SELECT name, value, "limit" FROM guardrail_trips WHERE released_at IS NULL ORDER BY id LIMIT 1'
# Two workers may find the same breach at the same moment: the second one's row is not needed.
TRIP = """
INSERT INTO guardrail_trips (name, value, "limit", policy_version, tripped_at, released_by, release_reason)
VALUES (%s, %s, %s, %s, %s, '', '')
ON CONFLICT (name) WHERE released_at IS NULL DO NOTHING
"""


def register_measures(statements: Mapping[str, str]) -> None:
    """Add the statements of an app above; called once, when the apps are ready."""
    MEASURES.update(statements)


def has_limits(content: PolicySettings) -> bool:
    """Whether these settings set any limit at all."""
    return any(getattr(content, name) is not None for name in GUARDRAILS)


def tripped_guardrail(policy_version: int, content: PolicySettings) -> Trip | None:
    """The guardrail that is tripped, after tripping one whose limit is reached; None when all is well.

    Call it in the transaction of the decision.
    """
    with connection.cursor() as cursor:
        cursor.execute(OPEN_TRIP)
        if (row := cursor.fetchone()) is not None:
            return Trip(*row)
        for name in GUARDRAILS:
            limit: int | Decimal | None = getattr(content, name)
            if limit is None:
                continue
            cursor.execute(MEASURES[name].format(since=SINCE_RELEASE.format(name=name)))
            value = cursor.fetchone()[0]
            if value >= limit:
                tripped = Trip(name, _text(value), _text(limit))
                row_of_trip = (name, tripped.value, tripped.limit, policy_version, instant_of_change())
                cursor.execute(TRIP, row_of_trip)
                if cursor.rowcount:
                    log = partial(GUARDRAIL_TRIPPED.log, policy_version=policy_version, **tripped.document())
                    transaction.on_commit(log)
                return tripped
    return None


def _text(number: int | Decimal) -> str:
    return f"{number:.2f}" if isinstance(number, Decimal) else str(number)

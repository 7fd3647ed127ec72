"""What must hold of whole tables: that no row of the chain is missing, doubled or left over (R6).

Each query yields the field it is about, what is stored and what should be; no row means that all is well.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from experiments.core.verification import Comparison, PinnedPolicy, policy_differences
from policies.models import PolicyVersion
from policies.selectors import settings_of

LEFT_OVER = """
SELECT '{table}', 'a row with {key} ' || t.{key}, 'its experiment' FROM {table} t
 WHERE NOT EXISTS (SELECT FROM experiments e WHERE e.{key} = t.{key})
"""
CHAIN = f"""
-- A decided signal has its experiment, and nothing else is there without one.
SELECT 'experiments', NULL, 'a row of signal ' || s.signal_id FROM signals s
 WHERE s.status = 'PROCESSED' AND NOT EXISTS (SELECT FROM experiments e WHERE e.signal_id = s.signal_id)
UNION ALL {LEFT_OVER.format(table="market_contexts", key="signal_id")}
UNION ALL {LEFT_OVER.format(table="execution_policy", key="experiment_id")}
UNION ALL {LEFT_OVER.format(table="signal_distributions", key="experiment_id")}
UNION ALL
SELECT 'signal_distributions.engine', engine || ' of experiment ' || experiment_id, 'A or B'
  FROM signal_distributions WHERE engine NOT IN ('A', 'B')
"""  # noqa: S608 (put together from constants)
SIGNALS = """
-- A decision wipes out what failed attempts left.
SELECT 'signals.last_error', last_error || ' of signal ' || signal_id, 'nothing' FROM signals
 WHERE status = 'PROCESSED' AND last_error <> ''
UNION ALL
SELECT 'signals.next_attempt_at', next_attempt_at || ' of signal ' || signal_id, 'nothing' FROM signals
 WHERE status = 'PROCESSED' AND next_attempt_at IS NOT NULL
UNION ALL
-- A signal came with one delivery, at the same time, from the same source.
SELECT 'signals.received_at', s.received_at || ' of signal ' || s.signal_id, d.received_at::text
  FROM signals s JOIN webhook_deliveries d USING (signal_id)
 WHERE d.outcome = 'accepted' AND d.received_at <> s.received_at
UNION ALL
SELECT 'signals.source', s.source || ' of signal ' || s.signal_id, w.slug
  FROM signals s JOIN webhook_deliveries d USING (signal_id) JOIN webhook_sources w ON w.id = d.source_id
 WHERE d.outcome = 'accepted' AND w.slug <> s.source
UNION ALL
SELECT 'webhook_deliveries', count(*) || ' accepted of signal ' || signal_id, '1'
  FROM webhook_deliveries WHERE outcome = 'accepted' GROUP BY signal_id HAVING count(*) > 1
UNION ALL
SELECT 'signals', NULL, 'signal ' || d.signal_id || ' of delivery ' || d.id FROM webhook_deliveries d
 WHERE d.signal_id IS NOT NULL AND NOT EXISTS (SELECT FROM signals s WHERE s.signal_id = d.signal_id)
"""
# Versions are numbered without a gap, each made from the one before and not earlier than it.
VERSIONS = """
SELECT 'policy_versions.base_version', 'version ' || p.version || ' of ' || coalesce(p.base_version_id::text, 'none'),
       coalesce(b.version::text, 'none')
  FROM policy_versions p LEFT JOIN policy_versions b ON b.version = p.version - 1
 WHERE p.base_version_id IS DISTINCT FROM b.version OR (p.version > 1 AND b.version IS NULL)
UNION ALL
SELECT 'policy_versions.activated_at', 'version ' || p.version || ' at ' || p.activated_at,
       'not before ' || b.activated_at
  FROM policy_versions p JOIN policy_versions b ON b.version = p.version - 1
 WHERE p.activated_at < b.activated_at
"""


def incomplete() -> Iterator[Comparison]:
    """Yield everything that is missing, doubled or left over in the tables of the chain."""
    with connection.cursor() as cursor:
        for query in (CHAIN, SIGNALS, VERSIONS):
            cursor.execute(query)
            for field, stored, expected in cursor.fetchall():
                yield Comparison(field, stored or "null", expected)
    # Those that an experiment pins are verified with it.
    for policy in PolicyVersion.objects.filter(experiment__isnull=True).iterator():
        yield from policy_differences(PinnedPolicy(settings_of(policy), policy.content_hash))

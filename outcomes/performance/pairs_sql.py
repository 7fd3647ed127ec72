"""Sums over pairs, the split and the answers, in SQL on `numeric`.

The pair statement takes its differences from a relation, so that the very same statement can be run
over known answers. Columns of that relation: label, real_engine, d, violating. d is A minus B and
NULL where one side is UNPRICED; real_engine is NULL where both were shadows.
"""

from __future__ import annotations

from typing import LiteralString

from psycopg.sql import SQL, Composable, Composed

from outcomes.performance.filters import PerformanceFilters, where

# The pair of a signal that somebody traded for real, and that of a signal nobody did.
_PAIRED: LiteralString = """
SELECT 'paired' COLLATE "C" AS label, r.engine AS real_engine,
       CASE r.engine WHEN 'A' THEN r.pnl - s.pnl ELSE s.pnl - r.pnl END AS d,
       broken.experiment_id IS NOT NULL AS violating
  FROM real_outcomes r JOIN shadow_outcomes s USING (experiment_id){chosen}
  LEFT JOIN (SELECT DISTINCT experiment_id FROM pair_violations) broken USING (experiment_id){where}"""
_UNPAIRED: LiteralString = """
SELECT 'unpaired' COLLATE "C", NULL, r.pnl - s.pnl, broken.experiment_id IS NOT NULL
  FROM shadow_outcomes r JOIN shadow_outcomes s USING (experiment_id){chosen}
  LEFT JOIN (SELECT DISTINCT experiment_id FROM pair_violations) broken USING (experiment_id){where}"""

_PAIRS: LiteralString = """
WITH pairs AS MATERIALIZED ({pairs}),
headline AS (SELECT label, real_engine, d FROM pairs WHERE d IS NOT NULL AND NOT violating),
counts AS (
    SELECT label, count(*) FILTER (WHERE d IS NULL) AS unpriced,
           count(*) FILTER (WHERE d IS NOT NULL AND violating) AS violations
      FROM pairs GROUP BY label
),
sums AS (
    SELECT label, count(*) AS n, sum(d) / count(*) AS mean, stddev_samp(d) AS sd,
           count(*) FILTER (WHERE d > 0) AS a_better,
           count(*) FILTER (WHERE d < 0) AS b_better,
           count(*) FILTER (WHERE d = 0) AS tied,
           count(*) FILTER (WHERE real_engine = 'A') AS a_real_n,
           avg(d) FILTER (WHERE real_engine = 'A') AS a_real_mean,
           stddev_samp(d) FILTER (WHERE real_engine = 'A') AS a_real_sd,
           count(*) FILTER (WHERE real_engine = 'B') AS b_real_n,
           avg(d) FILTER (WHERE real_engine = 'B') AS b_real_mean,
           stddev_samp(d) FILTER (WHERE real_engine = 'B') AS b_real_sd
      FROM headline GROUP BY label
),
-- Equal magnitudes share the mean of their ranks; doubled, it is whole.
magnitudes AS (
    SELECT label, count(*) AS ties, count(*) FILTER (WHERE d > 0) AS positive,
           2 * sum(count(*)) OVER (PARTITION BY label ORDER BY abs(d)) - count(*) + 1 AS doubled_rank,
           sum(count(*)) OVER (PARTITION BY label) AS ranked
      FROM headline WHERE d <> 0 GROUP BY label, abs(d)
),
ranks AS (
    SELECT label, sum(ties)::bigint AS ranked, sum(doubled_rank * positive) AS doubled_positive,
           sum(ties::numeric * ties * ties - ties) AS tie_term,
           array_agg(doubled_rank::integer) FILTER (WHERE ranked <= %(exact_ranks)s) AS rank_values,
           array_agg(ties::integer) FILTER (WHERE ranked <= %(exact_ranks)s) AS rank_ties
      FROM magnitudes GROUP BY label
)
SELECT * FROM counts LEFT JOIN sums USING (label) LEFT JOIN ranks USING (label) ORDER BY label
"""

_SPLITS: LiteralString = """
SELECT e.split_percentage, count(*) FILTER (WHERE e.variant = 'A') AS a, count(*) FILTER (WHERE e.variant = 'B') AS b
  FROM experiments e{joins}{where}
 GROUP BY e.split_percentage ORDER BY e.split_percentage
"""

_ANSWERS: LiteralString = """
SELECT count(*) FILTER (WHERE a.engine IS NOT NULL AND b.engine IS NOT NULL) AS both,
       count(*) FILTER (WHERE a.engine IS NOT NULL AND b.engine IS NULL) AS a_only,
       count(*) FILTER (WHERE a.engine IS NULL AND b.engine IS NOT NULL) AS b_only,
       count(*) FILTER (WHERE a.engine IS NULL AND b.engine IS NULL) AS neither
  FROM experiments e{joins}
  LEFT JOIN recommendations a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
  LEFT JOIN recommendations b ON b.experiment_id = e.experiment_id AND b.engine = 'B'{where}
"""


def pairs_relation(filters: PerformanceFilters) -> Composed:
    """Return the pairs that the filters choose; a pair belongs to the period of its later exit."""
    period = filters.period(SQL("greatest(r.exit_time, s.exit_time)"))
    chosen = filters.chosen_experiments()
    paired = SQL(_PAIRED).format(chosen=chosen, where=where([SQL("r.engine <> s.engine"), *period]))
    unpaired = SQL(_UNPAIRED).format(
        chosen=chosen, where=where([SQL("r.engine = 'A'"), SQL("s.engine = 'B'"), *period])
    )
    return SQL(" UNION ALL ").join([paired, unpaired])


def pairs_statement(pairs: Composable) -> Composed:
    """Return the statement that sums up the relation, one row per label."""
    return SQL(_PAIRS).format(pairs=pairs)


def splits_statement(filters: PerformanceFilters) -> Composed:
    """Return the statement that counts variants per pinned split.

    It leaves out the filters that depend on the assignment: they would make the check see what they
    have themselves sorted out.
    """
    return _of_experiments(_SPLITS, filters.without_assignment())


def answers_statement(filters: PerformanceFilters) -> Composed:
    """Return the statement that counts which engines have answered."""
    return _of_experiments(_ANSWERS, filters)


def _of_experiments(text: LiteralString, filters: PerformanceFilters) -> Composed:
    conditions = [*filters.experiment_conditions(), *filters.period(SQL("e.created_at"))]
    return SQL(text).format(joins=filters.experiment_joins(), where=where(conditions))
